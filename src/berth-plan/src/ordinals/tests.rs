//! Tables of what an ordinal set does next.

mod availability;
mod budget;
mod cure;
mod failing;
mod history;
mod members;
mod recreate;
mod retention;
mod rollout;
mod status;
mod surface;

use berth_api::{OrdinalSet, Surface};
use serde_json::{Value, json};

use super::plan;
use crate::fixture::{self, broken, failed, pod, revision, terminating, writes};
use crate::observation::Observation;
use crate::reason::Waiting;

type Set = OrdinalSet;

/// `web` at revision v1 (or in transit from v1 to v2 if `spec` has the template of v2), with its status recorded.
fn observe(spec: Value, pods: &[(i64, &str, Value)]) -> Observation<Set> {
    let mut set = fixture::ordinal_set(spec);
    let update = if set.spec.template.0 == fixture::template("v1") { "v1" } else { "v2" };
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = update.to_owned();
    let pods =
        pods.iter().map(|(n, rev, patch)| pod::<Set>(&format!("web-{n}"), rev, patch.clone())).collect();
    let mut revisions = vec![revision::<Set>("v1", 1, "v1")];
    if update == "v2" {
        revisions.push(revision::<Set>("v2", 2, "v2"));
    }
    fixture::observe(set, pods, revisions)
}

fn ok() -> Value {
    json!({})
}

fn v2(mut spec: Value) -> Value {
    spec["template"] = fixture::template("v2");
    spec
}

/// The template was changed, and the change is not recorded yet.
fn change_template(observation: &mut Observation<Set>, tag: &str) {
    let set = std::sync::Arc::make_mut(&mut observation.set);
    set.spec.template.0 = fixture::template(tag);
    set.metadata.generation += 1;
}

fn check(name: &str, spec: Value, pods: &[(i64, &str, Value)], expected: &[&str]) {
    let plan = plan(&observe(spec, pods));
    assert_eq!(writes(&plan), expected, "{name}:\n{plan}");
}

#[test]
fn a_new_set_gets_a_revision_then_a_recorded_status_then_its_first_pod() {
    let set = fixture::ordinal_set(json!({}));
    let first = plan(&fixture::observe(set.clone(), vec![], vec![]));
    assert_eq!(writes(&first).len(), 1, "{first}");
    assert!(writes(&first)[0].starts_with("create ControllerRevision web-"), "{first}");
    assert_eq!(first.status(), None, "the status that names the revision comes next and says everything");

    let second = plan(&fixture::observe(set, vec![], vec![revision::<Set>("v1", 1, "v1")]));
    assert_eq!(writes(&second), ["patch OrdinalSet web"], "names are recorded before anything rests on them");

    let third = plan(&observe(json!({}), &[]));
    assert_eq!(writes(&third), ["create Pod web-0"]);
}

#[test]
fn pods_come_in_order_or_all_at_once() {
    let parallel = || json!({ "podManagementPolicy": "Parallel" });
    check("the next when all before are available", json!({}), &[(0, "v1", ok())], &["create Pod web-1"]);
    check("not while one is not ready", json!({}), &[(0, "v1", broken())], &[]);
    check("not while one is going", json!({}), &[(0, "v1", terminating())], &[]);
    check("the gap first", json!({}), &[(1, "v1", ok()), (2, "v1", ok())], &["create Pod web-0"]);
    check("in parallel, all", parallel(), &[(1, "v1", broken())], &["create Pod web-0", "create Pod web-2"]);
    check("from the start", json!({ "ordinals": { "start": 5 } }), &[], &["create Pod web-5"]);
    check("none wanted", json!({ "replicas": 0 }), &[], &[]);
    let young = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True",
        "lastTransitionTime": fixture::ago(4) }] } });
    let waits = plan(&observe(json!({ "minReadySeconds": 10 }), &[(0, "v1", young)]));
    assert_eq!(writes(&waits), Vec::<String>::new());
    assert_eq!(waits.recheck_after, Some(std::time::Duration::from_secs(6)), "{waits}");
}

#[test]
fn a_pod_whose_node_does_not_confirm_its_end_is_told_with_its_node() {
    let going = |seconds: i64, more: Value| {
        let mut pod = json!({ "metadata": { "deletionTimestamp": fixture::ago(seconds) }, "spec": { "nodeName": "n1" } });
        fixture::merge(&mut pod, more);
        plan(&observe(json!({}), &[(0, "v1", pod)]))
    };
    let soon = going(4, json!({}));
    assert_eq!(soon.waiting[0].to_string(), "web-0: being deleted");
    assert_eq!(soon.recheck_after, Some(std::time::Duration::from_secs(6)), "{soon}");
    let late = going(10, json!({}));
    assert_eq!(writes(&late), Vec::<String>::new());
    let text = late.waiting[0].to_string();
    assert!(text.contains("node n1 does not confirm") && text.contains("out-of-service"), "{text}");
    assert_eq!(late.recheck_after, None, "{late}");
    for (case, more) in [
        ("a finalizer holds it", json!({ "metadata": { "finalizers": ["example.com/x"] } })),
        ("its node has confirmed", json!({ "status": { "phase": "Succeeded" } })),
        ("it has no node", json!({ "spec": { "nodeName": "" } })),
    ] {
        assert_eq!(going(60, more).waiting[0].to_string(), "web-0: being deleted", "{case}");
    }
}

