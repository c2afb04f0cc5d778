//! `kubectl drain` of a node with daemon pods on it: it ends, and `docs/drain.md` says what it does.

use serde_json::json;

use crate::support::plane::pool;
use crate::support::read::{POD, is_ready, name, text, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, existing};

rows!(a_drained_node_keeps_its_daemons_and_loses_the_rest);

fn a_drained_node_keeps_its_daemons_and_loses_the_rest(surface: Surface) {
    if existing::leaves_out("its nodes are drained, and other tests use them") {
        return;
    }
    let Some(scene) = Scene::on_nodes(surface, "drained", &["a"]) else { return };
    let node = scene.node("a");
    let mut set = scene.agent();
    set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "scratch", "emptyDir": {}}]);
    scene.apply(&set);
    scene.settled_on(1);
    let mut other = set.clone();
    other = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "other"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "other"}}, "template": other["spec"]["template"]},
    });
    other["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    scene.apply(&other);
    let other = scene.wait("the other pod to run", || {
        scene.pod_on("other", &node).filter(is_ready).ok_or_else(|| "none".to_owned())
    });
    let before = scene.pod_on("agent", &node).unwrap();

    // Without the flags it says what is in the way, cordons, and evicts nothing.
    let refused = scene.plane.cluster.kubectl_output(&["drain", &node, "--timeout=20s"]).unwrap();
    assert!(!refused.status.success(), "{}", refused.stdout);
    let (daemons, scratch) = ("DaemonSet-managed Pods", "Pods with local storage");
    match surface {
        // It knows daemon pods by the kind of their owner, so that these are like any other pod to it.
        Surface::Berth => assert!(!refused.stderr.contains(daemons), "{}", refused.stderr),
        Surface::Apps => assert!(refused.stderr.contains(daemons), "{}", refused.stderr),
    }
    // It names one kind of obstacle at a time, daemons first.
    assert!(surface == Surface::Apps || refused.stderr.contains(scratch), "{}", refused.stderr);
    assert_eq!(uid(&scene.get(POD, name(&before))), uid(&before));

    let flags: &[&str] = match surface {
        Surface::Berth => &["--delete-emptydir-data"],
        Surface::Apps => &["--delete-emptydir-data", "--ignore-daemonsets"],
    };
    let arguments = [&["drain", node.as_str(), "--timeout=60s"], flags].concat();
    let drained = scene.plane.cluster.kubectl_output(&arguments).unwrap();
    assert!(drained.status.success(), "{}\n{}", drained.stdout, drained.stderr);
    let told = drained.stdout.clone() + &drained.stderr;
    assert!(told.contains(&format!("evicting pod {}/{}", scene.namespace, name(&other))), "{told}");

    // The other pod has nowhere to go; the daemon is there, for it tolerates a cordoned node.
    scene.wait("a daemon on the drained node", || {
        scene.pod_on("agent", &node).filter(is_ready).ok_or_else(|| "none".to_owned())
    });
    scene.settled_on(1);
    let after = scene.pod_on("agent", &node).unwrap();
    assert_eq!(
        uid(&after) == uid(&before),
        surface == Surface::Apps,
        "an owner of kind DaemonSet is skipped"
    );
    let waits =
        scene.live_pods().into_iter().find(|pod| text(pod, "/metadata/labels/app") == "other").unwrap();
    assert_eq!(text(&waits, "/spec/nodeName"), "", "{}", pool(&scene.namespace));

    // Once the node is needed no more, taking it out of the pool takes the daemon away, and keeps it away.
    scene.kubectl(&["label", "node", &node, &format!("{}-", pool(&scene.namespace))]);
    scene.settled_on(0);
    scene.wait("the daemon to go", || match scene.pod_on("agent", &node) {
        None => Ok(()),
        Some(pod) => Err(name(&pod).to_owned()),
    });
    scene.kubectl(&["uncordon", &node]);
}
