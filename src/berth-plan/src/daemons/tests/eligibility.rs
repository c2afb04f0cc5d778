//! Which nodes a template means, and which pod is on which node.

use super::*;
use crate::daemons::manage::places;

fn verdict(spec: Value, node: &berth_api::Node) -> (bool, bool) {
    let placement: Placement = serde_json::from_value(spec).unwrap();
    match node_fit::verdict(&placement, node) {
        Verdict::Run => (true, true),
        Verdict::Keep(_) => (false, true),
        Verdict::Leave(_) => (false, false),
    }
}

fn required(terms: Value) -> Value {
    json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": terms } } } })
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

/// What a node should run, and what may stay on it (B3).
#[test]
fn nodes_that_should_run_a_pod_and_nodes_that_may_keep_one() {
    let plain = json!({});
    let production = json!({ "metadata": { "labels": { "type": "production", "zone": "1" } } });
    let tainted =
        |key: &str, effect: &str| json!({ "spec": { "taints": [{ "key": key, "effect": effect }] } });
    let both = json!({ "spec": { "taints": [
        { "key": "soft", "effect": "NoSchedule" }, { "key": "hard", "effect": "NoExecute" }] } });
    let unready = json!({ "spec": { "unschedulable": true },
        "status": { "conditions": [{ "type": "Ready", "status": "False" }], "allocatable": { "cpu": "0" } } });
    let greedy = json!({ "containers": [{ "resources": { "requests": { "cpu": "1000" } },
        "ports": [{ "hostPort": 666 }] }] });
    let tolerates = |toleration: Value| json!({ "tolerations": [toleration] });
    let (runs, keeps, leaves) = ((true, true), (false, true), (false, false));
    for (what, spec, node_is, expected) in [
        ("nothing is asked for", json!({}), &plain, runs),
        ("room on the node, ports and readiness are the scheduler's matter", greedy, &unready, runs),
        ("another node's name", json!({ "nodeName": "other" }), &plain, leaves),
        ("this node's name", json!({ "nodeName": "n" }), &plain, runs),
        ("a selector that it lacks", json!({ "nodeSelector": { "type": "test" } }), &production, leaves),
        ("a selector that it has", json!({ "nodeSelector": { "type": "production" } }), &production, runs),
        (
            "half of a selector",
            json!({ "nodeSelector": { "type": "production", "disk": "ssd" } }),
            &production,
            leaves,
        ),
        (
            "an affinity that it lacks",
            required(json!([expression("type", "In", &["test"])])),
            &production,
            leaves,
        ),
        (
            "an affinity that it has",
            required(json!([expression("type", "In", &["production"])])),
            &production,
            runs,
        ),
        (
            "one of two terms",
            required(json!([expression("type", "In", &["test"]), expression("zone", "Exists", &[])])),
            &production,
            runs,
        ),
        (
            "a preferred affinity is no condition",
            json!({ "affinity": { "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                { "weight": 1, "preference": expression("type", "In", &["test"]) }] } } }),
            &production,
            runs,
        ),
        (
            "an affinity of pods is no condition",
            json!({ "affinity": { "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{ "topologyKey": "zone" }] } } }),
            &production,
            runs,
        ),
        ("a cordoned node", json!({}), &tainted("node.kubernetes.io/unschedulable", "NoSchedule"), runs),
        (
            "a node out of memory",
            json!({}),
            &tainted("node.kubernetes.io/memory-pressure", "NoSchedule"),
            runs,
        ),
        ("a node out of disk", json!({}), &tainted("node.kubernetes.io/disk-pressure", "NoSchedule"), runs),
        (
            "a node out of processes",
            json!({}),
            &tainted("node.kubernetes.io/pid-pressure", "NoSchedule"),
            runs,
        ),
        ("a node that is lost", json!({}), &tainted("node.kubernetes.io/unreachable", "NoExecute"), runs),
        (
            "a node that was not ready yet",
            json!({}),
            &tainted("node.kubernetes.io/not-ready", "NoSchedule"),
            keeps,
        ),
        (
            "a node without network",
            json!({}),
            &tainted("node.kubernetes.io/network-unavailable", "NoSchedule"),
            keeps,
        ),
        (
            "a node without network, for those on its network",
            json!({ "hostNetwork": true }),
            &tainted("node.kubernetes.io/network-unavailable", "NoSchedule"),
            runs,
        ),
        ("a taint that keeps off", json!({}), &tainted("soft", "NoSchedule"), keeps),
        ("a taint that drives out", json!({}), &tainted("hard", "NoExecute"), leaves),
        ("a taint that is only a wish", json!({}), &tainted("soft", "PreferNoSchedule"), runs),
        ("both", json!({}), &both, leaves),
        (
            "both, the hard one tolerated",
            tolerates(json!({ "key": "hard", "operator": "Exists" })),
            &both,
            keeps,
        ),
        (
            "both, the soft one tolerated",
            tolerates(json!({ "key": "soft", "operator": "Exists" })),
            &both,
            leaves,
        ),
        ("both tolerated", tolerates(json!({ "operator": "Exists" })), &both, runs),
        (
            "tolerated for a minute is tolerated",
            tolerates(json!({ "key": "hard", "operator": "Exists",
            "effect": "NoExecute", "tolerationSeconds": 60 })),
            &tainted("hard", "NoExecute"),
            runs,
        ),
        (
            "a selector that fails outweighs a taint that keeps off",
            json!({ "nodeSelector": { "type": "test" } }),
            &tainted("soft", "NoSchedule"),
            leaves,
        ),
    ] {
        assert_eq!(
            verdict(spec.clone(), &node("n", node_is.clone())),
            expected,
            "{what}: {spec} on {node_is}"
        );
    }
}

fn affinity(names: &[&str]) -> Value {
    json!({ "spec": { "nodeName": "", "affinity": { "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [{ "matchFields": [
            { "key": "metadata.name", "operator": "In", "values": names }] }] } } } } })
}

/// The node of a pod: where it is, else where it is meant to be (B4.1).
#[test]
fn the_node_of_a_pod() {
    let field = |key: &str, operator: &str, values: &[&str]| {
        json!({ "spec": { "nodeName": "", "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [{ "matchFields": [
                { "key": key, "operator": operator, "values": values }] }] } } } } })
    };
    let two_terms = json!({ "spec": { "nodeName": "", "affinity": { "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            expression("zone", "In", &["1"]), affinity(&["b"])["spec"]["affinity"]["nodeAffinity"]
                ["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]] } } } } });
    let mut bound_elsewhere = affinity(&["b"]);
    bound_elsewhere["spec"]["nodeName"] = json!("a");
    for (what, patch, expected) in [
        ("bound", json!({ "spec": { "nodeName": "a" } }), Some("a")),
        ("meant for a node", affinity(&["b"]), Some("b")),
        ("bound elsewhere than it was meant for", bound_elsewhere, Some("a")),
        ("the term that names a node is not the first", two_terms, Some("b")),
        ("nothing says so", json!({ "spec": { "nodeName": "" } }), None),
        ("two names say nothing", affinity(&["a", "b"]), None),
        ("no name says nothing", affinity(&[]), None),
        ("another field", field("metadata.namespace", "In", &["a"]), None),
        ("another operator", field("metadata.name", "NotIn", &["a"]), None),
    ] {
        let pod = pod("x", "v1", patch);
        assert_eq!(node_fit::node_of(&pod), expected, "{what}");
    }
}

/// The pods that count for a node: those of the set, unless they have ended and are on their way out.
#[test]
fn the_pods_of_each_node() {
    let ended = |phase: &str, deleted: bool| {
        let mut patch = json!({ "status": { "phase": phase } });
        if deleted {
            fixture::merge(&mut patch, terminating());
        }
        patch
    };
    let all = [
        pod("a", "v1", ok()),
        Arc::new({
            let mut second = (*pod("b", "v1", affinity(&["b"]))).clone();
            second.metadata.name = "agent-unbound".to_owned();
            second
        }),
        pod("c", "v1", ended("Failed", false)),
        pod("d", "v1", ended("Succeeded", true)),
        pod("e", "v1", terminating()),
        pod("f", "v1", json!({ "spec": { "nodeName": "" } })),
    ];
    let observation = observe(json!({}), vec![]);
    let places = places(&observation, all.iter().map(AsRef::as_ref)).unwrap();
    let counted: Vec<(&str, usize, bool)> =
        places.iter().map(|(name, place)| (*name, place.pods.len(), place.node.is_some())).collect();
    assert_eq!(counted, [("a", 1, true), ("b", 1, true), ("c", 1, true), ("e", 1, false)]);
}

/// A node was tainted a moment after a pod was made for it (D10): it will never start there, and all other nodes would wait for it.
#[test]
fn a_pod_that_cannot_start_on_its_node_goes() {
    let surging = json!({ "template": fixture::template("v2"), "updateStrategy": { "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } } });
    let on_a = json!({ "nodeSelectorTerms": [{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }] });
    let waiting = json!({
        "spec": { "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": on_a } } },
        "status": { "phase": "Pending", "conditions": null },
    });
    let mut second = (*fixture::pod::<Set>(&name("a", 1), "v2", waiting)).clone();
    second.spec.node_name = String::new();
    let second = Arc::new(second);
    let pods =
        vec![pod("a", "v1", broken()), pod("b", "v2", ok()), pod("c", "v1", ok()), Arc::clone(&second)];
    let mut observation = observe(surging, pods);
    let keep = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    let kept_off = fixture::nodes(vec![node("a", keep), node("b", ok()), node("c", ok())]);
    observation.nodes = kept_off.clone();
    let lines = readable(&observation);
    assert!(lines.contains(&"delete a1".to_owned()), "{lines:?}");
    observation.nodes = fixture::nodes(vec![node("a", ok()), node("b", ok()), node("c", ok())]);
    assert!(!readable(&observation).contains(&"delete a1".to_owned()), "where it can start it is waited for");

    let rolling = json!({ "template": fixture::template("v2"), "updateStrategy": { "rollingUpdate": { "maxUnavailable": 1 } } });
    let mut alone = observe(rolling, vec![second, pod("b", "v1", ok()), pod("c", "v1", ok())]);
    assert!(readable(&alone).is_empty(), "it uses the budget while it can start");
    alone.nodes = kept_off;
    assert_eq!(
        readable(&alone),
        ["delete a1", "delete b0"],
        "without surge it goes too, and leaves the budget to others"
    );
    let versions: Vec<Value> = fixture::work(&plan(&alone)).map(|a| a.act.request().body).collect();
    assert!(
        versions[0]["preconditions"]["resourceVersion"].is_string(),
        "only as long as it has no node: {versions:?}"
    );
}

/// What `berth why` counts is what decides.
#[test]
fn a_node_runs_a_pod_when_it_meets_all_requirements() {
    let term = |key: &str| json!({ "matchExpressions": [{ "key": key, "operator": "Exists" }] });
    let templates = [
        json!({}),
        json!({ "nodeName": "a" }),
        json!({ "nodeSelector": { "x": "1", "y": "1" } }),
        required(json!([])),
        required(json!([{}])),
        required(json!([term("x"), term("y")])),
        json!({ "tolerations": [{ "key": "k", "operator": "Exists" }] }),
        json!({ "hostNetwork": true }),
    ];
    let taint = |key: &str, effect: &str| json!([{ "key": key, "effect": effect }]);
    let taints = [
        json!([]),
        taint("k", "NoSchedule"),
        taint("k", "NoExecute"),
        taint("k", "PreferNoSchedule"),
        taint("node.kubernetes.io/unschedulable", "NoSchedule"),
        taint("node.kubernetes.io/network-unavailable", "NoSchedule"),
    ];
    let (mut run, mut stay) = (0, 0);
    for spec in &templates {
        let placement: Placement = serde_json::from_value(spec.clone()).unwrap();
        for name in ["a", "b"] {
            for labels in [json!({}), json!({ "x": "1" }), json!({ "x": "1", "y": "1" }), json!({ "y": "2" })]
            {
                for taints in &taints {
                    let node = json!({ "metadata": { "name": name, "labels": labels }, "spec": { "taints": taints } });
                    let node: berth_api::Node = serde_json::from_value(node).unwrap();
                    let unmet = node_fit::unmet(&placement, &node);
                    let runs = node_fit::verdict(&placement, &node).runs();
                    assert_eq!(unmet.is_empty(), runs, "{spec} {node:?} {unmet:?}");
                    if runs { run += 1 } else { stay += 1 }
                }
            }
        }
    }
    assert!(run > 50 && stay > 50, "{run} {stay}");
}
