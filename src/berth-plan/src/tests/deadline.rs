//! `spec.progressDeadlineSeconds`, measured from what objects tell.

use std::sync::Arc;
use std::time::Duration;

use berth_api::OrdinalSet;
use serde_json::{Value, json};

use crate::fixture::{self, ago, pod, revision};
use crate::observation::Observation;
use crate::ordinals;
use crate::plan::Plan;

/// One broken pod, made and unready since so many seconds, of a set that works since so many.
fn stuck(spec: Value, pod_since: i64, work_since: i64) -> Observation<OrdinalSet> {
    let mut whole = json!({ "replicas": 1, "progressDeadlineSeconds": 60 });
    fixture::merge(&mut whole, spec);
    let mut set = fixture::ordinal_set(whole);
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = "v1".to_owned();
    let condition = |type_: &str, status: &str| {
        json!({ "type": type_, "status": status, "reason": "Progressing", "message": "", "observedGeneration": 1,
                "lastTransitionTime": ago(work_since) })
    };
    let conditions = json!([condition("Ready", "False"), condition("Progressing", "True")]);
    set.status.conditions = serde_json::from_value(conditions).unwrap();
    let unready = json!({
        "metadata": { "creationTimestamp": ago(pod_since) },
        "status": { "conditions": [{ "type": "Ready", "status": "False", "lastTransitionTime": ago(pod_since) }] },
    });
    let pods = vec![pod::<OrdinalSet>("web-0", "v1", unready)];
    fixture::observe(set, pods, vec![revision::<OrdinalSet>("v1", 1, "v1")])
}

fn verdict(plan: &Plan, type_: &str) -> String {
    let changes = plan.status().unwrap();
    let found = changes["conditions"].as_array().unwrap().iter().find(|c| c["type"] == type_).unwrap();
    format!("{} {}", found["status"].as_str().unwrap(), found["reason"].as_str().unwrap())
}

/// The observation after the plan's status is written.
fn written(observation: &Observation<OrdinalSet>, plan: &Plan) -> Observation<OrdinalSet> {
    let mut set = serde_json::to_value(&*observation.set).unwrap();
    fixture::merge(&mut set["status"], plan.status().unwrap().clone());
    let mut next = observation.clone();
    next.set = Arc::new(serde_json::from_value(set).unwrap());
    next
}

#[test]
fn the_clock_runs_from_the_last_progress_and_nothing_is_written_twice() {
    let early = ordinals::plan(&stuck(json!({}), 20, 100));
    assert_eq!(verdict(&early, "Progressing"), "True Progressing");
    assert_eq!(early.recheck_after, Some(Duration::from_secs(40)), "the pod was made 20 s ago");

    let observation = stuck(json!({}), 70, 100);
    let late = ordinals::plan(&observation);
    for (type_, expected) in [
        ("Progressing", "False ProgressDeadlineExceeded"),
        ("Stalled", "True ProgressDeadlineExceeded"),
        ("Reconciling", "False ProgressDeadlineExceeded"),
        ("Ready", "False ProgressDeadlineExceeded"),
    ] {
        assert_eq!(verdict(&late, type_), expected);
    }
    assert!(late.has_no_work(), "on expiry only the condition");
    let message = &late.status().unwrap()["conditions"][0]["message"];
    assert_eq!(
        message, "no progress for 60 s: web-0: running, not ready since 07:58:50Z",
        "it names the pod and holds no age"
    );

    // A restart, and an hour: nothing is remembered, and nothing is written.
    let mut after = written(&observation, &late);
    assert_eq!(ordinals::plan(&after).status(), None);
    after.now.wall = after.now.wall.checked_add(Duration::from_secs(3600)).unwrap();
    assert_eq!(ordinals::plan(&after).status(), None);

    // A changed spec is given its time, a pod that becomes available as well.
    let mut set = (*after.set).clone();
    set.metadata.generation = 2;
    let changed = Observation { set: Arc::new(set), ..after.clone() };
    assert_eq!(verdict(&ordinals::plan(&changed), "Progressing"), "True Progressing");
}

#[test]
fn no_deadline_and_no_clock_while_paused() {
    let never = ordinals::plan(&stuck(json!({ "progressDeadlineSeconds": null }), 9000, 9000));
    assert_eq!((verdict(&never, "Stalled").as_str(), never.recheck_after), ("False Clear", None));
    let paused = ordinals::plan(&stuck(json!({ "paused": true }), 9000, 9000));
    assert_eq!(verdict(&paused, "Stalled"), "False Clear");
}
