//! Ordinal sets: what people and tools read of them.

use serde_json::json;

use crate::support::manifests::{NEW, OLD, never_ready, ordinal_set, with_claims, with_image};
use crate::support::read::{POD, REVISION, condition, is_ready, name, names, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, number, text};

rows!(
    status_counts_and_conditions_say_what_is_the_case,
    whoever_scales_through_the_subresource_is_obeyed,
    events_tell_what_was_done,
    conditions_of_others_are_kept,
    collections_are_listed_changed_and_deleted,
);

fn status_counts_and_conditions_say_what_is_the_case(surface: Surface) {
    let scene = Scene::on(surface, "status");
    let set = ordinal_set("web", 2);
    scene.apply(&never_ready(&set));
    let working = scene.until(scene.set, "web", "one replica", |set| number(set, "/status/replicas") == 1);
    assert_eq!(number(&working, "/status/readyReplicas"), 0);
    if surface == Surface::Berth {
        for (kind, status, reason) in [
            ("Ready", "False", "Progressing"),
            ("Reconciling", "True", "Progressing"),
            ("Stalled", "False", "Clear"),
        ] {
            let condition = condition(&working, kind);
            assert_eq!(
                (&condition["status"], &condition["reason"]),
                (&json!(status), &json!(reason)),
                "{kind}"
            );
        }
        assert!(
            text(condition(&working, "Ready"), "/message").contains("web-0"),
            "it names what it waits for"
        );
    } else {
        assert!(working["status"].get("conditions").is_none(), "native sets have none: {working}");
    }

    scene.mend("web-0");
    scene.mend("web-1");
    scene.settled(scene.set, "web");
    scene.apply(&set);
    let settled = scene.settled(scene.set, "web");
    let status = &settled["status"];
    for count in ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"] {
        assert_eq!(status[count], 2, "{count}");
    }
    assert_eq!(status["observedGeneration"], settled["metadata"]["generation"]);
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    assert_eq!(status["collisionCount"], 0);
    if surface == Surface::Apps {
        assert!(status.get("conditions").is_none(), "{status}");
        return;
    }
    assert_eq!(status["labelSelector"], "app=web");
    for (kind, status, reason) in
        [("Ready", "True", "Settled"), ("Reconciling", "False", "Settled"), ("Stalled", "False", "Clear")]
    {
        let condition = condition(&settled, kind);
        assert_eq!((&condition["status"], &condition["reason"]), (&json!(status), &json!(reason)), "{kind}");
    }
    scene.kubectl(&["wait", "oset/web", "--for=condition=Ready", "--timeout=5s"]);
}

#[test]
fn kubectl_shows_columns() {
    let scene = Scene::new("columns");
    scene.apply(&ordinal_set("web", 2));
    let set = scene.settled(scene.set, "web");

    let table = scene.kubectl(&["get", scene.set.plural]);
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(0), ["NAME", "DESIRED", "READY", "UPDATED", "AGE"]);
    assert_eq!(words(1)[..4], ["web", "2", "2", "2"]);
    let table = scene.kubectl(&["get", scene.set.plural, "web", "--output=wide"]);
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(0), ["NAME", "DESIRED", "READY", "UPDATED", "AGE", "IMAGES", "REVISION"]);
    assert_eq!(words(1)[5..], [OLD, text(&set, "/status/updateRevision")]);
    assert!(scene.kubectl(&["get", "all"]).contains("ordinalset.berth.dev/web"));
}

fn whoever_scales_through_the_subresource_is_obeyed(surface: Surface) {
    let scene = Scene::on(surface, "scaled");
    scene.apply(&ordinal_set("web", 2));
    scene.settled(scene.set, "web");
    // What the HorizontalPodAutoscaler does.
    let scale = json!({"spec": {"replicas": 3}}).to_string();
    scene.kubectl(&[
        "patch",
        scene.set.plural,
        "web",
        "--subresource=scale",
        "--type=merge",
        "--patch",
        &scale,
    ]);
    scene.until(POD, "web-2", "ready", is_ready);
    scene.kubectl(&["scale", scene.set.plural, "web", "--current-replicas=3", "--replicas=1"]);
    scene.gone(POD, "web-1");
}

