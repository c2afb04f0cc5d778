//! The counts and revisions of the status, and when a rollout counts as complete (A11).

use berth_api::ordinal_set::OrdinalSetStatus;
use berth_api::{OrdinalSet, Surface};
use serde_json::{Value, json};

use super::super::replicas::Replicas;
use super::super::status::{is_settled, status};
use super::super::target::Target;
use super::surface::{BOTH, on};
use super::{observe, ok, v2};
use crate::fixture::{self, broken, failed, revision, terminating};
use crate::observation::Observation;

fn target(observation: &Observation<OrdinalSet>) -> Target {
    let named = |name: &str| {
        let known = observation.revisions.iter().find(|r| r.metadata.name == name);
        known.cloned().unwrap_or_else(|| revision::<OrdinalSet>(name, 9, name))
    };
    let status = &observation.set.status;
    Target::new(&observation.set, named(&status.current_revision), named(&status.update_revision))
}

fn replicas(observation: &Observation<OrdinalSet>) -> Replicas<'_> {
    Replicas::sort(observation, observation.pods.iter().map(|pod| pod.as_ref()))
}

fn computed(observation: &Observation<OrdinalSet>) -> OrdinalSetStatus {
    status(
        observation,
        &replicas(observation),
        Some(&target(observation)),
        observation.set.status.collision_count,
    )
}

/// `replicas`, `ready`, `available`, `current`, `updated`.
fn counts(status: &OrdinalSetStatus) -> [i32; 5] {
    [
        status.replicas,
        status.ready_replicas,
        status.available_replicas,
        status.current_replicas,
        status.updated_replicas,
    ]
}

fn running_unready() -> Value {
    json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } })
}

