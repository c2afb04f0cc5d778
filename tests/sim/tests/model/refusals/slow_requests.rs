//! Requests that are slow or hang, with the limits of `berth run`: none of them costs the lease.

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::{Pattern, object};
use berth_sim::outcome::comes_to_rest;
use berth_sim::world::{Limits, MINUTE, NAMESPACE, SECOND, Trouble, Weather, World, daemons};
use serde_json::json;

use super::within;

/// The operator of these histories: one that holds the lease, with the limits of `berth run`.
fn shipped(nodes: usize) -> World {
    let mut world = World::new(1, Weather::calm());
    world.limits = Limits::shipped();
    (0..nodes).for_each(|n| world.add_node(&format!("n{n}"), &json!({})));
    world.add_candidate();
    world.run_for(10 * SECOND);
    world
}

fn lost_leases(world: &World) -> u64 {
    world.tallies().get("leases lost").copied().unwrap_or(0)
}

fn running(world: &World, count: usize) -> Result<(), String> {
    let found = world.server.all(Resource::Pods).filter(|(_, pod)| object::is_serving(pod)).count();
    if found == count { Ok(()) } else { Err(format!("{found} pods of {count}")) }
}

/// A webhook whose backend is gone: each creation takes ten seconds and succeeds.
#[test]
fn a_slow_webhook_does_not_cost_the_lease() {
    let mut world = shipped(128);
    world.trouble(Pattern::of(Verb::Create, Resource::Pods), Trouble::Slow(10 * SECOND));
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_until(4 * MINUTE, |w| running(w, 128));
    assert_eq!(lost_leases(&world), 0);
    world.troubles.clear();
    comes_to_rest(&mut world, &agent);
}

/// Creations are not answered at all, until the webhook is removed.
#[test]
fn hanging_creations_do_not_cost_the_lease() {
    let mut world = shipped(128);
    world.trouble(Pattern::of(Verb::Create, Resource::Pods), Trouble::Slow(10 * SECOND));
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    // Far enough into the slow start for many at once.
    world.run_for(MINUTE);
    world.troubles.clear();
    world.trouble(Pattern::of(Verb::Create, Resource::Pods), Trouble::Hangs);
    world.run_for(3 * MINUTE);
    assert_eq!(lost_leases(&world), 0);
    world.troubles.clear();
    comes_to_rest(&mut world, &agent);
}

/// Events have an etcd of their own in many large clusters, and that hangs.
#[test]
fn hanging_events_cost_neither_the_lease_nor_any_work() {
    let mut world = shipped(128);
    for verb in [Verb::Create, Verb::Patch] {
        world.trouble(Pattern::of(verb, Resource::Events), Trouble::Hangs);
    }
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_until(MINUTE, |w| running(w, 128));
    assert_eq!(lost_leases(&world), 0);
}

/// One renewal hangs, and the next would be answered: there is time for it.
#[test]
fn one_renewal_that_hangs_does_not_cost_the_lease() {
    let mut world = shipped(1);
    let lease: ObjectRef = ObjectRef::new(Resource::Leases, NAMESPACE, "berth");
    world.trouble(Pattern::of(Verb::Patch, lease.resource), Trouble::Hangs);
    within(&mut world, 30 * SECOND, "a renewal", |w| w.tallies().contains_key("hanging requests"));
    world.troubles.clear();
    world.run_for(MINUTE);
    assert_eq!(lost_leases(&world), 0);
}
