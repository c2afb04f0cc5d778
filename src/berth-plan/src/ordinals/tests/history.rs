//! The history limit: which revisions go, also when something else fails (A2.6, A7.8).

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::surface::{BOTH, on};
use super::{Set, observe, ok, plan};
use crate::fixture::{self, failed, pod, revision, writes};
use crate::observation::Observation;
use crate::plan::Part;

/// `web` at rest at v1, with six older revisions r1 to r6 and a limit.
fn with_history(limit: Value, pods: &[(i64, &str, Value)]) -> Observation<Set> {
    let mut observation = observe(json!({ "revisionHistoryLimit": limit }), pods);
    // The template of v1 is the newest.
    observation.revisions = (1..=6)
        .map(|n| revision::<Set>(&format!("r{n}"), n, &format!("old-{n}")))
        .chain([revision::<Set>("v1", 7, "v1")])
        .collect();
    observation
}

fn three() -> Vec<(i64, &'static str, Value)> {
    (0..3).map(|ordinal| (ordinal, "v1", ok())).collect()
}

/// The revisions that a plan removes.
fn removed(observation: &Observation<Set>) -> Vec<String> {
    let plan = plan(observation);
    let lines = writes(&plan);
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("delete ControllerRevision ").map(str::to_owned))
        .collect()
}

#[test]
fn the_oldest_beyond_the_limit_go_and_live_ones_do_not_count() {
    let mut at_r2 = three();
    at_r2[0].1 = "r2";
    for surface in BOTH {
        for (limit, pods, expected) in [
            (json!(0), three(), &["r1", "r2", "r3", "r4", "r5", "r6"][..]),
            (json!(2), three(), &["r1", "r2", "r3", "r4"]),
            (json!(5), three(), &["r1"]),
            (json!(6), three(), &[]),
            (json!(null), three(), &[]),
            (json!(-1), three(), &[]),
            (json!(-2), three(), &[]),
            // A pod is at r2: it is live, and five others are not.
            (json!(0), at_r2.clone(), &["r1", "r3", "r4", "r5", "r6"]),
            (json!(4), at_r2.clone(), &["r1"]),
        ] {
            let observation = on(surface, with_history(limit.clone(), &pods));
            assert_eq!(removed(&observation), expected, "limit {limit} on {surface:?}");
        }
    }
}

#[test]
fn the_current_revision_stays_though_no_pod_is_at_it() {
    let mut observation = with_history(json!(0), &three());
    std::sync::Arc::make_mut(&mut observation.set).status.current_revision = "r3".to_owned();
    assert!(!removed(&observation).contains(&"r3".to_owned()));
}

#[test]
fn what_fails_elsewhere_does_not_keep_old_revisions() {
    for surface in BOTH {
        // A pod has ended, and another cannot be made: pods are held, the history is not.
        let mut observation = on(surface, with_history(json!(3), &[(0, "v1", ok()), (1, "v1", failed())]));
        let object = ObjectRef::new(Resource::Pods, "ns", "web-2");
        let now = observation.now;
        crate::fixture::reject(&mut observation.memory, Verb::Create, object, now);
        assert_eq!(removed(&observation), ["r1", "r2", "r3"], "{surface:?}");
    }
    // And a stage that fails does not end those that come after it for good.
    for part in [Part::Status, Part::History] {
        assert!(part.runs_after_failure(), "{part:?}");
    }
    for part in [Part::Membership, Part::Revisions, Part::Record, Part::Claims, Part::Pods] {
        assert!(!part.runs_after_failure(), "{part:?}");
    }
}

#[test]
fn nothing_goes_while_something_is_taken_over_or_the_set_is_on_its_way_out() {
    let mut adopts = with_history(json!(0), &three());
    adopts.pods.push(pod::<Set>("web-3", "r1", json!({ "metadata": { "ownerReferences": null } })));
    assert_eq!(removed(&adopts), Vec::<String>::new(), "an orphan may be at one of them");

    let mut ends = with_history(json!(0), &three());
    std::sync::Arc::make_mut(&mut ends.set).metadata.deletion_timestamp = Some(ends.now.wall);
    assert_eq!(removed(&ends), Vec::<String>::new());
}

/// The present template was recorded, which is not seen yet, and the API server does not say whether it is a new one.
#[test]
fn nothing_is_made_from_an_earlier_template_than_the_recorded_one() {
    let pods = [(0, "v1", ok()), (1, "v1", ok())];
    let mut observation = super::observe(super::v2(json!({ "podManagementPolicy": "Parallel" })), &pods);
    observation.revisions.retain(|revision| revision.metadata.name == "v1");
    fixture::reject_dry_runs(&mut observation);
    let plan = super::plan(&observation);
    assert_eq!(writes(&plan), Vec::<String>::new(), "{plan}");
    let status = plan.status().unwrap();
    assert_eq!(
        (&status["observedGeneration"], &status["updateRevision"]),
        (&Value::Null, &Value::Null),
        "{plan}"
    );
    assert!(status["conditions"].to_string().contains("FailedCreate"), "{plan}");
    let mut set = (*observation.set).clone();
    set.metadata.generation += 1;
    observation.set = std::sync::Arc::new(set);
    let plan = super::plan(&observation);
    assert!(writes(&plan).iter().any(|w| w.contains("web")), "it is behind: {plan}");
}

/// In the middle of a rollout the template changes again, and it is not known whether to another one.
#[test]
fn nothing_is_replaced_while_the_template_is_undecided() {
    let all = [("OrderedReady", 3), ("OrderedReady", 4), ("Parallel", 3), ("Parallel", 4)];
    for (policy, replicas) in all {
        let pods = [(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())];
        let spec = json!({ "replicas": replicas, "podManagementPolicy": policy });
        let mut observation = super::observe(super::v2(spec), &pods);
        super::change_template(&mut observation, "v3");
        fixture::reject_dry_runs(&mut observation);
        let plan = super::plan(&observation);
        let missing = ["create Pod web-3".to_owned()];
        assert_eq!(writes(&plan), missing[..replicas - 3], "{policy}: {plan}");
    }
}
