//! Node daemon sets: how pods get a changed template.

use serde_json::json;

use crate::support::manifests::{MISSING, NEW, OLD, with_image};
use crate::support::read::{POD, REVISION, image, name, number, revision, text, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface};

rows!(
    a_rolling_update_stays_within_max_unavailable,
    a_bad_image_costs_one_node_and_the_old_template_cures_it,
    on_delete_leaves_the_moment_to_people,
);

fn a_rolling_update_stays_within_max_unavailable(surface: Surface) {
    // As many as kind has workers in CI.
    let Some(scene) = Scene::on_nodes(surface, "daemon-rolls", &["a", "b", "c"]) else { return };
    let mut set = scene.agent();
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxUnavailable": 2}});
    scene.apply(&set);
    scene.until(scene.daemons(), "agent", "3 available", |set| number(set, "/status/numberAvailable") == 3);
    let before = scene.settled(scene.daemons(), "agent");
    let chronicle = scene.chronicle();

    scene.apply(&with_image(&set, NEW));
    let after = scene.settled(scene.daemons(), "agent");
    assert_eq!(images(&scene), [NEW; 3]);
    assert_eq!(chronicle.most_unavailable(3), 2);
    assert_eq!(chronicle.deleted().len(), 3, "each once");
    assert_eq!(number(&after, "/status/updatedNumberScheduled"), 3);
    if surface == Surface::Berth {
        assert_ne!(after["status"]["updateRevision"], before["status"]["updateRevision"]);
        assert_eq!(after["status"]["updateRevision"], after["status"]["currentRevision"]);
    }
    let first = scene.list(REVISION).into_iter().find(|one| number(one, "/revision") == 1).unwrap();

    // Back: the first revision again, with a new number.
    scene.apply(&set);
    let back = scene.settled(scene.daemons(), "agent");
    assert_eq!(back["status"].get("updateRevision"), before["status"].get("updateRevision"));
    let revisions = scene.list(REVISION);
    assert_eq!(revisions.len(), 2);
    let newest = revisions.iter().max_by_key(|revision| number(revision, "/revision")).unwrap();
    assert_eq!((name(newest), number(newest, "/revision")), (name(&first), 3));
    let label = newest["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap();
    assert!(scene.live_pods().iter().all(|pod| revision(pod) == label));
}

fn a_bad_image_costs_one_node_and_the_old_template_cures_it(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-bad-image", &["a", "b", "c"]) else { return };
    let set = scene.agent();
    scene.apply(&set);
    scene.until(scene.daemons(), "agent", "3 available", |set| number(set, "/status/numberAvailable") == 3);
    scene.settled(scene.daemons(), "agent");
    let chronicle = scene.chronicle();

    let before = scene.live_pods();
    scene.apply(&with_image(&set, MISSING));
    let set_now = scene.until(scene.daemons(), "agent", "one unavailable", |set| {
        number(set, "/status/numberUnavailable") == 1 && number(set, "/status/updatedNumberScheduled") == 1
    });
    assert_eq!(number(&set_now, "/status/numberAvailable"), 2);
    scene.apply(&set);
    scene.settled(scene.daemons(), "agent");
    assert_eq!(images(&scene), [OLD; 3]);
    assert_eq!(chronicle.most_unavailable(3), 1);
    assert_eq!(chronicle.deleted().len(), 2, "the first node's pod, and its broken successor");
    let after = scene.live_pods();
    let untouched = before.iter().filter(|pod| after.iter().any(|now| uid(now) == uid(pod))).count();
    assert_eq!(untouched, 2, "who was not updated is not restarted");
}

fn on_delete_leaves_the_moment_to_people(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-on-delete", &["a", "b"]) else { return };
    let mut set = scene.agent();
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    scene.apply(&set);
    scene.until(scene.daemons(), "agent", "2 available", |set| number(set, "/status/numberAvailable") == 2);
    scene.settled(scene.daemons(), "agent");
    let pods = scene.live_pods();
    let first = revision(&pods[0]).to_owned();

    scene.apply(&with_image(&set, NEW));
    let status = scene.settled(scene.daemons(), "agent");
    assert_eq!(number(&status, "/status/updatedNumberScheduled"), 0);
    let of = |number_is: i64| {
        let found = scene.list(REVISION).into_iter().find(|one| number(one, "/revision") == number_is);
        let found = found.unwrap_or_else(|| panic!("no revision {number_is}"));
        text(&found, "/metadata/labels/controller-revision-hash").to_owned()
    };
    assert_eq!(of(1), first);
    let second = of(2);
    assert_ne!(second, first);
    for pod in scene.live_pods() {
        assert_eq!((image(&pod), revision(&pod)), (OLD, first.as_str()), "as it was");
    }
    scene.kubectl(&["delete", "pod", name(&pods[0]), "--wait=false"]);
    scene.until(scene.daemons(), "agent", "1 updated", |set| {
        number(set, "/status/updatedNumberScheduled") == 1
    });
    let mut now = images(&scene);
    now.sort();
    // By name.
    assert_eq!(now, [NEW, OLD]);
    assert!(scene.live_pods().iter().any(|pod| image(pod) == NEW && revision(pod) == second));
    assert_eq!(uid(&scene.get(POD, name(&pods[1]))), uid(&pods[1]));
}

/// The images of the pods.
fn images(scene: &Scene) -> Vec<String> {
    scene.live_pods().iter().map(|pod| image(pod).to_owned()).collect()
}
