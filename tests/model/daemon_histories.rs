//! Chosen histories of node daemon sets.

use std::time::Duration;

use serde_json::json;

use crate::outcome::comes_to_rest;
use crate::world::{Weather, World, daemons};
use berth::api::Resource;

#[test]
fn a_node_that_only_keeps_new_pods_off_leaves_the_set_ready() {
    let mut world = World::new(1, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_node("b", &json!({}));
    world.add_operator();
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(Duration::from_secs(60));
    world.taint("b", "NoSchedule");
    comes_to_rest(&mut world, &agent);
    assert_eq!(world.server.all(Resource::Pods).count(), 2, "D3: the pod that runs may stay");
    assert_eq!(world.server.get(&agent).unwrap()["status"]["numberMisscheduled"], json!(1));
}
