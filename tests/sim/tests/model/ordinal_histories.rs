//! Chosen histories of ordinal sets.

use std::time::Duration;

use berth_api::{ObjectRef, Resource, Surface};
use berth_sim::api_server::object;
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{Fate, Listing, NAMESPACE, Weather, World, ordinals, pod};
use serde_json::json;

use crate::seeds::seeds_and_lists;

/// A world with one node, and its operator, to whom everything about sets comes so many seconds late.
fn sets_seen_late(seed: u64, seconds: u64) -> (World, usize) {
    let slow = Some(Resource::OrdinalSets(Surface::Berth));
    let late = Duration::from_secs(seconds);
    let mut world = World::new(seed, Weather { slow, stall_for: (late, late), ..Weather::calm() });
    world.add_node("a", &json!({}));
    let operator = world.add_operator();
    (world, operator)
}

#[test]
fn claims_that_go_with_the_earlier_set_are_not_used_by_the_next() {
    for seed in 0..10 {
        let mut world = World::new(seed, Weather::calm());
        world.add_node("a", &json!({}));
        world.add_operator();
        let web = ordinals("web");
        let spec = json!({
            "replicas": 2,
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
        });
        world.create_set(&web, "app:1", &spec);
        world.run_until(Duration::from_secs(60), |w| reached(w, &web));
        world.delete(&web, "Background");
        world.create_set(&web, "app:1", &spec);
        comes_to_rest(&mut world, &web);
    }
}

