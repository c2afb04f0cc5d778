//! What counts as unavailable, how a budget is rounded, and what the status says.

use berth_api::node_daemon_set::NodeDaemonSetStatus;

use super::*;
use crate::daemons::manage::Room;
use crate::daemons::rollout::room;

#[test]
fn a_budget_is_rounded_up_and_never_nothing() {
    let strategy = |rolling: Value| {
        fixture::daemon_set(
            json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": rolling } }),
        )
    };
    for (rolling, desired, expected) in [
        (json!({}), 10, Room::Unavailable(1)),
        (json!({ "maxUnavailable": 3 }), 10, Room::Unavailable(3)),
        (json!({ "maxUnavailable": 30 }), 10, Room::Unavailable(30)),
        (json!({ "maxUnavailable": "10%" }), 10, Room::Unavailable(1)),
        (json!({ "maxUnavailable": "10%" }), 11, Room::Unavailable(2)),
        (json!({ "maxUnavailable": "1%" }), 1000, Room::Unavailable(10)),
        (json!({ "maxUnavailable": "100%" }), 7, Room::Unavailable(7)),
        (json!({ "maxUnavailable": 0 }), 10, Room::Unavailable(1)),
        (json!({ "maxUnavailable": "0%" }), 10, Room::Unavailable(1)),
        (json!({ "maxUnavailable": 0, "maxSurge": 2 }), 10, Room::Surge(2)),
        (json!({ "maxUnavailable": 0, "maxSurge": "10%" }), 11, Room::Surge(2)),
        (json!({ "maxUnavailable": 0, "maxSurge": "0%" }), 10, Room::Unavailable(1)),
    ] {
        assert_eq!(room(&strategy(rolling.clone()), desired), Ok(expected), "{rolling} of {desired}");
    }
    assert_eq!(room(&strategy(json!({ "maxUnavailable": "10%" })), 0), Ok(Room::Unavailable(0)));
    let wrong = room(&strategy(json!({ "maxUnavailable": "many" })), 3).unwrap_err();
    assert!(wrong.starts_with("spec.updateStrategy.rollingUpdate.maxUnavailable: "), "{wrong}");
    let on_delete =
        json!({ "updateStrategy": { "type": "OnDelete", "rollingUpdate": { "maxUnavailable": "many" } } });
    assert!(room(&fixture::daemon_set(on_delete), 3).is_ok(), "nobody reads it");
}

