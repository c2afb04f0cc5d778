//! How pods are replaced, with and without surge.

use std::sync::Arc;

use berth_api::Pod;
use berth_api::request::Verb;
use serde_json::{Value, json};

use super::super::plan;
use super::{Set, check, name, observe, ok, pod, readable};
use crate::fixture::{self, broken, node, terminating};
use crate::reason::{Slot, Waiting};

#[test]
fn a_rollout_keeps_to_its_budget() {
    let v2 = |max: Value| {
        json!({ "template": fixture::template("v2"),
        "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": max } } })
    };
    let at = |a: (&str, Value), b: (&str, Value), c: (&str, Value)| {
        vec![pod("a", a.0, a.1), pod("b", b.0, b.1), pod("c", c.0, c.1)]
    };
    let old = || at(("v1", ok()), ("v1", ok()), ("v1", ok()));
    check("one, the first by name", v2(json!(1)), old(), &["delete a0"]);
    check("a percentage is rounded up", v2(json!("34%")), old(), &["delete a0", "delete b0"]);
    check("nothing of 0%: one, or it would never move", v2(json!("0%")), old(), &["delete a0"]);
    check("a missing pod uses the budget", v2(json!(1)), old()[1..].to_vec(), &["create a0"]);
    let going = at(("v1", terminating()), ("v1", ok()), ("v1", ok()));
    check("so does one that is going", v2(json!(1)), going, &[]);
    let new_broken = at(("v2", broken()), ("v1", ok()), ("v1", ok()));
    check("and a new one that is not available", v2(json!(1)), new_broken, &[]);
    let old_broken = at(("v1", ok()), ("v1", broken()), ("v1", ok()));
    check(
        "broken old ones go outside the budget, and use it",
        v2(json!(1)),
        old_broken.clone(),
        &["delete b0"],
    );
    check("what is left goes to healthy ones", v2(json!(2)), old_broken, &["delete b0", "delete a0"]);
    let on_delete = json!({ "template": fixture::template("v2"), "updateStrategy": { "type": "OnDelete" } });
    check("OnDelete", on_delete, old(), &[]);
    let plan = plan(&observe(v2(json!(1)), at(("v2", broken()), ("v1", ok()), ("v1", ok()))));
    assert!(plan.waiting.iter().any(|w| matches!(w, Waiting::Budget { limit: 1, used: 1, .. })), "{plan}");
}

