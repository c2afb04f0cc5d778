//! Whose a pod is: taking over, letting go, and what the end of a set means for its pods.

use serde_json::{Value, json};

use crate::support::manifests::{node_daemon_set, ordinal_set};
use crate::support::plane::{ORDINALS, pool};
use crate::support::read::{self, Kind, NDS, OSET, POD, REVISION, name, number, text, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface};

rows!(
    an_orphan_is_taken_over_by_its_canonical_name_only,
    a_daemon_takes_over_a_pod_that_runs_on_its_node,
    a_pod_whose_labels_no_longer_match_is_let_go_and_stands_in_the_way,
    a_set_that_is_made_again_waits_for_the_earlier_pods,
);

fn an_orphan_is_taken_over_by_its_canonical_name_only(surface: Surface) {
    let scene = Scene::on(surface, "orphans");
    let mut set = ordinal_set("web", 2);
    // An orphan has no revision: a rolling update would rightly replace it at once.
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    for pod in ["web-0", "web-01", "web-x"] {
        scene.apply(&pod_like(&set, pod));
    }
    let before = scene.get(POD, "web-0");
    scene.apply(&set);
    let set = scene.settled(scene.set, "web");
    let after = scene.get(POD, "web-0");
    assert_eq!(uid(&after), uid(&before));
    assert_eq!(after["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "web-0");
    let owner = &after["metadata"]["ownerReferences"][0];
    assert_eq!(text(owner, "/uid"), uid(&set));
    assert_eq!((&owner["controller"], &owner["blockOwnerDeletion"]), (&json!(true), &json!(true)));
    for stranger in ["web-01", "web-x"] {
        assert!(scene.get(POD, stranger)["metadata"].get("ownerReferences").is_none(), "{stranger}");
    }
    assert_eq!(number(&set, "/status/replicas"), 2);
}

fn a_daemon_takes_over_a_pod_that_runs_on_its_node(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-orphans", &["a"]) else { return };
    let mut set = scene.agent();
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    let mut pod = pod_like(&set, "by-hand");
    pod["spec"]["nodeName"] = json!(scene.node("a"));
    scene.apply(&pod);
    let before = scene.until(POD, "by-hand", "ready", read::is_ready);
    scene.apply(&set);
    let set = scene
        .until(scene.daemons(), "agent", "1 available", |set| number(set, "/status/numberAvailable") == 1);
    let pods = scene.list(POD);
    assert_eq!((pods.len(), uid(&pods[0])), (1, uid(&before)));
    assert_eq!(text(&pods[0], "/metadata/ownerReferences/0/uid"), uid(&set));

    // Let go again: it is nobody's, and the node gets a pod of its own.
    scene.kubectl(&["label", "pod", "by-hand", "app=else", "--overwrite"]);
    scene.until(POD, "by-hand", "nobody's", |pod| pod["metadata"].get("ownerReferences").is_none());
    scene.wait("a pod of the set's own", || {
        let pods = scene.list(POD);
        let own = pods.iter().find(|pod| text(pod, "/metadata/ownerReferences/0/uid") == uid(&set));
        own.filter(|pod| read::is_ready(pod)).map(|_| ()).ok_or_else(|| format!("{:?}", read::names(&pods)))
    });
}

fn a_pod_whose_labels_no_longer_match_is_let_go_and_stands_in_the_way(surface: Surface) {
    let scene = Scene::on(surface, "let-go");
    scene.apply(&ordinal_set("web", 2));
    scene.settled(scene.set, "web");
    let before = uid(&scene.get(POD, "web-1")).to_owned();
    scene.kubectl(&["label", "pod", "web-1", "app=else", "--overwrite"]);
    scene.until(POD, "web-1", "nobody's", |pod| pod["metadata"].get("ownerReferences").is_none());
    let set = scene.until(scene.set, "web", "stalled", |set| read::holds(set, "Stalled"));
    let stalled = read::condition(&set, "Stalled");
    assert_eq!(stalled["reason"], "NameTaken");
    assert!(text(stalled, "/message").contains("web-1"), "{stalled}");

    // Labelled again it is taken back.
    scene.kubectl(&["label", "pod", "web-1", "app=web", "--overwrite"]);
    scene.settled(scene.set, "web");
    let back = scene.get(POD, "web-1");
    assert_eq!((uid(&back), text(&back, "/metadata/ownerReferences/0/uid")), (&*before, uid(&set)));

    scene.kubectl(&["label", "pod", "web-1", "app=else", "--overwrite"]);
    scene.until(POD, "web-1", "nobody's", |pod| pod["metadata"].get("ownerReferences").is_none());
    scene.kubectl(&["delete", "pod", "web-1", "--wait=false"]);
    scene.until(POD, "web-1", "another", |pod| uid(pod) != before);
    scene.settled(scene.set, "web");
    assert_ne!(uid(&scene.get(POD, "web-1")), before);
}

/// What `kubectl replace --force` and tools do: the pods of the earlier set take their time to end.
fn a_set_that_is_made_again_waits_for_the_earlier_pods(surface: Surface) {
    let scene = Scene::on(surface, "made-again");
    let set = ordinal_set("web", 1);
    let mut slow = set.clone();
    slow["spec"]["template"]["metadata"]["finalizers"] = json!(["tests.berth.dev/slow"]);
    scene.apply(&slow);
    scene.settled(scene.set, "web");
    let before = uid(&scene.get(POD, "web-0")).to_owned();
    scene.kubectl(&["delete", scene.set.plural, "web"]);
    scene.apply(&set);
    let calm = |set: &Value| {
        assert!(!read::holds(set, "Stalled"), "{}", set["status"]);
        set["status"]["observedGeneration"] == set["metadata"]["generation"]
    };
    let waits = scene.until(scene.set, "web", "waiting", calm);
    // Custom sets say so; native ones have no such condition.
    if surface == Surface::Berth {
        let named = |set: &Value| {
            calm(set) && text(read::condition(set, "Reconciling"), "/message").contains("web-0")
        };
        scene.until(scene.set, "web", "waiting for web-0", named);
    }
    assert_eq!(uid(&scene.get(POD, "web-0")), before, "{waits}");
    let why = scene.berth(&["why", &format!("{}/web", scene.set.plural)]).out;
    assert!(why.contains("web-0") && why.contains("it goes by itself"), "{why}");
    scene.patch(POD, "web-0", &json!({"metadata": {"finalizers": null}}));
    scene.until(scene.set, "web", "settled", |set| calm(set) && read::is_settled(set));
    assert_ne!(uid(&scene.get(POD, "web-0")), before);
}

#[test]
fn deleting_a_set_takes_its_pods_along() {
    let Some(scene) = Scene::on_nodes(Surface::Berth, "deleted", &["a"]) else { return };
    both(&scene, "deleted");
    for (kind, name) in [(OSET, "web"), (NDS, "agent")] {
        scene.kubectl(&["delete", kind.plural, name]);
    }
    for kind in [POD, REVISION] {
        scene.wait(&format!("all {} to go", kind.plural), || {
            let left = scene.list(kind);
            if left.is_empty() { Ok(()) } else { Err(format!("{:?}", read::names(&left))) }
        });
    }
}

#[test]
fn orphaned_pods_are_taken_over_by_the_next_set_without_a_restart() {
    let Some(scene) = Scene::on_nodes(Surface::Berth, "handed-over", &["a"]) else { return };
    both(&scene, "handed-over");
    let facts = |kind: Kind| {
        scene.list(kind).iter().map(|o| (name(o).to_owned(), uid(o).to_owned())).collect::<Vec<_>>()
    };
    let (pods, revisions) = (facts(POD), facts(REVISION));
    for (kind, name) in [(OSET, "web"), (NDS, "agent")] {
        scene.kubectl(&["delete", kind.plural, name, "--cascade=orphan"]);
    }
    for pod in scene.list(POD) {
        assert!(pod["metadata"].get("ownerReferences").is_none(), "{}", name(&pod));
    }
    both(&scene, "handed-over");
    assert_eq!(facts(POD), pods, "the same pods");
    assert_eq!(facts(REVISION), revisions, "the same revisions");
}

/// Applies a set of each kind and waits until they are settled.
fn both(scene: &Scene, pool: &str) {
    scene.apply(&ordinal_set("web", 2));
    scene.apply(&node_daemon_set("agent", pool));
    scene.settled(OSET, "web");
    scene.until(NDS, "agent", "1 available", |set| {
        number(set, "/status/numberAvailable") == 1 && read::is_settled(set)
    });
}

/// A pod as the template of a set has it, made by hand.
fn pod_like(set: &Value, name: &str) -> Value {
    let template = &set["spec"]["template"];
    let mut spec = template["spec"].clone();
    if spec["nodeSelector"].get(pool(ORDINALS)).is_none() {
        spec.as_object_mut().unwrap().remove("nodeSelector");
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec,
    })
}
