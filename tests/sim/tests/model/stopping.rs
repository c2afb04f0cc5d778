//! SIGTERM at any moment of a rollout: what is on its way ends, the status that was held back is written, and the lease is given
//! back last of all.

use std::time::Duration;

use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::object;
use berth_sim::world::{NAMESPACE, Weather, World, ordinals};
use serde_json::{Value, json};

use crate::seeds::seeds;

/// An operator that is asked to end has this long: its Deployment gives it 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_last_status_is_written_and_then_the_lease_is_given_back() {
    let (mut held_back, mut in_flight) = (0, 0);
    let seeds = seeds(300);
    let all = seeds.end - seeds.start;
    for seed in seeds {
        let (held, flying) = history(seed);
        held_back += u64::from(held);
        in_flight += u64::from(flying);
    }
    println!("{all} ends: {held_back} with a status held back, {in_flight} with requests on their way");
    assert!(all < 300 || held_back > 8 && in_flight > 20, "{held_back} held back, {in_flight} on their way");
}

/// Whether a status was held back when the end was asked for, and whether requests were on their way.
fn history(seed: u64) -> (bool, bool) {
    // What has happened is seen at once; requests take their time in every second history.
    let mut weather = Weather::calm();
    if seed % 2 == 1 {
        weather.request = (Duration::from_millis(20), Duration::from_millis(400));
    }
    let mut world = World::new(seed, weather);
    world.add_node("a", &json!({}));
    let operator = world.add_candidate();
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 6, "podManagementPolicy": "Parallel" }));
    world.run_for(Duration::from_secs(60));
    world.set_image(&web, "app:2");
    let moment = world.random.between((Duration::ZERO, Duration::from_secs(40)));
    world.run_for(moment);
    // Long enough for whatever has happened so far to be seen.
    let (seen, stale) = (world.server.version(), ready(&world) != counted(&world, &web));
    world.run_for(Duration::from_millis(10));

    let flying = !world.operators[operator].in_flight.is_empty();
    world.terminate(operator);
    let asked = world.now().mono;
    let mut when_given_back = None;
    while world.operators[operator].engine.is_some() {
        if world.now().mono > asked + PATIENCE {
            world.fail("it does not end");
        }
        world.run_for(Duration::from_millis(1));
        if holder(&world).is_empty() {
            when_given_back.get_or_insert(world.writes.len());
        }
    }
    assert!(when_given_back.is_some(), "seed {seed}: the lease is kept");
    let held_back = stale && world.server.later(Resource::Pods, seen).is_empty();
    if held_back && counted(&world, &web) != ready(&world) {
        world.fail(&format!("the status says {}, {} are ready", counted(&world, &web), ready(&world)));
    }
    world.run_for(Duration::from_secs(60));
    if Some(world.writes.len()) != when_given_back {
        world.fail("it writes after it has given the lease back");
    }
    (held_back, flying)
}

fn holder(world: &World) -> String {
    let lease = world.server.get(&ObjectRef::new(Resource::Leases, NAMESPACE, "berth"));
    lease.map(|lease| object::text(lease, "/spec/holderIdentity").to_owned()).unwrap_or_default()
}

/// Pods that are ready, on their way out or not (A11), and what the status says of them.
fn ready(world: &World) -> i64 {
    let ready = world.server.all(Resource::Pods).filter(|(_, pod)| object::holds(pod, "Ready"));
    i64::try_from(ready.count()).unwrap()
}

fn counted(world: &World, set: &ObjectRef) -> i64 {
    world.server.get(set).map_or(&Value::Null, |set| &set["status"]["readyReplicas"]).as_i64().unwrap_or(0)
}
