//! The update strategy `Recreate`, for native sets behind its gate: all old pods go before the first new one comes.

use serde_json::{Value, json};

use crate::support::manifests::{MISSING, NEW, OLD, ordinal_set, with_image};
use crate::support::read::{EVENT, POD, condition, holds, image, revision, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, text};

rows!(
    all_old_pods_go_before_new_ones_come,
    pods_that_wait_for_a_bad_image_are_recreated_too,
    in_parallel_nothing_waits_for_unhealthy_pods,
);

/// Nobody relies on the absence of a strategy of custom sets, so the gate is about native ones.
#[test]
fn without_the_gate() {
    rows!(on Apps: without_the_gate_nothing_is_done);
}

/// The argument of an operator that knows the strategy of native sets.
const GATE: &str = "--feature-gates=StatefulSetRecreateStrategy=true";

fn recreated(replicas: u32) -> Value {
    let mut set = ordinal_set("web", replicas);
    set["spec"]["updateStrategy"] = json!({"type": "Recreate"});
    set
}

fn all_old_pods_go_before_new_ones_come(surface: Surface) {
    let scene = Scene::with_arguments(surface, "recreate", &[GATE]);
    let set = recreated(3);
    scene.apply(&set);
    let before = scene.settled(scene.set, "web");
    if surface == Surface::Apps {
        assert!(condition(&before, "Progressing").is_null(), "nothing was recreated yet");
    }
    let chronicle = scene.chronicle();
    scene.apply(&with_image(&set, NEW));
    let after = completed(&scene);
    let (old, new) = (text(&before, "/status/updateRevision"), text(&after, "/status/updateRevision"));
    assert_ne!(old, new);
    for (entry, state) in chronicle.states() {
        let of = |wanted: &str| state.values().filter(|pod| revision(pod) == wanted).count();
        assert!(of(old) == 0 || of(new) == 0, "old and new ones side by side: {}", entry.object);
    }
    assert_eq!(chronicle.created()[3..], ["web-0", "web-1", "web-2"], "in order");
    assert_eq!(images(&scene), [NEW; 3]);

    // Below the template nothing is recreated.
    let uids: Vec<String> = scene.list(POD).iter().map(|pod| uid(pod).to_owned()).collect();
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=4"]);
    scene.settled(scene.set, "web");
    assert_eq!(scene.list(POD)[..3].iter().map(uid).collect::<Vec<_>>(), uids);
}

fn pods_that_wait_for_a_bad_image_are_recreated_too(surface: Surface) {
    let scene = Scene::with_arguments(surface, "recreate-bad", &[GATE]);
    let set = recreated(3);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    scene.apply(&with_image(&set, MISSING));
    scene.until(POD, "web-0", "waiting for its image", lacks_image);
    assert_eq!(scene.list(POD).len(), 1, "in order the others wait for it");
    if surface == Surface::Berth {
        // Custom sets say it by the conditions that all of them have.
        scene.until(scene.set, "web", "reconciling", |set| holds(set, "Reconciling"));
        scene.apply(&with_image(&set, NEW));
        completed(&scene);
        return assert_eq!(images(&scene), [NEW; 3]);
    }
    let under_way = scene.get(scene.set, "web");
    let progressing = condition(&under_way, "Progressing");
    assert_eq!((text(progressing, "/status"), text(progressing, "/reason")), ("True", "RecreateInProgress"));
    scene.apply(&with_image(&set, NEW));
    completed(&scene);
    assert_eq!(images(&scene), [NEW; 3]);
}

fn in_parallel_nothing_waits_for_unhealthy_pods(surface: Surface) {
    let scene = Scene::with_arguments(surface, "recreate-parallel", &[GATE]);
    let mut set = recreated(5);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    scene.settled(scene.set, "web");
    scene.apply(&with_image(&set, MISSING));
    scene.wait("all to wait for their image", || {
        let waiting = scene.list(POD).iter().filter(|pod| lacks_image(pod)).count();
        if waiting == 5 { Ok(()) } else { Err(waiting.to_string()) }
    });
    scene.apply(&set);
    completed(&scene);
    assert_eq!(images(&scene), [OLD; 5]);
}

fn without_the_gate_nothing_is_done(surface: Surface) {
    let scene = Scene::on(surface, "recreate-unknown");
    scene.apply(&recreated(1));
    let event = scene.wait("an event that says why", || {
        let mut events = scene.list(EVENT).into_iter();
        events.find(|event| event["reason"] == "UnknownStrategy").ok_or_else(|| "none".to_owned())
    });
    assert_eq!((text(&event, "/type"), text(&event, "/involvedObject/name")), ("Warning", "web"));
    assert!(text(&event, "/message").contains("StatefulSetRecreateStrategy is disabled"), "{event}");
    scene.marker("other");
    assert!(scene.find(POD, "web-0").is_none());
}

/// Waits until the recreation is over.
fn completed(scene: &Scene) -> Value {
    if scene.surface == Surface::Berth {
        return scene.settled(scene.set, "web");
    }
    let set = scene.until(scene.set, "web", "recreated", |set| {
        let over = condition(set, "Progressing");
        over["status"] == "False"
            && set["status"]["observedGeneration"] == set["metadata"]["generation"]
            && set["status"]["currentRevision"] == set["status"]["updateRevision"]
    });
    let over = condition(&set, "Progressing");
    assert_eq!(
        (text(over, "/reason"), text(over, "/message")),
        ("RecreateCompleted", "All pods recreated successfully")
    );
    for count in ["replicas", "readyReplicas", "updatedReplicas", "currentReplicas"] {
        assert_eq!(set["status"][count], set["spec"]["replicas"], "{count}: over means that all are there");
    }
    set
}

fn lacks_image(pod: &Value) -> bool {
    text(pod, "/status/containerStatuses/0/state/waiting/reason").contains("Image")
}

fn images(scene: &Scene) -> Vec<String> {
    scene.list(POD).iter().map(|pod| image(pod).to_owned()).collect()
}
