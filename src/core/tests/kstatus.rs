//! What tools make of the conditions. The rules are those of kstatus (`sigs.k8s.io/cli-utils/pkg/kstatus/status`, generic.go
//! and core.go): generation, `Reconciling`, `Stalled`, then `Ready`.

use serde_json::{Value, json};

use crate::api::Surface;
use crate::api::status::ConditionReason;
use crate::core::condition::{Progress, Report, Serving, conditions};
use crate::core::fixture;

/// Kstatus' verdict on an object.
fn kstatus(object: &Value) -> &'static str {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating";
    }
    let observed = object["status"]["observedGeneration"].as_i64();
    if observed.is_some_and(|observed| Some(observed) != object["metadata"]["generation"].as_i64()) {
        return "InProgress";
    }
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    for condition in &conditions {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Reconciling"), Some("True")) => return "InProgress",
            (Some("Stalled"), Some("True")) => return "Failed",
            _ => {}
        }
    }
    match conditions.iter().find(|c| c["type"] == "Ready").and_then(|c| c["status"].as_str()) {
        Some("True") | None => "Current",
        _ => "InProgress",
    }
}

/// An object of generation 2 whose status says this, one transition after another.
fn object(history: &[Progress], observed: i64) -> Value {
    let serving = Some(Serving { available: 1, needed: 2, wanted: 3 });
    let mut now = vec![];
    for progress in history {
        let report = Report { progress, serving, surface: Surface::Berth, generation: observed };
        now = conditions(&now, &report, fixture::now().wall);
    }
    json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": observed, "conditions": now } })
}

#[test]
fn tools_read_the_conditions_right() {
    let working = || Progress::Working("web-0: starting".to_owned());
    let stalled = |reason| Progress::Stalled(reason, "no".to_owned());
    let table = [
        (vec![working()], "InProgress"),
        (vec![working(), Progress::Settled], "Current"),
        (vec![working(), stalled(ConditionReason::FailedCreate)], "Failed"),
        (vec![working(), stalled(ConditionReason::ProgressDeadlineExceeded)], "Failed"),
        (vec![stalled(ConditionReason::FailedCreate), working()], "InProgress"),
        (vec![Progress::Settled, Progress::Paused("paused".to_owned())], "InProgress"),
        (vec![Progress::Settled, Progress::Terminating], "InProgress"),
    ];
    for (history, expected) in table {
        assert_eq!(kstatus(&object(&history, 2)), expected, "{history:?}");
    }
    assert_eq!(kstatus(&object(&[Progress::Settled], 1)), "InProgress", "of the spec before");
}