fn events_tell_what_was_done(surface: Surface) {
    let scene = Scene::on(surface, "events");
    let set = with_claims("web", 1);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let first = uid(&scene.get(POD, "web-0")).to_owned();
    scene.apply(&with_image(&set, NEW));
    scene.settled(scene.set, "web");
    assert_ne!(uid(&scene.get(POD, "web-0")), first);
    let wanted = [
        "SuccessfulCreate Create Claim data-web-0 Pod web-0 in KIND web success",
        "SuccessfulCreate Create Pod web-0 in KIND web successful",
        "SuccessfulDelete Delete Pod web-0 in KIND web successful",
    ]
    .map(|line| line.replace("KIND", surface.name()));
    scene.wait("the events", || {
        let columns = "--output=custom-columns=reason:.reason,message:.message";
        let events = scene.kubectl(&["get", "events", "--field-selector=involvedObject.name=web", columns]);
        let said: Vec<String> =
            events.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        match wanted.iter().find(|wanted| !said.contains(*wanted)) {
            None => Ok(()),
            Some(missing) => Err(format!("{missing} is not in:\n{events}")),
        }
    });
    let description = scene.kubectl(&["describe", scene.set.plural, "web"]);
    assert!(description.contains("SuccessfulCreate"), "{description}");
}

fn conditions_of_others_are_kept(surface: Surface) {
    let scene = Scene::on(surface, "others-conditions");
    scene.apply(&ordinal_set("web", 1));
    let mut set = scene.settled(scene.set, "web");
    let theirs = json!({
        "type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set by somebody else.",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    });
    let status = set["status"].as_object_mut().unwrap();
    status.entry("conditions").or_insert(json!([])).as_array_mut().unwrap().push(theirs.clone());
    let namespace = format!("--namespace={}", scene.namespace);
    let put = ["replace", "--subresource=status", "-f", "-", &namespace];
    scene.plane.cluster.kubectl_stdin(&put, &set.to_string()).unwrap();
    assert_eq!(condition(&scene.get(scene.set, "web"), "StatusUpdate"), &theirs);

    // Whoever writes the status next keeps it.
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=2"]);
    let set = scene.settled(scene.set, "web");
    assert_eq!(condition(&set, "StatusUpdate"), &theirs);
    assert_eq!(number(&set, "/status/readyReplicas"), 2);
    let patch = json!({"status": {"conditions": [{"type": "StatusUpdate", "status": "False"}]}}).to_string();
    if surface == Surface::Apps {
        // Conditions of native sets are merged by their type.
        let arguments = ["patch", scene.set.plural, "web", "--subresource=status", "--patch", &patch];
        scene.kubectl(&arguments);
        scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=1"]);
        let set = scene.settled(scene.set, "web");
        assert_eq!(condition(&set, "StatusUpdate")["status"], "False");
        assert_eq!(condition(&set, "StatusUpdate")["reason"], "E2E");
    }
}

fn collections_are_listed_changed_and_deleted(surface: Surface) {
    let scene = Scene::on(surface, "collection");
    for set in ["one", "two", "other"] {
        let mut manifest = ordinal_set(set, 1);
        manifest["metadata"]["labels"] = json!({"group": if set == "other" { "second" } else { "first" }});
        scene.apply(&manifest);
    }
    for set in ["one", "two", "other"] {
        scene.settled(scene.set, set);
    }
    let path = format!("{}?labelSelector=group%3Dfirst", scene.set.path(&scene.namespace));
    let list = scene.plane.read(&path).unwrap();
    assert_eq!(names(list["items"].as_array().unwrap()), ["one", "two"]);

    let patch = json!({
        "metadata": {"labels": {"patched": "yes"}},
        "spec": {"replicas": 2, "template": {"metadata": {"annotations": {"patched": "yes"}}}},
    });
    scene.patch(scene.set, "one", &patch);
    let set = scene.settled(scene.set, "one");
    assert_eq!((text(&set, "/metadata/labels/patched"), number(&set, "/status/updatedReplicas")), ("yes", 2));

    let kept = uid(&scene.get(POD, "other-0")).to_owned();
    scene.plane.delete(&path);
    for kind in [scene.set, POD, REVISION] {
        scene.wait(&format!("the {} of the first group to go", kind.plural), || {
            let left = scene.list(kind);
            let left: Vec<&str> = left.iter().map(name).filter(|name| !name.starts_with("other")).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }
    assert_eq!(uid(&scene.get(POD, "other-0")), kept);
}
