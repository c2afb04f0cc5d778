//! A real kube-apiserver, with nobody beside it that changes anything.

use berth::client::transport;
use berth_api::request::{Answer, Request};
use berth_cluster::{Cluster, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;

/// Where everything is.
pub const NAMESPACE: &str = "default";

/// Controllers that would change what the sequences make.
const BUSYBODIES: [&str; 8] = [
    "garbage-collector-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-binder-controller",
    "pod-garbage-collector-controller",
    "statefulset-controller",
    "daemonset-controller",
    "node-lifecycle-controller",
    "ttl-after-finished-controller",
];

/// See the module.
pub struct Real {
    runtime: Runtime,
    client: Client,
    _cluster: Cluster,
}

impl Real {
    /// Starts one.
    pub fn start() -> Self {
        let disabled_controllers = BUSYBODIES.map(str::to_owned).to_vec();
        let cluster = Cluster::start(Options { disabled_controllers, ..Options::default() }).unwrap();
        let crds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
        cluster.kubectl(&["apply", "-f", crds.to_str().unwrap()]).unwrap();
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).unwrap();
        let runtime = Runtime::new().unwrap();
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { runtime, client, _cluster: cluster }
    }

    /// Sends a request as the operator does.
    pub fn send(&self, request: &Request) -> Answer {
        self.runtime.block_on(transport::send(&self.client, request, transport::TIMEOUT))
    }
}
