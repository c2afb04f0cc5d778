//! Plans of manifests that are odd, and of operators that are run with gates.

use berth_plan::feature_gates::Gates;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn set(api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": { "name": "web", "namespace": "ns", "uid": "u", "generation": 2, "annotations": {}, "finalizers": [] },
        "spec": {
            "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "serviceName": "web", "minReadySeconds": 1,
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1, "maxUnavailable": 1 } },
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete", "whenScaled": "Retain" },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"] } }],
            "template": { "metadata": { "labels": { "app": "web" } },
                          "spec": { "containers": [{ "name": "main", "image": "app:1" }], "nodeSelector": { "disk": "ssd" } } },
        },
        "status": { "observedGeneration": 1, "conditions": [{ "type": "Stalled", "status": "True", "reason": "FailedCreate" }] },
    })
}

fn others() -> [Value; 4] {
    let owner = json!([{ "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "name": "web", "uid": "u", "controller": true }]);
    let labels = json!({ "app": "web", "controller-revision-hash": "old" });
    [
        json!({ "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": "web-0", "namespace": "ns", "uid": "p", "labels": labels, "ownerReferences": owner },
                "spec": { "nodeName": "a", "containers": [{ "name": "main", "image": "app:0" }] },
                "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } }),
        json!({ "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {},
                "metadata": { "name": "old", "namespace": "ns", "uid": "r", "labels": labels, "ownerReferences": owner } }),
        json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {}, "status": { "phase": "Bound" },
                "metadata": { "name": "data-web-0", "namespace": "ns", "uid": "c", "ownerReferences": [] } }),
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a", "labels": { "disk": "ssd" } },
                "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] }, "status": { "conditions": [] } }),
    ]
}

/// The paths of all values below `value`.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(n, v)| paths(v, &format!("{path}/{}", escaped(n)), all))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, v)| paths(v, &format!("{path}/{n}"), all))
        }
        _ => {}
    }
}

/// Something that does not belong there.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!("x")),
        Just(json!("")),
        Just(json!("\u{fc}\n")),
        Just(json!(-1)),
        Just(json!(i64::MAX)),
        Just(json!(1.5)),
        Just(json!("150%")),
        Just(json!([[1], null, "x", {}])),
        Just(json!({ "name": 1, "spec": "x", "/": [] })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in a manifest and around it: it is planned, or a sentence says why not.
    #[test]
    fn no_manifest_panics(which in 0_usize..4, at in proptest::collection::vec((any::<prop::sample::Index>(), odd()), 1..4)) {
        let [ordinal, daemon] = [("OrdinalSet", "NodeDaemonSet"), ("StatefulSet", "DaemonSet")][which / 2].into();
        let version = ["berth.dev/v1", "apps/v1"][which / 2];
        let mut list = json!({ "apiVersion": "v1", "kind": "List", "items": [set(version, [ordinal, daemon][which % 2])] });
        list["items"].as_array_mut().unwrap().extend(others());
        for (index, odd) in at {
            let mut all = vec![];
            paths(&list, "", &mut all);
            *list.pointer_mut(&all[index.index(all.len())]).unwrap() = odd;
        }
        let Ok(documents) = manifest::parse(&list.to_string()) else { return Ok(()) };
        // As objects that are there, and as a manifest that is applied to them.
        let mut facts = Facts::new(Gates::default());
        documents.iter().for_each(|document| facts.add(document.clone(), "ns"));
        for documents in [&documents[..0], &documents[..]] {
            let Ok(all) = offline(facts.clone(), documents, &[], "ns") else { continue };
            for planned in all {
                let shown = text::render(&planned, false, Paint::plain());
                prop_assert!(shown.ends_with('\n'), "{}", shown);
                prop_assert!(as_json(&planned).is_object());
            }
        }
    }
}

/// With the gate off, pods are replaced one after the other, whatever `maxUnavailable` says.
#[test]
fn a_plan_goes_by_the_gates_of_the_operator() {
    let worst = |gates: &str| {
        let mut facts = Facts::new(Gates::parse([gates]).unwrap());
        let mut set = set("apps/v1", "StatefulSet");
        set["spec"]["updateStrategy"]["rollingUpdate"] = json!({ "partition": 0, "maxUnavailable": 3 });
        set["spec"]["podManagementPolicy"] = json!("Parallel");
        set["spec"]["minReadySeconds"] = json!(0);
        set["spec"]["volumeClaimTemplates"] = json!([]);
        facts.add(set, "ns");
        let labels = json!({ "app": "web", "controller-revision-hash": "old", "statefulset.kubernetes.io/pod-name": "" });
        for mut object in others().into_iter().take(2) {
            object["metadata"]["ownerReferences"][0]["apiVersion"] = json!("apps/v1");
            object["metadata"]["ownerReferences"][0]["kind"] = json!("StatefulSet");
            for ordinal in 0..if object["kind"] == "Pod" { 3 } else { 1 } {
                if object["kind"] == "Pod" {
                    object["metadata"]["labels"] = labels.clone();
                    object["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] =
                        json!(format!("web-{ordinal}"));
                    object["metadata"]["name"] = json!(format!("web-{ordinal}"));
                    object["metadata"]["uid"] = json!(format!("p{ordinal}"));
                }
                facts.add(object.clone(), "ns");
            }
        }
        let name = target::names(&["sts/web".to_owned()]).unwrap();
        offline(facts, &[], &name, "ns").unwrap()[0].forecast.worst_unavailable
    };
    assert_eq!((worst(""), worst("MaxUnavailableStatefulSet=false")), (3, 1));
}