/// A set is scaled down, and its claims go too. Once the pod is gone people think better of it: but the garbage collector takes the
/// claim whatever the policy says now (A5.14), so the next pod waits for a new one.
#[test]
fn a_claim_that_goes_with_the_earlier_pod_is_not_used_by_the_next() {
    let mut world = World::new(0, Weather::even());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    let spec = json!({
        "replicas": 2,
        "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    world.create_set(&web, "app:1", &spec);
    world.run_until(Duration::from_secs(300), |w| reached(w, &web));
    let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-1");
    let uid = |w: &World| w.server.get(&claim).map(|claim| object::uid(claim).to_owned());
    let earlier = uid(&world);
    assert!(earlier.is_some());
    world.change(&web, &json!({ "replicas": 1 }));
    while world.server.get(&pod("web-1")).is_some() {
        world.run_for(Duration::from_millis(1));
    }
    assert_eq!(uid(&world), earlier, "it is still there");
    let kept = json!({ "whenScaled": "Retain" });
    world.change(&web, &json!({ "replicas": 2, "persistentVolumeClaimRetentionPolicy": kept }));
    // S4 and S5 are judged at each request.
    comes_to_rest(&mut world, &web);
    assert_ne!(uid(&world), earlier, "the garbage collector has taken it");
    assert!(uid(&world).is_some(), "and the next pod has one of its own");
}

/// A set is deleted and its claims are to stay: the garbage collector takes the set off their owners. An operator that sees that
/// before it sees the deletion would put it on again, and if that arrives when the set is gone, the data goes.
#[test]
fn claims_that_outlive_their_set_are_not_tied_to_it_again() {
    for seed in 0..10 {
        let (mut world, _) = sets_seen_late(seed, 20);
        let web = ordinals("web");
        let spec = json!({
            "replicas": 1,
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
        });
        world.create_set(&web, "app:1", &spec);
        world.run_until(Duration::from_secs(300), |w| reached(w, &web));
        let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-0");
        let owners = |w: &World| w.server.get(&claim).map_or(0, |claim| object::owners(claim).len());
        assert_eq!(owners(&world), 1, "it would go with the set");
        world.delete(&web, "Orphan");
        while owners(&world) > 0 {
            world.run_for(Duration::from_millis(1));
        }
        // Whatever is sent next arrives late.
        world.script.insert(world.asked, Fate::Late(Duration::from_secs(10)));
        world.run_for(Duration::from_secs(60));
        assert!(world.server.get(&web).is_none(), "the set is gone");
        let kept = world.server.get(&claim).is_some_and(|claim| !object::is_terminating(claim));
        assert!(kept, "S3: the data stays, with seed {seed}");
    }
}

/// An operator starts, and one of its lists shows what was there before the set was scaled up: by that, pods are to go, and their data.
#[test]
fn a_list_of_the_past_takes_nothing_away() {
    for (seed, list) in seeds_and_lists() {
        let (mut world, operator) = sets_seen_late(seed, 2);
        let web = ordinals("web");
        let spec = json!({
            "replicas": 1,
            "podManagementPolicy": "Parallel",
            "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
        });
        world.create_set(&web, "app:1", &spec);
        world.run_until(Duration::from_secs(300), |w| reached(w, &web));
        let before = world.server.version();
        world.change(&web, &json!({ "replicas": 3 }));
        world.run_until(Duration::from_secs(300), |w| reached(w, &web));
        let there = |w: &World| {
            let all = [Resource::Pods, Resource::Claims].map(|resource| w.server.all(resource));
            let all = all.into_iter().flatten();
            all.map(|(of, value)| (of.clone(), object::uid(value).to_owned())).collect::<Vec<_>>()
        };
        let wanted = there(&world);
        assert_eq!(wanted.len(), 6, "three pods and their claims");
        world.crash(operator);
        world.listings.insert(world.listed + list, Listing::Past(world.server.version() - before));
        world.run_for(Duration::from_secs(60));
        assert_eq!(there(&world), wanted, "S3, S21: list {list} of the past, seed {seed}");
        comes_to_rest(&mut world, &web);
    }
}

/// As before, but by the list the set is at an earlier template, and keeps no history.
#[test]
fn a_list_of_the_past_leaves_the_history_alone() {
    for (seed, list) in seeds_and_lists() {
        let (mut world, operator) = sets_seen_late(seed, 2);
        let web = ordinals("web");
        world.create_set(&web, "app:1", &json!({ "replicas": 1, "revisionHistoryLimit": 0 }));
        world.run_until(Duration::from_secs(300), |w| reached(w, &web));
        let before = world.server.version();
        world.change(&web, &json!({ "revisionHistoryLimit": 10 }));
        for image in ["app:2", "app:3"] {
            world.set_image(&web, image);
            world.run_until(Duration::from_secs(300), |w| reached(w, &web));
        }
        let history = |w: &World| {
            let revisions = w.server.all(Resource::Revisions);
            revisions.map(|(of, value)| (of.clone(), value["revision"].clone())).collect::<Vec<_>>()
        };
        let wanted = history(&world);
        assert_eq!(wanted.len(), 3);
        world.crash(operator);
        world.listings.insert(world.listed + list, Listing::Past(world.server.version() - before));
        world.run_for(Duration::from_secs(60));
        assert_eq!(history(&world), wanted, "S9: list {list} of the past, seed {seed}");
        comes_to_rest(&mut world, &web);
    }
}

fn claim(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Claims, NAMESPACE, name)
}

fn is_kept(world: &World, name: &str) -> bool {
    world.server.get(&claim(name)).is_some_and(|claim| !object::is_terminating(claim))
}

/// A set with `replicas` and claims that go with it or not.
fn with_claims(replicas: u64, when_deleted: &str) -> serde_json::Value {
    json!({
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": when_deleted },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    })
}

/// A set is scaled down, its policy is changed, and then it is deleted: claims of ordinals without a pod fare as the policy says.
#[test]
fn a_claim_without_a_pod_fares_as_the_policy_says_last() {
    for surface in [Surface::Berth, Surface::Apps] {
        for replicas in [0, 1] {
            for (from, to) in [("Delete", "Retain"), ("Retain", "Delete")] {
                let mut world = World::new(replicas, Weather::calm());
                world.surface = surface;
                world.add_node("a", &json!({}));
                world.add_operator();
                let web = ObjectRef::new(Resource::OrdinalSets(surface), NAMESPACE, "web");
                world.create_set(&web, "app:1", &with_claims(2, from));
                world.run_until(Duration::from_secs(60), |w| reached(w, &web));
                world.change(&web, &json!({ "replicas": replicas }));
                world.run_until(Duration::from_secs(60), |w| reached(w, &web));
                world.change(&web, &json!({ "persistentVolumeClaimRetentionPolicy": { "whenDeleted": to } }));
                comes_to_rest(&mut world, &web);
                world.delete(&web, "Background");
                world.run_for(Duration::from_secs(120));
                // Upstream leaves a claim without a pod alone, and so towards Delete do native sets (A5.11).
                let kept = to == "Retain" || surface == Surface::Apps;
                let what = format!("{surface:?} at {replicas}, from {from} to {to}");
                assert_eq!(is_kept(&world, "data-web-1"), kept, "S3: {what}");
                let first = to == "Retain" || surface == Surface::Apps && replicas == 0;
                assert_eq!(is_kept(&world, "data-web-0"), first, "S3: {what}");
            }
        }
    }
}

/// A set left its claims behind. The next one of its name deletes its claims with it, but only those that its pods have used.
#[test]
fn claims_of_an_earlier_set_outlive_a_successor() {
    let mut world = World::new(0, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    for (replicas, policy) in [(3, "Retain"), (1, "Delete")] {
        world.create_set(&web, "app:1", &with_claims(replicas, policy));
        comes_to_rest(&mut world, &web);
        world.delete(&web, "Background");
        world.run_for(Duration::from_secs(120));
    }
    let kept = ["data-web-0", "data-web-1", "data-web-2"].map(|name| is_kept(&world, name));
    assert_eq!(kept, [false, true, true], "S3");
}

/// A set is deleted and made again while its pods take their time to end.
#[test]
fn a_set_that_is_made_again_is_never_stalled() {
    for surface in [Surface::Berth, Surface::Apps] {
        let mut world = World::new(0, Weather::calm());
        world.surface = surface;
        world.add_node("a", &json!({}));
        world.add_operator();
        let web = ObjectRef::new(Resource::OrdinalSets(surface), NAMESPACE, "web");
        world.create_set(&web, "app:1", &json!({ "replicas": 2 }));
        world.run_until(Duration::from_secs(60), |w| reached(w, &web));
        world.delete(&web, "Background");
        world.create_set(&web, "app:1", &json!({ "replicas": 2 }));
        let mut told = false;
        for _ in 0..2000 {
            world.run_for(Duration::from_millis(10));
            let set = world.server.get(&web).unwrap();
            assert!(!object::holds(set, "Stalled"), "{}", set["status"]);
            let working = object::condition(set, "Reconciling").filter(|c| c["status"] == "True");
            told |= working.is_some_and(|c| object::text(c, "/message").contains("pod default/web-0"));
        }
        assert!(told || surface == Surface::Apps, "the pod that is waited for is named");
        comes_to_rest(&mut world, &web);
    }
}

/// A canary at ordinal 1, scaled to 0 and back: what the partition keeps is still kept.
#[test]
fn a_partition_holds_through_zero() {
    let mut world = World::new(0, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    let rolling = json!({ "rollingUpdate": { "partition": 1 } });
    world.create_set(&web, "app:1", &json!({ "replicas": 2, "updateStrategy": rolling }));
    world.run_until(Duration::from_secs(60), |w| reached(w, &web));
    world.set_image(&web, "app:2");
    let images = |w: &World| {
        let pods = w.server.all(Resource::Pods).map(|(_, pod)| object::image(pod).to_owned());
        pods.collect::<Vec<_>>()
    };
    for replicas in [2, 0, 2, 3] {
        world.change(&web, &json!({ "replicas": replicas }));
        world.run_until(Duration::from_secs(60), |w| reached(w, &web));
        let all = ["app:1", "app:2", "app:2"];
        assert_eq!(images(&world), all[..replicas], "at {replicas}");
    }
    comes_to_rest(&mut world, &web);
}

/// A set that is recreated for each template is paused, and gets a new one.
#[test]
fn a_paused_set_is_not_recreated() {
    let mut world = World::calm(&["a"]);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 2, "updateStrategy": { "type": "Recreate" } }));
    world.run_until(Duration::from_secs(60), |w| reached(w, &web));
    world.change(&web, &json!({ "paused": true }));
    world.set_image(&web, "app:2");
    let before = world.writes.len();
    world.run_for(Duration::from_secs(60));
    let pods = world.writes[before..].iter().filter(|w| w.object.resource == Resource::Pods);
    assert_eq!(pods.count(), 0, "S7: it stands still");
    // A pod that is lost comes back as it was.
    world.delete(&pod("web-1"), "Background");
    world.run_for(Duration::from_secs(60));
    let images = world.server.all(Resource::Pods).map(|(_, pod)| object::image(pod));
    assert_eq!(images.collect::<Vec<_>>(), ["app:1", "app:1"]);
    world.change(&web, &json!({ "paused": false }));
    comes_to_rest(&mut world, &web);
}

#[test]
fn a_quota_that_comes_back_lets_the_set_grow() {
    let mut world = World::calm(&["a"]);
    world.server.admission.pod_quota = Some(2);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 4, "podManagementPolicy": "Parallel" }));
    world.run_for(Duration::from_secs(600));
    let set = world.server.get(&web).unwrap();
    assert!(object::holds(set, "Stalled"), "{}", set["status"]);
    assert!(object::condition(set, "Stalled").unwrap()["message"].as_str().unwrap().contains("quota"));
    let tries = world.writes.iter().filter(|w| !w.done && w.object.resource == Resource::Pods).count();
    assert!(tries <= 12, "{tries} tries in ten minutes");
    world.server.admission.pod_quota = None;
    world.run_until(Duration::from_secs(330), |w| reached(w, &web));
    assert!(world.server.get(&pod("web-3")).is_some());
}
