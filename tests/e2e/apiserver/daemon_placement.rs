//! Node daemon sets: which nodes get a pod, and what the pod looks like.

use berth_api::Uid;
use serde_json::{Value, json};

use crate::support::manifests::node_daemon_set;
use crate::support::plane::{MEMBER, pool};
use crate::support::read::{POD, is_ready, name, uid};
use crate::support::surface::rows;
use crate::support::{Plane, Scene, Surface, existing, number, text};

rows!(
    every_fitting_node_has_one_pod,
    a_deleted_or_failed_pod_is_replaced_on_its_node,
    pods_follow_nodes_that_join_leave_and_change,
    taints_keep_pods_off_and_drive_them_out,
    node_affinity_chooses_nodes_and_a_label_moves_a_pod,
);

fn every_fitting_node_has_one_pod(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "every-node", &["a", "b", "c"]) else { return };
    scene.apply(&scene.agent());
    let set = scene.settled_on(3);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b", "c"]));
    for (count, value) in [
        ("currentNumberScheduled", 3),
        ("numberReady", 3),
        ("numberAvailable", 3),
        ("updatedNumberScheduled", 3),
        ("numberMisscheduled", 0),
        ("numberUnavailable", 0),
    ] {
        // A native status leaves out a zero.
        assert_eq!(number(&set, &format!("/status/{count}")), value, "{count}");
    }
    if surface == Surface::Berth {
        assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    }

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
        let told = &pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/daemonset-pod"];
        assert_eq!(told == "true", surface == Surface::Berth, "the autoscaler knows a DaemonSet by its kind");
        let generation = &pod["metadata"]["labels"]["pod-template-generation"];
        assert_eq!(generation == "1", surface == Surface::Apps, "{generation}");
        let owner = &pod["metadata"]["ownerReferences"][0];
        assert_eq!((text(owner, "/kind"), text(owner, "/uid")), (surface.daemon_name(), uid(&set)));
        assert_eq!((&owner["controller"], &owner["blockOwnerDeletion"]), (&json!(true), &json!(true)));
    }

    if surface == Surface::Apps {
        assert!(scene.kubectl(&["rollout", "status", "ds/agent", "--timeout=10s"]).contains("rolled out"));
        return;
    }
    let table = scene.kubectl(&["get", "nds", "agent", "--output=wide"]);
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE IMAGES REVISION";
    assert_eq!(words[0].join(" "), head);
    assert_eq!(words[1][..6], ["agent", "3", "3", "3", "3", "3"]);
    assert_eq!(words[1][6], format!("{}={MEMBER}", pool(&scene.namespace)));
}

fn a_deleted_or_failed_pod_is_replaced_on_its_node(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-returns", &["a", "b"]) else { return };
    scene.apply(&scene.agent());
    let set = scene.settled_on(2);
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
            let other = scene.pod_on("agent", node).filter(|pod| uid(pod) != uid(before) && is_ready(pod));
            other.ok_or_else(|| format!("none on {node}"))
        });
        // The first name may still be taken by the pod that is on its way out.
        assert!(slots(&set, node, 2).contains(&name(&after).to_owned()));
    }
    // Kubernetes' conformance test waits until the name of the pod that failed is gone.
    if surface == Surface::Apps {
        scene.gone(POD, name(&pods[1]));
    }
}

