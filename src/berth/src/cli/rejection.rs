//! What the status of a set says about writes that were refused.

use berth_api::condition::ConditionReason;
use serde_json::Value;

/// A condition of a set.
pub(super) fn find<'a>(set: &'a Value, type_: &str) -> Option<&'a Value> {
    set["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == type_)
}

/// Whether a condition is about the present spec; `None` where it does not say which it is about, as those of native objects.
pub(super) fn is_present(set: &Value, condition: &Value) -> Option<bool> {
    let seen = condition["observedGeneration"].as_i64().filter(|seen| *seen > 0)?;
    Some(set["metadata"]["generation"] == seen)
}

/// What the API server said when it refused a write, if that still stands. A spec that was changed since is tried anew.
pub(super) fn refusal(set: &Value) -> Option<String> {
    let stalled = find(set, "Stalled").filter(|c| c["status"] == "True")?;
    let refusals =
        [ConditionReason::FailedCreate, ConditionReason::FailedDelete, ConditionReason::FailedUpdate];
    let refused = refusals.iter().any(|r| stalled["reason"] == r.to_string());
    (refused && is_present(set, stalled) != Some(false))
        .then(|| stalled["message"].as_str().unwrap_or_default().to_owned())
}
