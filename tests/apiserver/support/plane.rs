//! A control plane with what `deploy/` and `crds/` install.

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

use super::read;

/// Nodes with this label take the pods of ordinal sets. Nodes of daemon tests lack it: they come and go, and a pod of another test
/// would go with them.
pub const POOL: (&str, &str) = ("tests.berth.dev/pool", "ordinals");

/// How long a definition may take to be served.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// A running control plane and an admin's client for it: reading through kubectl would cost a process each time.
pub struct Plane {
    /// The control plane.
    pub cluster: Cluster,
    /// An admin's client.
    pub client: Client,
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Plane {
    /// The control plane that most tests share. It is never dropped; its janitor ends it with the process.
    pub fn shared() -> Arc<Self> {
        static PLANE: OnceLock<Arc<Plane>> = OnceLock::new();
        let shared = PLANE.get_or_init(|| {
            let plane = Self::start();
            plane.install("crds");
            plane.install("deploy/namespace.yaml");
            plane.install("deploy/rbac.yaml");
            let names: Vec<String> = (0..4).map(|n| format!("shared-{n}")).collect();
            plane.cluster.add_nodes(&names, &[POOL]).unwrap();
            Arc::new(plane)
        });
        Arc::clone(shared)
    }

    /// A control plane of its own: no nodes, nothing installed.
    pub fn start() -> Self {
        let cluster = Cluster::start(Options::default()).unwrap();
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let client = block_on(async {
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { cluster, client }
    }

    /// `kubectl apply -f` of a file or directory of the project; custom resources are then waited for.
    pub fn install(&self, path: &str) {
        let path = project(path);
        self.cluster.kubectl(&["apply", "-f", path.to_str().unwrap()]).unwrap();
        // `kubectl wait` fails on a definition that has no conditions yet.
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let established = || {
            let list = self.read(definitions).unwrap();
            list["items"].as_array().is_none_or(|all| all.iter().all(|one| read::holds(one, "Established")))
        };
        let deadline = Instant::now() + ESTABLISHED;
        while !established() {
            assert!(Instant::now() < deadline, "the custom resources are not established");
            thread::sleep(Duration::from_millis(40));
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
