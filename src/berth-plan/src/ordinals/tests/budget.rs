//! How many pods a rollout takes at once, and which.

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource, Surface};
use serde_json::{Value, json};

use super::super::target::Target;
use super::surface::{check_both, written};
use super::{ok, v2};
use crate::fixture::{self, broken, revision, terminating};
use crate::memory::Outcome;

/// `maxUnavailable` of so many replicas (A9.4): percentages are rounded down, and one pod may always go.
#[test]
fn the_budget_is_at_least_one_pod_and_a_percentage_is_rounded_down() {
    let budget = |replicas: i32, value: Value| {
        let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": value });
        let set = fixture::ordinal_set(json!({ "replicas": replicas, "updateStrategy": rolling }));
        let v1 = revision::<super::Set>("v1", 1, "v1");
        Target::new(&set, v1.clone(), v1).budget(&set)
    };
    let of = |value: Value| json!({ "maxUnavailable": value });
    for (replicas, value, expected) in [
        (5, Value::Null, 1),
        (5, json!({}), 1),
        (5, of(json!(3)), 3),
        (5, of(json!(9)), 9),
        (5, of(json!(0)), 1),
        (5, of(json!("0%")), 1),
        (10, of(json!("30%")), 3),
        (10, of(json!("33%")), 3),
        (10, of(json!("39%")), 3),
        (10, of(json!("9%")), 1),
        (10, of(json!("100%")), 10),
        (3, of(json!("99%")), 2),
        (0, of(json!("50%")), 1),
        (i32::MAX, of(json!("50%")), 1_073_741_823),
    ] {
        assert_eq!(budget(replicas, value.clone()), Ok(expected), "{value} of {replicas}");
    }
    for wrong in ["many", "10", "%", "1.5%", ""] {
        let said = budget(5, of(json!(wrong))).unwrap_err();
        assert!(said.starts_with("spec.updateStrategy.rollingUpdate.maxUnavailable: "), "{wrong}: {said}");
    }
}

fn spec(policy: &str, replicas: usize, rolling: Value) -> Value {
    v2(json!({
        "replicas": replicas, "podManagementPolicy": policy, "updateStrategy": { "rollingUpdate": rolling },
    }))
}

/// So many old pods, some of them with something laid over.
fn old(replicas: i64, special: &[(i64, Value)]) -> Vec<(i64, &'static str, Value)> {
    let patch = |ordinal| special.iter().find(|(o, _)| *o == ordinal).map_or_else(ok, |(_, p)| p.clone());
    (0..replicas).map(|ordinal| (ordinal, "v1", patch(ordinal))).collect()
}

fn deletes(ordinals: &[i64]) -> Vec<String> {
    ordinals.iter().map(|ordinal| format!("delete Pod web-{ordinal}")).collect()
}

/// Six pods, a partition of three, two at once: what is missing from the budget, wherever it is, is not spent again. In order
/// nothing goes at all while a pod is on its way out.
#[test]
fn pods_that_are_on_their_way_out_are_part_of_the_budget() {
    let rolling = || json!({ "partition": 3, "maxUnavailable": 2 });
    for (leaving, expected) in [
        (&[][..], &[5, 4][..]),
        (&[5], &[4]),
        (&[4], &[5]),
        (&[3], &[5]),
        (&[5, 4], &[]),
        (&[5, 3], &[]),
        (&[4, 3], &[]),
        (&[5, 4, 3], &[]),
        // Below the partition they count too.
        (&[2], &[5]),
        (&[1, 0], &[]),
    ] {
        let special: Vec<_> = leaving.iter().map(|ordinal| (*ordinal, terminating())).collect();
        let pods = old(6, &special);
        let parallel = written(Surface::Apps, spec("Parallel", 6, rolling()), &pods);
        assert_eq!(parallel, deletes(expected), "{leaving:?} are leaving");
        let ordered = written(Surface::Apps, spec("OrderedReady", 6, rolling()), &pods);
        let none = if leaving.is_empty() { expected } else { &[] };
        assert_eq!(ordered, deletes(none), "{leaving:?} are leaving, in order");
    }
}

