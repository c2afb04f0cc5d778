//! Node daemon sets: what people and tools read of them.

use serde_json::{Value, json};

use crate::support::manifests::{REFUSED, node_daemon_set, with_image};
use crate::support::plane::pool;
use crate::support::read::{EVENT, POD, REVISION, condition, holds, is_settled, name, names, number, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, text};

rows!(
    events_tell_what_was_done_and_what_was_refused,
    conditions_of_others_are_kept,
    collections_are_listed_and_deleted,
);

fn events_tell_what_was_done_and_what_was_refused(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-events", &["a"]) else { return };
    let good = scene.agent();
    scene.apply(&with_image(&good, REFUSED));
    let set = scene.until(scene.daemons(), "agent", "stalled", |set| holds(set, "Stalled"));
    let stalled = condition(&set, "Stalled");
    assert_eq!(stalled["reason"], "FailedCreate");
    assert!(text(stalled, "/message").contains("spec.containers[0].image: Invalid value: "), "{stalled}");
    let counts = (number(&set, "/status/desiredNumberScheduled"), number(&set, "/status/numberReady"));
    assert_eq!(counts, (1, 0));

    scene.apply(&good);
    let available = |set: &Value| is_settled(set) && number(set, "/status/numberAvailable") == 1;
    scene.until(scene.daemons(), "agent", "settled on 1 node", available);
    scene.kubectl(&["label", "node", &scene.node("a"), &format!("{}-", pool(&scene.namespace))]);
    scene.until(scene.daemons(), "agent", "settled on no node", |set| {
        is_settled(set) && number(set, "/status/desiredNumberScheduled") == 0
    });
    scene.wait("the pod to go", || if scene.list(POD).is_empty() { Ok(()) } else { Err(String::new()) });
    let wanted = [
        ("SuccessfulCreate", "Created pod: agent-"),
        ("SuccessfulDelete", "Deleted pod: agent-"),
        ("FailedCreate", "Error creating: "),
    ];
    scene.wait("the events", || {
        let events = scene.list(EVENT);
        let of_set = |event: &&Value| text(event, "/involvedObject/kind") == surface.daemon_name();
        let told: Vec<_> =
            events.iter().filter(of_set).map(|e| (text(e, "/reason"), text(e, "/message"))).collect();
        let missing = wanted.iter().find(|(reason, message)| {
            !told
                .iter()
                .any(|(told_reason, told_message)| told_reason == reason && told_message.starts_with(message))
        });
        missing.map_or(Ok(()), |missing| Err(format!("{missing:?} is not among {told:?}")))
    });
    assert!(scene.kubectl(&["describe", scene.daemons().plural, "agent"]).contains("Created pod: agent-"));
}

fn conditions_of_others_are_kept(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-conditions", &["a", "b"]) else { return };
    let set = scene.agent();
    scene.apply(&set);
    let mut now = scene.settled_on(2);
    let theirs = json!({
        "type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set by somebody else.",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    });
    let status = now["status"].as_object_mut().unwrap();
    status.entry("conditions").or_insert(json!([])).as_array_mut().unwrap().push(theirs.clone());
    let namespace = format!("--namespace={}", scene.namespace);
    let put = ["replace", "--subresource=status", "-f", "-", &namespace];
    scene.plane.cluster.kubectl_stdin(&put, &now.to_string()).unwrap();
    assert_eq!(condition(&scene.get(scene.daemons(), "agent"), "StatusUpdate"), &theirs);

    // Whoever writes the status next keeps it.
    let colour = json!({"spec": {"template": {"metadata": {"annotations": {"colour": "blue"}}}}});
    scene.patch(scene.daemons(), "agent", &colour);
    let rolled = |set: &Value| is_settled(set) && number(set, "/status/updatedNumberScheduled") == 2;
    let now = scene.until(scene.daemons(), "agent", "rolled out", rolled);
    assert_eq!(condition(&now, "StatusUpdate"), &theirs);
    // A count that somebody else got wrong is put right again.
    let wrong = json!({"status": {"numberReady": 7}}).to_string();
    let arguments =
        ["patch", scene.daemons().plural, "agent", "--subresource=status", "--type=merge", "--patch", &wrong];
    scene.kubectl(&arguments);
    let right = |set: &Value| number(set, "/status/numberReady") == 2;
    let now = scene.until(scene.daemons(), "agent", "its right count", right);
    assert_eq!(condition(&now, "StatusUpdate"), &theirs);
}

fn collections_are_listed_and_deleted(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-collection", &["a"]) else { return };
    for set in ["one", "two", "other"] {
        let mut manifest = node_daemon_set(set, &scene.namespace);
        manifest["metadata"]["labels"] = json!({"group": if set == "other" { "second" } else { "first" }});
        scene.apply(&manifest);
    }
    for set in ["one", "two", "other"] {
        let there = |set: &Value| is_settled(set) && number(set, "/status/numberAvailable") == 1;
        scene.until(scene.daemons(), set, "settled", there);
    }
    let path = format!("{}?labelSelector=group%3Dfirst", scene.daemons().path(&scene.namespace));
    let list = scene.plane.read(&path).unwrap();
    assert_eq!(names(list["items"].as_array().unwrap()), ["one", "two"]);
    let kept = scene.pod_on("other", &scene.node("a")).unwrap();
    scene.plane.delete(&path);
    for kind in [scene.daemons(), POD, REVISION] {
        scene.wait(&format!("the {} of the first group to go", kind.plural), || {
            let left = scene.list(kind);
            let left: Vec<&str> = left.iter().map(name).filter(|name| !name.starts_with("other")).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }
    assert_eq!(uid(&scene.get(POD, name(&kept))), uid(&kept));
}
