//! `spec.progressDeadlineSeconds` on a real API server.

use serde_json::json;

use crate::support::manifests::{never_ready, ordinal_set};
use crate::support::read::{OSET, condition};
use crate::support::writes::Writes;
use crate::support::{Scene, existing, text};

#[test]
fn a_deadline_that_has_passed_is_told_once_and_a_restart_writes_nothing() {
    if existing::leaves_out("writes are counted in the audit log") {
        return;
    }
    let scene = Scene::new("deadline");
    let mut set = never_ready(&ordinal_set("web", 2));
    set["spec"]["progressDeadlineSeconds"] = json!(5);
    scene.apply(&set);
    let late = scene.until(OSET, "web", "stalled", |s| condition(s, "Stalled")["status"] == "True");
    for kind in ["Stalled", "Progressing", "Ready", "Reconciling"] {
        assert_eq!(condition(&late, kind)["reason"], "ProgressDeadlineExceeded", "{kind}");
    }
    assert_eq!(condition(&late, "Available")["status"], "False");
    let message = text(condition(&late, "Stalled"), "/message");
    assert!(message.starts_with("no progress for 5 s: web-0: "), "{message}");
    scene.kubectl(&["wait", "oset/web", "--for=condition=Stalled", "--timeout=5s"]);
    let failed = scene.berth(&["rollout", "status", "oset/web"]);
    assert!(failed.code == 1 && failed.err.contains("exceeded its progress deadline"), "{failed:?}");
    let why = scene.berth(&["why", "oset/web"]);
    assert!(why.out.contains("progressDeadlineSeconds"), "{}", why.out);

    let before = scene.writes("web");
    scene.stop_operators();
    scene.operator("restarted", &["--leader-elect=false"]);
    scene.marker("marker");
    assert_eq!(scene.writes("web").since(&before), Writes::default(), "a restart changes nothing");

    // More time lets it go on.
    scene.patch(OSET, "web", &json!({"spec": {"progressDeadlineSeconds": 600}}));
    scene.until(OSET, "web", "working again", |s| {
        condition(s, "Progressing")["status"] == "True" && condition(s, "Stalled")["status"] == "False"
    });
}