/// The steps of one rollout of six pods down to a partition of three, two at once (A9.4).
#[test]
fn a_rollout_in_steps() {
    let rolling = || json!({ "partition": 3, "maxUnavailable": 2 });
    let state = |new: &[(i64, Value)], missing: &[i64]| {
        let mut pods = old(6, &[]);
        pods.retain(|(ordinal, _, _)| !missing.contains(ordinal));
        for (ordinal, _, patch) in &mut pods {
            if let Some((_, new)) = new.iter().find(|(n, _)| n == ordinal) {
                *patch = new.clone();
            }
        }
        let at = |ordinal: i64| if new.iter().any(|(n, _)| *n == ordinal) { "v2" } else { "v1" };
        pods.into_iter().map(|(ordinal, _, patch)| (ordinal, at(ordinal), patch)).collect::<Vec<_>>()
    };
    let rows: [(&str, _, &[&str], &[&str]); 5] = [
        ("both gone", state(&[], &[4, 5]), &["create Pod web-4", "create Pod web-5"], &["create Pod web-4"]),
        (
            "one is back",
            state(&[(4, ok())], &[5]),
            // In parallel the pass and the rollout are one plan: a missing pod is unavailable.
            &["create Pod web-5", "delete Pod web-3"],
            &["create Pod web-5"],
        ),
        ("one is not ready", state(&[(4, ok()), (5, broken())], &[]), &["delete Pod web-3"], &[]),
        ("both are ready", state(&[(4, ok()), (5, ok())], &[]), &["delete Pod web-3"], &["delete Pod web-3"]),
        ("all done", state(&[(3, ok()), (4, ok()), (5, ok())], &[]), &[], &[]),
    ];
    for (what, pods, parallel, ordered) in rows {
        let written = |policy| written(Surface::Apps, spec(policy, 6, rolling()), &pods);
        assert_eq!(written("Parallel"), parallel, "{what}, in parallel");
        assert_eq!(written("OrderedReady"), ordered, "{what}, in order");
    }
}

