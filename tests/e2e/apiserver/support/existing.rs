//! A cluster that was there before, in place of a control plane of ours: what is another there, and what is left out.

use std::env;
use std::time::Duration;

use berth_cluster::Cluster;
use serde_json::Value;

use super::read;

/// On the namespaces that tests have made, so that no other is ever removed.
pub const MADE: &str = "tests.berth.dev/made";
/// How long the rests of an earlier run may take to go.
const CLEARED: &str = "--timeout=240s";
/// How much longer than on simulated nodes a thing may take on real ones, which pull images and run them.
const SLOWER: u32 = 4;

/// The context of the user's kubeconfig that `BERTH_TEST_CONTEXT` names; `None` when a control plane of ours is wanted.
pub fn context() -> Option<String> {
    env::var("BERTH_TEST_CONTEXT").ok().filter(|context| !context.is_empty())
}

/// Whether the tests run on an existing cluster, in which case it says that the rest of a test is left out, and why.
pub fn leaves_out(why: &str) -> bool {
    let existing = context().is_some();
    if existing {
        println!("left out on an existing cluster: {why}");
    }
    existing
}

/// A limit for what takes longer on real nodes.
pub fn limit(simulated: Duration) -> Duration {
    if context().is_some() { simulated * SLOWER } else { simulated }
}

/// The names of the nodes that take any pod.
pub fn free_nodes(nodes: &Value) -> Vec<String> {
    let free = |node: &&Value| {
        let repels = |taint: &Value| taint["effect"] != "PreferNoSchedule";
        let tainted = node["spec"]["taints"].as_array().is_some_and(|taints| taints.iter().any(repels));
        read::holds(node, "Ready") && !tainted && node["spec"]["unschedulable"] != true
    };
    let nodes = nodes["items"].as_array().into_iter().flatten();
    nodes.filter(free).map(|node| read::name(node).to_owned()).collect()
}

/// The ClusterRoleBinding by which the operators of a namespace have a role.
pub fn binding(namespace: &str, role: &str) -> String {
    format!("{role}-in-{namespace}")
}

/// Removes what an earlier run has left of a namespace, and waits until it is gone.
pub fn clear(cluster: &Cluster, namespace: &str, pool: &str) {
    cluster.kubectl(&["label", "nodes", "--all", &format!("{pool}-")]).unwrap();
    let name = format!("--field-selector=metadata.name={namespace}");
    let made = format!("--selector={MADE}");
    cluster.kubectl(&["delete", "namespaces", &name, &made, CLEARED]).unwrap();
    cluster
        .kubectl(&["delete", "clusterrolebinding", &binding(namespace, "berth"), "--ignore-not-found"])
        .unwrap();
}

/// Removes a namespace of a test and what else belongs to it, and does not wait. What fails is left to [`clear`].
pub fn remove(cluster: &Cluster, namespace: &str, pool: &str) {
    let _ = cluster.kubectl(&["label", "nodes", "--all", &format!("{pool}-")]);
    let (own, binding) =
        (format!("namespace/{namespace}"), format!("clusterrolebinding/{}", binding(namespace, "berth")));
    let _ = cluster.kubectl(&["delete", &own, &binding, "--ignore-not-found", "--wait=false"]);
}
