//! Tables of where daemon pods run and what a node daemon set does next.

use std::sync::Arc;

use serde_json::{Value, json};

use super::placement::{self, Verdict};
use super::{identity, plan};
use crate::api::template::Placement;
use crate::api::{NodeDaemonSet, Pod};
use crate::core::fixture::{self, broken, failed, node, revision, terminating, writes};
use crate::core::observation::Observation;
use crate::core::reason::{Slot, Waiting};

mod care;
mod counting;
mod eligibility;
mod fleet;
mod native;

type Set = NodeDaemonSet;

fn name(node: &str, slot: u32) -> String {
    identity::pod_name("agent", &crate::api::Uid("set-uid".to_owned()), node, slot)
}

/// The daemon pod of `node`.
fn pod(node: &str, revision: &str, patch: Value) -> Arc<Pod> {
    let mut whole = json!({ "spec": { "nodeName": node } });
    fixture::merge(&mut whole, patch);
    fixture::pod::<Set>(&name(node, 0), revision, whole)
}

/// `agent` with three nodes a, b and c.
fn observe(spec: Value, pods: Vec<Arc<Pod>>) -> Observation<Set> {
    let mut set = fixture::daemon_set(spec);
    let update =
        if set.spec.template.0["spec"]["containers"][0]["image"] == "nginx:v1" { "v1" } else { "v2" };
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = update.to_owned();
    let mut recorded = (*revision::<Set>(update, 2, "")).clone();
    recorded.data = crate::revisions::data::record(&set.spec.template);
    let mut revisions = vec![Arc::new(recorded)];
    if update == "v2" {
        revisions.push(revision::<Set>("v1", 1, "v1"));
    }
    let mut observation = fixture::observe(set, pods, revisions);
    observation.nodes = fixture::nodes(["a", "b", "c"].map(|n| node(n, json!({}))).to_vec());
    observation
}

fn ok() -> Value {
    json!({})
}

/// The plan's writes with the names of pods replaced by node and slot.
fn readable(observation: &Observation<Set>) -> Vec<String> {
    let plan = plan(observation);
    let mut lines = writes(&plan);
    for line in &mut lines {
        for node in ["a", "b", "c", "gone"] {
            for slot in 0..3 {
                *line = line.replace(&name(node, slot), &format!("{node}{slot}"));
            }
        }
        *line = line.replace("Pod ", "");
    }
    lines
}

fn check(what: &str, spec: Value, pods: Vec<Arc<Pod>>, expected: &[&str]) {
    let observation = observe(spec, pods);
    assert_eq!(readable(&observation), expected, "{what}:\n{}", plan(&observation));
}

#[test]
fn every_fitting_node_has_one_pod() {
    check("all", json!({}), vec![], &["create a0", "create b0", "create c0"]);
    check("the rest", json!({}), vec![pod("b", "v1", ok())], &["create a0", "create c0"]);
    let all = || vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    check("none missing", json!({}), all(), &[]);
    let going = vec![pod("a", "v1", terminating()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    check("a pod that is going keeps its place", json!({}), going, &[]);
    let mut unbound = all();
    let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
        { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["c"] }] }] } } });
    unbound[2] = pod("c", "v1", json!({ "spec": { "nodeName": "", "affinity": affinity } }));
    check("a pod that waits for the scheduler counts for its node", json!({}), unbound, &[]);
    let ended = json!({ "status": failed()["status"], "metadata": { "deletionTimestamp": fixture::ago(1),
        "finalizers": ["x/y"] } });
    let held = vec![pod("a", "v1", ended), pod("b", "v1", ok()), pod("c", "v1", ok())];
    check(
        "an ended pod that a finalizer holds makes room, under another name",
        json!({}),
        held,
        &["create a1"],
    );
}

