//! Node daemon sets: what people and tools read of them.

use serde_json::json;

use crate::support::manifests::node_daemon_set;
use crate::support::plane::pool;
use crate::support::read::{EVENT, NDS, POD, condition, holds, is_settled, number};
use crate::support::{Scene, text};

#[test]
fn events_tell_what_was_done_and_what_was_refused() {
    let Some(scene) = Scene::on_nodes("daemon-events", &["a"]) else { return };
    let good = node_daemon_set("agent", "daemon-events");
    let mut bad = good.clone();
    let mounts = json!([{"name": "nowhere", "mountPath": "/data"}]);
    bad["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = mounts;
    scene.apply(&bad);
    let set = scene.until(NDS, "agent", "stalled", |set| holds(set, "Stalled"));
    let stalled = condition(&set, "Stalled");
    assert_eq!(stalled["reason"], "FailedCreate");
    let said = r#"spec.containers[0].volumeMounts[0].name: Not found: "nowhere""#;
    assert!(text(stalled, "/message").contains(said), "{stalled}");
    assert_eq!((number(&set, "/status/desiredNumberScheduled"), number(&set, "/status/numberReady")), (1, 0));

    scene.apply(&good);
    let available = |set: &serde_json::Value| is_settled(set) && number(set, "/status/numberAvailable") == 1;
    scene.until(NDS, "agent", "settled on 1 node", available);
    scene.kubectl(&["label", "node", &scene.node("a"), &format!("{}-", pool("daemon-events"))]);
    scene.until(NDS, "agent", "settled on no node", |set| {
        is_settled(set) && number(set, "/status/desiredNumberScheduled") == 0
    });
    scene.wait("the pod to go", || if scene.list(POD).is_empty() { Ok(()) } else { Err(String::new()) });
    let wanted = [
        ("FailedCreate", "Error creating: "),
        ("SuccessfulCreate", "Created pod: agent-"),
        ("SuccessfulDelete", "Deleted pod: agent-"),
    ];
    scene.wait("the events", || {
        let events = scene.list(EVENT);
        let of_set = |event: &&serde_json::Value| text(event, "/involvedObject/kind") == "NodeDaemonSet";
        let told: Vec<_> =
            events.iter().filter(of_set).map(|e| (text(e, "/reason"), text(e, "/message"))).collect();
        let missing = wanted.iter().find(|(reason, message)| {
            !told
                .iter()
                .any(|(told_reason, told_message)| told_reason == reason && told_message.starts_with(message))
        });
        missing.map_or(Ok(()), |missing| Err(format!("{missing:?} is not among {told:?}")))
    });
    assert!(scene.kubectl(&["describe", "nds", "agent"]).contains("Created pod: agent-"));
}
