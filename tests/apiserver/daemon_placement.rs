//! Node daemon sets: which nodes get a pod, and what the pod looks like.

use berth::api::Uid;
use serde_json::{Value, json};

use crate::support::manifests::node_daemon_set;
use crate::support::plane::{MEMBER, pool};
use crate::support::read::{NDS, POD, is_ready, name, uid};
use crate::support::{Plane, Scene, existing, number, text};

#[test]
fn every_fitting_node_has_one_pod() {
    let Some(scene) = Scene::on_nodes("every-node", &["a", "b", "c"]) else { return };
    scene.apply(&node_daemon_set("agent", "every-node"));
    let set = settled_on(&scene, 3);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b", "c"]));
    for (count, value) in [
        ("currentNumberScheduled", 3),
        ("numberReady", 3),
        ("numberAvailable", 3),
        ("updatedNumberScheduled", 3),
        ("numberMisscheduled", 0),
        ("numberUnavailable", 0),
    ] {
        assert_eq!(set["status"][count], value, "{count}");
    }
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);

    for pod in scene.live_pods() {
        let terms =
            &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let node = text(&pod, "/spec/nodeName");
        let field = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
        assert_eq!(terms["nodeSelectorTerms"], json!([{"matchFields": field}]));
        let tolerated: Vec<(&str, &str)> = pod["spec"]["tolerations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| (text(t, "/key").trim_start_matches("node.kubernetes.io/"), text(t, "/effect")))
            .collect();
        let defaults = [
            ("not-ready", "NoExecute"),
            ("unreachable", "NoExecute"),
            ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"),
            ("pid-pressure", "NoSchedule"),
            ("unschedulable", "NoSchedule"),
        ];
        assert_eq!(tolerated, defaults);
        assert_eq!(pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/daemonset-pod"], "true");
        let owner = &pod["metadata"]["ownerReferences"][0];
        assert_eq!((text(owner, "/kind"), text(owner, "/uid")), ("NodeDaemonSet", uid(&set)));
        assert_eq!((&owner["controller"], &owner["blockOwnerDeletion"]), (&json!(true), &json!(true)));
    }

    let table = scene.kubectl(&["get", "nds", "agent", "--output=wide"]);
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE IMAGES REVISION";
    assert_eq!(words[0].join(" "), head);
    assert_eq!(words[1][..6], ["agent", "3", "3", "3", "3", "3"]);
    assert_eq!(words[1][6], format!("{}={MEMBER}", pool("every-node")));
}

#[test]
fn a_deleted_or_failed_pod_is_replaced_on_its_node() {
    let Some(scene) = Scene::on_nodes("daemon-returns", &["a", "b"]) else { return };
    scene.apply(&node_daemon_set("agent", "daemon-returns"));
    let set = settled_on(&scene, 2);
    let pods = scene.live_pods();
    for pod in &pods {
        let node = text(pod, "/spec/nodeName");
        assert!(
            slots(&set, node, 1).contains(&name(pod).to_owned()),
            "a name that follows from the set and the node"
        );
    }
    scene.kubectl(&["delete", "pod", name(&pods[0]), "--wait=false"]);
    scene.fail(name(&pods[1]));
    for before in &pods {
        let node = text(before, "/spec/nodeName");
        let after = scene.wait("a new pod on the same node", || {
            let other = pod_on(&scene, "agent", node).filter(|pod| uid(pod) != uid(before) && is_ready(pod));
            other.ok_or_else(|| format!("none on {node}"))
        });
        // The first name may still be taken by the pod that is on its way out.
        assert!(slots(&set, node, 2).contains(&name(&after).to_owned()));
    }
}

#[test]
fn pods_follow_nodes_that_join_leave_and_change() {
    if Plane::shared().lacks_nodes(3) {
        return;
    }
    let scene = Scene::new("nodes-move");
    scene.add_nodes(&["a", "b"]);
    scene.apply(&node_daemon_set("agent", "nodes-move"));
    settled_on(&scene, 2);

    scene.add_nodes(&["c"]);
    settled_on(&scene, 3);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b", "c"]));

    let label = |value| format!("{}={value}", pool("nodes-move"));
    scene.kubectl(&["label", "node", &scene.node("b"), &label("elsewhere"), "--overwrite"]);
    settled_on(&scene, 2);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "c"]));
    scene.kubectl(&["label", "node", &scene.node("b"), &label(MEMBER), "--overwrite"]);
    settled_on(&scene, 3);

    if existing::leaves_out("a node is removed") {
        return;
    }
    // The pod of a node that is gone is the pod garbage collector's, which takes its time; the set counts without it at once.
    scene.plane.cluster.remove_node(&scene.node("c")).unwrap();
    scene.until(NDS, "agent", "2 nodes", |set| number(set, "/status/desiredNumberScheduled") == 2);
    settled_on(&scene, 2);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b"]));
}

