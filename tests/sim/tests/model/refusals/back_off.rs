//! What is refused is tried more and more rarely, whatever it is, and the status reports it (S16, X12).

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::{Pattern, denied, object, refusal};
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{MINUTE, NAMESPACE, SECOND, World, busy, daemons, ordinals, parallel, pod};
use serde_json::json;

use super::{bounded, more_and_more_rarely, settled, stalled, ten_minutes_of_refusals, within};

/// A policy refuses every deletion of a pod: of daemons on nodes that no longer fit, and of a parallel set that is scaled down.
#[test]
fn deletions_that_a_policy_refuses_take_no_turns() {
    let scaled = json!({ "replicas": 0 });
    let moved = json!({ "template": { "spec": { "nodeSelector": { "disk": "none" } } } });
    for (of, spec, change) in [(ordinals("web"), parallel(3), scaled), (daemons("agent"), json!({}), moved)] {
        let mut world = settled(&of, &spec);
        world.server.admission.refuse(Pattern::of(Verb::Delete, Resource::Pods), denied());
        world.change(&of, &change);
        ten_minutes_of_refusals(&mut world, &of, 2);
        world.server.admission.policies.clear();
        comes_to_rest(&mut world, &of);
    }
}

/// A creation is refused by a quota, and a deletion by a policy.
#[test]
fn a_refused_creation_and_a_refused_deletion_take_no_turns() {
    let agent = daemons("agent");
    let mut world =
        settled(&agent, &json!({ "template": { "spec": { "nodeSelector": { "disk": "ssd" } } } }));
    world.label_node("a", &json!({ "disk": "ssd" }));
    world.run_until(5 * MINUTE, |w| reached(w, &agent));
    world.server.admission.refuse(Pattern::of(Verb::Delete, Resource::Pods), denied());
    world.server.admission.refuse(Pattern::of(Verb::Create, Resource::Pods), denied());
    world.label_node("a", &json!({ "disk": "hdd" }));
    world.label_node("b", &json!({ "disk": "ssd" }));
    ten_minutes_of_refusals(&mut world, &agent, 2);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &agent);
}

/// Two orphans are to be adopted by an operator that may not change pods.
#[test]
fn orphans_that_may_not_be_adopted_take_no_turns() {
    let web = ordinals("web");
    let mut world = settled(&web, &parallel(2));
    world.server.roles.take("patch", "pods");
    world.disown(&pod("web-0"));
    world.disown(&pod("web-1"));
    ten_minutes_of_refusals(&mut world, &web, 1);
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// A new set is read before its first pods are made, by an operator that may not read it.
#[test]
fn a_live_read_that_a_role_refuses_is_tried_ever_more_rarely() {
    for (of, resource) in [(ordinals("web"), "ordinalsets"), (daemons("agent"), "nodedaemonsets")] {
        let mut world = World::calm(&["a", "b"]);
        world.server.roles.take("get", resource);
        world.create_set(&of, "app:1", &json!({}));
        world.run_for(10 * MINUTE);
        // A write of the status tells as well as a read that the set is as it was seen.
        assert!(
            stalled(&world, &of).is_some() || reached(&world, &of).is_ok(),
            "nothing is done or reported"
        );
        bounded(&world, Duration::ZERO);
        world.server.roles.give_back();
        comes_to_rest(&mut world, &of);
    }
}

/// The same by an API server that is too busy: nothing is wrong with the set.
#[test]
fn a_live_read_of_a_busy_api_server_is_not_repeated() {
    let web = ordinals("web");
    let mut world = World::calm(&["a"]);
    world.server.admission.refuse(Pattern::of(Verb::Get, web.resource), busy(0));
    world.create_set(&web, "app:1", &json!({}));
    world.run_for(10 * SECOND);
    more_and_more_rarely(&world, Duration::ZERO, 1);
    assert_eq!(stalled(&world, &web), None);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// The history is longer than its limit, and the operator may not delete revisions.
#[test]
fn revisions_that_may_not_go_are_tried_ever_more_rarely() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({ "revisionHistoryLimit": 0 }));
        world.server.roles.take("delete", "controllerrevisions");
        for image in ["app:2", "app:3"] {
            world.set_image(&of, image);
            world.run_for(5 * MINUTE);
        }
        ten_minutes_of_refusals(&mut world, &of, 1);
        world.server.roles.give_back();
        comes_to_rest(&mut world, &of);
    }
}

/// An API server that asks for twenty seconds of rest gets them from everybody, for all but the lease.
#[test]
fn a_busy_api_server_gets_the_rest_that_it_asks_for() {
    let (web, agent) = (ordinals("web"), daemons("agent"));
    let mut world = settled(&web, &parallel(2));
    world.server.admission.refuse(Pattern::any(), busy(20));
    let since = world.now().mono;
    world.change(&web, &parallel(6));
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(19 * SECOND);
    let asked: Vec<_> = world.answered.iter().filter(|a| a.at >= since).collect();
    let first = asked.first().unwrap().at;
    let later: Vec<_> = asked.iter().filter(|a| a.at > first + SECOND / 2).collect();
    assert!(later.is_empty(), "it is not left alone: {later:?}");
    world.server.admission.policies.clear();
    world.run_until(MINUTE, |w| reached(w, &web).and_then(|()| reached(w, &agent)));
}

