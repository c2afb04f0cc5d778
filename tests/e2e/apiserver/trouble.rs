//! What stands in the way of a set: it says so, goes on by itself when it is gone, and holds up nobody else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::manifests::{NEW, OLD, REFUSED, ordinal_set, with_claims, with_image};
use crate::support::read::{EVENT, OSET, POD, condition, holds, name, names, number, text};
use crate::support::{Scene, existing, writes};

/// How soon a set must be served that nothing stands in the way of: far less than the longest pause of one that fails.
const PROMPT: Duration = Duration::from_secs(15);
/// How soon a set must be served that was mended by hand: less than the pause that it is in.
const MENDED: Duration = Duration::from_secs(5);

#[test]
fn a_pod_that_the_api_server_refuses_stalls_its_set_alone() {
    let scene = Scene::new("refused");
    let good = ordinal_set("web", 2);
    let bad = with_image(&good, REFUSED);
    let began = Instant::now();
    scene.apply(&bad);
    let set = scene.until(OSET, "web", "stalled", |set| holds(set, "Stalled"));
    let stalled = condition(&set, "Stalled");
    assert_eq!(stalled["reason"], "FailedCreate");
    // The API server's own words.
    let said = "spec.containers[0].image: Invalid value: ";
    assert!(text(stalled, "/message").contains(said), "{stalled}");
    assert_eq!((holds(&set, "Ready"), holds(&set, "Reconciling")), (false, false));
    let event = scene.wait("an event", || {
        let mut events = scene.list(EVENT).into_iter();
        events.find(|event| event["reason"] == "FailedCreate").ok_or_else(|| "none".to_owned())
    });
    assert_eq!((&event["type"], text(&event, "/involvedObject/name")), (&json!("Warning"), "web"));
    assert!(text(&event, "/message").contains(said), "{event}");

    the_pauses_grow(&scene, began);
    scene.apply(&ordinal_set("other", 2));
    scene.wait_at_most(existing::limit(PROMPT), "the other set", || settled(&scene, "other"));

    // Mended by hand: no reason to wait out a pause that was meant for the broken template.
    scene.apply(&good);
    scene.wait_at_most(existing::limit(MENDED), "the mended set", || settled(&scene, "web"));
    let set = scene.get(OSET, "web");
    assert_eq!(condition(&set, "Stalled")["status"], "False");
}

/// 1, 2, 4 s, ...
fn the_pauses_grow(scene: &Scene, began: Instant) {
    if existing::leaves_out("attempts are counted in the audit log") {
        return;
    }
    scene.wait("the fourth attempt", || match attempts(scene, 422) {
        count if count >= 4 => Ok(()),
        count => Err(count.to_string()),
    });
    let (count, elapsed) = (attempts(scene, 422), began.elapsed().as_secs_f64());
    assert!(elapsed > 6.5, "{count} attempts in {elapsed} s");
}

#[test]
fn a_set_goes_on_by_itself_when_there_is_quota_again() {
    let scene = Scene::new("quota");
    quota(&scene, 1, &json!([]));
    scene.apply(&ordinal_set("web", 3));
    let set = scene.until(OSET, "web", "stalled", |set| holds(set, "Stalled"));
    assert_eq!(condition(&set, "Stalled")["reason"], "FailedCreate");
    assert!(text(condition(&set, "Stalled"), "/message").contains("exceeded quota"), "{set}");
    assert_eq!(names(&scene.list(POD)), ["web-0"]);
    let generation = number(&set, "/metadata/generation");
    scene.kubectl(&["delete", "quota", "pods"]);
    let set = scene.settled(OSET, "web");
    assert_eq!(number(&set, "/metadata/generation"), generation, "nobody touched the set");
    assert_eq!(names(&scene.list(POD)), ["web-0", "web-1", "web-2"]);
}

#[test]
fn a_name_that_is_taken_is_waited_for() {
    let scene = Scene::new("name-taken");
    scene.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "labels": {"app": "foreign"}},
        "spec": {"containers": [{"name": "main", "image": OLD}]},
    }));
    scene.apply(&with_claims("web", 2));
    let set = scene.until(OSET, "web", "stalled", |set| holds(set, "Stalled"));
    assert_eq!(condition(&set, "Stalled")["reason"], "NameTaken");
    assert!(text(condition(&set, "Stalled"), "/message").contains("web-1"), "{set}");
    let foreign = scene.get(POD, "web-1");
    assert_eq!(foreign["metadata"]["labels"], json!({"app": "foreign"}), "nobody touched it");
    scene.kubectl(&["delete", "pod", "web-1", "--wait=false"]);
    scene.wait_at_most(existing::limit(PROMPT), "web to go on", || settled(&scene, "web"));
}

#[test]
fn the_largest_number_of_replicas_costs_what_exists() {
    let scene = Scene::new("largest");
    // Only pods without requests count, so that the other set is free.
    quota(&scene, 3, &json!(["BestEffort"]));
    let mut set = ordinal_set("web", 1);
    set["spec"]["replicas"] = json!(i32::MAX);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    scene.until(OSET, "web", "stalled", |set| holds(set, "Stalled"));
    scene.until(OSET, "web", "three pods", |set| number(set, "/status/readyReplicas") == 3);

    let mut other = ordinal_set("other", 2);
    other["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1m"}});
    scene.apply(&other);
    scene.wait_at_most(existing::limit(PROMPT), "the other set", || settled(&scene, "other"));
    few_are_refused(&scene);
    scene.apply(&with_image(&set, NEW));
    set["spec"]["replicas"] = json!(1);
    scene.apply(&set);
    scene.settled(OSET, "web");
    assert_eq!(names(&scene.list(POD)), ["other-0", "other-1", "web-0"]);
}

/// Slow start: 1, 2, then 4 at once of which none is admitted, and after each pause one.
fn few_are_refused(scene: &Scene) {
    if existing::leaves_out("refused attempts are counted in the audit log") {
        return;
    }
    let refused = attempts(scene, 403);
    assert!(refused <= 40, "{refused} refused attempts");
}

/// Whether a set is settled.
fn settled(scene: &Scene, set: &str) -> Result<(), String> {
    let set = scene.get(OSET, set);
    if crate::support::read::is_settled(&set) {
        Ok(())
    } else {
        Err(format!("{}: {}", name(&set), set["status"]))
    }
}

/// How often the API server answered the creation of a pod of `web` with a code.
fn attempts(scene: &Scene, code: u16) -> usize {
    let requests = scene.requests();
    requests.iter().filter(|event| writes::what(event) == "create pods" && event.code == code).count()
}

/// A quota of so many pods, of those that the scopes say.
fn quota(scene: &Scene, pods: u32, scopes: &Value) {
    scene.apply(&json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pods"},
        "spec": {"hard": {"pods": pods.to_string()}, "scopes": scopes},
    }));
    scene.wait("the quota to be in force", || {
        let quota = scene.kubectl(&["get", "quota", "pods", "--output=jsonpath={.status.hard.pods}"]);
        if quota == pods.to_string() { Ok(()) } else { Err(quota) }
    });
}
