//! `spec.paused` on a real API server.

use serde_json::json;

use crate::support::manifests::{NEW, ordinal_set};
use crate::support::read::{OSET, POD, revision};
use crate::support::{Scene, number, text};

#[test]
fn a_paused_set_scales_and_repairs_but_does_not_roll() {
    let scene = Scene::new("paused");
    let set = ordinal_set("web", 3);
    scene.apply(&set);
    let first = text(&scene.settled(OSET, "web"), "/status/currentRevision").to_owned();
    let paused = scene.berth(&["rollout", "pause", "oset/web"]);
    assert_eq!((paused.code, paused.out.as_str()), (0, "ordinalset.berth.dev/web paused\n"), "{paused:?}");
    let twice = scene.berth(&["rollout", "pause", "oset/web"]);
    assert!(twice.code == 1 && twice.err.contains("already paused"), "{twice:?}");

    // The rollout does not begin, and pausing made no revision.
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": NEW}]}}}});
    scene.patch(OSET, "web", &image);
    let held = scene.until(OSET, "web", "paused", |s| {
        let progressing =
            s["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Progressing");
        progressing.is_some_and(|c| c["status"] == "Unknown" && c["reason"] == "Paused")
    });
    assert_eq!(number(&held, "/status/updatedReplicas"), 0, "{held}");
    assert_eq!(scene.berth(&["rollout", "history", "oset/web"]).out.matches("<none>").count(), 2);
    let plan = scene.berth(&["plan", "oset/web"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(plan.out.contains("paused: 3 pods keep their revision"), "{}", plan.out);
    let why = scene.berth(&["why", "oset/web"]);
    assert!(why.out.contains("berth rollout resume oset/web"), "{}", why.out);

    // A pod that dies comes back as it was, and a new ordinal gets the last good revision.
    scene.kubectl(&["delete", "pod", "web-1"]);
    scene.kubectl(&["scale", "oset/web", "--replicas=4"]);
    for pod in ["web-1", "web-3"] {
        let pod = scene.until(POD, pod, "there again", |p| p["metadata"].get("deletionTimestamp").is_none());
        assert_eq!(revision(&pod), first);
    }
    let refused = scene.berth(&["rollout", "restart", "oset/web"]);
    assert!(refused.code == 1 && refused.err.contains("can't restart paused"), "{refused:?}");

    // Halfway through a rollout: what had gone ahead comes back ahead, also when the operator did not see it go.
    let resumed = scene.berth(&["rollout", "resume", "oset/web"]);
    assert_eq!(resumed.out, "ordinalset.berth.dev/web resumed\n", "{resumed:?}");
    let halfway = scene.until(OSET, "web", "one updated", |s| number(s, "/status/updatedReplicas") >= 1);
    let second = text(&halfway, "/status/updateRevision").to_owned();
    scene.berth(&["rollout", "pause", "oset/web"]);
    scene.until(OSET, "web", "paused", |s| {
        s["status"]["observedGeneration"] == s["metadata"]["generation"]
            && number(s, "/status/availableReplicas") == 4
    });
    scene.stop_operators();
    let ahead: Vec<String> = scene
        .list(POD)
        .iter()
        .filter(|p| revision(p) == second)
        .map(|p| text(p, "/metadata/name").to_owned())
        .collect();
    assert!(ahead.contains(&"web-3".to_owned()), "{ahead:?}");
    scene.kubectl(&["delete", "pod", "web-3", "--wait=true"]);
    scene.operator("restarted", &["--leader-elect=false"]);
    let back = scene.until(POD, "web-3", "there again", |p| p["metadata"].get("deletionTimestamp").is_none());
    assert_eq!(revision(&back), second, "the revision of its place");
    scene.berth(&["rollout", "resume", "oset/web"]);
    let done = scene.settled(OSET, "web");
    assert_eq!(text(&done, "/status/currentRevision"), second);
}