/// A webhook keeps the owners of claims as they are: the change is accepted and stores nothing.
#[test]
fn owners_that_a_webhook_takes_back_are_tried_ever_more_rarely() {
    let web = ordinals("web");
    let mut world = World::calm(&["a"]);
    let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-0");
    let body = json!({ "metadata": { "name": "data-web-0", "labels": { "app": "web" } }, "spec": {} });
    world.server.create(&claim, &body).unwrap();
    world.server.admission.reverts.push((Resource::Claims, "/metadata/ownerReferences"));
    let spec = json!({
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    world.create_set(&web, "app:1", &spec);
    world.run_for(10 * MINUTE);
    let at: Vec<Duration> =
        world.answered.iter().filter(|a| a.verb == Verb::Patch && a.object == claim).map(|a| a.at).collect();
    assert!((5..=20).contains(&at.len()), "S16: {} times: {at:?}", at.len());
    assert!(stalled(&world, &web).is_some(), "the status does not report it");
    assert!(world.server.get(&pod("web-0")).is_some_and(object::is_serving), "the pod runs all the same");
    world.server.admission.reverts.clear();
    comes_to_rest(&mut world, &web);
}

#[test]
fn labels_that_a_webhook_takes_back_are_tried_ever_more_rarely() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({}));
    let name = "/metadata/labels/statefulset.kubernetes.io~1pod-name";
    world.server.admission.reverts.push((Resource::Pods, name));
    world.server.edit(&pod("web-0"), |v| object::put(v, name, None));
    let since = world.now().mono;
    world.run_for(10 * MINUTE);
    let tries = world.answered.iter().filter(|a| a.verb == Verb::Patch && a.at >= since && !a.status).count();
    assert!((5..=20).contains(&tries), "S16: {tries} times");
    assert!(stalled(&world, &web).is_some(), "the status does not report it");
    world.server.admission.reverts.clear();
    comes_to_rest(&mut world, &web);
}

/// Another controller takes the owners off a claim as soon as they are there.
#[test]
fn a_fight_with_another_client_is_fought_ever_more_rarely() {
    let web = ordinals("web");
    let spec = json!({
        "replicas": 1,
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    let mut world = settled(&web, &spec);
    let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-0");
    let owners = "/metadata/ownerReferences";
    let is_owned =
        |v: &serde_json::Value| v.pointer(owners).and_then(|o| o.as_array()).is_some_and(|o| !o.is_empty());
    let (since, mut told) = (world.now().mono, false);
    for _ in 0..6000 {
        if world.server.get(&claim).is_some_and(is_owned) {
            world.server.edit(&claim, |v| object::put(v, owners, None));
        }
        world.run_for(SECOND / 10);
        told |= stalled(&world, &web).is_some_and(|message| message.contains("another client"));
    }
    let patches =
        world.answered.iter().filter(|a| a.at >= since && a.verb == Verb::Patch && a.object == claim);
    let patches = patches.count();
    assert!((5..=20).contains(&patches), "X10: {patches} in ten minutes");
    assert!(told, "the status does not report it");
    within(&mut world, 5 * MINUTE + SECOND, "the owner", |w| w.server.get(&claim).is_some_and(is_owned));
    comes_to_rest(&mut world, &web);
}

/// A webhook refuses deletions with the code of a conflict, and nothing newer can be read.
#[test]
fn a_conflict_that_lasts_is_tried_ever_more_rarely() {
    for code in [404, 409, 410] {
        let web = ordinals("web");
        let mut world = settled(&web, &parallel(3));
        world
            .server
            .admission
            .refuse(Pattern::of(Verb::Delete, Resource::Pods), refusal(code, "Conflict", "no"));
        world.change(&web, &json!({ "replicas": 0 }));
        let since = world.now().mono;
        world.run_for(10 * MINUTE);
        let tries = world.answered.iter().filter(|a| a.at >= since && a.verb == Verb::Delete).count();
        assert!((9..=3 * 16).contains(&tries), "S16: {tries} with {code}");
        world.server.admission.policies.clear();
        comes_to_rest(&mut world, &web);
    }
}

/// A quota of pods is full for an hour, and claims are not counted: they are not made for all pods that cannot come.
#[test]
fn a_quota_of_pods_does_not_fill_the_cluster_with_claims() {
    let web = ordinals("web");
    let mut world = World::calm(&["a", "b"]);
    world.server.admission.pod_quota = Some(2);
    let mut spec = parallel(30);
    spec["volumeClaimTemplates"] = json!([{ "metadata": { "name": "data" }, "spec": {} }]);
    world.create_set(&web, "app:1", &spec);
    world.run_for(60 * MINUTE);
    let claims = world.server.all(Resource::Claims).count();
    assert!((3..=13).contains(&claims), "{claims} claims for two pods");
    world.server.admission.pod_quota = None;
    world.run_until(330 * SECOND, |w| reached(w, &web));
}
