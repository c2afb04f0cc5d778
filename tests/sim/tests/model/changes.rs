//! A spec that changes while what an earlier one asked for is on its way.

use std::time::Duration;

use berth_api::Resource;
use berth_api::request::Verb;
use berth_sim::api_server::{Pattern, object};
use berth_sim::outcome::reached;
use berth_sim::world::{Limits, Trouble, Weather, World, Write, ordinals, pod};
use serde_json::json;

fn creates(write: &Write) -> bool {
    write.verb == Verb::Create && write.object.resource == Resource::Pods
}

#[test]
fn what_waits_for_its_turn_is_not_sent_for_an_old_spec() {
    let mut world = World::new(1, Weather::even());
    world.add_node("a", &json!({}));
    world.limits = Limits { qps: 1, burst: 1, in_flight: 4 };
    world.add_operator();
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 16, "podManagementPolicy": "Parallel" }));
    // Eight creations in a batch, one a second.
    let begun = |w: &World| if w.count(creates) == 8 { Ok(()) } else { Err("not yet".to_owned()) };
    while begun(&world).is_err() {
        world.run_for(Duration::from_millis(100));
    }
    let made = world.count(creates);
    world.change(&web, &json!({ "replicas": 1 }));
    world.run_for(Duration::from_secs(120));
    assert_eq!(world.count(creates), made, "none is made that is not wanted any more");
    reached(&world, &web).unwrap();
}

#[test]
fn a_pod_does_not_follow_its_claim_for_an_old_spec() {
    let mut world = World::new(1, Weather::even());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    let claims = json!([{ "metadata": { "name": "data" }, "spec": {} }]);
    world.trouble(Pattern::of(Verb::Create, Resource::Claims), Trouble::Slow(Duration::from_secs(2)));
    world.create_set(&web, "app:1", &json!({ "replicas": 1, "volumeClaimTemplates": claims }));
    // The claim is on its way.
    world.run_for(Duration::from_secs(1));
    world.set_image(&web, "app:2");
    world.run_for(Duration::from_secs(60));
    assert_eq!(object::image(world.server.get(&pod("web-0")).unwrap()), "app:2");
    assert_eq!(world.count(creates), 1, "no pod is made for the old template");
}