#[test]
fn pods_that_should_not_be_there_go() {
    let mut twin = (*pod("a", "v1", ok())).clone();
    twin.metadata.name = "agent-twin".to_owned();
    twin.metadata.creation_timestamp = Some(fixture::now().wall);
    let pods = vec![Arc::new(twin), pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    check("the oldest stays", json!({}), pods, &["delete agent-twin"]);
    let gone = json!({ "spec": { "nodeName": "", "affinity": { "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["gone"] }] }] } } } } });
    let all = || vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())];
    let mut unbound = all();
    unbound.push(pod("gone", "v1", gone));
    check("waiting for a node that is gone", json!({}), unbound, &["delete gone0"]);
    let mut bound = all();
    bound.push(pod("gone", "v1", ok()));
    check("bound to a node that is gone: the pod garbage collector's", json!({}), bound, &[]);
    let selected = json!({ "template": { "spec": { "nodeSelector": { "disk": "ssd" } } } });
    check("no node fits any more", selected, all(), &["delete a0", "delete b0", "delete c0"]);
    let mut failing =
        observe(json!({}), vec![pod("a", "v1", failed()), pod("b", "v1", ok()), pod("c", "v1", ok())]);
    assert_eq!(readable(&failing), ["delete a0"]);
    failing.memory.replace(Slot::Node("a".to_owned()), failing.now.mono);
    assert_eq!(readable(&failing), Vec::<String>::new(), "the second time it waits");
    let fixed = json!({ "template": fixture::template("v2") });
    let mut mended =
        observe(fixed, vec![pod("a", "v1", failed()), pod("b", "v2", ok()), pod("c", "v2", ok())]);
    mended.memory = failing.memory;
    assert_eq!(
        readable(&mended),
        ["delete a0"],
        "a new template does not wait for the failures of the old one"
    );
    // Paused, it would come back just as it was: found by the search (seed 5480), at two pods a second.
    let paused = json!({ "paused": true, "template": fixture::template("v2") });
    let mut waiting =
        observe(paused, vec![pod("a", "v1", failed()), pod("b", "v1", ok()), pod("c", "v1", ok())]);
    assert_eq!(readable(&waiting), ["delete a0"]);
    waiting.memory.replace(Slot::Node("a".to_owned()), waiting.now.mono);
    assert_eq!(readable(&waiting), Vec::<String>::new(), "it waits, though a new template is there");
}

#[test]
fn taints_keep_pods_off_or_drive_them_out() {
    let taint = |effect: &str| {
        node("b", json!({ "spec": { "taints": [{ "key": "k", "value": "v", "effect": effect }] } }))
    };
    let toleration =
        |json: Value| serde_json::from_value::<Placement>(json!({ "tolerations": [json] })).unwrap();
    let verdict = |placement: &Placement, effect: &str| match placement::verdict(placement, &taint(effect)) {
        Verdict::Run => "run",
        Verdict::Keep(_) => "keep",
        Verdict::Leave(_) => "leave",
    };
    let none = Placement::default();
    assert_eq!(verdict(&none, "NoSchedule"), "keep");
    assert_eq!(verdict(&none, "NoExecute"), "leave");
    assert_eq!(verdict(&none, "PreferNoSchedule"), "run");
    for (tolerates, json) in [
        (true, json!({ "operator": "Exists" })),
        (true, json!({ "key": "k", "operator": "Exists" })),
        (true, json!({ "key": "k", "operator": "Equal", "value": "v" })),
        (true, json!({ "key": "k", "value": "v", "effect": "NoExecute" })),
        (false, json!({ "key": "k", "value": "other" })),
        (false, json!({ "key": "other", "operator": "Exists" })),
        (false, json!({ "key": "k", "operator": "Exists", "effect": "NoSchedule" })),
        (false, json!({ "key": "k", "operator": "Gt", "value": "v" })),
    ] {
        let expected = if tolerates { "run" } else { "leave" };
        assert_eq!(verdict(&toleration(json.clone()), "NoExecute"), expected, "{json}");
    }
    let standard = |key: &str, effect: &str| {
        node("a", json!({ "spec": { "taints": [{ "key": key, "effect": effect }] } }))
    };
    let network = standard("node.kubernetes.io/network-unavailable", "NoSchedule");
    assert!(placement::verdict(&none, &standard("node.kubernetes.io/unschedulable", "NoSchedule")).runs());
    assert!(placement::verdict(&none, &standard("node.kubernetes.io/not-ready", "NoExecute")).runs());
    assert!(!placement::verdict(&none, &network).runs());
    assert!(placement::verdict(&Placement { host_network: true, ..none }, &network).runs());
}

#[test]
fn node_affinity_terms() {
    let selects = |terms: Value| {
        let placement: Placement = serde_json::from_value(json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } } }))
        .unwrap();
        let node = node("a", json!({ "metadata": { "labels": { "disk": "ssd", "cores": "8" } } }));
        placement::verdict(&placement, &node).runs()
    };
    let label = |key: &str, operator: &str, values: Value| json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] });
    let field = |operator: &str, values: Value| json!({ "matchFields": [{ "key": "metadata.name", "operator": operator, "values": values }] });
    for (expected, terms) in [
        (true, json!([label("disk", "In", json!(["ssd", "nvme"]))])),
        (false, json!([label("disk", "NotIn", json!(["ssd"]))])),
        (true, json!([label("gpu", "NotIn", json!(["a100"]))])),
        (true, json!([label("disk", "Exists", json!([]))])),
        (true, json!([label("gpu", "DoesNotExist", json!([]))])),
        (true, json!([label("cores", "Gt", json!(["4"]))])),
        (false, json!([label("cores", "Lt", json!(["4"]))])),
        (false, json!([label("disk", "Gt", json!(["4"]))])),
        (false, json!([label("disk", "Near", json!(["ssd"]))])),
        (true, json!([field("In", json!(["a"]))])),
        (false, json!([field("In", json!(["a", "b"]))])),
        (false, json!([{}])),
        (false, json!([])),
        (true, json!([{}, field("NotIn", json!(["b"]))])),
        (
            false,
            json!([{ "matchFields": field("In", json!(["a"]))["matchFields"],
            "matchExpressions": label("gpu", "Exists", json!([]))["matchExpressions"] }]),
        ),
    ] {
        assert_eq!(selects(terms.clone()), expected, "{terms}");
    }
}

