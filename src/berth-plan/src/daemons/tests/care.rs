//! Pods that have ended, twins, orphans and strangers, and what is told about them.

use std::time::Duration;

use super::*;
use crate::notice;
use crate::plan::{Act, Guard, Part};
use crate::reason::Reason;

fn succeeded() -> Value {
    json!({ "status": { "phase": "Succeeded", "conditions": null } })
}

fn three(on_a: Value) -> Vec<Arc<Pod>> {
    vec![pod("a", "v1", on_a), pod("b", "v1", ok()), pod("c", "v1", ok())]
}

/// The first failure is replaced at once; then the pauses grow from 1 s to 15 min, for this node alone, and it is looked at when
/// the pause is over.
#[test]
fn a_pod_that_keeps_failing_is_replaced_more_and_more_seldom() {
    let mut observation = observe(json!({}), three(failed()));
    let slot = Slot::Node("a".to_owned());
    let mut pauses = vec![];
    for _ in 0..12 {
        assert_eq!(readable(&observation), ["delete a0"], "the pause is over");
        observation.memory.record_failed_pod(slot.clone(), observation.now.mono);
        let held = plan(&observation);
        assert_eq!(writes(&held), Vec::<String>::new(), "{held}");
        let pause = held.recheck_after.unwrap();
        assert!(
            held.waiting.iter().any(|w| matches!(w, Waiting::FailedPod { delay, .. } if *delay == pause))
        );
        pauses.push(pause.as_secs());
        observation.now.mono += pause - Duration::from_millis(1);
        assert_eq!(readable(&observation), Vec::<String>::new(), "not before");
        observation.now.mono += Duration::from_millis(1);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    observation.memory.record_failed_pod(slot, observation.now.mono);
    observation.pods = three(ok());
    observation.pods[1] = pod("b", "v1", failed());
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    assert_eq!(readable(&observation), ["delete b0"], "another node has pauses of its own");
    observation.now.mono += Duration::from_secs(1801);
    observation.memory.record_failed_pod(Slot::Node("b".to_owned()), observation.now.mono);
    observation.pods = three(failed());
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    assert_eq!(readable(&observation), ["delete a0"]);
    observation.memory.record_failed_pod(Slot::Node("a".to_owned()), observation.now.mono);
    assert_eq!(plan(&observation).recheck_after, Some(Duration::from_secs(1)), "half an hour forgets");
}

#[test]
fn a_pod_that_has_succeeded_is_replaced_at_once_whatever_happened_before() {
    let mut observation = observe(json!({}), three(succeeded()));
    observation.memory.record_failed_pod(Slot::Node("a".to_owned()), observation.now.mono);
    assert_eq!(readable(&observation), ["delete a0"]);
}

#[test]
fn ended_pods_are_told_in_upstreams_words() {
    for (patch, reason, message) in [
        (failed(), "FailedDaemonPod", "Found failed daemon pod ns/POD on node a, will try to kill it"),
        (
            succeeded(),
            "SucceededDaemonPod",
            "Found succeeded daemon pod ns/POD on node a, will try to delete it",
        ),
    ] {
        let plan = plan(&observe(json!({}), three(patch)));
        let action = plan.actions().next().unwrap();
        let event = notice::describe_ended(&action.why, action.act.object()).unwrap();
        assert_eq!((event.reason, event.message), (reason, message.replace("POD", &name("a", 0))));
    }
    let other = Reason::NodeGone { slot: Slot::Node("a".to_owned()) };
    assert_eq!(notice::describe_ended(&other, &crate::pod::object(&pod("a", "v1", ok()))), None);
}

/// Of several pods on a node: a bound one before one that waits, then the oldest, then by name (B4.3).
#[test]
fn who_stays_of_several() {
    let twin = |called: &str, age: i64, bound: bool| {
        let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchFields": [
                { "key": "metadata.name", "operator": "In", "values": ["a"] }] }] } } });
        let node_name = if bound { "a" } else { "" };
        fixture::pod::<Set>(
            called,
            "v1",
            json!({ "metadata": { "creationTimestamp": fixture::ago(age) },
            "spec": { "nodeName": node_name, "affinity": affinity } }),
        )
    };
    for (what, twins, stays) in [
        ("the oldest", [twin("x", 10, true), twin("y", 30, true), twin("z", 20, true)], "y"),
        (
            "a bound one, however young",
            [twin("x", 10, true), twin("y", 30, false), twin("z", 20, false)],
            "x",
        ),
        (
            "of the same age the first by name",
            [twin("z", 10, true), twin("y", 10, true), twin("x", 10, true)],
            "x",
        ),
    ] {
        let mut pods = twins.to_vec();
        pods.extend([pod("b", "v1", ok()), pod("c", "v1", ok())]);
        let observation = observe(json!({}), pods);
        let plan = plan(&observation);
        let gone: Vec<&str> = fixture::work(&plan).map(|action| action.act.object().name.as_str()).collect();
        let expected: Vec<&str> = ["x", "y", "z"].into_iter().filter(|name| *name != stays).collect();
        let mut sorted = gone.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{what}");
        for action in fixture::work(&plan) {
            let Act::Delete { guard: Guard { resource_version, .. }, .. } = &action.act else {
                panic!("{action}")
            };
            assert!(resource_version.is_some(), "which of them stays rests on what was seen: {action}");
        }
    }
}

#[test]
fn orphans_are_taken_over_and_strangers_let_go() {
    let orphan = fixture::pod::<Set>(
        "stray",
        "v1",
        json!({ "metadata": { "ownerReferences": null },
        "spec": { "nodeName": "a" } }),
    );
    let mut orphan = Arc::unwrap_or_clone(orphan);
    orphan.metadata.owner_references.clear();
    let mut stranger = (*pod("b", "v1", ok())).clone();
    stranger.metadata.labels.insert("app".to_owned(), "debug".to_owned());
    let observation = observe(json!({}), vec![Arc::new(orphan), Arc::new(stranger), pod("c", "v1", ok())]);
    let first = plan(&observation);
    let acts: Vec<String> = fixture::work(&first).map(|action| action.act.to_string()).collect();
    let expected = [
        format!("change pod ns/{}", name("b", 0)),
        "read nodedaemonset ns/agent afresh".to_owned(),
        "change pod ns/stray".to_owned(),
    ];
    assert_eq!(acts, expected, "nothing else before it is known whose they are:\n{first}");
    assert!(first.stages.iter().all(|stage| stage.part == Part::Membership));

    let mut leaving = observation.clone();
    Arc::make_mut(&mut leaving.set).metadata.deletion_timestamp = Some(fixture::now().wall);
    let none = plan(&leaving);
    assert!(none.is_empty(), "a set that is being deleted does nothing at all (B2):\n{none}");

    // An orphan that is on its way out is nobody's to take.
    let mut observation = observation;
    let mut going = (*observation.pods.iter().find(|p| p.metadata.name == "stray").unwrap()).clone();
    Arc::make_mut(&mut going).metadata.deletion_timestamp = Some(fixture::now().wall);
    observation.pods.retain(|p| p.metadata.name != "stray" && p.metadata.name != name("b", 0));
    observation.pods.push(going);
    assert_eq!(readable(&observation), ["create a0", "create b0"]);
}
