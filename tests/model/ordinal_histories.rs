//! Random histories of ordinal sets: they converge whatever the policy, the weather and the people.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api_server::object;
use crate::invariants::Rules;
use crate::outcome::{comes_to_rest, reached};
use crate::seeds::seeds;
use crate::world::{Weather, World, ordinals, pod};
use berth::api::{ObjectRef, Resource};

/// A set whose policies are drawn from the whole matrix.
fn any_spec(world: &mut World) -> Value {
    let mut yes = || world.random.chance(500);
    let policy = if yes() { "OrderedReady" } else { "Parallel" };
    let (deleted, scaled) =
        (if yes() { "Delete" } else { "Retain" }, if yes() { "Delete" } else { "Retain" });
    let partition = if yes() { 0 } else { 1 };
    let on_delete = yes() && yes();
    let bare = yes() && yes();
    let strategy = match () {
        () if on_delete => json!({ "type": "OnDelete" }),
        () if bare => json!({ "type": "RollingUpdate" }),
        () => {
            json!({ "rollingUpdate": { "partition": partition, "maxUnavailable": 1 + world.random.below(2) } })
        }
    };
    json!({
        "replicas": 1 + world.random.below(4),
        "podManagementPolicy": policy,
        "updateStrategy": strategy,
        "minReadySeconds": *world.random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": world.random.below(3),
        "ordinals": { "start": *world.random.pick(&[0, 0, 2]) },
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": deleted, "whenScaled": scaled },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    })
}

/// Who may do what in a history.
#[derive(Clone, Copy)]
struct People {
    /// Pods are killed, fail and fall ill.
    monkey: bool,
    /// Templates may be broken, to be mended later.
    bad_images: bool,
}

fn any_step(world: &mut World, of: &ObjectRef, people: People) {
    let spec = world.spec(of);
    let image = object::text(&spec, "/template/spec/containers/0/image").to_owned();
    let on_delete = spec["updateStrategy"]["type"] == "OnDelete";
    let pods: Vec<ObjectRef> = world.server.all(Resource::Pods).map(|(p, _)| p.clone()).collect();
    match world.random.below(if people.monkey { 13 } else { 8 }) {
        0 | 1 => {
            // A broken template that all of no pods run would become the current one.
            let least = u64::from(image.contains("bad"));
            let replicas = least + world.random.below(5 - least);
            world.change(of, &json!({ "replicas": replicas }));
        }
        2..=4 => {
            let mut images = vec!["app:1", "app:2", "app:3"];
            // What is broken from the very first is what the set comes from, and a partition keeps that.
            let recorded =
                world.server.get(of).is_some_and(|set| set["status"]["currentRevision"].is_string());
            if people.bad_images && recorded && !on_delete && spec["replicas"].as_u64() > Some(0) {
                images.extend(["app:bad", "app:bad-nopull"]);
            }
            let image = *world.random.pick(&images);
            world.set_image(of, image);
        }
        5 if spec["updateStrategy"]["rollingUpdate"].is_object() => {
            let partition = world.random.below(3);
            world.change(of, &json!({ "updateStrategy": { "rollingUpdate": { "partition": partition } } }));
        }
        6 => {
            let policy = *world.random.pick(&["Retain", "Delete"]);
            world.change(of, &json!({ "persistentVolumeClaimRetentionPolicy": { "whenDeleted": policy } }));
        }
        7 => {
            let paused = world.random.chance(600);
            world.change(of, &json!({ "paused": paused }));
        }
        8 | 9 if !pods.is_empty() => {
            let pod = world.random.pick(&pods).clone();
            world.delete(&pod, "Background");
        }
        10 if !pods.is_empty() => {
            let pod = world.random.pick(&pods).clone();
            world.fail_pod(&pod);
        }
        11 if !pods.is_empty() => {
            let pod = world.random.pick(&pods).clone();
            world.sicken(&pod);
        }
        _ => {}
    }
}

fn history(seed: u64, weather: Weather, operators: usize, people: People) {
    let mut world = World::new(seed, weather);
    let calm = !people.monkey && operators == 1 && world.weather.mishap == 0;
    world.invariants.rules = Rules { disruption: calm, still_nodes: true };
    for node in ["a", "b"] {
        world.add_node(node, &json!({}));
    }
    for _ in 0..operators {
        world.add_operator();
    }
    let web = ordinals("web");
    let spec = any_spec(&mut world);
    world.create_set(&web, "app:1", &spec);
    for _ in 0..8 {
        let pause = world.random.between((Duration::ZERO, Duration::from_secs(50)));
        world.run_for(pause);
        any_step(&mut world, &web, people);
    }
    if world.random.chance(100) {
        let how = *world.random.pick(&["Background", "Foreground"]);
        world.delete(&web, how);
    } else if object::text(&world.spec(&web), "/template/spec/containers/0/image").contains("bad") {
        world.set_image(&web, "app:4");
    }
    if world.spec(&web)["paused"] == true {
        world.change(&web, &json!({ "paused": false }));
    }
    world.heal();
    comes_to_rest(&mut world, &web);
    if world.spec(&web)["updateStrategy"]["type"] == "OnDelete" {
        people_finish_the_update(&mut world, &web);
    }
}

/// With OnDelete a pod that somebody deletes comes back at the update revision.
fn people_finish_the_update(world: &mut World, of: &ObjectRef) {
    let pods: Vec<ObjectRef> = world.server.all(Resource::Pods).map(|(p, _)| p.clone()).collect();
    for pod in &pods {
        world.delete(pod, "Background");
    }
    comes_to_rest(world, of);
    let image = object::text(&world.spec(of), "/template/spec/containers/0/image").to_owned();
    let outdated = world.server.all(Resource::Pods).find(|(_, v)| object::image(v) != image);
    assert!(outdated.is_none(), "{outdated:?} was deleted and is not at {image}");
}

#[test]
fn ordinal_sets_converge_with_lagging_caches() {
    for seed in seeds(60) {
        history(seed, Weather::lagging(), 1, People { monkey: false, bad_images: true });
    }
}

#[test]
fn ordinal_sets_converge_with_faults_and_pods_that_are_killed() {
    for seed in seeds(100) {
        history(seed, Weather::stormy(), 1, People { monkey: true, bad_images: true });
    }
}

#[test]
fn ordinal_sets_converge_under_two_operators_at_once() {
    for seed in seeds(60) {
        history(seed, Weather::stormy(), 2, People { monkey: seed % 2 == 0, bad_images: true });
    }
}

#[test]
fn a_set_that_is_deleted_and_made_again_gets_pods_of_its_own() {
    for seed in seeds(30) {
        let mut world = World::new(seed, Weather::stormy());
        world.add_node("a", &json!({}));
        world.add_operator();
        let web = ordinals("web");
        let spec = any_spec(&mut world);
        world.create_set(&web, "app:1", &spec);
        for _ in 0..2 {
            let pause = world.random.between((Duration::ZERO, Duration::from_secs(40)));
            world.run_for(pause);
            let how = *world.random.pick(&["Background", "Orphan", "Foreground"]);
            world.delete(&web, how);
            while world.server.get(&web).is_some() {
                world.run_for(Duration::from_secs(1));
            }
            world.create_set(&web, "app:1", &spec);
        }
        comes_to_rest(&mut world, &web);
    }
}

#[test]
fn claims_that_go_with_the_earlier_set_are_not_used_by_the_next() {
    for seed in seeds(10) {
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

#[test]
fn a_quota_that_comes_back_lets_the_set_grow() {
    let mut world = World::new(1, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    world.server.pod_quota = Some(2);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 4, "podManagementPolicy": "Parallel" }));
    world.run_for(Duration::from_secs(600));
    let set = world.server.get(&web).unwrap();
    assert!(object::holds(set, "Stalled"), "{}", set["status"]);
    assert!(object::condition(set, "Stalled").unwrap()["message"].as_str().unwrap().contains("quota"));
    let tries = world.writes.iter().filter(|w| !w.done && w.object.resource == Resource::Pods).count();
    assert!(tries <= 12, "{tries} tries in ten minutes");
    world.server.pod_quota = None;
    world.run_until(Duration::from_secs(330), |w| reached(w, &web));
    assert!(world.server.get(&pod("web-3")).is_some());
}
