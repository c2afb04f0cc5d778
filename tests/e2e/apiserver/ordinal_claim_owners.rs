//! Claims that others own too, that change hands, or that are lost.

use serde_json::{Value, json};

use crate::support::manifests::with_claims;
use crate::support::plane::{MEMBER, pool};
use crate::support::read::{CLAIM, CONFIG_MAP, EVENT, POD, is_ready, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, text};

rows!(
    a_claim_that_another_controller_owns_stays_when_its_ordinal_goes,
    claims_go_with_the_set_that_has_taken_its_pods_over,
    claims_go_with_the_ordinals_of_the_set_that_has_taken_its_pods_over,
    owner_references_of_others_are_respected,
    a_claim_that_is_lost_under_a_waiting_pod_is_made_again,
);

fn a_claim_that_another_controller_owns_stays_when_its_ordinal_goes(surface: Surface) {
    let scene = Scene::on(surface, "foreign-controller");
    let mut set = with_claims("web", 3);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let foreign = config_map(&scene, "foreign");
    own(&scene, "data-web-1", &json!([controller(&foreign)]));
    set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": "Delete"});
    set["spec"]["replicas"] = json!(0);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    for gone in ["data-web-0", "data-web-2"] {
        scene.gone(CLAIM, gone);
    }
    let kept = scene.get(CLAIM, "data-web-1");
    assert_eq!(kept["metadata"]["ownerReferences"], json!([controller(&foreign)]));
    assert!(kept["metadata"].get("deletionTimestamp").is_none());
    let event = scene.wait("an event that tells why", || {
        let mut events = scene.list(EVENT).into_iter();
        events.find(|event| event["reason"] == "ConflictingController").ok_or_else(|| "none".to_owned())
    });
    assert_eq!((text(&event, "/type"), text(&event, "/involvedObject/name")), ("Warning", "web"));
    assert!(text(&event, "/message").contains("data-web-1"), "{event}");

    // Nobody else's any more, it is used again, and goes when its ordinal goes.
    own(&scene, "data-web-1", &json!([]));
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=2"]);
    scene.settled(scene.set, "web");
    assert_eq!(uid(&scene.get(CLAIM, "data-web-1")), uid(&kept));
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=1"]);
    scene.gone(CLAIM, "data-web-1");
    scene.get(CLAIM, "data-web-0");
}

fn claims_go_with_the_set_that_has_taken_its_pods_over(surface: Surface) {
    let scene = Scene::on(surface, "taken-over-deleted");
    taken_over(&scene, &json!({"whenDeleted": "Delete"}));
    scene.kubectl(&["delete", scene.set.plural, "web"]);
    for claim in ["data-web-0", "data-web-1", "data-web-2"] {
        scene.gone(CLAIM, claim);
    }
}

fn claims_go_with_the_ordinals_of_the_set_that_has_taken_its_pods_over(surface: Surface) {
    let scene = Scene::on(surface, "taken-over-scaled");
    taken_over(&scene, &json!({"whenScaled": "Delete"}));
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=2"]);
    scene.gone(CLAIM, "data-web-2");
    let claims = scene.list(CLAIM);
    assert_eq!(claims.len(), 2);
    assert!(claims.iter().all(|claim| claim["metadata"].get("deletionTimestamp").is_none()));
}

/// Deletes a set without its pods, and makes it again: the same pods, and the claims are the new set's as the policy says.
fn taken_over(scene: &Scene, policy: &Value) {
    let mut set = with_claims("web", 3);
    set["spec"]["persistentVolumeClaimRetentionPolicy"] = policy.clone();
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let facts = || {
        [scene.list(POD), scene.list(CLAIM)].concat().iter().map(|o| uid(o).to_owned()).collect::<Vec<_>>()
    };
    let before = facts();
    scene.kubectl(&["delete", scene.set.plural, "web", "--cascade=orphan"]);
    for object in scene.list(POD).iter().chain(&scene.list(CLAIM)) {
        let owners = object["metadata"].get("ownerReferences");
        assert!(owners.is_none(), "the garbage collector has let go of it: {object}");
    }
    scene.apply(&set);
    let new = scene.settled(scene.set, "web");
    assert_eq!(facts(), before, "the same pods and claims");
    let owner = json!([reference(scene, &new)]);
    for claim in ["data-web-0", "data-web-1", "data-web-2"] {
        let wanted = if policy.get("whenDeleted").is_some() { owner.clone() } else { Value::Null };
        owned(scene, claim, &wanted);
    }
}

