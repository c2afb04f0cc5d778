//! Before the first pods and claims of an owner are touched since we lead, it is read afresh.

use serde_json::json;

use crate::api::OrdinalSet;
use crate::core::fixture::{self, pod, revision, writes};
use crate::core::memory::Memory;
use crate::core::plan::{Act, Plan};
use crate::ordinals;

/// `web` at rest but for these ordinals, which are there, and what an operator that has just begun to lead knows.
fn web(replicas: i32, there: &[i64], memory: Memory) -> Plan {
    let mut set = fixture::ordinal_set(json!({ "replicas": replicas, "podManagementPolicy": "Parallel" }));
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = "v1".to_owned();
    let pods = there.iter().map(|n| pod::<OrdinalSet>(&format!("web-{n}"), "v1", json!({}))).collect();
    let mut observation = fixture::observe(set, pods, vec![revision::<OrdinalSet>("v1", 1, "v1")]);
    observation.memory = memory;
    ordinals::plan(&observation)
}

fn looks(plan: &Plan) -> Vec<bool> {
    plan.actions().map(|action| action.act.is_look()).collect()
}

#[test]
fn the_first_plan_that_touches_pods_begins_with_a_look_at_its_owner() {
    for (replicas, there, first) in [(2, [0, 2], "create Pod web-1"), (1, [0, 1], "delete Pod web-1")] {
        let plan = web(replicas, &there, Memory::default());
        assert!(
            matches!(&plan.actions().next().unwrap().act, Act::Confirm { object, .. } if object.name == "web"),
            "{plan}"
        );
        assert_eq!(looks(&plan).iter().filter(|look| **look).count(), 1, "{plan}");
        assert_eq!(writes(&plan)[0], first, "{plan}");
        let again = web(replicas, &there, Memory::default().established());
        assert!(!looks(&again).contains(&true), "{again}");
        assert_eq!(writes(&again), writes(&plan));
    }
    assert_eq!(
        looks(&web(2, &[0, 1], Memory::default())),
        Vec::<bool>::new(),
        "what touches nothing looks at nothing"
    );
}

#[test]
fn nor_does_a_set_of_the_past_touch_the_history() {
    let plan = |limit: i32, tag: &str| {
        let mut set = fixture::ordinal_set(
            json!({ "replicas": 0, "revisionHistoryLimit": limit, "template": fixture::template(tag) }),
        );
        set.status.observed_generation = 1;
        set.status.current_revision = "v3".to_owned();
        set.status.update_revision = "v3".to_owned();
        let revisions =
            (1..4).map(|n| revision::<OrdinalSet>(&format!("v{n}"), n, &format!("v{n}"))).collect();
        let mut observation = fixture::observe(set, vec![], revisions);
        observation.memory = Memory::default();
        ordinals::plan(&observation)
    };
    for (limit, tag, first) in
        [(1, "v3", "delete ControllerRevision v1"), (9, "v1", "patch ControllerRevision v1")]
    {
        let plan = plan(limit, tag);
        assert_eq!(looks(&plan), [true, false], "{plan}");
        assert!(writes(&plan)[0].starts_with(first), "{plan}");
    }
}

#[test]
fn people_are_told_what_the_look_is_for() {
    let plan = web(3, &[0, 1], Memory::default());
    let conditions = plan.status.as_ref().unwrap().changes["conditions"].clone();
    let reconciling = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Reconciling").unwrap();
    let told = reconciling["message"].as_str().unwrap();
    assert!(told.starts_with("create pod ns/web-2"), "{told}");
}