fn pods_follow_nodes_that_join_leave_and_change(surface: Surface) {
    if Plane::shared().lacks_nodes(3) {
        return;
    }
    let scene = Scene::on(surface, "nodes-move");
    scene.add_nodes(&["a", "b"]);
    scene.apply(&scene.agent());
    scene.settled_on(2);

    scene.add_nodes(&["c"]);
    scene.settled_on(3);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b", "c"]));

    let label = |value| format!("{}={value}", pool(&scene.namespace));
    scene.kubectl(&["label", "node", &scene.node("b"), &label("elsewhere"), "--overwrite"]);
    scene.settled_on(2);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "c"]));
    scene.kubectl(&["label", "node", &scene.node("b"), &label(MEMBER), "--overwrite"]);
    scene.settled_on(3);

    if existing::leaves_out("a node is removed") {
        return;
    }
    // The pod of a node that is gone is the pod garbage collector's, which takes its time; the set counts without it at once.
    scene.plane.cluster.remove_node(&scene.node("c")).unwrap();
    scene
        .until(scene.daemons(), "agent", "2 nodes", |set| number(set, "/status/desiredNumberScheduled") == 2);
    scene.settled_on(2);
    scene.wait("the pod of the node that is gone to go", || {
        let left = nodes(&scene);
        if left == scene.nodes(&["a", "b"]) { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

fn taints_keep_pods_off_and_drive_them_out(surface: Surface) {
    if existing::leaves_out("its nodes are tainted and cordoned, and other tests use them") {
        return;
    }
    let scene = Scene::on(surface, "taints");
    scene.add_nodes(&["a", "b"]);
    let plain = scene.agent();
    let mut tolerant = node_daemon_set("tolerant", &scene.namespace);
    tolerant["spec"]["template"]["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    scene.apply(&plain);
    scene.apply(&tolerant);
    scene.settled_on(2);
    scene.settled(scene.daemons(), "tolerant");
    let a = scene.node("a");

    // NoSchedule: what is there stays, nothing new comes.
    scene.kubectl(&["taint", "node", &a, "test=on:NoSchedule"]);
    let set = scene.until(scene.daemons(), "agent", "one node", |set| {
        number(set, "/status/desiredNumberScheduled") == 1
    });
    assert_eq!(number(&set, "/status/numberMisscheduled"), 1);
    assert_eq!(nodes(&scene), scene.nodes(&["a", "b"]));
    let stays = scene.pod_on("agent", &a).unwrap();
    scene.kubectl(&["delete", "pod", name(&stays), "--wait=false"]);
    scene.gone(POD, name(&stays));
    let set = scene.until(scene.daemons(), "agent", "settled on b", |set| {
        number(set, "/status/numberMisscheduled") == 0
    });
    assert_eq!(number(&set, "/status/desiredNumberScheduled"), 1);
    assert_eq!(nodes(&scene), scene.nodes(&["b"]));
    scene.kubectl(&["taint", "node", &a, "test-"]);
    scene.settled_on(2);

    // NoExecute: what is there goes.
    let kept = uid(&scene.pod_on("tolerant", &a).unwrap()).to_owned();
    scene.kubectl(&["taint", "node", &a, "test=on:NoExecute"]);
    scene.settled_on(1);
    assert_eq!(nodes(&scene), scene.nodes(&["b"]));
    scene.kubectl(&["taint", "node", &a, "test-"]);
    scene.settled_on(2);
    assert_eq!(uid(&scene.pod_on("tolerant", &a).unwrap()), kept, "who tolerates the taint is not touched");

    // A cordoned node is tolerated by all daemons.
    scene.kubectl(&["cordon", &a]);
    let before = scene.pod_on("agent", &a).unwrap();
    scene.kubectl(&["delete", "pod", name(&before), "--wait=false"]);
    scene.wait("a new pod on the cordoned node", || {
        let after = scene.pod_on("agent", &a).filter(|pod| uid(pod) != uid(&before) && is_ready(pod));
        after.ok_or_else(|| "none".to_owned())
    });
}

/// As with a node selector; but the terms of the template are the set's, and those of the pod name its node.
fn node_affinity_chooses_nodes_and_a_label_moves_a_pod(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "affinity", &["a", "b"]) else { return };
    let colour = format!("{}-colour", pool(&scene.namespace));
    let mut set = scene.agent();
    let spec = &mut set["spec"]["template"]["spec"];
    let required = json!({"nodeSelectorTerms": [
        {"matchExpressions": [{"key": colour, "operator": "In", "values": ["blue", "green"]}]},
        {"matchExpressions": [{"key": colour, "operator": "In", "values": ["red"]}],
         "matchFields": [{"key": "metadata.name", "operator": "In", "values": [scene.node("b")]}]},
    ]});
    spec["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}});
    scene.apply(&set);
    scene.settled_on(0);
    let paint = |node: &str, colour_is: &str| {
        let label = if colour_is.is_empty() { format!("{colour}-") } else { format!("{colour}={colour_is}") };
        scene.kubectl(&["label", "node", &scene.node(node), &label, "--overwrite"]);
    };
    paint("a", "blue");
    scene.settled_on(1);
    assert_eq!(nodes(&scene), scene.nodes(&["a"]));
    let first = uid(&scene.pod_on("agent", &scene.node("a")).unwrap()).to_owned();
    paint("b", "red");
    scene.settled_on(2);
    paint("a", "green");
    paint("b", "yellow");
    scene.settled_on(1);
    assert_eq!(uid(&scene.pod_on("agent", &scene.node("a")).unwrap()), first, "any of the colours will do");
    paint("a", "red");
    scene.settled_on(0);
    scene.wait("the pods to go", || if nodes(&scene).is_empty() { Ok(()) } else { Err(String::new()) });
    for node in ["a", "b"] {
        paint(node, "");
    }
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
    (0..count).map(|slot| berth_plan::daemons::identity::pod_name("agent", &uid, node, slot)).collect()
}
