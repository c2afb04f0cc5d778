//! Two that do the same work, and what is left behind at a hand-back.

use std::process::Command;

use serde_json::json;

use crate::support::World;
use crate::support::manifests::stateful_set;
use crate::support::read::{EVENT, STS, condition, number, text};
use crate::support::writes::BERTH;

#[test]
fn berth_yields_where_kube_controller_manager_is_still_at_work() {
    let world = World::without_upstream();
    let berth = world.berth(&["--apis=apps"]);
    world.apply(&stateful_set("web", "Retain"));
    world.apply(&stateful_set("quiet", "Retain"));
    world.rolled_out(&["statefulset/web", "statefulset/quiet"]);
    world.marker();

    // Somebody takes the flag off without ending Berth.
    world.upstream(true);
    world.kubectl(&["scale", "statefulset/web", "--replicas=5"]);
    let told = world.wait("an event", || {
        let events = world.list(EVENT);
        let about =
            |e: &&serde_json::Value| e["reason"] == "RivalController" && e["involvedObject"]["name"] == "web";
        events.iter().find(about).cloned().ok_or_else(|| format!("{} others", events.len()))
    });
    assert_eq!(told["type"], "Warning");
    assert!(
        text(&told, "/message").contains("--controllers=*,-statefulset-controller"),
        "{}",
        told["message"]
    );
    world.rolled_out(&["statefulset/web"]);

    // From then on only one of them works on it; what nobody else wrote is still served.
    let since = world.mark();
    world.set_image("statefulset/web", "2");
    world.rolled_out(&["statefulset/web"]);
    let mut ours = world.writes(&[BERTH], since);
    ours.retain(|write| write.contains(" web"));
    assert!(ours.is_empty(), "{ours:#?}");
    world.end(&berth);
}

#[test]
fn conditions_are_taken_off_before_a_hand_back() {
    let world = World::without_upstream();
    let berth = world.berth(&["--apis=apps"]);
    world.kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    world.apply(&stateful_set("web", "Retain"));
    world.until(STS, "web", "stalled", |web| condition(web, "Stalled")["status"] == "True");
    // Conditions of others stay.
    let theirs = json!({"type": "Theirs", "status": "True", "reason": "Own", "lastTransitionTime": null});
    let conditions = json!([condition(&world.get(STS, "web"), "Stalled"), theirs]);
    let patch = json!({"status": {"conditions": conditions}}).to_string();
    world.kubectl(&["patch", "statefulset/web", "--subresource=status", "--type=merge", "--patch", &patch]);
    world.end(&berth);

    let would = hand_back(&world, &["--dry-run"]);
    assert!(would.contains("statefulset default/web: condition Stalled would be taken off"), "{would}");
    assert_eq!(condition(&world.get(STS, "web"), "Stalled")["status"], "True");
    let done = hand_back(&world, &[]);
    assert!(done.contains("statefulset default/web: condition Stalled taken off"), "{done}");
    let web = world.get(STS, "web");
    assert_eq!(condition(&web, "Stalled")["status"], json!(null), "{}", web["status"]);
    assert_eq!(condition(&web, "Theirs")["status"], "True", "{}", web["status"]);
    assert_eq!(hand_back(&world, &[]).trim(), "nothing to take off");

    world.kubectl(&["delete", "quota", "none"]);
    world.upstream(true);
    world.until(STS, "web", "up again", |web| number(web, "/status/readyReplicas") == 3);
}

/// `berth handback` as an admin; what it prints.
fn hand_back(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    command.arg("handback").args(arguments).env("KUBECONFIG", world.cluster.kubeconfig());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
