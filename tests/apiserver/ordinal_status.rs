//! Ordinal sets: what people and tools read of them.

use serde_json::json;

use crate::support::manifests::{NEW, OLD, never_ready, ordinal_set, with_claims, with_image};
use crate::support::read::{OSET, POD, condition, is_ready, uid};
use crate::support::{Scene, number, text};

#[test]
fn status_counts_and_conditions_say_what_is_the_case() {
    let scene = Scene::new("status");
    let set = ordinal_set("web", 2);
    scene.apply(&never_ready(&set));
    let working = scene.until(OSET, "web", "one replica", |set| number(set, "/status/replicas") == 1);
    for (kind, status, reason) in [
        ("Ready", "False", "Progressing"),
        ("Reconciling", "True", "Progressing"),
        ("Stalled", "False", "Clear"),
    ] {
        let condition = condition(&working, kind);
        assert_eq!((&condition["status"], &condition["reason"]), (&json!(status), &json!(reason)), "{kind}");
    }
    assert!(text(condition(&working, "Ready"), "/message").contains("web-0"), "it names what it waits for");

    scene.apply(&set);
    let settled = scene.settled(OSET, "web");
    let status = &settled["status"];
    for count in ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"] {
        assert_eq!(status[count], 2, "{count}");
    }
    assert_eq!(status["observedGeneration"], settled["metadata"]["generation"]);
    assert_eq!(status["currentRevision"], status["updateRevision"]);
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
fn kubectl_shows_columns_and_scales() {
    let scene = Scene::new("columns");
    scene.apply(&ordinal_set("web", 2));
    let set = scene.settled(OSET, "web");

    let table = scene.kubectl(&["get", "oset"]);
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(0), ["NAME", "DESIRED", "READY", "UPDATED", "AGE"]);
    assert_eq!(words(1)[..4], ["web", "2", "2", "2"]);
    let table = scene.kubectl(&["get", "oset", "web", "--output=wide"]);
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(words(0), ["NAME", "DESIRED", "READY", "UPDATED", "AGE", "IMAGES", "REVISION"]);
    assert_eq!(words(1)[5..], [OLD, text(&set, "/status/updateRevision")]);
    assert!(scene.kubectl(&["get", "all"]).contains("ordinalset.berth.dev/web"));

    // What the HorizontalPodAutoscaler does.
    let scale = json!({"spec": {"replicas": 3}}).to_string();
    scene.kubectl(&["patch", "oset", "web", "--subresource=scale", "--type=merge", "--patch", &scale]);
    scene.until(POD, "web-2", "ready", is_ready);
    scene.kubectl(&["scale", "oset/web", "--current-replicas=3", "--replicas=1"]);
    scene.gone(POD, "web-1");
}

#[test]
fn events_tell_what_was_done() {
    let scene = Scene::new("events");
    let set = with_claims("web", 1);
    scene.apply(&set);
    scene.settled(OSET, "web");
    let first = uid(&scene.get(POD, "web-0")).to_owned();
    scene.apply(&with_image(&set, NEW));
    scene.settled(OSET, "web");
    assert_ne!(uid(&scene.get(POD, "web-0")), first);
    let wanted = [
        "SuccessfulCreate Create Claim data-web-0 Pod web-0 in OrdinalSet web success",
        "SuccessfulCreate Create Pod web-0 in OrdinalSet web successful",
        "SuccessfulDelete Delete Pod web-0 in OrdinalSet web successful",
    ];
    scene.wait("the events", || {
        let columns = "--output=custom-columns=reason:.reason,message:.message";
        let events = scene.kubectl(&["get", "events", "--field-selector=involvedObject.name=web", columns]);
        let said: Vec<String> =
            events.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        match wanted.iter().find(|wanted| !said.iter().any(|line| line == *wanted)) {
            None => Ok(()),
            Some(missing) => Err(format!("{missing} is not in:\n{events}")),
        }
    });
    let description = scene.kubectl(&["describe", "oset", "web"]);
    assert!(description.contains("SuccessfulCreate"), "{description}");
}
