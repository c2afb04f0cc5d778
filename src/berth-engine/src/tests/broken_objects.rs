//! Nothing that somebody can store makes a planner panic: objects of every resource with one value of any type in any place.

use berth_api::object;
use berth_api::{Kind, NodeDaemonSet, OrdinalSet, Resource, Surface};
use berth_plan::feature_gates::Gates;
use berth_plan::fixture::{self, key};
use berth_plan::memory::Memory;
use berth_plan::workload::{self, Set};
use berth_plan::{daemons, ordinals};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::watch::stores::Stores;

/// A value of any type.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("x")),
        Just(json!("")),
        Just(json!(i64::MAX)),
        Just(json!(-1)),
        Just(json!(1.5)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!(["x", 1, null])),
        Just(json!({})),
        Just(json!({ "spec": "x", "name": 7 })),
    ]
}

/// The paths of all values in an object.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, child) in fields {
                paths(child, &format!("{at}/{}", name.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (n, child) in items.iter().enumerate() {
                paths(child, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

fn labels() -> Value {
    json!({ "app": "web" })
}

fn template(tag: &str) -> Value {
    json!({
        "metadata": { "labels": labels(), "annotations": { "a": "b" }, "finalizers": ["f/g"] },
        "spec": {
            "containers": [{ "name": "main", "image": format!("nginx:{tag}") }],
            "volumes": [{ "name": "www", "emptyDir": {} }],
            "hostNetwork": true, "nodeSelector": { "disk": "ssd" },
            "tolerations": [{ "key": "k", "operator": "Exists" }],
            "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "disk", "operator": "In", "values": ["ssd"] }] }] } } },
        },
    })
}

/// A world in which there is something to do of every kind.
fn world<S: Set>(surface: Surface) -> Vec<(Resource, Value)> {
    let mut key = key::<S>();
    key.surface = surface;
    let uid = berth_api::Uid("set-uid".to_owned());
    let reference = json!(workload::reference(&key, &uid));
    let meta = |name: &str, labels: Value| {
        json!({ "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "resourceVersion": "20",
            "generation": 1, "labels": labels, "annotations": {}, "ownerReferences": [reference] })
    };
    let mut set = json!({
        "metadata": { "name": key.name, "namespace": "ns", "uid": "set-uid", "resourceVersion": "10", "generation": 2,
            "annotations": { "deprecated.daemonset.template.generation": "2" } },
        "spec": {
            "selector": { "matchLabels": labels(), "matchExpressions": [{ "key": "app", "operator": "Exists" }] },
            "template": template("v2"), "minReadySeconds": 1, "revisionHistoryLimit": 0,
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
        },
        "status": { "observedGeneration": 1, "currentRevision": "v1", "updateRevision": "v1", "collisionCount": 0,
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(9) }] },
    });
    if S::KIND == Kind::Ordinal {
        let ordinal = json!({
            "replicas": 3, "serviceName": "web", "ordinals": { "start": 0 }, "podManagementPolicy": "Parallel",
            "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete", "whenDeleted": "Delete" },
            "volumeClaimTemplates": [{ "metadata": { "name": "www", "labels": { "x": "y" } }, "spec": {} }],
        });
        fixture::merge(&mut set["spec"], ordinal);
    }
    let revision = |name: &str, number: i64| {
        (
            Resource::Revisions,
            json!({ "metadata": meta(name, labels()), "revision": number,
                "data": { "spec": { "template": template(name) } } }),
        )
    };
    let pod = |name: &str, node: &str| {
        let mut labels = labels();
        labels["controller-revision-hash"] = json!("v1");
        (
            Resource::Pods,
            json!({
                "metadata": meta(name, labels), "spec": { "nodeName": node, "volumes": [{ "name": "www",
                    "persistentVolumeClaim": { "claimName": "www-web-1" } }] },
                "status": { "phase": "Running", "containerStatuses": [{ "name": "main", "image": "i",
                    "state": { "waiting": { "reason": "CrashLoopBackOff" } }, "lastState": { "terminated": { "exitCode": 1 } } }],
                    "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(3600) }] },
            }),
        )
    };
    let node = |name: &str| {
        let taints = json!([{ "key": "k", "value": "v", "effect": "NoSchedule" }]);
        let body = json!({ "metadata": { "name": name, "uid": name, "resourceVersion": "3", "labels": { "disk": "ssd" } },
            "spec": { "taints": taints }, "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
        (Resource::Nodes, body)
    };
    let claim = json!({ "metadata": meta("www-web-1", json!({})), "status": { "phase": "Bound" } });
    vec![
        (key.resource(), set),
        revision("v1", 1),
        revision("v0", 0),
        pod(&format!("{}-1", key.name), "n1"),
        pod(&format!("{}-7", key.name), "n2"),
        (Resource::Claims, claim),
        node("n1"),
        node("n2"),
        node("n3"),
    ]
}

/// Plans for a world in which one value stands where another should.
fn survives<S: Set>(which: prop::sample::Index, place: prop::sample::Index, value: &Value, surface: Surface) {
    let mut world = world::<S>(surface);
    let count = world.len();
    let object = &mut world[which.index(count)].1;
    let mut all = vec![];
    paths(object, "", &mut all);
    let path = &all[place.index(all.len())];
    // The API server gives every object its metadata.
    if !path.is_empty() && path != "/metadata" {
        *object.pointer_mut(path).unwrap() = value.clone();
    }
    let mut stores = Stores::default();
    for item in world.iter().filter_map(|(resource, object)| object::item(*resource, &object.to_string())) {
        stores.put(item);
    }
    let mut key = key::<S>();
    key.surface = surface;
    let (memory, gates, now) = (Memory::default(), Gates::default(), fixture::now());
    match S::KIND {
        Kind::Ordinal => {
            drop(
                stores
                    .observe_ordinal(&key, memory, gates, now)
                    .map(|seen| ordinals::plan(&seen).to_string()),
            );
        }
        Kind::Daemon => {
            drop(
                stores.observe_daemon(&key, memory, gates, now).map(|seen| daemons::plan(&seen).to_string()),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_object_makes_a_planner_panic(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        value in any_value(),
        ordinal in any::<bool>(),
        native in any::<bool>(),
    ) {
        let surface = if native { Surface::Apps } else { Surface::Berth };
        if ordinal {
            survives::<OrdinalSet>(which, place, &value, surface);
        } else {
            survives::<NodeDaemonSet>(which, place, &value, surface);
        }
    }
}
