//! Reading objects as JSON.

use serde_json::Value;

/// A kind of object in a namespace, or of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The path of its API group and version.
    pub api: &'static str,
    /// The plural.
    pub plural: &'static str,
}

/// OrdinalSet.
pub const OSET: Kind = Kind { api: "/apis/berth.dev/v1", plural: "ordinalsets" };
/// StatefulSet.
pub const STS: Kind = Kind { api: "/apis/apps/v1", plural: "statefulsets" };
/// NodeDaemonSet.
pub const NDS: Kind = Kind { api: "/apis/berth.dev/v1", plural: "nodedaemonsets" };
/// DaemonSet.
pub const DS: Kind = Kind { api: "/apis/apps/v1", plural: "daemonsets" };
/// Pod.
pub const POD: Kind = Kind { api: "/api/v1", plural: "pods" };
/// PersistentVolumeClaim.
pub const CLAIM: Kind = Kind { api: "/api/v1", plural: "persistentvolumeclaims" };
/// ControllerRevision.
pub const REVISION: Kind = Kind { api: "/apis/apps/v1", plural: "controllerrevisions" };
/// Event.
pub const EVENT: Kind = Kind { api: "/api/v1", plural: "events" };
/// ConfigMap.
pub const CONFIG_MAP: Kind = Kind { api: "/api/v1", plural: "configmaps" };
/// HorizontalPodAutoscaler.
pub const HPA: Kind = Kind { api: "/apis/autoscaling/v2", plural: "horizontalpodautoscalers" };
/// PodDisruptionBudget.
pub const BUDGET: Kind = Kind { api: "/apis/policy/v1", plural: "poddisruptionbudgets" };
/// Lease.
pub const LEASE: Kind = Kind { api: "/apis/coordination.k8s.io/v1", plural: "leases" };
/// Namespace; its own namespace is empty.
pub const NAMESPACE: Kind = Kind { api: "/api/v1", plural: "namespaces" };
/// ServiceAccount.
pub const ACCOUNT: Kind = Kind { api: "/api/v1", plural: "serviceaccounts" };

impl Kind {
    /// The path of the collection.
    pub fn path(self, namespace: &str) -> String {
        let Self { api, plural } = self;
        if namespace.is_empty() {
            format!("{api}/{plural}")
        } else {
            format!("{api}/namespaces/{namespace}/{plural}")
        }
    }
}

/// The text at a JSON pointer; empty when there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer; 0 when there is none.
pub fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// An object's name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// An object's uid.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The names of objects.
pub fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(name).collect()
}

/// A condition of an object; `Null` when it has none of this type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().find(|c| c["type"] == kind).unwrap_or(&Value::Null)
}

/// Whether a condition is `True`.
pub fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind)["status"] == "True"
}

/// Whether a pod is ready and not on its way out.
pub fn is_ready(pod: &Value) -> bool {
    holds(pod, "Ready") && pod["metadata"].get("deletionTimestamp").is_none()
}

/// The image of a pod's, or of a set's template's, first container.
pub fn image(object: &Value) -> &str {
    let of_pod = text(object, "/spec/containers/0/image");
    if of_pod.is_empty() { text(object, "/spec/template/spec/containers/0/image") } else { of_pod }
}

/// The revision that a pod was made from.
pub fn revision(pod: &Value) -> &str {
    pod["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap_or_default()
}

/// Whether a set says that all of its present spec is carried out.
pub fn is_settled(set: &Value) -> bool {
    match text(set, "/kind") {
        "StatefulSet" => return is_native_settled(set),
        "DaemonSet" => return is_native_daemon_settled(set),
        _ => {}
    }
    let generation = number(set, "/metadata/generation");
    let ready = condition(set, "Ready");
    number(set, "/status/observedGeneration") == generation
        && ready["status"] == "True"
        && ready["observedGeneration"] == generation
}

/// A native set says so by its counts, as `kubectl rollout status` reads them.
fn is_native_settled(set: &Value) -> bool {
    let status = |count: &str| number(set, &format!("/status/{count}"));
    let wanted = number(set, "/spec/replicas");
    let updated = match text(set, "/spec/updateStrategy/type") {
        "OnDelete" => true,
        _ => {
            let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition");
            status("updatedReplicas") >= (wanted - partition).max(0)
                && (partition > 0 || set["status"]["currentRevision"] == set["status"]["updateRevision"])
        }
    };
    let there = ["replicas", "readyReplicas", "availableReplicas"].into_iter().all(|c| status(c) == wanted);
    status("observedGeneration") == number(set, "/metadata/generation") && there && updated
}

/// A native daemon set says so by its counts, as `kubectl rollout status` reads them.
fn is_native_daemon_settled(set: &Value) -> bool {
    let status = |count: &str| number(set, &format!("/status/{count}"));
    let desired = status("desiredNumberScheduled");
    let updated =
        text(set, "/spec/updateStrategy/type") == "OnDelete" || status("updatedNumberScheduled") == desired;
    status("observedGeneration") == number(set, "/metadata/generation")
        && status("currentNumberScheduled") == desired
        && status("numberAvailable") == desired
        && updated
}

/// Seconds since the epoch of an RFC 3339 time, whole.
pub fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}
