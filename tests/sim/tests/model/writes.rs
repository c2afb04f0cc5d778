//! How many writes things cost, as an API server counts them.

use std::time::{Duration, Instant};

use berth_api::Resource;
use berth_api::request::Verb;
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{Weather, World, Write, ordinals};
use serde_json::json;

fn claims() -> serde_json::Value {
    json!([{ "metadata": { "name": "data" }, "spec": {} }])
}

#[test]
fn twenty_ordered_pods_cost_one_write_each_and_one_for_each_claim() {
    let mut world = World::new(3, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 20, "volumeClaimTemplates": claims() }));
    world.run_until(Duration::from_secs(300), |w| reached(w, &web));
    let of = |resource: Resource, w: &Write| w.object.resource == resource;
    assert_eq!(world.count(|w| of(Resource::Pods, w)), 20);
    assert_eq!(world.count(|w| of(Resource::Claims, w)), 20);
    assert_eq!(world.count(|w| of(Resource::Revisions, w)), 1);
    let status = world.count(|w| w.status);
    let seconds = world.now().mono.as_secs();
    assert!(status as u64 <= 10 + seconds / 5, "{status} writes of the status in {seconds} s");
    assert_eq!(world.writes.iter().filter(|w| !w.done).count(), 0, "nothing was tried in vain");

    // An update costs two writes a pod, a revision, and a status now and then.
    let before = world.writes.len();
    world.set_image(&web, "app:2");
    world.run_until(Duration::from_secs(600), |w| reached(w, &web));
    let update = &world.writes[before..];
    let pods: Vec<_> = update.iter().filter(|w| of(Resource::Pods, w)).collect();
    assert_eq!(pods.iter().filter(|w| w.verb == Verb::Delete).count(), 20);
    assert_eq!(pods.iter().filter(|w| w.verb == Verb::Create).count(), 20);
    assert_eq!(pods.len(), 40);
    assert_eq!(update.iter().filter(|w| of(Resource::Revisions, w)).count(), 1);
    assert_eq!(update.iter().filter(|w| of(Resource::Claims, w)).count(), 0);
    comes_to_rest(&mut world, &web);
}

#[test]
fn a_plan_for_two_billion_pods_is_bounded() {
    let mut world = World::new(4, Weather::calm());
    world.add_operator();
    world.server.admission.pod_quota = Some(3);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": i32::MAX, "podManagementPolicy": "Parallel" }));
    let started = Instant::now();
    world.run_for(Duration::from_secs(60));
    assert!(started.elapsed() < Duration::from_secs(10), "a plan took {:?}", started.elapsed());
    assert_eq!(world.count(|w| w.object.resource == Resource::Pods), 3);
}

#[test]
fn scaling_down_costs_one_write_a_pod() {
    let mut world = World::new(5, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 5 }));
    world.run_until(Duration::from_secs(300), |w| reached(w, &web));
    world.change(&web, &json!({ "replicas": 2 }));
    world.run_until(Duration::from_secs(300), |w| reached(w, &web));
    assert_eq!(world.count(|w| w.object.resource == Resource::Pods && w.verb == Verb::Delete), 3);
}