#[test]
fn with_surge_a_pod_that_keeps_vanishing_is_made_more_and_more_slowly() {
    let surge = json!({ "template": fixture::template("v2"), "updateStrategy": { "type": "RollingUpdate",
        "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } } });
    for (what, old) in [("serves", ok()), ("is broken", broken())] {
        let mut seen =
            observe(surge.clone(), vec![pod("a", "v1", old), pod("b", "v1", ok()), pod("c", "v2", ok())]);
        // A webhook takes the labels off: each of them is let go, and none is there.
        for _ in 0..3 {
            seen.memory.record_create(Slot::Node("a".to_owned()), seen.now.mono);
        }
        let plan = plan(&seen);
        let waits =
            |w: &Waiting| matches!(w, Waiting::Vanishing { slot: Slot::Node(node), .. } if node == "a");
        assert!(plan.waiting.iter().any(waits), "the old one {what}: {plan}");
        assert_eq!(readable(&seen), ["create b1"], "the old one {what}: another node has its turn");
    }
}

#[test]
fn with_surge_the_new_pod_comes_first() {
    let surge = |max: Value| {
        json!({ "template": fixture::template("v2"), "updateStrategy": { "type": "RollingUpdate",
            "rollingUpdate": { "maxUnavailable": 0, "maxSurge": max } } })
    };
    let second = |node: &str, patch: Value| {
        let mut whole = json!({ "spec": { "nodeName": node } });
        fixture::merge(&mut whole, patch);
        fixture::pod::<Set>(&name(node, 1), "v2", whole)
    };
    let old = || vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    let with = |more: Vec<Arc<Pod>>| [old(), more].concat();
    check("one, the first by name", surge(json!(1)), old(), &["create a1"]);
    check("a percentage is rounded up", surge(json!("34%")), old(), &["create a1", "create b1"]);
    check("not beyond the budget", surge(json!(1)), with(vec![second("a", broken())]), &[]);
    check(
        "the old one goes for an available one",
        surge(json!(1)),
        with(vec![second("a", ok())]),
        &["delete a0"],
    );
    let mut going = with(vec![second("a", ok())]);
    going[0] = pod("a", "v1", terminating());
    check("and the next comes when it is on its way out (D5)", surge(json!(1)), going, &["create b1"]);
    let mut broken_old = old();
    broken_old[1] = pod("b", "v1", broken());
    check("beside a broken old one always", surge(json!(1)), broken_old.clone(), &["create a1", "create b1"]);
    broken_old.push(second("b", broken()));
    check("and a broken old one goes for any new one", surge(json!(1)), broken_old, &["delete b0"]);
    // The first rollout got as far as a new pod that serves beside a broken old one when the template changed again.
    let mut overtaken = old();
    overtaken[1] = pod("b", "v0", broken());
    overtaken.push(fixture::pod::<Set>(&name("b", 1), "v1", json!({ "spec": { "nodeName": "b" } })));
    check("of two old ones the one that serves stays", surge(json!(1)), overtaken, &["delete b0"]);
    let mut going = old();
    going[0] = pod("a", "v1", terminating());
    check(
        "a pod on its way out keeps no successor waiting",
        surge(json!(1)),
        going,
        &["create a1", "create b1"],
    );
    let mut twins = with(vec![second("a", ok())]);
    let mut third = (*second("a", ok())).clone();
    third.metadata.name = "agent-third".to_owned();
    third.metadata.creation_timestamp = Some(fixture::now().wall);
    twins.push(Arc::new(third));
    check("of each revision one stays", surge(json!(1)), twins, &["delete agent-third", "delete a0"]);

    // A node that no longer takes new pods.
    let mut tainted = observe(surge(json!(1)), old());
    let keep = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    tainted.nodes = fixture::nodes(vec![node("a", keep), node("b", ok()), node("c", ok())]);
    assert_eq!(
        readable(&tainted),
        ["delete a0", "create b1"],
        "its old pod goes as long as enough others are available"
    );
    tainted.pods.retain(|p| p.metadata.name != name("c", 0));
    tainted.pods.push(pod("c", "v1", broken()));
    tainted.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    assert_eq!(readable(&tainted), ["create b1", "create c1"], "but not before");
}

#[test]
fn a_pod_that_cannot_be_deleted_keeps_no_other_node_waiting() {
    let taint = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoExecute" }] } });
    let mut observation = observe(json!({}), vec![pod("a", "v1", ok())]);
    observation.nodes = fixture::nodes(vec![node("a", taint), node("b", ok()), node("c", ok())]);
    let first = plan(&observation);
    assert!(first.stages[0].independent, "its failure stops nothing:\n{first}");
    let object = crate::pod::object(&observation.pods[0]);
    fixture::reject(&mut observation.memory, Verb::Delete, object, observation.now);
    assert_eq!(readable(&observation), ["create b0", "create c0"], "and it alone is held back");
}

#[test]
fn where_no_node_should_run_a_pod_nothing_is_rolled() {
    let spec = json!({ "template": fixture::template("v2"),
        "updateStrategy": { "rollingUpdate": { "maxUnavailable": "10%" } } });
    let mut observation = observe(spec, vec![pod("a", "v1", ok()), pod("b", "v1", ok())]);
    let kept = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    observation.nodes = fixture::nodes(["a", "b"].map(|n| node(n, kept.clone())).to_vec());
    Arc::make_mut(&mut observation.set).status.current_revision = "v2".to_owned();
    assert_eq!(readable(&observation), Vec::<String>::new(), "a tenth of nothing is nothing (B6.1)");
}

#[test]
fn pods_of_a_twin_revision_are_up_to_date() {
    let mut observation =
        observe(json!({}), vec![pod("a", "v1", ok()), pod("b", "twin", ok()), pod("c", "v1", ok())]);
    let mut twin = (*observation.revisions[0]).clone();
    twin.metadata.name = "twin".to_owned();
    twin.revision = 1;
    observation.revisions.insert(0, Arc::new(twin));
    assert_eq!(readable(&observation), Vec::<String>::new(), "B8.6: nothing is restarted");
}

/// One node is all that may be unavailable, or surge, and its pod may not be deleted, or its new one not be made (D11).
#[test]
fn a_rejected_replacement_keeps_no_budget_from_the_others() {
    let pods = || vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    let spec = |rolling: Value| json!({ "template": fixture::template("v2"), "updateStrategy": { "rollingUpdate": rolling } });
    for (rolling, verb, slot, expected) in [
        (json!({ "maxUnavailable": 1 }), Verb::Delete, 0, "delete b0"),
        (json!({ "maxSurge": 1, "maxUnavailable": 0 }), Verb::Create, 1, "create b1"),
    ] {
        let mut observation = observe(spec(rolling), pods());
        let object = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", name("a", slot));
        fixture::reject(&mut observation.memory, verb, object, observation.now);
        // After a rejected creation the others wait too, as long as it does; then they are tried before it.
        observation.now.mono +=
            std::time::Duration::from_millis(if verb == Verb::Create { 1500 } else { 500 });
        assert_eq!(readable(&observation), [expected], "{}", plan(&observation));
    }
}

/// The only node that may surge does, while another may not have a pod: that stands in the way all the same (X12).
#[test]
fn a_rejected_pod_that_waits_for_its_turn_is_reported() {
    let mut second = json!({ "spec": { "nodeName": "b" } });
    fixture::merge(&mut second, broken());
    let pods = ["a", "b", "c"].map(|node| pod(node, "v1", ok())).to_vec();
    let pods = [pods, vec![fixture::pod::<Set>(&name("b", 1), "v2", second)]].concat();
    let mut observation = observe(surge_of_one(), pods);
    let object = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", name("a", 1));
    fixture::reject(&mut observation.memory, Verb::Create, object, observation.now);
    observation.now.mono += std::time::Duration::from_millis(1500);
    let plan = plan(&observation);
    let [waits] = plan.postponed.as_slice() else { panic!("{plan}") };
    assert_eq!(waits.act.object().name, name("a", 1));
    let status = plan.status().expect("a status").to_string();
    assert!(status.contains("FailedCreate"), "{status}");
}

/// An API server that fails to make one pod says nothing about the others: they go first.
#[test]
fn a_pod_that_a_busy_api_server_never_makes_does_not_end_a_surge() {
    let pods = ["a", "b", "c"].map(|node| pod(node, "v1", ok())).to_vec();
    let mut observation = observe(surge_of_one(), pods);
    let first = plan(&observation);
    let create = fixture::work(&first).find(|action| action.act.verb() == Verb::Create).unwrap().clone();
    let outcome = crate::memory::Outcome::Rejected { message: "timed out", wait: None, reported: false };
    observation.memory.record(&create, outcome, observation.now.mono);
    observation.now.mono += std::time::Duration::from_millis(1500);
    assert_eq!(fixture::writes(&plan(&observation)), [format!("create Pod {}", name("b", 1))]);
}

/// A rejection of a pod that waits for its turn is reported until the spec is changed, and for 400 s at most.
#[test]
fn a_rejection_that_is_not_repeated_is_not_reported_for_long() {
    let pods = ["a", "b", "c"].map(|node| pod(node, "v1", ok())).to_vec();
    for (what, seconds, changed, reported) in
        [("now", 10, false, 1), ("much later", 400, false, 0), ("the spec was changed", 10, true, 0)]
    {
        let mut observation = observe(surge_of_one(), pods.clone());
        let object = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", name("a", 1));
        fixture::reject(&mut observation.memory, Verb::Create, object, observation.now);
        if changed {
            observation.memory.rejections.retry_now();
        }
        observation.now.mono += std::time::Duration::from_secs(seconds);
        let plan = plan(&observation);
        assert_eq!(plan.postponed.len(), reported, "{what}: {plan}");
        let left = std::time::Duration::from_secs(400 - seconds);
        assert!(reported == 0 || plan.recheck_after.is_some_and(|delay| delay <= left), "{what}");
    }
}

fn surge_of_one() -> Value {
    json!({ "template": fixture::template("v2"), "updateStrategy": { "type": "RollingUpdate",
        "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } } })
}