#[test]
fn ended_pods_are_replaced_with_a_growing_pause() {
    check("failed", json!({}), &[(0, "v1", failed())], &["delete Pod web-0"]);
    let succeeded = json!({ "status": { "phase": "Succeeded" } });
    check("succeeded", json!({}), &[(0, "v1", succeeded)], &["delete Pod web-0"]);
    let both = json!({ "status": failed()["status"], "metadata": terminating()["metadata"] });
    check("already going", json!({}), &[(0, "v1", both)], &[]);
    let mut again = observe(json!({}), &[(0, "v1", failed())]);
    again.memory.record_failed_pod(crate::reason::Slot::Ordinal(0), again.now.mono);
    let plan = plan(&again);
    assert_eq!(writes(&plan), Vec::<String>::new());
    assert_eq!(plan.recheck_after, Some(std::time::Duration::from_secs(1)), "{plan}");
}

#[test]
fn condemned_pods_go_from_the_top() {
    let one = || json!({ "replicas": 1 });
    let all = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    check("one at a time", one(), &all, &["delete Pod web-2"]);
    check(
        "wait for the one that goes",
        one(),
        &[(0, "v1", ok()), (1, "v1", ok()), (2, "v1", terminating())],
        &[],
    );
    check("a single broken one goes", one(), &[(0, "v1", ok()), (1, "v1", broken())], &["delete Pod web-1"]);
    check(
        "not past two broken ones (A6.3)",
        one(),
        &[(0, "v1", ok()), (1, "v1", broken()), (2, "v1", broken())],
        &[],
    );
    let given_up = [(0, "v1", ok()), (1, "v3", broken()), (2, "v3", broken())];
    check("but past those of a revision that was given up", one(), &given_up, &["delete Pod web-2"]);
    let ended = [(0, "v1", ok()), (1, "v1", failed()), (2, "v1", failed())];
    check("and past those that have ended", one(), &ended, &["delete Pod web-2"]);
    check("not while a wanted one is broken", one(), &[(0, "v1", broken()), (1, "v1", ok())], &[]);
    let parallel = json!({ "replicas": 1, "podManagementPolicy": "Parallel" });
    check("in parallel, all", parallel, &all, &["delete Pod web-2", "delete Pod web-1"]);
    let below = json!({ "replicas": 1, "ordinals": { "start": 1 } });
    check("below the start too", below, &[(0, "v1", ok()), (1, "v1", ok())], &["delete Pod web-0"]);
}

#[test]
fn what_is_in_the_way_is_named() {
    let mut taken = observe(json!({}), &[]);
    let theirs =
        json!([{ "apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x", "controller": true }]);
    taken.pods = vec![pod::<Set>("web-0", "v1", json!({ "metadata": { "ownerReferences": theirs } }))];
    let held = plan(&taken);
    assert_eq!(writes(&held), Vec::<String>::new());
    let awaited: Vec<_> = held.waiting.iter().filter_map(Waiting::awaits).map(ToString::to_string).collect();
    assert_eq!(awaited, ["pod ns/web-0"], "its deletion wakes the set");
    let stalled = &held.status().unwrap()["conditions"][2];
    assert_eq!((&stalled["type"], &stalled["reason"]), (&json!("Stalled"), &json!("NameTaken")));
}

