//! Chosen histories of a world that refuses for days, stalls, and answers late: what is refused is tried more and more rarely and holds
//! up nothing else, the status reports it, and the end is right.

mod back_off;
mod dry_runs;
mod isolation;
mod roles;
mod slow_requests;

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::object;
use berth_sim::outcome::reached;
use berth_sim::world::{MINUTE, SECOND, World};
use serde_json::Value;

/// A world with two nodes and a set that has settled.
fn settled(of: &ObjectRef, spec: &Value) -> World {
    let mut world = World::calm(&["a", "b"]);
    world.create_set(of, "app:1", spec);
    world.run_until(Duration::from_secs(300), |w| reached(w, of));
    world
}

/// What is asked: the verb, the object, and whether of its status.
type Asked = (Verb, ObjectRef, bool);

/// When each request was refused since `since`.
fn refusals(world: &World, since: Duration) -> BTreeMap<Asked, Vec<Duration>> {
    let mut all: BTreeMap<Asked, Vec<Duration>> = BTreeMap::new();
    for answered in world.answered.iter().filter(|a| a.refused.is_some() && a.at >= since) {
        let asked = (answered.verb, answered.object.clone(), answered.status);
        all.entry(asked).or_default().push(answered.at);
    }
    all
}

/// S16: each request is refused at most four times in any ten seconds, and twenty times in any ten minutes.
fn bounded(world: &World, since: Duration) {
    for (asked, at) in &refusals(world, since) {
        for (window, most) in [(10 * SECOND, 4), (10 * MINUTE, 20)] {
            let within =
                |first: &Duration| at.iter().filter(|t| *t >= first && **t < *first + window).count();
            let tries = at.iter().map(within).max().unwrap_or_default();
            assert!(tries <= most, "S16: {asked:?} {tries} times in {window:?}: {at:?}");
        }
    }
}

/// S16: each of at least `least` requests is refused again and again, more and more rarely, and is tried still.
fn more_and_more_rarely(world: &World, since: Duration, least: usize) {
    bounded(world, since);
    let all = refusals(world, since);
    assert!(all.len() >= least, "{all:?}");
    for (asked, at) in &all {
        let last = at.last().copied().unwrap_or_default();
        assert!(world.now().mono < last + 330 * SECOND, "S16: {asked:?} was given up: {at:?}");
    }
}

/// The message of `Stalled`, if that is true.
fn stalled<'a>(world: &'a World, of: &ObjectRef) -> Option<&'a str> {
    let condition = object::condition(world.server.get(of)?, "Stalled").filter(|c| c["status"] == "True")?;
    Some(object::text(condition, "/message"))
}

/// Lets ten minutes pass in which requests are refused, and checks that the status reports it.
fn ten_minutes_of_refusals(world: &mut World, of: &ObjectRef, least: usize) {
    let since = world.now().mono;
    world.run_for(10 * MINUTE);
    more_and_more_rarely(world, since, least);
    assert!(
        stalled(world, of).is_some(),
        "the status does not report it: {}",
        world.server.get(of).unwrap()["status"]
    );
}

/// Runs until `goal` holds, looking every tenth of a second; fails when it does not within `bound`.
fn within(world: &mut World, bound: Duration, what: &str, goal: impl Fn(&World) -> bool) {
    let until = world.now().mono + bound;
    while !goal(world) {
        if world.now().mono >= until {
            world.fail(&format!("{what}: not within {bound:?}"));
        }
        world.run_for(SECOND / 10);
    }
}

fn uids(world: &World, resource: Resource) -> Vec<String> {
    world.server.all(resource).map(|(_, value)| object::uid(value).to_owned()).collect()
}
