//! A namespace with an operator of its own.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::{BEHAVIOUR_ANNOTATION, Behaviour, Process};
use serde_json::{Value, json};

use super::plane::{Plane, pool};
use super::read::{self, ACCOUNT, Kind, POD};
use super::{Chronicle, Surface, existing, number, text};

/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const POLL: Duration = Duration::from_millis(40);
/// How much of the operator's log a failure shows.
const LAST_LINES: usize = 15;

/// A namespace, and the operators that serve it.
pub struct Scene {
    /// The control plane.
    pub plane: Arc<Plane>,
    /// The namespace.
    pub namespace: String,
    /// Whose ordinal sets are made here.
    pub surface: Surface,
    /// Their kind.
    pub set: Kind,
    /// The namespace of the ServiceAccount `berth` that the operators run as.
    pub(super) account: String,
    operators: Mutex<Vec<Process>>,
}

impl Scene {
    /// A namespace with a running operator that acts without a lease.
    pub fn new(namespace: &str) -> Self {
        Self::on(Surface::Berth, namespace)
    }

    /// [`Self::new`] for a surface, in the namespace that a test has there.
    pub fn on(surface: Surface, namespace: &str) -> Self {
        Self::with_arguments(surface, namespace, &[])
    }

    /// [`Self::on`] with further arguments of the operator.
    pub fn with_arguments(surface: Surface, namespace: &str, arguments: &[&str]) -> Self {
        let scene = Self::without_operator(surface, &surface.namespace(namespace));
        let all: Vec<&str> = ["--leader-elect=false"].into_iter().chain(arguments.iter().copied()).collect();
        scene.operator("operator", &all);
        scene
    }

    /// [`Self::on`] with nodes in the pool of the namespace; `None` where there are not so many.
    pub fn on_nodes(surface: Surface, namespace: &str, names: &[&str]) -> Option<Self> {
        if Plane::shared().lacks_nodes(names.len()) {
            return None;
        }
        let scene = Self::on(surface, namespace);
        scene.add_nodes(names);
        Some(scene)
    }