/// A set is deleted and made again while its pods take their time to end.
#[test]
fn a_pod_that_leaves_its_name_is_waited_for_not_stalled() {
    let of = |surface: Surface, name: &str, uid: &str| {
        let (version, kind) = match surface {
            Surface::Berth => ("berth.dev/v1", "OrdinalSet"),
            Surface::Apps => ("apps/v1", "StatefulSet"),
        };
        json!([{ "apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true }])
    };
    let stranger =
        json!([{ "apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x", "controller": true }]);
    let going = || json!(fixture::ago(1));
    for surface in [Surface::Berth, Surface::Apps] {
        for (what, owners, deleted, labels, stalls) in [
            ("of an earlier set, being deleted", of(surface, "web", "earlier"), going(), "web", false),
            ("of an earlier set, not yet", of(surface, "web", "earlier"), Value::Null, "web", false),
            ("of a stranger, being deleted", stranger.clone(), going(), "web", false),
            ("of nobody, being deleted", json!([]), going(), "web", false),
            ("of nobody, not matching", json!([]), Value::Null, "other", true),
            ("of a stranger", stranger.clone(), Value::Null, "web", true),
            ("of a set of another name", of(surface, "web2", "earlier"), Value::Null, "web", true),
        ] {
            let mut taken = observe(json!({}), &[]);
            taken.key.surface = surface;
            let patch = json!({ "metadata": {
                "ownerReferences": owners, "deletionTimestamp": deleted, "labels": { "app": labels } } });
            taken.pods = vec![pod::<Set>("web-0", "v1", patch)];
            let held = plan(&taken);
            assert_eq!(writes(&held), Vec::<String>::new(), "{what}: {held}");
            let awaited: Vec<_> =
                held.waiting.iter().filter_map(Waiting::awaits).map(ToString::to_string).collect();
            assert_eq!(awaited, ["pod ns/web-0"], "{what}: its end wakes the set");
            let conditions = held.status().map(|changes| changes["conditions"].clone()).unwrap_or_default();
            let find = |type_: &str| {
                conditions
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|c| c["type"] == type_)
                    .cloned()
                    .unwrap_or_default()
            };
            if surface == Surface::Apps {
                assert_eq!(find("Stalled")["status"] == "True", stalls, "{what}: {conditions}");
                continue;
            }
            assert_eq!(
                find("Stalled")["status"],
                if stalls { "True" } else { "False" },
                "{what}: {conditions}"
            );
            let working = find("Reconciling");
            assert_eq!(working["status"], if stalls { "False" } else { "True" }, "{what}");
            assert!(working["message"].as_str().unwrap().contains("web-0"), "{what}: {working}");
        }
    }
}

#[test]
fn a_holder_whose_node_is_silent_is_told_with_its_node() {
    let mut taken = observe(json!({}), &[]);
    let owners = json!([{ "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "name": "web", "uid": "earlier",
        "controller": true }]);
    let patch = json!({ "metadata": { "ownerReferences": owners, "deletionTimestamp": fixture::ago(60) },
        "spec": { "nodeName": "n1" } });
    taken.pods = vec![pod::<Set>("web-0", "v1", patch)];
    let text = plan(&taken).waiting[0].to_string();
    assert!(text.contains("node n1 does not confirm"), "{text}");
}

#[test]
fn a_huge_set_costs_what_exists() {
    let spec = json!({ "replicas": i32::MAX, "podManagementPolicy": "Parallel", "ordinals": { "start": 0 } });
    let plan = plan(&observe(spec, &[(0, "v1", ok())]));
    assert_eq!(writes(&plan).len(), super::scale::BURST);
    // Nor does it where the API server rejects what is created.
    let spec = json!({ "replicas": i32::MAX, "podManagementPolicy": "Parallel" });
    let mut rejected = observe(spec, &[(0, "v1", ok())]);
    let pod = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", "web-1");
    fixture::reject(&mut rejected.memory, berth_api::request::Verb::Create, pod, rejected.now);
    assert_eq!(writes(&super::plan(&rejected)), Vec::<String>::new());
    let far = json!({ "replicas": 2, "ordinals": { "start": i32::MAX - 1 } });
    check("at the end of the range", far, &[], &["create Pod web-2147483646"]);
}

#[test]
fn the_settled_state_writes_nothing() {
    let mut observation = observe(json!({}), &[(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())]);
    let first = plan(&observation);
    assert!(first.has_no_work(), "{first}");
    let changes = first.status().expect("the counts are new").clone();
    let mut status = serde_json::to_value(&observation.set.status).unwrap();
    fixture::merge(&mut status, changes);
    std::sync::Arc::make_mut(&mut observation.set).status = serde_json::from_value(status).unwrap();
    assert!(plan(&observation).is_empty());
    assert_eq!(observation.set.status.ready_replicas, 3);
    observation.now.wall = observation.now.wall.checked_add(std::time::Duration::from_secs(99)).unwrap();
    assert!(plan(&observation).is_empty(), "time alone changes nothing");
}

#[test]
fn blocked_ordinals_keep_no_others_waiting() {
    let spec = json!({ "replicas": 700, "podManagementPolicy": "Parallel" });
    let mut observation = observe(spec, &[(650, "v1", failed())]);
    for ordinal in 0..600 {
        let stranger = json!({ "metadata": { "ownerReferences": null, "labels": null } });
        observation.pods.push(pod::<Set>(&format!("web-{ordinal}"), "v1", stranger));
    }
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let writes = writes(&plan(&observation));
    assert_eq!(writes.iter().filter(|w| w.starts_with("create")).count(), 99, "600 to 699 but 650");
    assert!(writes.contains(&"delete Pod web-650".to_owned()), "a pod beyond the gaps is looked after");
}
