//! What comes after a pod that has ended, after a pod of an earlier set, and beside one that was adopted.

use berth_api::Surface;

use super::*;
use crate::plan::{Act, Part};

fn native(spec: Value, pods: Vec<Arc<Pod>>) -> Observation<Set> {
    let mut observation = observe(spec, pods);
    observation.key.surface = Surface::Apps;
    let set = Arc::make_mut(&mut observation.set);
    set.status.current_revision.clear();
    set.status.update_revision.clear();
    observation
}

fn three(on_a: Value) -> Vec<Arc<Pod>> {
    vec![pod("a", "v1", on_a), pod("b", "v1", ok()), pod("c", "v1", ok())]
}

fn in_slot(slot: u32, patch: Value) -> Arc<Pod> {
    let mut whole = json!({ "spec": { "nodeName": "a" } });
    fixture::merge(&mut whole, patch);
    fixture::pod::<Set>(&name("a", slot), "v1", whole)
}

fn succeeded() -> Value {
    json!({ "status": { "phase": "Succeeded", "conditions": null } })
}

fn both(mut patch: Value, more: Value) -> Value {
    fixture::merge(&mut patch, more);
    patch
}

/// All acts, reads among them, with names as node and slot.
fn acts(observation: &Observation<Set>) -> Vec<String> {
    let mut lines: Vec<String> = fixture::work(&plan(observation)).map(|a| a.act.to_string()).collect();
    for line in &mut lines {
        for (node, slot) in ["a", "b", "c"].into_iter().flat_map(|n| (0..3).map(move |s| (n, s))) {
            *line = line.replace(&format!("pod ns/{}", name(node, slot)), &format!("{node}{slot}"));
        }
    }
    lines
}

/// Kubernetes' conformance test waits until the name of the pod that failed is gone.
#[test]
fn the_successor_of_an_ended_native_pod_takes_the_next_name() {
    for ended in [failed(), succeeded()] {
        let observation = native(json!({}), three(ended));
        let expected = ["read a0 afresh", "create a1", "delete a0"];
        assert_eq!(acts(&observation), expected, "before it is gone: {}", plan(&observation));
        let plan = plan(&observation);
        assert_eq!(plan.stages[0].units.len(), 1, "the read and the creation are one unit: {plan}");
        assert!(plan.stages[0].independent && plan.stages[0].part == Part::Pods, "what ended goes: {plan}");
        let Act::Confirm { uid, .. } = &plan.actions().next().unwrap().act else { panic!("{plan}") };
        assert_eq!(uid, &observation.pod(&name("a", 0)).unwrap().metadata.uid, "the very one that was seen");
    }
    check("on a custom set one name a node stays", json!({}), three(failed()), &["delete a0"]);
}

#[test]
fn an_ended_native_pod_that_is_not_gone_yet_is_not_waited_for() {
    let vanishing = both(failed(), terminating());
    assert_eq!(acts(&native(json!({}), three(vanishing.clone()))), ["read a0 afresh", "create a1"]);
    check("a custom one is", json!({}), three(vanishing.clone()), &[]);
    // The other way round: that nothing has come in its place is read too.
    let rest = [pod("b", "v1", ok()), pod("c", "v1", ok())];
    let back = native(json!({}), [vec![in_slot(1, vanishing)], rest.to_vec()].concat());
    assert_eq!(acts(&back), ["read a1 afresh", "create a0"]);
    let back = native(json!({}), [vec![in_slot(1, failed())], rest.to_vec()].concat());
    assert_eq!(acts(&back), ["read a1 afresh", "create a0", "delete a1"]);
}

