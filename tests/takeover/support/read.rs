//! Reading objects as JSON.

use serde_json::Value;

/// A kind of object in a namespace.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    api: &'static str,
    /// The plural.
    pub plural: &'static str,
}

/// StatefulSet.
pub const STS: Kind = Kind { api: "/apis/apps/v1", plural: "statefulsets" };
/// DaemonSet.
pub const DS: Kind = Kind { api: "/apis/apps/v1", plural: "daemonsets" };
/// OrdinalSet.
pub const OSET: Kind = Kind { api: "/apis/berth.dev/v1", plural: "ordinalsets" };
/// NodeDaemonSet.
pub const NDS: Kind = Kind { api: "/apis/berth.dev/v1", plural: "nodedaemonsets" };
/// Pod.
pub const POD: Kind = Kind { api: "/api/v1", plural: "pods" };
/// PersistentVolumeClaim.
pub const CLAIM: Kind = Kind { api: "/api/v1", plural: "persistentvolumeclaims" };
/// ConfigMap.
pub const CONFIG_MAP: Kind = Kind { api: "/api/v1", plural: "configmaps" };
/// ControllerRevision.
pub const REVISION: Kind = Kind { api: "/apis/apps/v1", plural: "controllerrevisions" };
/// ServiceAccount.
pub const ACCOUNT: Kind = Kind { api: "/api/v1", plural: "serviceaccounts" };
/// Event.
pub const EVENT: Kind = Kind { api: "/api/v1", plural: "events" };
/// Lease.
pub const LEASE: Kind = Kind { api: "/apis/coordination.k8s.io/v1", plural: "leases" };

impl Kind {
    /// The path of the collection in a namespace.
    pub fn path(self, namespace: &str) -> String {
        format!("{}/namespaces/{namespace}/{}", self.api, self.plural)
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

/// A condition of an object; null if it has none of that type.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.into_iter().find(|c| c["type"] == type_).unwrap_or(&Value::Null)
}

/// The image of a pod's first container.
pub fn image(pod: &Value) -> &str {
    text(pod, "/spec/containers/0/image")
}

/// Whether a pod is ready and not on its way out.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let ready = conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
    ready && pod["metadata"].get("deletionTimestamp").is_none()
}

/// Whether the kubelet waits in vain for a pod's image.
pub fn lacks_image(pod: &Value) -> bool {
    text(pod, "/status/containerStatuses/0/state/waiting/reason").contains("Image")
}

/// Whether the status of a native set is that of its present spec.
pub fn is_observed(set: &Value) -> bool {
    number(set, "/status/observedGeneration") == number(set, "/metadata/generation")
}
