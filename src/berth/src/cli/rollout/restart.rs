//! `berth rollout restart`.

use berth_api::Key;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{change, pause, quoted};

/// What `kubectl rollout restart` writes into the template, so that it becomes another.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The time that is written, to the second.
pub(super) fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// What is said of it: what follows by itself, and what does not.
pub(super) fn done(set: &Value) -> String {
    let partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_i64().unwrap_or(0);
    if change::is_on_delete(set) {
        return "will restart: each pod when it is deleted (OnDelete)".to_owned();
    }
    match partition {
        ..=0 => "restarted".to_owned(),
        _ => format!("restarted: pods below partition {partition} stay as they are"),
    }
}

/// The change that makes the template another: its metadata with the annotation.
pub(super) fn restart(key: &Key, set: &Value, now: &str) -> Result<Value, String> {
    let named = quoted(key);
    if pause::is_paused(set) {
        let kind = super::word(key.kind);
        return Err(format!("{named} can't restart paused {kind} (run rollout resume first)"));
    }
    let mut metadata = set["spec"]["template"]["metadata"].clone();
    if metadata["annotations"][RESTARTED_AT] == now {
        return Err(format!(
            "failed to create patch for {}: if restart has already been triggered within the past second, please wait \
             before attempting to trigger another",
            key.name
        ));
    }
    metadata["annotations"][RESTARTED_AT] = json!(now);
    Ok(json!({ "op": "add", "path": "/spec/template/metadata", "value": metadata }))
}
