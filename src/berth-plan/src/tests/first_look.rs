//! Before the first pods, claims and revisions of an owner are touched since we lead, it is read afresh.

use berth_api::OrdinalSet;
use serde_json::{Value, json};

use crate::fixture::{self, pod, revision, writes};
use crate::memory::Memory;
use crate::ordinals;
use crate::plan::{Act, Plan};

/// The plan for `web` with this spec, which has come to rest at the last of three revisions with these ordinals.
fn plan(spec: &Value, there: &[i64], memory: Memory) -> Plan {
    let mut whole = json!({ "podManagementPolicy": "Parallel", "template": fixture::template("v3") });
    fixture::merge(&mut whole, spec.clone());
    let mut set = fixture::ordinal_set(whole);
    set.status.observed_generation = 1;
    set.status.current_revision = "v3".to_owned();
    set.status.update_revision = "v3".to_owned();
    let pods = there.iter().map(|n| pod::<OrdinalSet>(&format!("web-{n}"), "v3", json!({}))).collect();
    let revisions = (1..4).map(|n| revision::<OrdinalSet>(&format!("v{n}"), n, &format!("v{n}"))).collect();
    let mut observation = fixture::observe(set, pods, revisions);
    observation.memory = memory;
    ordinals::plan(&observation)
}

/// How many of its actions only read.
fn looks(plan: &Plan) -> usize {
    plan.actions().filter(|action| action.act.is_live_read()).count()
}

#[test]
fn the_first_plan_that_touches_anything_begins_with_a_look_at_its_owner() {
    for (spec, there, first) in [
        (json!({ "replicas": 2 }), vec![0, 2], "delete Pod web-2"),
        (json!({ "replicas": 1 }), vec![0, 1], "delete Pod web-1"),
        (json!({ "replicas": 0, "revisionHistoryLimit": 1 }), vec![], "delete ControllerRevision v1"),
        (
            json!({ "replicas": 0, "template": fixture::template("v1") }),
            vec![],
            "patch ControllerRevision v1",
        ),
    ] {
        let first_plan = plan(&spec, &there, Memory::default());
        let begins = fixture::work(&first_plan).next().map(|action| &action.act);
        assert!(
            matches!(begins, Some(Act::Confirm { object, generation: Some(1), .. }) if object.name == "web"),
            "{first_plan}"
        );
        assert_eq!(looks(&first_plan), 1, "{first_plan}");
        assert_eq!(writes(&first_plan)[0], first, "{first_plan}");
        let later = plan(&spec, &there, Memory::default().established());
        assert_eq!(looks(&later), 0, "{later}");
        assert_eq!(writes(&later), writes(&first_plan));
    }
}

#[test]
fn a_plan_that_touches_nothing_looks_at_nothing() {
    let plan = plan(&json!({ "replicas": 2 }), &[0, 1], Memory::default());
    assert_eq!(fixture::work(&plan).count(), 0, "{plan}");
}

#[test]
fn people_are_told_what_the_look_is_for() {
    let plan = plan(&json!({ "replicas": 3 }), &[0, 1], Memory::default());
    let conditions = plan.status().unwrap()["conditions"].clone();
    let reconciling = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Reconciling").unwrap();
    let told = reconciling["message"].as_str().unwrap();
    assert!(told.starts_with("create pod ns/web-2"), "{told}");
}

/// The list may be of the past: what the first read shows stops the plan as a whole, though the read is one that claims alone would need.
#[test]
fn the_first_look_stops_the_whole_plan() {
    for (surface, policy) in [("berth", "OrderedReady"), ("berth", "Parallel"), ("apps", "Parallel")] {
        let template = json!({ "metadata": { "name": "www" }, "spec": {} });
        let retention = json!({ "whenDeleted": "Delete", "whenScaled": "Delete" });
        let mut set = fixture::ordinal_set(json!({
            "replicas": 1, "podManagementPolicy": policy, "volumeClaimTemplates": [template],
            "persistentVolumeClaimRetentionPolicy": retention,
        }));
        set.status.observed_generation = 1;
        set.status.current_revision = "v1".to_owned();
        set.status.update_revision = "v1".to_owned();
        let pods = (0..3).map(|n| pod::<OrdinalSet>(&format!("web-{n}"), "v1", json!({}))).collect();
        let mut observation = fixture::observe(set, pods, vec![revision::<OrdinalSet>("v1", 1, "v1")]);
        if surface == "apps" {
            observation.key.surface = berth_api::Surface::Apps;
        }
        let claims = (0..3).map(|n| fixture::claim(&format!("www-web-{n}"), json!([])));
        observation.claims = claims.map(|claim| (claim.metadata.name.clone(), claim)).collect();
        observation.memory = Memory::default();
        let plan = ordinals::plan(&observation);
        let first = plan.stages.iter().find(|stage| stage.part != crate::plan::Part::Untie).unwrap();
        assert!(first.units.iter().flatten().all(|action| action.act.is_live_read()), "{plan}");
        assert!(!first.independent, "{surface}, {policy}: {plan}");
    }
}
