//! Node daemon sets: how pods get a changed template.

use serde_json::json;

use crate::support::Scene;
use crate::support::manifests::{MISSING, NEW, OLD, node_daemon_set, with_image};
use crate::support::read::{NDS, POD, REVISION, image, name, number, revision, text, uid};

#[test]
fn a_rolling_update_stays_within_max_unavailable() {
    // As many as kind has workers in CI.
    let Some(scene) = Scene::on_nodes("daemon-rolls", &["a", "b", "c"]) else { return };
    let mut set = node_daemon_set("agent", "daemon-rolls");
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxUnavailable": 2}});
    scene.apply(&set);
    scene.until(NDS, "agent", "3 available", |set| number(set, "/status/numberAvailable") == 3);
    let before = scene.settled(NDS, "agent");
    let chronicle = scene.chronicle();

    scene.apply(&with_image(&set, NEW));
    let after = scene.settled(NDS, "agent");
    assert_eq!(images(&scene), [NEW; 3]);
    assert_eq!(chronicle.most_unavailable(3), 2);
    assert_eq!(chronicle.deleted().len(), 3, "each once");
    assert_eq!(number(&after, "/status/updatedNumberScheduled"), 3);
    assert_ne!(after["status"]["updateRevision"], before["status"]["updateRevision"]);
    assert_eq!(after["status"]["updateRevision"], after["status"]["currentRevision"]);

    // Back: the first revision again, with a new number.
    scene.apply(&set);
    let back = scene.settled(NDS, "agent");
    assert_eq!(back["status"]["updateRevision"], before["status"]["updateRevision"]);
    let revisions = scene.list(REVISION);
    assert_eq!(revisions.len(), 2);
    let newest = revisions.iter().max_by_key(|revision| number(revision, "/revision")).unwrap();
    assert_eq!((name(newest), number(newest, "/revision")), (text(&back, "/status/updateRevision"), 3));
    let label = newest["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap();
    assert!(scene.live_pods().iter().all(|pod| revision(pod) == label));
}

#[test]
fn a_bad_image_costs_one_node_and_the_old_template_cures_it() {
    let Some(scene) = Scene::on_nodes("daemon-bad-image", &["a", "b", "c"]) else { return };
    let set = node_daemon_set("agent", "daemon-bad-image");
    scene.apply(&set);
    scene.until(NDS, "agent", "3 available", |set| number(set, "/status/numberAvailable") == 3);
    scene.settled(NDS, "agent");
    let chronicle = scene.chronicle();

    scene.apply(&with_image(&set, MISSING));
    let set_now = scene.until(NDS, "agent", "one unavailable", |set| {
        number(set, "/status/numberUnavailable") == 1 && number(set, "/status/updatedNumberScheduled") == 1
    });
    assert_eq!(number(&set_now, "/status/numberAvailable"), 2);
    scene.apply(&set);
    scene.settled(NDS, "agent");
    assert_eq!(images(&scene), [OLD; 3]);
    assert_eq!(chronicle.most_unavailable(3), 1);
    assert_eq!(chronicle.deleted().len(), 2, "the first node's pod, and its broken successor");
}

#[test]
fn on_delete_leaves_the_moment_to_people() {
    let Some(scene) = Scene::on_nodes("daemon-on-delete", &["a", "b"]) else { return };
    let mut set = node_daemon_set("agent", "daemon-on-delete");
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    scene.apply(&set);
    scene.until(NDS, "agent", "2 available", |set| number(set, "/status/numberAvailable") == 2);
    scene.settled(NDS, "agent");
    let pods = scene.live_pods();

    scene.apply(&with_image(&set, NEW));
    let status = scene.settled(NDS, "agent");
    assert_eq!(number(&status, "/status/updatedNumberScheduled"), 0);
    scene.kubectl(&["delete", "pod", name(&pods[0]), "--wait=false"]);
    scene.until(NDS, "agent", "1 updated", |set| number(set, "/status/updatedNumberScheduled") == 1);
    let mut now = images(&scene);
    now.sort();
    // By name.
    assert_eq!(now, [NEW, OLD]);
    assert_eq!(uid(&scene.get(POD, name(&pods[1]))), uid(&pods[1]));
}

/// The images of the pods.
fn images(scene: &Scene) -> Vec<String> {
    scene.live_pods().iter().map(|pod| image(pod).to_owned()).collect()
}
