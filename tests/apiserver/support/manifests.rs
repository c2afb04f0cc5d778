//! The sets that tests begin with.

use serde_json::{Value, json};

use super::plane::POOL;

/// An ordinal set with a headless service name and one container.
pub fn ordinal_set(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": "members",
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {POOL.0: POOL.1},
                    "containers": [{"name": "main", "image": "registry.test/app:1"}],
                },
            },
        },
    })
}

/// An ordinal set whose pods have a claim `data-...` each.
pub fn with_claims(name: &str, replicas: u32) -> Value {
    let mut set = ordinal_set(name, replicas);
    set["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }]);
    set
}

/// A node daemon set for the nodes that have the label `pool` of its namespace.
pub fn node_daemon_set(name: &str, pool: &str) -> Value {
    json!({
        "apiVersion": "berth.dev/v1", "kind": "NodeDaemonSet", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {POOL.0: pool},
                    "containers": [{"name": "main", "image": "registry.test/agent:1"}],
                },
            },
        },
    })
}

/// The same set with another image.
pub fn with_image(set: &Value, image: &str) -> Value {
    let mut set = set.clone();
    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    set
}
