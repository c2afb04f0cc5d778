//! A cluster with what `deploy/` and `crds/` install: a control plane of ours, or one that was there before.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::{Cluster, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{existing, read};

/// The pool of the nodes that take the pods of ordinal sets. Simulated nodes of daemon tests are not in it: they come and go, and a
/// pod of another test would go with them.
pub const ORDINALS: &str = "ordinals";
/// The value of a [`pool`]'s label.
pub const MEMBER: &str = "member";

/// The group of the custom resources.
const GROUP: &str = "berth.dev";
/// How long a definition may take to be served.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// The label of the nodes of a pool: that of ordinal sets, or that of the daemon test of a namespace. Each pool has a label of its
/// own because a node of an existing cluster is in several.
pub fn pool(name: &str) -> String {
    format!("pool.tests.berth.dev/{name}")
}

/// A running control plane and an admin's client for it: reading through kubectl would cost a process each time.
pub struct Plane {
    /// The control plane.
    pub cluster: Cluster,
    /// An admin's client.
    pub client: Client,
    /// On an existing cluster, the nodes that take any pod; `None` where nodes are simulated as they are needed.
    lent: Option<Vec<String>>,
}

/// Runs a future to its end. One runtime serves all tests.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// The runtime of everything that waits in the background.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    })
}

/// A directory or file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Plane {
    /// The cluster that most tests share. It is never dropped; its janitor ends with the process what was started.
    pub fn shared() -> Arc<Self> {
        static PLANE: OnceLock<Arc<Plane>> = OnceLock::new();
        let shared = PLANE.get_or_init(|| {
            let plane = match existing::context() {
                Some(context) => Self::attach(&context),
                None => Self::for_both_surfaces(),
            };
            plane.install("crds");
            plane.install("deploy/namespace.yaml");
            plane.install("deploy/rbac.yaml");
            plane.install("deploy/apps.yaml");
            let simulated = || (0..4).map(|n| format!("shared-{n}")).collect();
            plane.add_nodes(&plane.lent.clone().unwrap_or_else(simulated), ORDINALS);
            Arc::new(plane)
        });
        Arc::clone(shared)
    }

    /// A control plane whose native sets are left to Berth, and which knows the strategies that are behind a gate.
    fn for_both_surfaces() -> Self {
        let disabled = ["statefulset-controller", "daemonset-controller"];
        let gates = "--feature-gates=StatefulSetRecreateStrategy=true";
        let options = Options {
            disabled_controllers: disabled.map(str::to_owned).to_vec(),
            kube_apiserver_args: vec![gates.to_owned()],
            // Autoscalers look every 15 s otherwise.
            kube_controller_manager_args: vec!["--horizontal-pod-autoscaler-sync-period=1s".to_owned()],
            ..Options::default()
        };
        Self::with(Cluster::start(options).unwrap())
    }

    /// A control plane of its own: no nodes, nothing installed.
    pub fn start() -> Self {
        Self::with(Cluster::start(Options::default()).unwrap())
    }

    /// The cluster of a context of the user's kubeconfig.
    fn attach(context: &str) -> Self {
        let mut plane = Self::with(Cluster::attach(context).unwrap());
        let free = existing::free_nodes(&plane.read("/api/v1/nodes").unwrap());
        assert!(!free.is_empty(), "no node of {context} takes any pod");
        plane.lent = Some(free);
        plane
    }

    fn with(cluster: Cluster) -> Self {
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let client = block_on(async {
            let options = KubeConfigOptions::default();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            // A test wants the answer. An eviction that a budget forbids is told to come back in 10 s, and that 15 times.
            config.default_retry = false;
            Client::try_from(config).unwrap()
        });
        Self { cluster, client, lent: None }
    }

    /// Whether it is a cluster that was there before.
    pub fn is_existing(&self) -> bool {
        self.lent.is_some()
    }

    /// Whether an existing cluster has fewer nodes than a test needs, which is then left out.
    pub fn lacks_nodes(&self, count: usize) -> bool {
        self.lent.as_ref().is_some_and(|free| {
            let why = format!("{count} nodes that take any pod are needed, and it has {}", free.len());
            free.len() < count && existing::leaves_out(&why)
        })
    }

    /// The full name of the node that a test calls `a`, `b`, ...: one of its own if nodes are simulated.
    pub fn node(&self, namespace: &str, name: &str) -> String {
        let simulated = || format!("{namespace}-{name}");
        self.lent.as_ref().map_or_else(simulated, |free| {
            let index = name.bytes().next().unwrap() - b'a';
            free[usize::from(index)].clone()
        })
    }

    /// Adds nodes to a pool: simulated ones are made for it.
    pub fn add_nodes(&self, names: &[String], to: &str) {
        let label = pool(to);
        if self.is_existing() {
            let label = format!("{label}={MEMBER}");
            let names = names.iter().map(String::as_str);
            let arguments: Vec<&str> =
                ["label", "nodes", "--overwrite"].into_iter().chain(names).chain([label.as_str()]).collect();
            self.cluster.kubectl(&arguments).unwrap();
        } else {
            self.cluster.add_nodes(names, &[(&label, MEMBER)]).unwrap();
        }
    }

    /// `kubectl apply -f` of a file or directory of the project; custom resources are then waited for.
    pub fn install(&self, path: &str) {
        let path = project(path);
        self.cluster.kubectl(&["apply", "-f", path.to_str().unwrap()]).unwrap();
        // `kubectl wait` fails on a definition that has no conditions yet.
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let established = || {
            let list = self.read(definitions).unwrap();
            let mut ours =
                list["items"].as_array().into_iter().flatten().filter(|one| one["spec"]["group"] == GROUP);
            ours.all(|one| read::holds(one, "Established"))
        };
        let deadline = Instant::now() + ESTABLISHED;
        while !established() {
            assert!(Instant::now() < deadline, "the custom resources are not established");
            thread::sleep(Duration::from_millis(40));
        }
    }

    /// DELETE of a path, such as that of a collection.
    pub fn delete(&self, path: &str) {
        let request = http::Request::delete(path).body(Vec::new()).unwrap();
        block_on(self.client.request::<Value>(request)).unwrap();
    }

    /// POST to a path, such as that of a subresource; answers the code, whatever it is.
    pub fn create(&self, path: &str, body: &Value) -> u16 {
        let request = http::Request::post(path).header("content-type", "application/json");
        match block_on(self.client.request::<Value>(request.body(body.to_string().into_bytes()).unwrap())) {
            Ok(_) => 201,
            Err(kube::Error::Api(status)) => status.code,
            Err(error) => panic!("POST {path}: {error}"),
        }
    }

    /// What a GET of a path answers; `None` for 404.
    pub fn read(&self, path: &str) -> Option<Value> {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        match block_on(self.client.request::<Value>(request)) {
            Ok(value) => Some(value),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("GET {path}: {error}"),
        }
    }
}