#[test]
fn an_ended_native_pod_gets_no_successor_too_soon() {
    let deletes = |pods: Vec<Arc<Pod>>| acts(&native(json!({}), pods));
    let mut pods = three(failed());
    pods.push(in_slot(1, ok()));
    assert_eq!(deletes(pods), ["delete a0"], "one runs already");
    let mut pods = three(failed());
    pods.push(in_slot(1, terminating()));
    assert_eq!(deletes(pods), ["delete a0"], "one still runs");
    let mut held = native(json!({}), three(failed()));
    held.memory.record_failed_pod(Slot::Node("a".to_owned()), held.now.mono);
    assert_eq!(acts(&held), Vec::<String>::new(), "it keeps its pause");
    let mut tainted = native(json!({}), three(failed()));
    let keep = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    tainted.nodes = fixture::nodes(vec![node("a", keep), node("b", ok()), node("c", ok())]);
    assert_eq!(acts(&tainted), ["delete a0"], "its node takes no new pods");
    let surge = json!({ "updateStrategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } });
    assert_eq!(acts(&native(surge, three(failed()))), ["read a0 afresh", "create a1", "delete a0"]);
}

/// A pod that kube-controller-manager named has no slot; it is read all the same.
#[test]
fn an_ended_pod_of_any_name_is_read_before_its_successor_comes() {
    let named =
        fixture::pod::<Set>("agent-x7k2p", "v1", both(failed(), json!({ "spec": { "nodeName": "a" } })));
    let observation = native(json!({}), vec![named, pod("b", "v1", ok()), pod("c", "v1", ok())]);
    assert_eq!(
        acts(&observation),
        ["read pod ns/agent-x7k2p afresh", "create a0", "delete pod ns/agent-x7k2p"]
    );
}

#[test]
fn a_pod_of_an_earlier_set_is_waited_for_on_its_node() {
    let earlier = |called: &str, kind: &str, patch: Value| {
        let owner = json!([{ "apiVersion": "berth.dev/v1", "kind": kind, "name": called, "uid": "earlier",
            "controller": true }]);
        let whole =
            both(json!({ "metadata": { "ownerReferences": owner }, "spec": { "nodeName": "a" } }), patch);
        fixture::pod::<Set>("agent-before", "v1", whole)
    };
    let with = |pod: Arc<Pod>| observe(json!({}), vec![pod]);
    let all = ["create a0", "create b0", "create c0"];
    for (what, pod, waits) in [
        ("being deleted", earlier("agent", "NodeDaemonSet", terminating()), true),
        ("not yet", earlier("agent", "NodeDaemonSet", ok()), true),
        ("ended", earlier("agent", "NodeDaemonSet", both(failed(), terminating())), false),
        ("of a set of another name", earlier("agent-x", "NodeDaemonSet", ok()), false),
        ("of another kind", earlier("agent", "OrdinalSet", ok()), false),
    ] {
        let observation = with(pod.clone());
        let expected = if waits { &all[1..] } else { &all[..] };
        assert_eq!(readable(&observation), expected, "{what}");
        let told = plan(&observation)
            .to_string()
            .contains("pod ns/agent-before: pod of an earlier NodeDaemonSet agent");
        assert_eq!(told, waits, "{what}: {}", plan(&observation));
    }
    let surge = json!({ "updateStrategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } });
    let surging = observe(surge, vec![earlier("agent", "NodeDaemonSet", terminating())]);
    assert_eq!(readable(&surging), &all[1..], "with surge too");
    // As upstream (docs/parity.md).
    let of = json!([{ "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "earlier", "controller": true }]);
    let mut native = native(json!({}), vec![]);
    native.pods = vec![earlier("agent", "DaemonSet", json!({ "metadata": { "ownerReferences": of } }))];
    assert_eq!(readable(&native), all);
}

/// Two sets with one selector, the first is orphaned: on each node the adopted pod, older and at another template, is beside one of ours.
#[test]
fn beside_an_adopted_pod_the_one_that_is_up_to_date_stays() {
    let adopted = |on: &str, patch: Value| {
        let whole =
            json!({ "metadata": { "creationTimestamp": fixture::ago(500) }, "spec": { "nodeName": on } });
        fixture::pod::<Set>(&format!("other-{on}"), "other", both(whole, patch))
    };
    let ours = |on: &str, patch: Value| {
        pod(on, "v1", both(json!({ "metadata": { "creationTimestamp": fixture::ago(100) } }), patch))
    };
    let pods: Vec<Arc<Pod>> =
        ["a", "b", "c"].iter().flat_map(|on| [adopted(on, ok()), ours(on, ok())]).collect();
    let expected = ["delete other-a", "delete other-b", "delete other-c"];
    check("three deletes", json!({}), pods.clone(), &expected);
    let rest = [pod("b", "v1", ok()), pod("c", "v1", ok())];
    let serving = |old: Value, new: Value| [vec![adopted("a", old), ours("a", new)], rest.to_vec()].concat();
    check("the one that serves stays", json!({}), serving(ok(), broken()), &["delete a0"]);
    check("else the one that is up to date", json!({}), serving(broken(), broken()), &["delete other-a"]);
    let native = native(json!({}), pods);
    assert_eq!(
        readable(&native),
        ["delete a0", "delete b0", "delete c0"],
        "the oldest stays, as upstream (B4.3)"
    );
}

#[test]
fn while_paused_a_set_without_nodes_keeps_its_revision() {
    for (paused, current) in [(true, "v1"), (false, "v2")] {
        let mut observation =
            observe(json!({ "paused": paused, "template": fixture::template("v2") }), vec![]);
        observation.nodes = fixture::nodes(vec![]);
        let plan = plan(&observation);
        let (mut status, changes) = (
            json!({ "currentRevision": "v1" }),
            plan.actions().map(|a| a.act.request().body["status"].clone()).next(),
        );
        let changes = changes.or(plan.status().cloned()).unwrap_or_default();
        fixture::merge(&mut status, changes);
        assert_eq!(status["currentRevision"], current, "paused {paused}: {plan}");
    }
}

fn twins(pods: Vec<Arc<Pod>>) -> Observation<Set> {
    let mut observation = native(json!({}), pods);
    let mut twin = (*observation.revisions[0]).clone();
    twin.metadata.name = "twin".to_owned();
    twin.metadata.uid = berth_api::Uid("twin-uid".to_owned());
    twin.revision = 1;
    observation.revisions = vec![Arc::new(twin), Arc::clone(&observation.revisions[0])];
    observation
}

/// B8.6: the newest is kept, pods get its label, then the others go. Nothing restarts.
#[test]
fn twin_revisions_of_a_native_set_are_merged() {
    let mixed = vec![pod("a", "v1", ok()), pod("b", "twin", ok()), pod("c", "older", broken())];
    let first = plan(&twins(mixed));
    assert_eq!(writes(&first), [format!("delete Pod {}", name("c", 0))], "the rollout goes first: {first}");
    let labelled = twins(vec![pod("a", "v1", ok()), pod("b", "twin", ok()), pod("c", "v1", ok())]);
    let first = plan(&labelled);
    let patch = first.actions().next().unwrap().act.request();
    assert_eq!(writes(&first), [format!("patch Pod {}", name("b", 0))], "{first}");
    assert_eq!(patch.body["metadata"]["labels"], json!({ "controller-revision-hash": "v1" }));
    assert!(patch.body["metadata"]["resourceVersion"].is_string(), "{patch:?}");

    let all_at = |label: &str| twins(["a", "b", "c"].map(|on| pod(on, label, ok())).to_vec());
    let then = plan(&all_at("v1"));
    assert_eq!(writes(&then), ["delete ControllerRevision twin"], "{then}");
    let mut custom = all_at("v1");
    custom.key.surface = Surface::Berth;
    let set = Arc::make_mut(&mut custom.set);
    (set.status.current_revision, set.status.update_revision) = ("v1".to_owned(), "v1".to_owned());
    assert_eq!(readable(&custom), Vec::<String>::new(), "custom sets keep both");
}

/// Where the API server rejects the deletion of what has ended, pods must not pile up.
#[test]
fn ended_native_pods_do_not_pile_up() {
    let mut pods = three(failed());
    pods.push(in_slot(1, failed()));
    let two = native(json!({}), pods);
    assert!(!acts(&two).iter().any(|act| act.starts_with("create")), "{:?}", acts(&two));
    let mut one = native(json!({}), three(failed()));
    assert!(acts(&one).contains(&"create a1".to_owned()));
    let object = crate::pod::object(one.pod(&name("a", 0)).unwrap());
    fixture::reject(&mut one.memory, berth_api::request::Verb::Delete, object, one.now);
    assert_eq!(acts(&one), Vec::<String>::new(), "{}", plan(&one));
}
