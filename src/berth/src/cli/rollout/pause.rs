//! `berth rollout pause` and `resume`.

use berth_api::Key;
use serde_json::{Value, json};

use super::quoted;

/// The change that pauses a set; an error when it is paused already.
pub(super) fn pause(key: &Key, set: &Value) -> Result<Value, String> {
    match is_paused(set) {
        true => Err(format!("{} is already paused", quoted(key))),
        false => Ok(json!({ "op": "add", "path": "/spec/paused", "value": true })),
    }
}

/// The change that has a paused set go on; an error when it is not paused.
pub(super) fn resume(key: &Key, set: &Value) -> Result<Value, String> {
    match is_paused(set) {
        true => Ok(json!({ "op": "add", "path": "/spec/paused", "value": false })),
        false => Err(format!("{} is not paused", quoted(key))),
    }
}

/// Whether rollouts stand still.
pub(super) fn is_paused(set: &Value) -> bool {
    set["spec"]["paused"] == true
}