#[test]
fn a_pod_names_its_node_and_tolerates_what_daemons_must() {
    let spec = json!({ "template": { "spec": {
        "tolerations": [
            { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5 },
            { "key": "mine", "operator": "Exists" },
        ],
        "affinity": {
            "podAntiAffinity": { "kept": true },
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": ["kept"],
                "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
                    { "matchExpressions": [{ "key": "x", "operator": "DoesNotExist" }] }] },
            },
        },
    } } });
    let plan = plan(&observe(spec, vec![]));
    let pod = fixture::body(&plan, &name("a", 0));
    let affinity = &pod["spec"]["affinity"];
    assert_eq!(affinity["podAntiAffinity"]["kept"], true);
    assert_eq!(affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"], json!(["kept"]));
    assert_eq!(
        affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"],
        json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }])
    );
    let tolerations = pod["spec"]["tolerations"].as_array().unwrap();
    assert_eq!(tolerations.len(), 7, "{tolerations:?}");
    assert_eq!(tolerations[0]["tolerationSeconds"], Value::Null, "a default replaces its equal (B3.5)");
    assert_eq!(tolerations[1]["key"], "mine");
    assert_eq!(pod["spec"].get("nodeName"), None, "the scheduler binds");
    assert_eq!(pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/daemonset-pod"], "true");
}

#[test]
fn names_are_short_stable_and_different() {
    let uid = crate::api::Uid("set-uid".to_owned());
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
    let acts: Vec<_> = plan.actions().map(|a| a.act.to_string()).collect();
    assert_eq!(
        acts,
        [format!("read pod ns/{} afresh", name("a", 0)), format!("create pod ns/{}", name("a", 1))]
    );
    assert_eq!(plan.stages[0].units.len(), 1, "in this order, in one unit: {plan}");
}

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
fn status_counts_nodes() {
    let mut observation =
        observe(json!({}), vec![pod("a", "v1", ok()), pod("b", "v0", broken()), pod("c", "v1", ok())]);
    observation.nodes = fixture::nodes(vec![
        node("a", ok()),
        node("b", ok()),
        node("c", json!({ "spec": { "taints": [{ "key": "k", "effect": "NoExecute" }] } })),
        node("d", ok()),
    ]);
    let changes = plan(&observation).status.unwrap().changes;
    for (field, expected) in [
        ("desiredNumberScheduled", 3),
        ("currentNumberScheduled", 2),
        ("numberMisscheduled", 1),
        ("numberReady", 1),
        ("numberAvailable", 1),
        ("numberUnavailable", 2),
        ("updatedNumberScheduled", 1),
    ] {
        assert_eq!(changes[field], expected, "{field} in {changes}");
    }
}

