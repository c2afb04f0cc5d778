//! Names of daemon pods, and what is done when one is taken or in doubt.

use berth_api::request::Verb;
use serde_json::json;

use super::super::{identity, plan};
use super::{Set, name, observe, ok, pod, readable};
use crate::fixture;
use crate::plan::Act;
use crate::reason::Slot;

#[test]
fn names_are_short_stable_and_different() {
    let uid = berth_api::Uid("set-uid".to_owned());
    assert_eq!(identity::pod_name("agent", &uid, "a", 0), name("a", 0));
    let long = identity::pod_name(&"x".repeat(63), &uid, "a", 0);
    assert_eq!(long.len(), 63, "{long}");
    let cut = identity::pod_name(&format!("{}-y", "x".repeat(49)), &uid, "a", 0);
    assert!(!cut.contains("--"), "{cut}");
    let names: std::collections::BTreeSet<_> =
        (0..5000).flat_map(|n| (0..3).map(move |slot| name(&format!("node-{n}"), slot))).collect();
    assert_eq!(names.len(), 15_000);
}

#[test]
fn a_further_name_is_used_only_after_the_earlier_was_read_afresh() {
    let let_go = fixture::pod::<Set>(
        &name("a", 0),
        "v1",
        json!({ "metadata": { "ownerReferences": null,
        "labels": { "app": "debug" } } }),
    );
    let observation = observe(json!({}), vec![let_go, pod("b", "v1", ok()), pod("c", "v1", ok())]);
    let plan = plan(&observation);
    let acts: Vec<_> = fixture::work(&plan).map(|a| a.act.to_string()).collect();
    assert_eq!(
        acts,
        [format!("read pod ns/{} afresh", name("a", 0)), format!("create pod ns/{}", name("a", 1))]
    );
    assert_eq!(plan.stages[0].units.len(), 1, "in this order, in one unit: {plan}");
}

/// An operator that has just begun may have been given a list of the past, which lacks the pod in slot 1.
#[test]
fn before_anything_was_seen_that_we_wrote_one_pod_is_made_after_a_look_at_the_names_after_its_own() {
    let acts = |observation: &crate::observation::Observation<Set>| -> Vec<String> {
        fixture::work(&plan(observation)).map(|a| a.act.to_string()).collect()
    };
    let looks = |slot| format!("read pod ns/{} afresh", name("a", slot));
    let mut observation = observe(json!({}), vec![pod("c", "v1", ok())]);
    observation.memory.caught_up = false;
    let makes = format!("create pod ns/{}", name("a", 0));
    assert_eq!(acts(&observation), [looks(1), looks(2), makes]);
    assert_eq!(plan(&observation).stages[0].units.len(), 1, "in this order, in one unit");

    // What is there must be what was seen.
    let let_go = json!({ "metadata": { "ownerReferences": null, "labels": { "app": "debug" } } });
    observation.pods.push(fixture::pod::<Set>(&name("a", 1), "v1", let_go));
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let held = plan(&observation).actions().find_map(|a| match &a.act {
        Act::Confirm { uid, .. } => Some(uid.clone()),
        _ => None,
    });
    assert_eq!(held, Some(observation.pod(&name("a", 1)).unwrap().metadata.uid.clone()));

    // A pod that is refused keeps no other node waiting (X6).
    let object = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", name("a", 0));
    let now = observation.now;
    fixture::reject(&mut observation.memory, Verb::Create, object, now);
    observation.now.mono += std::time::Duration::from_secs(2);
    assert_eq!(readable(&observation), ["create b0", "create a0"], "what was refused comes last");
}

#[test]
fn a_creation_whose_answer_never_came_is_tried_under_the_same_name() {
    // Slot 0 was held by a pod that was let go, and is free by now; slot 1 may still be made by the lost request.
    let mut observation = observe(json!({}), vec![pod("b", "v1", ok()), pod("c", "v1", ok())]);
    let now = observation.now.mono;
    observation.memory.record_unknown_create(Slot::Node("a".to_owned()), name("a", 1), now);
    assert_eq!(readable(&observation), ["create a1"]);
    observation.now.mono += std::time::Duration::from_secs(121);
    assert_eq!(readable(&observation), ["create a0"], "by now it cannot arrive any more");
}
