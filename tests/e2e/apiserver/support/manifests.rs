//! The sets that tests begin with.

use berth_cluster::{BEHAVIOUR_ANNOTATION, Behaviour};
use serde_json::{Value, json};

use super::plane::{MEMBER, ORDINALS, pool};

/// The image that sets begin with. All but [`MISSING`] exist and are small, so that real nodes can run them too.
pub const OLD: &str = "registry.k8s.io/pause:3.9";
/// The image of the next version.
pub const NEW: &str = "registry.k8s.io/pause:3.10";
/// A third one.
pub const OTHER: &str = "registry.k8s.io/pause:3.8";
/// An image that nobody has; simulated nodes know that from its tag.
pub const MISSING: &str = "registry.k8s.io/pause:missing";

/// An image that a template may have and a pod may not: the API server refuses a leading space in pods alone.
pub const REFUSED: &str = " registry.k8s.io/pause:3.9";

/// The condition without which pods of [`never_ready`] do not get ready on real nodes.
pub const GATE: &str = "tests.berth.dev/never";

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
                    "nodeSelector": {(pool(ORDINALS)): MEMBER},
                    "containers": [{"name": "main", "image": OLD}],
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

/// A node daemon set for the nodes of a pool.
pub fn node_daemon_set(name: &str, on: &str) -> Value {
    json!({
        "apiVersion": "berth.dev/v1", "kind": "NodeDaemonSet", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {(pool(on)): MEMBER},
                    "containers": [{"name": "main", "image": OLD}],
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

/// The same set, its containers running and its pods never ready.
pub fn never_ready(set: &Value) -> Value {
    // Nobody sets this condition but tests that say so; the annotation is for simulated nodes, which do not know gates.
    let mut set = behaving(set, Behaviour::NeverReady);
    set["spec"]["template"]["spec"]["readinessGates"] = json!([{"conditionType": GATE}]);
    set
}

/// The same set, its containers ending as soon as they have started.
pub fn crashing(set: &Value) -> Value {
    // It prints its version and ends; simulated nodes run nothing.
    let mut set = behaving(set, Behaviour::CrashLoop);
    set["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["-v"]);
    set
}

fn behaving(set: &Value, behaviour: Behaviour) -> Value {
    let mut set = set.clone();
    set["spec"]["template"]["metadata"]["annotations"] = json!({BEHAVIOUR_ANNOTATION: behaviour.name()});
    set
}