/// How many of three nodes count as unavailable in a rollout: seen from what a budget of three leaves for pods that serve.
#[test]
fn what_counts_as_unavailable() {
    let spec = json!({ "template": fixture::template("v2"), "minReadySeconds": 10,
        "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 3 } } });
    let young = json!({ "status": { "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(9) }] } });
    let old = || vec![pod("b", "v1", ok()), pod("c", "v1", ok())];
    let ready_for = |seconds: i64| {
        json!({ "status": { "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(seconds) }] } })
    };
    for (what, on_a, used) in [
        ("no pod", vec![], 1),
        ("an old one that serves", vec![pod("a", "v1", ok())], 0),
        ("an old one that does not", vec![pod("a", "v1", broken())], 1),
        ("an old one that is young", vec![pod("a", "v1", young.clone())], 1),
        ("a new one that serves", vec![pod("a", "v2", ready_for(10))], 0),
        ("a new one that is young", vec![pod("a", "v2", young)], 1),
        ("a new one that does not", vec![pod("a", "v2", broken())], 1),
        ("one that is on its way out", vec![pod("a", "v1", terminating())], 1),
        ("a new one that has failed", vec![pod("a", "v2", failed())], 1),
    ] {
        let observation = observe(spec.clone(), [on_a, old()].concat());
        let plan = plan(&observation);
        let others = plan.actions().filter(|action| {
            let name_of = &action.act.object().name;
            matches!(action.why, crate::reason::Reason::Outdated { .. }) && *name_of != name("a", 0)
        });
        // Three may be away: with `used` away already the two others go as far as it reaches.
        assert_eq!(others.count(), (3 - used).min(2), "{what}:\n{plan}");
        let tight = json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 1 } } });
        let mut spec = spec.clone();
        fixture::merge(&mut spec, tight);
        let observation = observe(spec, observation.pods.to_vec());
        let postponed = crate::daemons::plan(&observation)
            .waiting
            .iter()
            .any(|waiting| matches!(waiting, Waiting::Budget { limit: 1, used: 1, .. }));
        assert_eq!(postponed, used == 1, "{what}");
    }
}

fn status_of(observation: &Observation<Set>) -> NodeDaemonSetStatus {
    let changes = plan(observation).status().cloned().unwrap_or_else(|| json!({}));
    let mut whole = serde_json::to_value(&observation.set.status).unwrap();
    fixture::merge(&mut whole, changes);
    serde_json::from_value(whole).unwrap()
}

/// The counts, in the order of the API: desired, current, misscheduled, ready, available, unavailable, updated.
fn counts(observation: &Observation<Set>) -> [i32; 7] {
    let status = status_of(observation);
    [
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_misscheduled,
        status.number_ready,
        status.number_available,
        status.number_unavailable,
        status.updated_number_scheduled,
    ]
}

#[test]
fn the_status_counts_the_first_pod_of_each_node() {
    let with = |pods: Vec<Arc<Pod>>| observe(json!({}), pods);
    let twin = |of: &str, age: i64, patch: Value| {
        let mut whole =
            json!({ "spec": { "nodeName": of }, "metadata": { "creationTimestamp": fixture::ago(age) } });
        fixture::merge(&mut whole, patch);
        fixture::pod::<Set>("agent-twin", "v1", whole)
    };
    let mut ended = failed();
    fixture::merge(&mut ended, terminating());
    for (what, observation, expected) in [
        ("none", with(vec![]), [3, 0, 0, 0, 0, 3, 0]),
        ("one", with(vec![pod("a", "v1", ok())]), [3, 1, 0, 1, 1, 2, 1]),
        ("at another revision", with(vec![pod("a", "v0", ok())]), [3, 1, 0, 1, 1, 2, 0]),
        ("not ready", with(vec![pod("a", "v1", broken())]), [3, 1, 0, 0, 0, 3, 1]),
        ("on its way out, and ready still", with(vec![pod("a", "v1", terminating())]), [3, 1, 0, 1, 1, 2, 1]),
        ("ended and on its way out", with(vec![pod("a", "v1", ended)]), [3, 0, 0, 0, 0, 3, 0]),
        // What has ended is never available, whatever its last condition says.
        ("failed, and ready still", with(vec![pod("a", "v1", failed())]), [3, 1, 0, 1, 0, 3, 1]),
        (
            "an older twin counts",
            with(vec![
                pod("a", "v1", json!({ "metadata": { "creationTimestamp": fixture::ago(5) } })),
                twin("a", 50, broken()),
            ]),
            [3, 1, 0, 0, 0, 3, 1],
        ),
        (
            "a younger one does not",
            with(vec![
                pod("a", "v1", json!({ "metadata": { "creationTimestamp": fixture::ago(50) } })),
                twin("a", 5, broken()),
            ]),
            [3, 1, 0, 1, 1, 2, 1],
        ),
        ("on a node that is gone", with(vec![pod("gone", "v1", ok())]), [3, 0, 0, 0, 0, 3, 0]),
    ] {
        assert_eq!(counts(&observation), expected, "{what}");
    }
    let mut kept = with(vec![pod("a", "v1", ok()), pod("b", "v1", ok())]);
    let taint = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    kept.nodes = fixture::nodes(vec![node("a", taint.clone()), node("b", ok()), node("c", taint)]);
    assert_eq!(counts(&kept), [1, 1, 1, 1, 1, 0, 1], "on a node that should not run one");
}

#[test]
fn pods_stay_updated_while_others_are_adopted() {
    let mut observation = observe(json!({}), vec![pod("a", "v1", ok()), pod("b", "v0", ok())]);
    let set = Arc::make_mut(&mut observation.set);
    (set.metadata.generation, set.status.observed_generation) = (5, 4);
    let places = crate::daemons::manage::places(&observation, observation.pods.iter().map(|p| p.as_ref()));
    let undecided = crate::daemons::status::status(&observation, &places.unwrap(), None, 0);
    assert_eq!(undecided.updated_number_scheduled, 1);
    assert_eq!(undecided.observed_generation, 4, "what is not recorded yet is not observed");
}

#[test]
fn ready_is_not_available_before_its_time_and_it_is_looked_at_again_then() {
    let ready_for = |seconds: i64| {
        json!({ "status": { "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(seconds) }] } })
    };
    let pods =
        || vec![pod("a", "v1", ready_for(100)), pod("b", "v1", ready_for(7)), pod("c", "v1", ready_for(2))];
    for strategy in [json!({ "type": "RollingUpdate" }), json!({ "type": "OnDelete" })] {
        let spec = json!({ "minReadySeconds": 10, "updateStrategy": strategy });
        let observation = observe(spec, pods());
        assert_eq!(counts(&observation), [3, 3, 0, 3, 1, 2, 3], "{strategy}");
        assert_eq!(plan(&observation).recheck_after, Some(std::time::Duration::from_secs(3)), "{strategy}");
    }
}

#[test]
fn a_rollout_that_waits_for_a_pod_whose_node_only_keeps_it_looks_again_when_that_is_available() {
    let ready = json!({ "status": { "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(4) }] } });
    let spec = json!({ "minReadySeconds": 10, "template": fixture::template("v2") });
    let mut observation =
        observe(spec, vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v2", ready)]);
    let taint = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    observation.nodes = fixture::nodes(vec![node("a", ok()), node("b", ok()), node("c", taint)]);
    let plan = plan(&observation);
    assert!(plan.waiting.iter().any(|w| matches!(w, Waiting::Budget { limit: 1, used: 1, .. })), "{plan}");
    assert_eq!(plan.recheck_after, Some(std::time::Duration::from_secs(6)), "{plan}");
}

#[test]
fn a_rollout_that_waits_for_a_dead_node_says_so() {
    let successor = fixture::pod::<Set>(
        &name("a", 1),
        "v2",
        json!({ "spec": { "nodeName": "a" }, "status": broken()["status"] }),
    );
    for (rolling, on_a) in [
        (json!({ "maxUnavailable": 1 }), vec![pod("a", "v1", terminating())]),
        (json!({ "maxUnavailable": 0, "maxSurge": 1 }), vec![pod("a", "v1", ok()), successor]),
    ] {
        let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": rolling });
        let spec = json!({ "template": fixture::template("v2"), "updateStrategy": strategy });
        let pods = on_a.into_iter().chain([pod("b", "v1", ok()), pod("c", "v1", ok())]).collect();
        let mut observation = observe(spec, pods);
        let said = |observation: &Observation<Set>| {
            let plan = plan(observation);
            plan.waiting.iter().map(ToString::to_string).find(|text| text.contains("of at most 1")).unwrap()
        };
        assert!(!said(&observation).contains("node is not ready"), "{}", said(&observation));
        let silent = json!({ "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
        observation.nodes = fixture::nodes(vec![node("a", silent), node("b", ok()), node("c", ok())]);
        assert!(said(&observation).contains("a (the node is not ready; its pod: "), "{}", said(&observation));
    }
}
