//! Random histories of node daemon sets: one pod on each node that fits, whatever happens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api_server::object;
use crate::invariants::Rules;
use crate::outcome::comes_to_rest;
use crate::seeds::seeds;
use crate::world::{Weather, World, daemons, node};
use berth::api::{ObjectRef, Resource};

const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn any_spec(world: &mut World) -> Value {
    let budget = world.random.pick(&[json!(1), json!("25%"), json!("50%")]).clone();
    let strategy = match world.random.below(4) {
        0 => json!({ "type": "OnDelete" }),
        _ => json!({ "rollingUpdate": { "maxUnavailable": budget } }),
    };
    let selector = if world.random.chance(300) { json!({ "disk": "ssd" }) } else { Value::Null };
    json!({
        "updateStrategy": strategy,
        "minReadySeconds": *world.random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": world.random.below(3),
        "template": { "spec": { "nodeSelector": selector } },
    })
}

fn any_image(world: &mut World, of: &ObjectRef) {
    let image = *world.random.pick(&["app:1", "app:2", "app:3", "app:bad"]);
    let on_delete = world.spec(of)["updateStrategy"]["type"] == "OnDelete";
    world.set_image(of, if on_delete { "app:2" } else { image });
}

fn any_churn(world: &mut World) {
    let name = *world.random.pick(&NODES);
    match world.random.below(5) {
        0 => world.add_node(name, &json!({ "disk": "ssd" })),
        1 => world.delete(&node(name), "Background"),
        2 => {
            let effect = *world.random.pick(&["", "NoSchedule", "NoExecute"]);
            world.taint(name, effect);
        }
        3 => world.label_node(name, &json!({ "disk": "hdd" })),
        _ => world.label_node(name, &json!({ "disk": "ssd" })),
    }
}

fn history(seed: u64, weather: Weather, operators: usize, churn: bool, monkey: bool) {
    let mut world = World::new(seed, weather);
    let calm = !monkey && operators == 1 && world.weather.mishap == 0;
    world.invariants.rules = Rules { disruption: calm, still_nodes: !churn };
    for node in NODES {
        world.add_node(node, &json!({ "disk": "ssd" }));
    }
    for _ in 0..operators {
        world.add_operator();
    }
    let agent = daemons("agent");
    let spec = any_spec(&mut world);
    world.create_set(&agent, "app:1", &spec);
    for _ in 0..8 {
        let pause = world.random.between((Duration::ZERO, Duration::from_secs(40)));
        world.run_for(pause);
        let pods: Vec<ObjectRef> = world.server.all(Resource::Pods).map(|(p, _)| p.clone()).collect();
        match world.random.below(7) {
            6 => any_image(&mut world, &agent),
            0 => any_image(&mut world, &agent),
            1 => {
                let paused = world.random.chance(500);
                world.change(&agent, &json!({ "paused": paused }));
            }
            2 | 3 if churn => any_churn(&mut world),
            4 if monkey && !pods.is_empty() => {
                let pod = world.random.pick(&pods).clone();
                world.delete(&pod, "Background");
            }
            5 if monkey && !pods.is_empty() => {
                let pod = world.random.pick(&pods).clone();
                if world.random.chance(500) { world.fail_pod(&pod) } else { world.sicken(&pod) }
            }
            _ => {}
        }
    }
    if object::text(&world.spec(&agent), "/template/spec/containers/0/image").contains("bad") {
        world.set_image(&agent, "app:4");
    }
    world.change(&agent, &json!({ "paused": false }));
    world.heal();
    comes_to_rest(&mut world, &agent);
}

#[test]
fn daemon_sets_roll_within_their_budget_with_lagging_caches() {
    for seed in seeds(50) {
        history(seed, Weather::lagging(), 1, false, false);
    }
}

#[test]
fn daemon_sets_follow_their_nodes_with_faults() {
    for seed in seeds(80) {
        history(seed, Weather::stormy(), 1, true, true);
    }
}

#[test]
fn daemon_sets_have_one_pod_a_node_under_two_operators_at_once() {
    for seed in seeds(50) {
        history(seed, Weather::stormy(), 2, true, seed % 2 == 0);
    }
}

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
