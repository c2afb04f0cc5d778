//! Random histories of nodes that join, leave, come back under their name, are tainted and relabelled, while a set rolls out: it
//! converges, and no budget is broken by the operator's own doing.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::object;
use berth_sim::invariants::daemons::{fits, node_of};
use berth_sim::outcome::comes_to_rest;
use berth_sim::world::{Weather, World, daemons, node};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::seeds::seeds;

const NODES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
/// Between two looks at the cluster.
const STEP: Duration = Duration::from_millis(200);
/// Longer than any cache lags behind: what has been so for this long, every operator has seen.
const KNOWN: i64 = 60;

/// How an update makes room: a number of nodes, which does not change with theirs.
#[derive(Clone, Copy, Debug)]
enum Room {
    Unavailable(usize),
    Surge(usize),
}

impl Room {
    fn strategy(self) -> Value {
        match self {
            Room::Unavailable(most) => json!({ "rollingUpdate": { "maxUnavailable": most } }),
            Room::Surge(most) => json!({ "rollingUpdate": { "maxUnavailable": 0, "maxSurge": most } }),
        }
    }
}

/// Whoever watches over the budget of one set.
struct Watcher {
    set: ObjectRef,
    room: Room,
    /// Since when each node has been as it is.
    nodes: BTreeMap<String, (Value, Timestamp)>,
    /// Pods (by uid) that are on their way out or gone.
    leaving: Vec<String>,
    /// Nodes (by the uid of the second pod) that were judged already.
    judged: Vec<String>,
}