    /// A namespace whose ServiceAccount may do what the shipped ClusterRoles say.
    pub fn without_operator(surface: Surface, namespace: &str) -> Self {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "berth", "namespace": namespace},
        });
        let binding = |role: &&str| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": existing::binding(namespace, role)},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "berth", "namespace": namespace}],
            })
        };
        let bindings = surface.roles().iter().map(binding);
        let more: Vec<String> = [account].into_iter().chain(bindings).map(|one| one.to_string()).collect();
        let mut scene = Self::begin(Plane::shared(), namespace, namespace, &more.join("\n---\n"));
        (scene.surface, scene.set) = (surface, surface.set());
        scene
    }

    /// A namespace of a control plane with more in it, for operators that run as the ServiceAccount `berth` of a namespace.
    pub fn begin(plane: Arc<Plane>, namespace: &str, account: &str, more: &str) -> Self {
        if plane.is_existing() {
            existing::clear(&plane.cluster, namespace, &pool(namespace));
        }
        let metadata = json!({"name": namespace, "labels": {existing::MADE: ""}});
        let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        // Older kubectl takes what begins with a brace for nothing but JSON.
        let all = format!("---\n{own}\n---\n{more}");
        // Not `apply`: a namespace of somebody else is not to become ours.
        plane.cluster.kubectl_stdin(&["create", "-f", "-"], &all).unwrap();
        let (namespace, account) = (namespace.to_owned(), account.to_owned());
        let surface = Surface::Berth;
        let operators = Mutex::new(vec![]);
        let scene = Self { plane, namespace, surface, set: surface.set(), account, operators };
        // Without it no pod is admitted, and an operator would rightly begin by backing off.
        scene.wait("the ServiceAccount default", || scene.find(ACCOUNT, "default").ok_or_else(String::new));
        scene
    }

    /// Starts an operator for this namespace. `name` tells several apart.
    pub fn operator(&self, name: &str, arguments: &[&str]) -> Process {
        let namespace = format!("--namespace={}", self.namespace);
        let own = [namespace.as_str(), self.surface.argument()];
        let all: Vec<&str> = own.into_iter().chain(arguments.iter().copied()).collect();
        self.run(name, &all)
    }

    /// `berth run` with arguments, as the ServiceAccount.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Process {
        self.run_build(env!("CARGO_BIN_EXE_berth-under-test"), name, arguments)
    }

    /// [`Self::run`] with another build of the operator.
    pub fn run_build(&self, program: &str, name: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(program);
        let kubeconfig = self.plane.cluster.kubeconfig_for_service_account(&self.account, "berth").unwrap();
        command.arg("run").args(arguments).env("KUBECONFIG", kubeconfig);
        let process = self.plane.cluster.spawn(&format!("{}.{name}", self.namespace), command).unwrap();
        self.operators().push(process.clone());
        process
    }

    /// Ends all operators and waits until they have ended.
    pub fn stop_operators(&self) {
        for operator in self.operators().iter() {
            operator.terminate().unwrap();
            assert!(operator.wait_exit(PATIENCE).unwrap().success(), "{}", operator.log().unwrap());
        }
    }

    /// Ends all operators at once, as a crash would.
    pub fn kill_operators(&self) {
        for operator in self.operators().iter() {
            if operator.exit_status().unwrap().is_none() {
                operator.kill().unwrap();
                operator.wait_exit(PATIENCE).unwrap();
            }
        }
    }

    fn operators(&self) -> MutexGuard<'_, Vec<Process>> {
        self.operators.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all operators of this namespace have said.
    pub fn log(&self) -> String {
        let operators = self.operators().clone();
        let mut seen = vec![];
        let mut log = String::new();
        for operator in operators {
            if !seen.contains(&operator.log_path().to_owned()) {
                log += &operator.log().unwrap();
                seen.push(operator.log_path().to_owned());
            }
        }
        log
    }

    /// Runs kubectl in this namespace as admin.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let namespace = format!("--namespace={}", self.namespace);
        let all: Vec<&str> = arguments.iter().copied().chain([namespace.as_str()]).collect();
        self.plane.cluster.kubectl(&all).unwrap()
    }

    /// `kubectl apply`; an ordinal set becomes one of this surface.
    pub fn apply(&self, manifest: &Value) {
        self.apply_text(&self.surface.of(manifest).to_string());
    }

    /// `kubectl apply` of YAML; several documents are fine.
    pub fn apply_text(&self, manifest: &str) {
        let namespace = format!("--namespace={}", self.namespace);
        self.plane.cluster.kubectl_stdin(&["apply", "-f", "-", &namespace], manifest).unwrap();
    }

    /// `kubectl patch --type=merge`.
    pub fn patch(&self, kind: Kind, name: &str, patch: &Value) {
        self.kubectl(&["patch", kind.plural, name, "--type=merge", "--patch", &patch.to_string()]);
    }

    /// An object, if there is one of that name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Value> {
        self.plane.read(&format!("{}/{name}", kind.path(&self.namespace)))
    }

    /// An object that is there.
    pub fn get(&self, kind: Kind, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {} {name}\n{}", kind.plural, self.describe()))
    }

    /// All objects of a kind, by name.
    pub fn list(&self, kind: Kind) -> Vec<Value> {
        let list = self.plane.read(&kind.path(&self.namespace)).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The pods that are not on their way out. A daemon may be settled while a pod that has ended is not gone yet.
    pub fn live_pods(&self) -> Vec<Value> {
        let mut pods = self.list(POD);
        pods.retain(|pod| pod["metadata"].get("deletionTimestamp").is_none());
        pods
    }

    /// Writes down what happens to the pods from now on.
    pub fn chronicle(&self) -> Chronicle {
        Chronicle::begin(&self.plane, POD, &self.namespace)
    }

    /// Looks until `look` answers `Ok`; its `Err` says what is missing. Fails with what there is and what the operator said.
    pub fn wait<T>(&self, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
        self.wait_at_most(existing::limit(PATIENCE), what, look)
    }

    /// [`Self::wait`] with another limit, where the limit is what is tested.
    pub fn wait_at_most<T>(
        &self,
        limit: Duration,
        what: &str,
        mut look: impl FnMut() -> Result<T, String>,
    ) -> T {
        let deadline = Instant::now() + limit;
        loop {
            match look() {
                Ok(value) => return value,
                Err(last) if Instant::now() >= deadline => {
                    panic!("waited {} s for {what}; last: {last}\n{}", limit.as_secs(), self.describe())
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// Waits until an object is there and `fits`.
    pub fn until(&self, kind: Kind, name: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait(&format!("{} {name}: {what}", kind.plural), || match self.find(kind, name) {
            Some(object) if fits(&object) => Ok(object),
            Some(object) => Err(object["status"].to_string()),
            None => Err("it does not exist".to_owned()),
        })
    }

    /// Waits until a set says that all of its present spec is carried out.
    pub fn settled(&self, kind: Kind, name: &str) -> Value {
        self.until(kind, name, "settled", read::is_settled)
    }

    /// Waits until an object is gone.
    pub fn gone(&self, kind: Kind, name: &str) {
        self.wait(&format!("{} {name} to go", kind.plural), || {
            self.find(kind, name).map_or(Ok(()), |object| Err(object["metadata"].to_string()))
        });
    }

    /// Makes a fresh set of one pod and waits for it: whatever the operator was going to do before, it has done by then.
    pub fn marker(&self, name: &str) {
        self.apply(&super::manifests::ordinal_set(name, 1));
        self.settled(self.set, name);
    }

    /// Has a pod fail: at once on a simulated node, by a deadline on a real one.
    pub fn fail(&self, pod: &str) {
        let annotations = json!({BEHAVIOUR_ANNOTATION: Behaviour::Failed.name()});
        let patch = json!({"metadata": {"annotations": annotations}, "spec": {"activeDeadlineSeconds": 1}});
        self.patch(POD, pod, &patch);
    }

    /// Lets a pod of a set that is never ready get ready, once it runs.
    pub fn mend(&self, pod: &str) {
        self.until(POD, pod, "running", |pod| pod["status"]["phase"] == "Running");
        self.behave(pod, &Value::Null, "True");
    }

    /// Makes a pod of a set that is never ready, and was let, unready again.
    pub fn harm(&self, pod: &str) {
        self.behave(pod, &json!(Behaviour::NeverReady.name()), "False");
        self.until(POD, pod, "unready", |pod| !read::is_ready(pod));
    }

    /// An annotation for simulated nodes, a readiness gate for real ones.
    fn behave(&self, pod: &str, behaviour: &Value, gate: &str) {
        self.patch(POD, pod, &json!({"metadata": {"annotations": {BEHAVIOUR_ANNOTATION: behaviour}}}));
        if self.plane.is_existing() {
            let gate = json!({"type": super::manifests::GATE, "status": gate});
            let patch = json!({"status": {"conditions": [gate]}}).to_string();
            self.kubectl(&["patch", "pod", pod, "--subresource=status", "--patch", &patch]);
        }
    }

    /// Adds nodes to the pool of this namespace: `a`, `b`, ...
    pub fn add_nodes(&self, names: &[&str]) {
        self.plane.add_nodes(&self.nodes(names), &self.namespace);
    }

    /// The kind of node daemon sets here.
    pub fn daemons(&self) -> Kind {
        self.surface.daemons()
    }

    /// The node daemon set `agent` on the nodes of this namespace's pool.
    pub fn agent(&self) -> Value {
        super::manifests::node_daemon_set("agent", &self.namespace)
    }

    /// Waits until `agent` is settled on so many nodes.
    pub fn settled_on(&self, nodes: i64) -> Value {
        self.until(self.daemons(), "agent", &format!("settled on {nodes} nodes"), |set| {
            number(set, "/status/desiredNumberScheduled") == nodes && read::is_settled(set)
        })
    }

    /// The pod of a set on a node that is not on its way out.
    pub fn pod_on(&self, set: &str, node: &str) -> Option<Value> {
        let fits =
            |pod: &Value| text(pod, "/spec/nodeName") == node && text(pod, "/metadata/labels/app") == set;
        self.live_pods().into_iter().find(fits)
    }

    /// The full names of nodes of this namespace's pool, sorted.
    pub fn nodes(&self, names: &[&str]) -> Vec<String> {
        let mut nodes: Vec<String> = names.iter().map(|name| self.node(name)).collect();
        nodes.sort();
        nodes
    }

    /// The full name of a node of this namespace's pool.
    pub fn node(&self, name: &str) -> String {
        self.plane.node(&self.namespace, name)
    }

    /// What there is, for the message of a failure.
    fn describe(&self) -> String {
        let mut text = String::new();
        for kind in [self.set, self.daemons()] {
            for set in self.list(kind) {
                text += &format!("{} {}: {}\n", kind.plural, read::name(&set), set["status"]);
            }
        }
        for pod in self.list(POD).iter().take(12) {
            let (ready, phase) = (read::is_ready(pod), read::text(pod, "/status/phase"));
            text += &format!(
                "pod {}: {phase}, ready {ready}, revision {}\n",
                read::name(pod),
                read::revision(pod)
            );
        }
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        text + &lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for operator in self.operators().iter() {
            // Nobody waits for it: the control plane's own end is thorough.
            let _ = operator.terminate();
        }
        // What is left of a failure is worth a look; the next run removes it.
        if self.plane.is_existing() && !thread::panicking() {
            existing::remove(&self.plane.cluster, &self.namespace, &pool(&self.namespace));
        }
    }
}