#[test]
fn taints_keep_pods_off_and_drive_them_out() {
    if existing::leaves_out("its nodes are tainted and cordoned, and other tests use them") {
        return;
    }
    let scene = Scene::new("taints");
    scene.add_nodes(&["a", "b"]);
    let plain = node_daemon_set("agent", "taints");
    let mut tolerant = node_daemon_set("tolerant", "taints");
    tolerant["spec"]["template"]["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    scene.apply(&plain);
    scene.apply(&tolerant);
    settled_on(&scene, 2);
    scene.settled(NDS, "tolerant");
    let a = scene.node("a");

    // NoSchedule: what is there stays, nothing new comes.
    scene.kubectl(&["taint", "node", &a, "test=on:NoSchedule"]);
    let set = scene.until(NDS, "agent", "one node", |set| number(set, "/status/desiredNumberScheduled") == 1);
    assert_eq!(number(&set, "/status/numberMisscheduled"), 1);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b"]));
    let stays = pod_on(&scene, "agent", &a).unwrap();
    scene.kubectl(&["delete", "pod", name(&stays), "--wait=false"]);
    scene.gone(POD, name(&stays));
    let set = scene.until(NDS, "agent", "settled on b", |set| number(set, "/status/numberMisscheduled") == 0);
    assert_eq!(number(&set, "/status/desiredNumberScheduled"), 1);
    assert_eq!(nodes(&scene), scene.nodes(&["b"]));
    scene.kubectl(&["taint", "node", &a, "test-"]);
    settled_on(&scene, 2);

    // NoExecute: what is there goes.
    let kept = uid(&pod_on(&scene, "tolerant", &a).unwrap()).to_owned();
    scene.kubectl(&["taint", "node", &a, "test=on:NoExecute"]);
    settled_on(&scene, 1);
    assert_eq!(nodes(&scene), scene.nodes(&["b"]));
    scene.kubectl(&["taint", "node", &a, "test-"]);
    settled_on(&scene, 2);
    assert_eq!(uid(&pod_on(&scene, "tolerant", &a).unwrap()), kept, "who tolerates the taint is not touched");

    // A cordoned node is tolerated by all daemons.
    scene.kubectl(&["cordon", &a]);
    let before = pod_on(&scene, "agent", &a).unwrap();
    scene.kubectl(&["delete", "pod", name(&before), "--wait=false"]);
    scene.wait("a new pod on the cordoned node", || {
        let after = pod_on(&scene, "agent", &a).filter(|pod| uid(pod) != uid(&before) && is_ready(pod));
        after.ok_or_else(|| "none".to_owned())
    });
}

/// Waits until `agent` is settled on so many nodes.
fn settled_on(scene: &Scene, count: i64) -> Value {
    scene.until(NDS, "agent", &format!("settled on {count} nodes"), |set| {
        number(set, "/status/desiredNumberScheduled") == count && crate::support::read::is_settled(set)
    })
}

/// The nodes on which there are pods of `agent`, sorted.
fn nodes(scene: &Scene) -> Vec<String> {
    let pods = scene.live_pods();
    let pods = pods.iter().filter(|pod| text(pod, "/metadata/labels/app") == "agent");
    let mut nodes: Vec<String> = pods.map(|pod| text(pod, "/spec/nodeName").to_owned()).collect();
    nodes.sort();
    nodes
}

/// The names that the pods of a set may have on a node: that of the lowest free slot is taken.
fn slots(set: &Value, node: &str, count: u32) -> Vec<String> {
    let uid: Uid = serde_json::from_value(set["metadata"]["uid"].clone()).unwrap();
    (0..count).map(|slot| berth::daemons::identity::pod_name("agent", &uid, node, slot)).collect()
}

/// The pod of a set on a node.
fn pod_on(scene: &Scene, set: &str, node: &str) -> Option<Value> {
    let fits = |pod: &Value| text(pod, "/spec/nodeName") == node && text(pod, "/metadata/labels/app") == set;
    scene.live_pods().into_iter().find(fits)
}
