//! Tables of where daemon pods run and what a node daemon set does next.

use std::sync::Arc;

use berth_api::request::Verb;
use berth_api::template::Placement;
use berth_api::{NodeDaemonSet, Pod};
use serde_json::{Value, json};

use super::{identity, plan};
use crate::daemons::node_fit::{self, Verdict};
use crate::fixture::{self, broken, failed, node, revision, terminating, writes};
use crate::observation::Observation;
use crate::reason::{Slot, Waiting};

mod care;
mod counting;
mod eligibility;
mod fitting;
mod fleet;
mod names;
mod native;
mod rollout;
mod successors;

type Set = NodeDaemonSet;

fn name(node: &str, slot: u32) -> String {
    identity::pod_name("agent", &berth_api::Uid("set-uid".to_owned()), node, slot)
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
    recorded.data = crate::revisions::record::record(&set.spec.template).into();
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
    failing.memory.record_failed_pod(Slot::Node("a".to_owned()), failing.now.mono);
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
    waiting.memory.record_failed_pod(Slot::Node("a".to_owned()), waiting.now.mono);
    assert_eq!(readable(&waiting), Vec::<String>::new(), "it waits, though a new template is there");
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
    let planned = plan(&observation);
    let changes = planned.status().unwrap();
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
fn what_was_refused_is_tried_last() {
    let mut observation = observe(json!({}), vec![]);
    let refused = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", name("a", 0));
    let now = observation.now;
    fixture::reject(&mut observation.memory, Verb::Create, refused, now);
    observation.now.mono += std::time::Duration::from_secs(2);
    assert_eq!(
        readable(&observation),
        ["create b0", "create c0", "create a0"],
        "a policy about one node stops no other"
    );
}
