//! A control plane whose StatefulSets and DaemonSets change hands.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::{Cluster, Options, Process};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::manifests::{daemon_set, of_kind};
use super::read::{self, ACCOUNT, DS, Kind, POD, STS, number};

/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);
/// The same for kubectl.
const TIMEOUT: &str = "--timeout=90s";
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// How much of a log a failure shows.
const LAST_LINES: usize = 20;
/// The controllers whose work Berth does.
const TAKEN_OVER: [&str; 2] = ["statefulset-controller", "daemonset-controller"];
/// Where the markers are, out of sight of what is compared.
const ASIDE: &str = "aside";

/// A control plane with three nodes and what `deploy/` installs for native objects.
pub struct World {
    /// The control plane.
    pub cluster: Cluster,
    client: Client,
    runtime: Runtime,
    count: AtomicU32,
}

impl World {
    /// Starts one in which kube-controller-manager does everything.
    pub fn of_upstream() -> Self {
        Self::start(&[])
    }

    /// Starts one in which nobody looks after StatefulSets and DaemonSets.
    pub fn without_upstream() -> Self {
        Self::start(&TAKEN_OVER)
    }

    fn start(disabled: &[&str]) -> Self {
        let disabled_controllers = disabled.iter().map(|name| (*name).to_owned()).collect();
        let cluster =
            Cluster::start(Options { nodes: 3, disabled_controllers, ..Options::default() }).unwrap();
        // Reading through kubectl would cost a process each time.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
            let options = KubeConfigOptions::default();
            Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
        });
        let world = Self { cluster, client, runtime, count: AtomicU32::new(0) };
        for file in ["deploy/namespace.yaml", "deploy/rbac.yaml", "deploy/apps.yaml"] {
            world.install(file);
        }
        world.kubectl(&["create", "namespace", ASIDE]);
        let account = format!("{}/default", ACCOUNT.path(ASIDE));
        world.wait("the ServiceAccount of the markers", || world.read(&account).ok_or_else(String::new));
        world
    }

    /// `kubectl apply -f` of a file or directory of the project.
    pub fn install(&self, path: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        self.kubectl(&["apply", "-f", path.to_str().unwrap()]);
    }

    /// Ends kube-controller-manager and starts it again, with its controllers of StatefulSets and DaemonSets or without.
    pub fn upstream(&self, serves: bool) {
        let disabled: &[&str] = if serves { &[] } else { &TAKEN_OVER };
        self.cluster.restart_controller_manager(disabled).unwrap();
    }

    /// `berth run` with arguments, as the shipped ServiceAccount.
    pub fn berth(&self, arguments: &[&str]) -> Process {
        let kubeconfig = self.cluster.kubeconfig_for_service_account("berth-system", "berth").unwrap();
        self.berth_with(&kubeconfig, arguments)
    }

    /// `berth run` with arguments, and a kubeconfig of one's own.
    pub fn berth_with(&self, kubeconfig: &Path, arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
        command.arg("run").args(arguments).env("KUBECONFIG", kubeconfig);
        self.cluster.spawn(&format!("berth-{}", self.next()), command).unwrap()
    }

    /// Asks an operator to end, as a person would before handing back.
    pub fn end(&self, berth: &Process) {
        berth.terminate().unwrap();
        assert!(berth.wait_exit(PATIENCE).unwrap().success(), "{}", berth.log().unwrap());
    }

    /// Waits until whoever serves the native sets has made the pods of fresh ones: whatever it was going to do to the others
    /// on its own account, it has done by then.
    pub fn marker(&self) {
        let own = self.next();
        let daemon = daemon_set(&format!("marker-{own}"));
        let mut set = of_kind(&daemon, "apps/v1", "StatefulSet");
        set["metadata"]["name"] = json!(format!("ordered-{own}"));
        for set in [&set, &daemon] {
            let namespace = format!("--namespace={ASIDE}");
            self.cluster.kubectl_stdin(&["apply", "-f", "-", &namespace], &set.to_string()).unwrap();
        }
        let path = |kind: Kind, set: &Value| format!("{}/{}", kind.path(ASIDE), read::name(set));
        for (path, pointer, wanted) in
            [(path(STS, &set), "/status/readyReplicas", 1), (path(DS, &daemon), "/status/numberReady", 3)]
        {
            self.wait(&path, || {
                let status = self.read(&path).unwrap();
                if number(&status, pointer) == wanted { Ok(()) } else { Err(status["status"].to_string()) }
            });
        }
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs kubectl as admin.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments).unwrap_or_else(|error| panic!("{error}\n{}", self.describe()))
    }

    /// `kubectl apply`.
    pub fn apply(&self, manifest: &Value) {
        self.cluster.kubectl_stdin(&["apply", "-f", "-"], &manifest.to_string()).unwrap();
    }

    /// `kubectl patch --type=merge`.
    pub fn patch(&self, object: &str, patch: &Value) {
        self.kubectl(&["patch", object, "--type=merge", "--patch", &patch.to_string()]);
    }

    /// Another image for a set, such as `statefulset/web`; does not wait.
    pub fn set_image(&self, set: &str, tag: &str) {
        self.kubectl(&["set", "image", set, &format!("main=registry.test/app:{tag}")]);
    }

    /// `kubectl rollout status` of sets, to the end.
    pub fn rolled_out(&self, sets: &[&str]) {
        for set in sets {
            self.kubectl(&["rollout", "status", set, TIMEOUT]);
        }
    }

    /// What a GET of a path answers; `None` for 404.
    pub fn read(&self, path: &str) -> Option<Value> {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        match self.runtime.block_on(self.client.request::<Value>(request)) {
            Ok(value) => Some(value),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("GET {path}: {error}"),
        }
    }

    /// An object of the namespace `default`, if there is one of that name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Value> {
        self.read(&format!("{}/{name}", kind.path("default")))
    }

    /// An object of the namespace `default` that is there.
    pub fn get(&self, kind: Kind, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {} {name}\n{}", kind.plural, self.describe()))
    }

    /// All objects of a kind in the namespace `default`, by name.
    pub fn list(&self, kind: Kind) -> Vec<Value> {
        let list = self.read(&kind.path("default")).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The objects of a kind that carry the label `app` of a set.
    pub fn of(&self, set: &str, kind: Kind) -> Vec<Value> {
        let mut all = self.list(kind);
        all.retain(|object| object["metadata"]["labels"]["app"] == set);
        all
    }

    /// Waits until an object is there and `fits`.
    pub fn until(&self, kind: Kind, name: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait(&format!("{} {name}: {what}", kind.plural), || match self.find(kind, name) {
            Some(object) if fits(&object) => Ok(object),
            Some(object) => Err(object["status"].to_string()),
            None => Err("it does not exist".to_owned()),
        })
    }

    /// Waits until an object is gone.
    pub fn gone(&self, kind: Kind, name: &str) {
        self.wait(&format!("{} {name} to go", kind.plural), || {
            self.find(kind, name).map_or(Ok(()), |object| Err(object["metadata"].to_string()))
        });
    }

    /// Looks until `look` answers `Ok`; its `Err` says what is missing. Fails with what there is and what was said.
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match look() {
                Ok(value) => return value,
                Err(last) if Instant::now() >= deadline => {
                    panic!("waited {} s for {what}; last: {last}\n{}", PATIENCE.as_secs(), self.describe())
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// What there is, for the message of a failure.
    fn describe(&self) -> String {
        let mut text = String::new();
        for kind in [STS, DS] {
            for set in self.list(kind) {
                text += &format!("{} {}: {}\n", kind.plural, read::name(&set), set["status"]);
            }
        }
        for pod in self.list(POD) {
            let image = read::image(&pod);
            text += &format!("pod {}: {image}, ready {}\n", read::name(&pod), read::is_ready(&pod));
        }
        let logs = std::fs::read_dir(self.cluster.dir().join("logs")).unwrap();
        for log in logs.map(|entry| entry.unwrap().path()) {
            if log.file_name().is_some_and(|name| name.to_string_lossy().starts_with("berth-")) {
                let said = std::fs::read_to_string(&log).unwrap();
                let lines: Vec<&str> = said.lines().collect();
                text += &lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
                text.push('\n');
            }
        }
        text
    }
}