/// An old pod that is unavailable is not waited for in parallel (kubernetes/kubernetes#137409). In order it blocks native sets,
/// and is cured in custom ones.
#[test]
fn an_old_pod_that_is_unavailable_does_not_hold_its_own_update_up() {
    let young = || json!({ "status": { "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(4) }] } });
    let one = || json!({ "maxUnavailable": 1 });
    let top: &[&str] = &["delete Pod web-2"];
    let (parallel, ordered) = ("Parallel", "OrderedReady");
    let single = old(1, &[(0, broken())]);
    check_both(
        "a single one",
        &spec(parallel, 1, one()),
        &single,
        (&["delete Pod web-0"], &["delete Pod web-0"]),
    );
    check_both("a single one, in order", &spec(ordered, 1, one()), &single, (&["delete Pod web-0"], &[]));
    let three = old(3, &[(2, broken())]);
    check_both("the highest", &spec(parallel, 3, one()), &three, (top, top));
    check_both("the highest, in order", &spec(ordered, 3, one()), &three, (top, &[]));
    let two = old(5, &[(3, broken()), (4, broken())]);
    let both: &[&str] = &["delete Pod web-4", "delete Pod web-3"];
    let at_most_two = || json!({ "maxUnavailable": 2 });
    check_both("two", &spec(parallel, 5, at_most_two()), &two, (both, both));
    check_both("two, in order one at a time", &spec(ordered, 5, at_most_two()), &two, (&both[..1], &[]));
    let leaving = old(3, &[(2, terminating())]);
    check_both("what leaves is budget", &spec(parallel, 3, one()), &leaving, (&[], &[]));
    check_both("what leaves is budget, in order", &spec(ordered, 3, one()), &leaving, (&[], &[]));
    let mixed = old(5, &[(3, broken()), (4, terminating())]);
    let broken_and_next: &[&str] = &["delete Pod web-3", "delete Pod web-2"];
    let three_at_once = || json!({ "maxUnavailable": 3 });
    // A custom set keeps the broken one until the one that leaves is settled, and no healthy one goes before it.
    check_both(
        "one leaves, one is broken",
        &spec(parallel, 5, three_at_once()),
        &mixed,
        (&[], broken_and_next),
    );

    // Ready, and not yet for minReadySeconds: upstream replaces it; a custom set gives it that time, for it is not broken.
    let fresh = old(3, &[(2, young())]);
    let seconds = |policy| {
        let mut spec = spec(policy, 3, one());
        spec["minReadySeconds"] = json!(30);
        spec
    };
    check_both("not available yet", &seconds(parallel), &fresh, (&[], top));
    check_both("not available yet, in order", &seconds(ordered), &fresh, (&[], &[]));
}

/// What is below the partition is never replaced, whatever state it is in, and spends budget all the same.
#[test]
fn below_the_partition_nothing_is_replaced() {
    let rolling = || json!({ "partition": 2, "maxUnavailable": 1 });
    let pods = old(4, &[(0, broken())]);
    // Upstream counts an old unavailable pod below the partition as one that the rollout needs: it goes on to phase 1, and
    // finds nothing there.
    check_both("in parallel", &spec("Parallel", 4, rolling()), &pods, (&[], &[]));
    check_both("in order", &spec("OrderedReady", 4, rolling()), &pods, (&[], &[]));
    let above = old(4, &[(0, broken()), (3, broken())]);
    assert_eq!(written(Surface::Apps, spec("Parallel", 4, rolling()), &above), ["delete Pod web-3"]);
    assert_eq!(written(Surface::Apps, spec("OrderedReady", 4, rolling()), &above), Vec::<String>::new());
}

/// In order a pod that may not be deleted keeps those below it waiting; in parallel it keeps nobody waiting (X6).
#[test]
fn a_deletion_that_was_refused_stops_a_rollout_in_order() {
    for (policy, expected) in [("OrderedReady", deletes(&[])), ("Parallel", deletes(&[1, 0]))] {
        let mut observation = super::observe(spec(policy, 3, json!({ "maxUnavailable": 3 })), &old(3, &[]));
        let refused = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", "web-2");
        fixture::reject(&mut observation.memory, Verb::Delete, refused, observation.now);
        let plan = super::super::plan(&observation);
        assert_eq!(fixture::writes(&plan), expected, "{policy}: {plan}");
        observation.now.mono += std::time::Duration::from_secs(2);
        let plan = super::super::plan(&observation);
        assert_eq!(fixture::work(&plan).count(), 3, "{policy}, after the pause: {plan}");
    }
}

/// The same where one pod is all that may be unavailable.
#[test]
fn a_deletion_that_was_refused_keeps_no_budget_from_the_others() {
    for (policy, expected) in [("OrderedReady", deletes(&[])), ("Parallel", deletes(&[1]))] {
        let mut observation = super::observe(spec(policy, 3, json!({ "maxUnavailable": 1 })), &old(3, &[]));
        let refused = ObjectRef::new(Resource::Pods, "ns", "web-2");
        fixture::reject(&mut observation.memory, Verb::Delete, refused, observation.now);
        let plan = super::super::plan(&observation);
        assert_eq!(fixture::writes(&plan), expected, "{policy}: {plan}");
    }
}

/// A busy API server may have done it all the same.
#[test]
fn a_deletion_that_a_busy_api_server_has_not_answered_keeps_its_budget() {
    let mut observation = super::observe(spec("Parallel", 3, json!({ "maxUnavailable": 1 })), &old(3, &[]));
    let first = super::super::plan(&observation);
    let delete = fixture::work(&first).next().unwrap().clone();
    let outcome = Outcome::Rejected { message: "etcdserver: request timed out", wait: None, reported: false };
    observation.memory.record(&delete, outcome, observation.now.mono);
    let plan = super::super::plan(&observation);
    assert_eq!(fixture::writes(&plan), deletes(&[]), "{plan}");
}

/// The budget is used by another pod: that the deletion of the highest is refused is reported all the same.
#[test]
fn a_refused_deletion_is_reported_while_others_use_the_budget() {
    let pods = old(3, &[(1, terminating())]);
    let mut observation = super::observe(spec("Parallel", 3, json!({ "maxUnavailable": 1 })), &pods);
    let refused = ObjectRef::new(Resource::Pods, "ns", "web-2");
    fixture::reject(&mut observation.memory, Verb::Delete, refused, observation.now);
    let plan = super::super::plan(&observation);
    assert_eq!(fixture::writes(&plan), deletes(&[]), "{plan}");
    let conditions = plan.status().unwrap()["conditions"].as_array().unwrap().clone();
    let stalled = conditions.iter().find(|c| c["type"] == "Stalled").unwrap();
    assert_eq!(stalled["status"], "True", "{plan}");
}

/// What was refused when a pod was made says nothing about its deletion: that comes in its turn (S7; seed 478509).
#[test]
fn a_pod_that_was_once_refused_goes_in_its_turn() {
    let mut set = fixture::ordinal_set(json!({
        "podManagementPolicy": "Parallel",
        "template": fixture::template("v2"),
        "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } },
    }));
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = "v2".to_owned();
    set.status.replicas = 3;
    let pods = (0..3).map(|n| fixture::pod::<super::Set>(&format!("web-{n}"), "v1", ok())).collect();
    let revisions = vec![revision::<super::Set>("v1", 1, "v1"), revision::<super::Set>("v2", 2, "v2")];
    let mut observation = fixture::observe(set, pods, revisions);
    let (pod, now) = (ObjectRef::new(Resource::Pods, "ns", "web-2"), observation.now);
    fixture::reject(&mut observation.memory, Verb::Create, pod, now);
    observation.now.mono += Duration::from_secs(60);
    assert_eq!(fixture::writes(&crate::ordinals::plan(&observation)), deletes(&[2, 1]));
}

/// What a busy API server did not do for five seconds uses no budget from then on, and a plan is made then.
#[test]
fn a_deletion_that_a_busy_api_server_never_does_does_not_end_the_rollout() {
    let mut observation = super::observe(spec("Parallel", 3, json!({ "maxUnavailable": 1 })), &old(3, &[]));
    let delete = fixture::work(&super::super::plan(&observation)).next().unwrap().clone();
    let outcome = Outcome::Rejected { message: "etcdserver: request timed out", wait: None, reported: false };
    for _ in 0..5 {
        observation.now.mono += std::time::Duration::from_secs(20);
        observation.memory.record(&delete, outcome, observation.now.mono);
    }
    let waits = super::super::plan(&observation).recheck_after.expect("a plan is made later");
    assert_eq!(waits, std::time::Duration::from_secs(5));
    observation.now.mono += waits;
    let plan = super::super::plan(&observation);
    assert_eq!(fixture::writes(&plan), deletes(&[1]), "{plan}");
}