fn owner_references_of_others_are_respected(surface: Surface) {
    let scene = Scene::on(surface, "owner-edges");
    let mut set = with_claims("web", 4);
    scene.apply(&set);
    let owner = json!(reference(&scene, &scene.settled(scene.set, "web")));
    let other = config_map(&scene, "other");
    let bystander = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": uid(&other)});
    // A set that is no more; the finalizer keeps the garbage collector from taking the claim.
    let stale = json!({
        "apiVersion": surface.version(), "kind": surface.name(), "name": "unknown", "controller": true,
        "blockOwnerDeletion": true, "uid": "9d86d6ae-4e06-4ff1-bc55-f77f52e272e9",
    });
    scene.patch(CLAIM, "data-web-3", &json!({"metadata": {"finalizers": ["tests.berth.dev/keep"]}}));
    own(&scene, "data-web-1", &json!([bystander]));
    own(&scene, "data-web-3", &json!([stale]));
    scene.marker("marker");
    owned(&scene, "data-web-1", &json!([bystander]));
    owned(&scene, "data-web-3", &json!([stale]));

    set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete"});
    scene.apply(&set);
    owned(&scene, "data-web-0", &json!([owner]));
    owned(&scene, "data-web-2", &json!([owner]));
    // Whoever does not control it stays, and the set comes after.
    owned(&scene, "data-web-1", &json!([bystander, owner]));
    owned(&scene, "data-web-3", &json!([stale]));

    // A reference to the set that does not control is mended.
    let mut weak = owner.clone();
    weak["controller"] = json!(false);
    own(&scene, "data-web-0", &json!([weak]));
    owned(&scene, "data-web-0", &json!([owner]));

    scene.kubectl(&["delete", scene.set.plural, "web"]);
    scene.gone(CLAIM, "data-web-0");
    scene.gone(CLAIM, "data-web-2");
    // The other owner keeps it; the set let go of it, or still stands there in vain.
    assert!(scene.get(CLAIM, "data-web-1")["metadata"].get("deletionTimestamp").is_none());
    scene.get(CLAIM, "data-web-3");
    scene.patch(CLAIM, "data-web-3", &json!({"metadata": {"finalizers": null}}));
}

fn a_claim_that_is_lost_under_a_waiting_pod_is_made_again(surface: Surface) {
    let scene = Scene::on(surface, "lost-claim");
    if scene.plane.lacks_nodes(1) {
        return;
    }
    let mut set = with_claims("web", 1);
    // Nowhere to run yet.
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({(pool(&scene.namespace)): MEMBER});
    scene.apply(&set);
    let pod = scene.until(POD, "web-0", "pending", |pod| pod["status"]["phase"] == "Pending");
    let lost = scene.until(CLAIM, "data-web-0", "there", |_| true);
    scene.kubectl(&["delete", "pvc", "data-web-0"]);
    scene.until(CLAIM, "data-web-0", "another", |claim| uid(claim) != uid(&lost));
    scene.add_nodes(&["a"]);
    let ready = scene.until(POD, "web-0", "ready", is_ready);
    assert_eq!(uid(&ready), uid(&pod), "the same pod");
}

/// Something that can own a claim.
fn config_map(scene: &Scene, name: &str) -> Value {
    scene.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}));
    scene.get(CONFIG_MAP, name)
}

/// A reference to something as the controller.
fn controller(object: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": text(object, "/metadata/name"), "uid": uid(object),
        "controller": true,
    })
}

/// The full reference to a set as the controller.
fn reference(scene: &Scene, set: &Value) -> Value {
    json!({
        "apiVersion": scene.surface.version(), "kind": scene.surface.name(), "name": text(set, "/metadata/name"),
        "uid": uid(set), "controller": true, "blockOwnerDeletion": true,
    })
}

/// Replaces the owners of a claim.
fn own(scene: &Scene, claim: &str, owners: &Value) {
    scene.patch(CLAIM, claim, &json!({"metadata": {"ownerReferences": owners}}));
}

/// Waits until the owners of a claim are these.
fn owned(scene: &Scene, claim: &str, owners: &Value) {
    scene.wait(&format!("the owners of {claim}"), || {
        let claim = scene.get(CLAIM, claim);
        let present = &claim["metadata"]["ownerReferences"];
        if present == owners { Ok(()) } else { Err(present.to_string()) }
    });
}
