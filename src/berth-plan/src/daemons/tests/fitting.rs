//! Where daemon pods may run.

use berth_api::template::Placement;
use serde_json::{Value, json};

use super::super::plan;
use super::{name, observe};
use crate::daemons::node_fit::{self, Verdict};
use crate::fixture::{self, node};

#[test]
fn taints_keep_pods_off_or_drive_them_out() {
    let taint = |effect: &str| {
        node("b", json!({ "spec": { "taints": [{ "key": "k", "value": "v", "effect": effect }] } }))
    };
    let toleration =
        |json: Value| serde_json::from_value::<Placement>(json!({ "tolerations": [json] })).unwrap();
    let verdict = |placement: &Placement, effect: &str| match node_fit::verdict(placement, &taint(effect)) {
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
    assert!(node_fit::verdict(&none, &standard("node.kubernetes.io/unschedulable", "NoSchedule")).runs());
    assert!(node_fit::verdict(&none, &standard("node.kubernetes.io/not-ready", "NoExecute")).runs());
    assert!(!node_fit::verdict(&none, &network).runs());
    assert!(node_fit::verdict(&Placement { host_network: true, ..none }, &network).runs());
}

#[test]
fn node_affinity_terms() {
    let selects = |terms: Value| {
        let placement: Placement = serde_json::from_value(json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } } }))
        .unwrap();
        let node = node("a", json!({ "metadata": { "labels": { "disk": "ssd", "cores": "8" } } }));
        node_fit::verdict(&placement, &node).runs()
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
