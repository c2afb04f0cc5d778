//! Reading objects as JSON: as the tests of `tests/e2e/apiserver` do, and a little more.

use serde_json::Value;

pub use super::objects::*;

/// Whether the kubelet waits in vain for a pod's image.
pub fn lacks_image(pod: &Value) -> bool {
    text(pod, "/status/containerStatuses/0/state/waiting/reason").contains("Image")
}

/// Whether the status of a native set is that of its present spec.
pub fn is_observed(set: &Value) -> bool {
    number(set, "/status/observedGeneration") == number(set, "/metadata/generation")
}
