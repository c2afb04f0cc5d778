//! The sets that tests begin with.

use serde_json::{Value, json};

/// A StatefulSet of three replicas with one container and a claim `data-...` each, and one retention policy for both cases.
pub fn stateful_set(name: &str, retention: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "replicas": 3,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": retention, "whenScaled": retention},
            "template": template(name, "registry.test/app:1"),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}

/// A DaemonSet with one container, for all nodes.
pub fn daemon_set(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, "registry.test/app:1"),
        },
    })
}

/// The same manifest as an object of another kind.
pub fn of_kind(set: &Value, api_version: &str, kind: &str) -> Value {
    let mut set = set.clone();
    set["apiVersion"] = json!(api_version);
    set["kind"] = json!(kind);
    set
}

/// A template with characters that JSON writers treat differently: its recorded bytes are compared.
fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main",
                "image": image,
                "args": ["a < b && c > \"d\"", "é\u{2028}"],
                "resources": {"requests": {"cpu": "10m"}},
            }],
        },
    })
}