impl Watcher {
    fn run(&mut self, world: &mut World, time: Duration) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            world.run_for(STEP);
            self.look(world);
        }
    }

    fn look(&mut self, world: &World) {
        let Some(set) = world.server.get(&self.set) else { return };
        let now = world.server.now;
        let mut present = BTreeMap::new();
        for (of, value) in world.server.all(Resource::Nodes) {
            let state = json!([object::uid(value), value["metadata"]["labels"], value["spec"]]);
            let since =
                self.nodes.get(&of.name).filter(|(before, _)| *before == state).map_or(now, |(_, at)| *at);
            present.insert(of.name.clone(), (state, since));
        }
        self.nodes = present;
        let pods = world.server.managed(Resource::Pods, object::uid(set));
        match self.room {
            Room::Unavailable(most) => self.unavailable(world, set, &pods, most),
            Room::Surge(most) => self.surging(world, set, &pods, most),
        }
    }

    /// Nodes that should run a pod, and that every operator knows as they are.
    fn known<'a>(&self, world: &'a World, set: &Value) -> Vec<&'a str> {
        let nodes = world.server.all(Resource::Nodes).filter(|(of, value)| {
            let since = self.nodes.get(&of.name).map_or(world.server.now, |(_, since)| *since);
            fits(world.invariants.rules, set, value) && seconds(since, world.server.now) >= KNOWN
        });
        nodes.map(|(of, _)| of.name.as_str()).collect()
    }

    /// When an available pod is taken away, no more than the budget may be without one.
    fn unavailable(&mut self, world: &World, set: &Value, pods: &[&Value], most: usize) {
        let known = self.known(world, set);
        for pod in pods.iter().filter(|pod| object::is_terminating(pod)) {
            let uid = object::uid(pod).to_owned();
            if self.leaving.contains(&uid) {
                continue;
            }
            self.leaving.push(uid);
            if !known.contains(&node_of(pod)) || available_for(set, pod, world.server.now).is_none() {
                continue;
            }
            let served = |node: &&&str| {
                pods.iter().any(|p| {
                    node_of(p) == **node
                        && available_for(set, p, world.server.now).is_some()
                        && !object::is_terminating(p)
                })
            };
            let without = known.len() - known.iter().filter(served).count();
            if without > most {
                world.fail(&format!(
                    "D4: {} goes, and {without} of {known:?} are without, {most} may",
                    object::name(pod)
                ));
            }
        }
    }

    /// When a pod comes beside one that serves, no more than the budget may have two.
    fn surging(&mut self, world: &World, set: &Value, pods: &[&Value], most: usize) {
        let known = self.known(world, set);
        let second = |node: &str| {
            let mut live: Vec<&&Value> = pods
                .iter()
                .filter(|p| node_of(p) == node && !object::is_terminating(p) && !object::is_terminal(p))
                .collect();
            live.sort_by_key(|pod| created(pod));
            match live.as_slice() {
                [old, new] => {
                    let served = available_for(set, old, created(new)).is_some_and(|time| time >= KNOWN);
                    served.then(|| object::uid(new).to_owned())
                }
                _ => None,
            }
        };
        let surging: Vec<(&str, String)> =
            known.iter().filter_map(|node| second(node).map(|uid| (*node, uid))).collect();
        let fresh = surging.iter().any(|(_, uid)| !self.judged.contains(uid));
        self.judged.extend(surging.iter().map(|(_, uid)| uid.clone()));
        if fresh && surging.len() > most {
            world.fail(&format!("D5: {surging:?} have two pods, {most} may"));
        }
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

fn created(pod: &Value) -> Timestamp {
    object::text(pod, "/metadata/creationTimestamp").parse().unwrap()
}

/// For how many seconds a pod had been available at some time; `None` if it was not.
fn available_for(set: &Value, pod: &Value, at: Timestamp) -> Option<i64> {
    let since = object::condition(pod, "Ready").filter(|c| c["status"] == "True")?;
    let since: Timestamp = object::text(since, "/lastTransitionTime").parse().ok()?;
    let wait = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let time = seconds(since, at) - wait;
    (!object::is_terminal(pod) && time >= 0).then_some(time)
}

fn churn(world: &mut World) {
    let name = *world.random.pick(&NODES);
    match world.random.below(7) {
        0 | 1 => world.add_node(name, &json!({ "disk": "ssd" })),
        2 => world.delete(&node(name), "Background"),
        3 => {
            // Back under its name before anybody has cleaned up.
            world.delete(&node(name), "Background");
            if world.random.chance(700) {
                let pause = world.random.between((Duration::ZERO, Duration::from_secs(5)));
                world.run_for(pause);
            }
            world.add_node(name, &json!({ "disk": "ssd" }));
        }
        4 => {
            let effect = *world.random.pick(&["", "", "NoSchedule", "NoExecute"]);
            world.taint(name, effect);
        }
        5 => world.label_node(name, &json!({ "disk": "hdd" })),
        _ => world.label_node(name, &json!({ "disk": "ssd" })),
    }
}

fn history(seed: u64, weather: Weather, operators: usize, room: Room) {
    let mut world = World::new(seed, weather);
    for name in NODES {
        world.add_node(name, &json!({ "disk": "ssd" }));
    }
    // Two that elect a leader, or two that act at once.
    let elects = operators > 1 && seed % 4 == 3;
    world.invariants.rules.crowd = operators > 1 && !elects;
    for _ in 0..operators {
        if elects {
            world.add_candidate()
        } else {
            world.add_operator()
        };
    }
    let agent = daemons("agent");
    let min_ready = *world.random.pick(&[0, 0, 4]);
    let selector = if world.random.chance(500) { json!({ "disk": "ssd" }) } else { Value::Null };
    world.create_set(
        &agent,
        "app:1",
        &json!({
            "updateStrategy": room.strategy(), "minReadySeconds": min_ready,
            "template": { "spec": { "nodeSelector": selector } },
        }),
    );
    let calm = operators == 1 && world.weather.mishap == 0;
    let mut watcher =
        Watcher { set: agent.clone(), room, nodes: BTreeMap::new(), leaving: vec![], judged: vec![] };
    let mut version = 1;
    for round in 0..10 {
        // Long enough, now and then, for everything to be known and available.
        let longest = if round % 3 == 0 { 150 } else { 25 };
        let pause = world.random.between((Duration::ZERO, Duration::from_secs(longest)));
        if calm {
            watcher.run(&mut world, pause)
        } else {
            world.run_for(pause)
        }
        if world.random.chance(350) {
            version += 1;
            let image =
                if world.random.chance(200) { "app:bad".to_owned() } else { format!("app:{version}") };
            world.set_image(&agent, &image);
        } else {
            churn(&mut world);
        }
    }
    world.set_image(&agent, "app:last");
    if calm {
        watcher.run(&mut world, Duration::from_secs(120));
    }
    comes_to_rest(&mut world, &agent);
}

#[test]
fn nodes_come_and_go_within_max_unavailable() {
    for seed in seeds(15) {
        history(seed, Weather::lagging(), 1, Room::Unavailable(1 + seed as usize % 3));
    }
}

#[test]
fn nodes_come_and_go_within_max_surge() {
    for seed in seeds(15) {
        history(seed, Weather::lagging(), 1, Room::Surge(1 + seed as usize % 3));
    }
}

#[test]
fn nodes_come_and_go_in_a_storm_and_the_set_surges() {
    for seed in seeds(40) {
        history(seed, Weather::stormy(), 1 + seed as usize % 2, Room::Surge(1 + seed as usize % 3));
    }
}

#[test]
fn nodes_come_and_go_in_a_storm() {
    for seed in seeds(30) {
        history(seed, Weather::stormy(), 1 + seed as usize % 2, Room::Unavailable(1 + seed as usize % 3));
    }
}