#[test]
fn a_set_that_is_being_deleted_is_left_alone() {
    let mut observation = observe(json!({}), vec![pod("a", "v1", broken())]);
    Arc::make_mut(&mut observation.set).metadata.deletion_timestamp = Some(fixture::now().wall);
    assert!(plan(&observation).is_empty());
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
    let object = crate::core::pod::object(&observation.pods[0]);
    let reason = crate::api::status::ConditionReason::FailedDelete;
    observation.memory.refuse(reason, object, "no".to_owned(), None, true, observation.now.mono);
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

#[test]
fn a_pod_that_has_ended_and_vanishes_is_waited_for() {
    let dying = |finalizers: Value| {
        let mut patch = failed();
        fixture::merge(&mut patch, terminating());
        patch["metadata"]["finalizers"] = finalizers;
        vec![pod("a", "v1", patch), pod("b", "v1", ok()), pod("c", "v1", ok())]
    };
    check("its name is free in a moment", json!({}), dying(Value::Null), &[]);
    check("somebody holds it: the next name", json!({}), dying(json!(["x/hold"])), &["create a1"]);
}

#[test]
fn an_unreadable_pod_counts_as_present() {
    let mut observation =
        observe(json!({}), vec![pod("a", "v1", ok()), pod("b", "v1", ok()), pod("c", "v1", ok())]);
    let mut pod = (*observation.pods[0]).clone();
    let node = pod.spec.node_name.clone();
    (pod.spec, pod.status) = Default::default();
    pod.unreadable = Some("status.phase: expected a string".to_owned());
    observation.pods[0] = Arc::new(pod);
    let plan = plan(&observation);
    assert_eq!(writes(&plan), Vec::<String>::new(), "{node} has one already, whatever it is: {plan}");
    assert!(plan.to_string().contains("cannot be read"), "{plan}");
}

#[test]
fn a_creation_whose_answer_never_came_is_tried_under_the_same_name() {
    // Slot 0 was held by a pod that was let go, and is free by now; slot 1 may still be made by the lost request.
    let mut observation = observe(json!({}), vec![pod("b", "v1", ok()), pod("c", "v1", ok())]);
    let now = observation.now.mono;
    observation.memory.doubt(Slot::Node("a".to_owned()), name("a", 1), now);
    assert_eq!(readable(&observation), ["create a1"]);
    observation.now.mono += std::time::Duration::from_secs(121);
    assert_eq!(readable(&observation), ["create a0"], "by now it cannot arrive any more");
}

#[test]
fn what_was_refused_is_tried_last() {
    let mut observation = observe(json!({}), vec![]);
    let refused = crate::api::ObjectRef::new(crate::api::Resource::Pods, "ns", name("a", 0));
    let now = observation.now.mono;
    let reason = crate::api::status::ConditionReason::FailedCreate;
    observation.memory.refuse(reason, refused, "no".to_owned(), None, true, now);
    observation.now.mono += std::time::Duration::from_secs(2);
    assert_eq!(
        readable(&observation),
        ["create b0", "create c0", "create a0"],
        "a policy about one node stops no other"
    );
}

#[test]
fn a_long_name_hides_no_holder() {
    let long = "a".repeat(60);
    let mut stores = crate::core::engine::stores::Stores::default();
    let mut set = fixture::daemon_set(json!({}));
    set.metadata.name.clone_from(&long);
    let holder = identity::pod_name(&long, &set.metadata.uid, "a", 0);
    let released = json!({ "metadata": { "ownerReferences": null, "labels": null } });
    let mut holder_pod = (*fixture::pod::<Set>(&holder, "v1", released)).clone();
    holder_pod.metadata.owner_references.clear();
    use crate::core::engine::stores::Item;
    stores.put(Item::DaemonSet(crate::api::Surface::Berth, set));
    stores.put(Item::Pod(holder_pod));
    let key = crate::api::Key::new(crate::api::Surface::Berth, crate::api::Kind::Daemon, "ns", &long);
    let seen = stores.observe_daemon(&key, Default::default(), Default::default(), fixture::now()).unwrap();
    assert!(seen.pod(&holder).is_some(), "what holds a name is observed");
}