/// Running and ready, for so many seconds.
fn ready_for(seconds: i64) -> Value {
    json!({ "status": { "conditions": [{
        "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(seconds) }] } })
}

/// Both laid over a pod.
fn and(mut one: Value, other: Value) -> Value {
    fixture::merge(&mut one, other);
    one
}

#[test]
fn every_state_of_a_pod_is_counted_where_it_belongs() {
    // From v1 to v2, three wanted, available after 10 s.
    let spec = || v2(json!({ "minReadySeconds": 10 }));
    let pending_ready = json!({ "status": { "phase": "Pending" } });
    let no_time = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    for (what, pods, expected) in [
        ("none", vec![], [0, 0, 0, 0, 0]),
        ("all well", vec![(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())], [3, 3, 3, 2, 1]),
        ("ready, not yet available", vec![(0, "v1", ready_for(9))], [1, 1, 0, 1, 0]),
        ("available to the second", vec![(0, "v1", ready_for(10))], [1, 1, 1, 1, 0]),
        ("ready, nobody knows since when", vec![(0, "v1", no_time)], [1, 1, 0, 1, 0]),
        ("running, not ready", vec![(0, "v1", running_unready())], [1, 0, 0, 1, 0]),
        ("pending", vec![(0, "v1", broken())], [1, 0, 0, 1, 0]),
        ("pending with a condition of old", vec![(0, "v1", pending_ready)], [1, 0, 0, 1, 0]),
        ("failed", vec![(0, "v1", failed())], [1, 0, 0, 1, 0]),
        // Upstream counts a pod that is leaving as ready as long as it is, and never as of a revision.
        ("leaving and ready", vec![(0, "v1", terminating())], [1, 1, 1, 0, 0]),
        ("leaving and not ready", vec![(0, "v2", and(terminating(), running_unready()))], [1, 0, 0, 0, 0]),
        ("of a third revision", vec![(0, "v3", ok())], [1, 1, 1, 0, 0]),
        ("without a revision", vec![(0, "", ok())], [1, 1, 1, 0, 0]),
        ("condemned ones count", vec![(0, "v1", ok()), (7, "v2", ok())], [2, 2, 2, 1, 1]),
        ("more than wanted", (0..5).map(|n| (n, "v1", ok())).collect(), [5, 5, 5, 5, 0]),
    ] {
        for surface in BOTH {
            let status = computed(&on(surface, observe(spec(), &pods)));
            assert_eq!(counts(&status), expected, "{what} on {surface:?}");
            assert!(
                status.available_replicas <= status.ready_replicas
                    && status.ready_replicas <= status.replicas,
                "what the API server accepts"
            );
        }
    }
}

#[test]
fn one_revision_is_counted_twice_and_a_lost_one_not_at_all() {
    let status = computed(&observe(json!({}), &[(0, "v1", ok()), (1, "v1", ok())]));
    assert_eq!(counts(&status), [2, 2, 2, 2, 2], "v1 is current and update");
    let mut observation = observe(v2(json!({})), &[(0, "v1", ok()), (1, "v2", ok())]);
    std::sync::Arc::make_mut(&mut observation.set).status.current_revision = "lost".to_owned();
    assert_eq!(counts(&computed(&observation)), [2, 2, 2, 0, 1]);
}

/// `kubectl rollout status` compares the generation, and takes the revisions beside it for those of its template.
#[test]
fn a_generation_is_observed_once_its_template_is_recorded() {
    let mut observation = observe(v2(json!({})), &[(0, "v1", ok())]);
    let set = std::sync::Arc::make_mut(&mut observation.set);
    (set.metadata.generation, set.status.observed_generation) = (5, 4);
    let undecided = |observation: &Observation<OrdinalSet>| {
        status(observation, &replicas(observation), None, 0).observed_generation
    };
    assert_eq!(undecided(&observation), 4, "the revisions are those of an earlier template");
    assert_eq!(computed(&observation).observed_generation, 5);
    let ends = Some(fixture::now().wall);
    std::sync::Arc::make_mut(&mut observation.set).metadata.deletion_timestamp = ends;
    assert_eq!(undecided(&observation), 5, "there is nothing to decide");
}

/// A rollout is complete when as many pods as are wanted are there, ready and up to date, and no others; neither the strategy nor
/// a partition nor availability matters (A11.5).
#[test]
fn a_rollout_is_complete_when_all_that_are_wanted_are_ready_and_up_to_date() {
    let new = |n: i64| (0..n).map(|n| (n, "v2", ok())).collect::<Vec<_>>();
    let with = |n: i64, extra: (i64, &'static str, Value)| {
        let mut pods = new(n);
        pods.push(extra);
        pods
    };
    let on_delete = || json!({ "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } });
    let partition = || json!({ "updateStrategy": { "rollingUpdate": { "partition": 2 } } });
    let young: Vec<_> = (0..3).map(|n| (n, "v2", ready_for(1))).collect();
    for (what, spec, pods, complete) in [
        ("all", json!({}), new(3), true),
        ("all, with OnDelete", on_delete(), new(3), true),
        ("all, with a partition", partition(), new(3), true),
        ("ready is enough", json!({ "minReadySeconds": 60 }), young, true),
        (
            "one of three, with OnDelete",
            on_delete(),
            vec![(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())],
            false,
        ),
        ("one is not ready", json!({}), with(2, (2, "v2", running_unready())), false),
        ("one is missing", json!({}), new(2), false),
        ("one is old", json!({}), with(2, (2, "v1", ok())), false),
        ("one is leaving", json!({}), with(2, (2, "v2", terminating())), false),
        ("one more is there", json!({}), new(4), false),
        ("an old one too many", json!({}), with(3, (3, "v1", ok())), false),
        ("none wanted, none there", json!({ "replicas": 0 }), vec![], true),
        ("none wanted, one there", json!({ "replicas": 0 }), new(1), false),
    ] {
        for surface in BOTH {
            let observation = on(surface, observe(v2(spec.clone()), &pods));
            let status = computed(&observation);
            let wanted = if complete { "v2" } else { "v1" };
            assert_eq!(status.current_revision, wanted, "{what} on {surface:?}");
            assert_eq!(status.update_revision, "v2");
            if complete {
                assert_eq!(status.current_replicas, status.updated_replicas, "{what}");
            }
        }
    }
}

#[test]
fn nothing_completes_without_a_target() {
    let observation = observe(v2(json!({})), &[(0, "v2", ok()), (1, "v2", ok()), (2, "v2", ok())]);
    let status = status(&observation, &replicas(&observation), None, 7);
    assert_eq!((status.current_revision.as_str(), counts(&status)), ("v1", [3, 3, 3, 0, 3]));
    assert_eq!((status.collision_count, status.observed_generation), (7, 1));
}

/// Settled is more than complete: available, and nothing is left to replace from the partition on.
#[test]
fn a_set_is_settled_when_nothing_is_left_to_do_or_to_wait_for() {
    let three = |revisions: [&'static str; 3]| -> Vec<(i64, &'static str, Value)> {
        (0..).zip(revisions).map(|(n, revision)| (n, revision, ok())).collect()
    };
    let on_delete = || json!({ "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } });
    let partition = |n: i64| json!({ "updateStrategy": { "rollingUpdate": { "partition": n } } });
    let mut young = three(["v2"; 3]);
    young[1].2 = ready_for(1);
    let mut leaving = three(["v2"; 3]);
    leaving[0].2 = terminating();
    for (what, spec, pods, settled) in [
        ("all new", json!({}), three(["v2"; 3]), true),
        ("one old", json!({}), three(["v2", "v1", "v2"]), false),
        ("old below the partition", partition(2), three(["v1", "v1", "v2"]), true),
        ("of an earlier rollout below the partition", partition(2), three(["v3", "v1", "v2"]), true),
        ("old at the partition", partition(1), three(["v1", "v1", "v2"]), false),
        ("a partition above all", partition(9), three(["v1"; 3]), true),
        ("OnDelete leaves it to people", on_delete(), three(["v1"; 3]), true),
        ("not available yet", json!({ "minReadySeconds": 60 }), young, false),
        ("one is leaving", json!({}), leaving, false),
        ("one too many", json!({ "replicas": 2 }), three(["v2"; 3]), false),
        ("one too few", json!({ "replicas": 4 }), three(["v2"; 3]), false),
    ] {
        let observation = observe(v2(spec), &pods);
        let status = computed(&observation);
        let answer = is_settled(&observation.set, &replicas(&observation), &target(&observation), &status);
        assert_eq!(answer, settled, "{what}");
    }
}

#[test]
fn native_sets_have_no_fields_of_ours() {
    for (surface, own) in [(Surface::Berth, true), (Surface::Apps, false)] {
        let status = serde_json::to_value(computed(&on(surface, observe(json!({}), &[])))).unwrap();
        for field in ["labelSelector", "images"] {
            let present = status.get(field).is_some_and(|value| value != "");
            assert_eq!(present, own, "{field} on {surface:?}: {status}");
        }
    }
}

/// A canary below which a partition holds: at 0 replicas nothing has been decided, and on the way back it holds as before.
#[test]
fn a_partition_and_a_pause_hold_through_zero() {
    let with = |spec: Value| {
        let mut observation = observe(v2(spec), &[]);
        let set = std::sync::Arc::make_mut(&mut observation.set);
        set.status.replicas = 2;
        observation
    };
    let partition =
        |n: i64| json!({ "replicas": 0, "updateStrategy": { "rollingUpdate": { "partition": n } } });
    let by_hand = json!({ "replicas": 0, "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } });
    let after = |observation: &Observation<OrdinalSet>| {
        let plan = super::plan(observation);
        let mut status = serde_json::to_value(&observation.set.status).unwrap();
        let record = plan.actions().next().map(|a| a.act.request().body["status"].clone());
        fixture::merge(&mut status, record.or(plan.status().cloned()).unwrap());
        serde_json::from_value::<OrdinalSetStatus>(status).unwrap()
    };
    for (what, spec, surface, current) in [
        ("a partition", partition(1), Surface::Berth, "v1"),
        ("natively it completes, as upstream", partition(1), Surface::Apps, "v2"),
        ("no partition", partition(0), Surface::Berth, "v2"),
        ("paused", json!({ "replicas": 0, "paused": true }), Surface::Berth, "v1"),
        ("OnDelete: nothing is left at the old one", by_hand, Surface::Berth, "v2"),
    ] {
        let mut observation = with(spec);
        observation.key.surface = surface;
        let status = after(&observation);
        assert_eq!(status.current_revision, current, "{what}");
    }
    let mut back = with(partition(1));
    let set = std::sync::Arc::make_mut(&mut back.set);
    (set.status.replicas, set.spec.replicas) = (0, Some(2));
    let image = |plan: &crate::plan::Plan, pod: &str| {
        fixture::body(plan, pod)["spec"]["containers"][0]["image"].clone()
    };
    assert_eq!(image(&super::plan(&back), "web-0"), "nginx:v1", "below the partition");
    std::sync::Arc::make_mut(&mut back.set).spec.pod_management_policy =
        Some(berth_api::ordinal_set::PodManagementPolicy::Parallel);
    assert_eq!(image(&super::plan(&back), "web-1"), "nginx:v2", "the canary");
}

/// `kubectl rollout status` reads nothing else: a generation is observed when the revision of its template is known.
#[test]
fn a_generation_is_observed_with_its_revision() {
    let spec = json!({ "template": fixture::template("v2") });
    let mut observation =
        super::observe(spec, &[(0, "v1", super::ok()), (1, "v1", super::ok()), (2, "v1", super::ok())]);
    observation.revisions.retain(|revision| revision.metadata.name == "v1");
    let set = std::sync::Arc::make_mut(&mut observation.set);
    (set.metadata.generation, set.status.observed_generation) = (2, 1);
    observation.memory.record_defaults(&fixture::template("v1"), Some(&json!(1)));
    observation.memory.record_defaults(&fixture::template("v2"), Some(&json!(2)));
    let first = super::plan(&observation);
    let revision = first.actions().next().unwrap().act.object().clone();
    assert_eq!(revision.resource, berth_api::Resource::Revisions, "{first}");
    fixture::reject(&mut observation.memory, berth_api::request::Verb::Create, revision, observation.now);
    let held = super::plan(&observation);
    let status = held.status().expect("it is told").clone();
    assert_eq!(status.get("observedGeneration"), None, "{held}: {status}");
    let stalled = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Stalled").unwrap();
    assert_eq!(stalled["status"], "True", "{status}");
}

/// An earlier process reported what stands in no plan any more, though a pod is not ready: only what is asked now may be refused.
#[test]
fn what_an_earlier_process_reported_stands_only_while_it_is_wanted() {
    let reported = |object: &str, reason: &str, pods: &[(i64, &str, Value)]| {
        let mut observation = super::observe(json!({ "replicas": 1 }), pods);
        let told = json!([{ "type": "Stalled", "status": "True", "reason": reason, "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z", "message": format!("{object}: forbidden") }]);
        let set = std::sync::Arc::make_mut(&mut observation.set);
        set.status.conditions = serde_json::from_value(told).unwrap();
        let status = super::super::plan(&observation).status().expect("a status").clone();
        let conditions = status["conditions"].as_array().unwrap().clone();
        conditions.iter().any(|c| c["type"] == "Stalled" && c["status"] == "True")
    };
    let sick = [(0, "v1", broken())];
    assert!(!reported("podtemplate ns/web.dry-run", "FailedCreate", &sick));
    assert!(!reported("ordinalset ns/web", "FailedUpdate", &sick));
}
