//! The plan that people are shown is what the operator then does, as long as the world does what the plan assumes: writes in
//! the same steps, the same ones in each.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::object;
use berth_api::request::Verb;
use berth_api::{Key, Kind, ObjectRef, Resource, Surface};
use berth_engine::watch::stores::Stores;
use berth_plan::feature_gates::Gates;
use berth_plan::forecast::{End, Forecast, forecast};
use berth_plan::memory::Memory;
use berth_sim::outcome::reached;
use berth_sim::world::{Weather, World, daemons, ordinals, pod};
use serde_json::{Value, json};

use crate::seeds::seeds;

/// What the API server holds about a set, planned to the end.
fn forecast_of(world: &World, of: &ObjectRef) -> Forecast {
    let (sets, nodes) = (Resource::OrdinalSets(Surface::Berth), Resource::DaemonSets(Surface::Berth));
    let mut stores = Stores::default();
    for resource in [Resource::Pods, Resource::Claims, Resource::Revisions, Resource::Nodes, sets, nodes] {
        for (_, value) in world.server.all(resource) {
            stores.put(object::item(resource, &value.to_string()).unwrap());
        }
    }
    let kind = if of.resource == sets { Kind::Ordinal } else { Kind::Daemon };
    let key = Key::new(Surface::Berth, kind, &of.namespace, &of.name);
    let (memory, gates, now) = (Memory::default(), Gates::default(), world.now());
    match kind {
        Kind::Ordinal => forecast(&stores.observe_ordinal(&key, memory, gates, now).unwrap()),
        Kind::Daemon => forecast(&stores.observe_daemon(&key, memory, gates, now).unwrap()),
    }
}

type Line = (Verb, ObjectRef);

/// Compares what was foreseen with what the operator has written since the `before`-th write: step by step, in any order
/// within a step.
fn compare(world: &World, foreseen: &Forecast, before: usize) {
    let done: Vec<Line> = world.writes[before..]
        .iter()
        .filter(|w| {
            !w.status
                && !matches!(w.object.resource, Resource::Events | Resource::Leases | Resource::PodTemplates)
        })
        .map(|w| (w.verb, w.object.clone()))
        .collect();
    let show =
        |lines: &[Line]| lines.iter().map(|(v, o)| format!("{v:?} {o}")).collect::<Vec<_>>().join("\n  ");
    let mut rest = done.as_slice();
    for (n, mut wanted) in groups(foreseen).into_iter().enumerate() {
        let (these, later) = rest.split_at(wanted.len().min(rest.len()));
        let mut these = these.to_vec();
        these.sort();
        wanted.sort();
        if these != wanted {
            let steps: Vec<String> = foreseen.steps.iter().map(|s| format!("{s:?}")).collect();
            world.fail(&format!(
                "step {n} was foreseen as\n  {}\nand done as\n  {}\nall steps:\n{}\nall writes:\n  {}",
                show(&wanted),
                show(&these),
                steps.join("\n"),
                show(&done),
            ));
        }
        rest = later;
    }
    assert!(rest.is_empty(), "more was done than foreseen:\n  {}", show(rest));
}

/// The writes between which nothing is waited for. With surge a pod that gets ready lets the old one of its node go, and at once
/// another node begins: where two get ready, each does so at its own moment, and what follows from the one may come before what
/// follows from the other.
fn groups(foreseen: &Forecast) -> Vec<Vec<Line>> {
    let of_pods = |lines: &[Line]| lines.iter().all(|(_, object)| object.resource == Resource::Pods);
    let mut groups: Vec<Vec<Line>> = vec![];
    for step in &foreseen.steps {
        let lines: Vec<Line> = step.writes.iter().map(|w| (w.verb, w.object.clone())).collect();
        let surges = |last: &[Line]| {
            let has = |verb: Verb| last.iter().chain(&lines).any(|(v, _)| *v == verb);
            has(Verb::Create) && has(Verb::Delete)
        };
        match groups.last_mut() {
            Some(last) if step.after.is_empty() && of_pods(last) && of_pods(&lines) && surges(last) => {
                last.extend(lines);
            }
            _ => groups.push(lines),
        }
    }
    groups
}

/// One change, foreseen and done.
fn check(world: &mut World, of: &ObjectRef) -> Forecast {
    let foreseen = forecast_of(world, of);
    let before = world.writes.len();
    world.run_for(Duration::from_secs(1800));
    compare(world, &foreseen, before);
    match foreseen.end {
        End::Done => reached(world, of).unwrap_or_else(|why| world.fail(&why)),
        End::Rests | End::Stuck | End::More => {}
    }
    // Nothing is left to be foreseen.
    let after = forecast_of(world, of);
    assert_eq!(after.steps, [], "{after:?}");
    foreseen
}

fn spec(world: &mut World) -> Value {
    let mut yes = || world.random.chance(500);
    let policy = if yes() { "OrderedReady" } else { "Parallel" };
    let scaled = if yes() { "Delete" } else { "Retain" };
    let strategy = if yes() && yes() {
        json!({ "type": "OnDelete" })
    } else {
        json!({ "rollingUpdate": { "partition": world.random.below(2), "maxUnavailable": 1 + world.random.below(2) } })
    };
    json!({
        "replicas": 1 + world.random.below(5),
        "podManagementPolicy": policy,
        "updateStrategy": strategy,
        "minReadySeconds": *world.random.pick(&[0, 4]),
        "revisionHistoryLimit": world.random.below(3),
        "ordinals": { "start": *world.random.pick(&[0, 2]) },
        "persistentVolumeClaimRetentionPolicy": { "whenScaled": scaled },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    })
}

fn change(world: &mut World, of: &ObjectRef) {
    match world.random.below(6) {
        0 | 1 => {
            let replicas = world.random.below(6);
            world.change(of, &json!({ "replicas": replicas }));
        }
        2 | 3 => {
            let image = *world.random.pick(&["app:1", "app:2", "app:3"]);
            world.set_image(of, image);
        }
        4 => {
            let paused = world.random.chance(500);
            world.change(of, &json!({ "paused": paused }));
        }
        _ => {
            let (replicas, image) = (world.random.below(6), *world.random.pick(&["app:4", "app:5"]));
            // Both at once: of two writes the operator may see one first.
            let template = json!({ "spec": { "containers": [{ "name": "main", "image": image }] } });
            world.change(of, &json!({ "replicas": replicas, "template": template }));
        }
    }
}

#[test]
fn an_ordinal_set_does_what_was_foreseen() {
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in seeds(60) {
        let mut world = World::new(seed, Weather::even());
        world.add_node("a", &json!({}));
        let web = ordinals("web");
        let spec = spec(&mut world);
        world.create_set(&web, "app:1", &spec);
        world.add_operator();
        for _ in 0..6 {
            let foreseen = check(&mut world, &web);
            *ends.entry(format!("{:?}", foreseen.end)).or_default() += u32::from(foreseen.changes());
            change(&mut world, &web);
        }
    }
    assert!(ends["Done"] > 50 && ends["Rests"] > 10, "{ends:?}");
}

#[test]
fn a_node_daemon_set_does_what_was_foreseen() {
    for seed in seeds(40) {
        let mut world = World::new(seed, Weather::even());
        for node in ["a", "b", "c", "d", "e"] {
            world.add_node(node, &json!({}));
        }
        let agent = daemons("agent");
        let rolling = match world.random.below(6) {
            0 => json!({ "type": "OnDelete" }),
            1 | 2 => {
                json!({ "rollingUpdate": { "maxSurge": 1 + world.random.below(3), "maxUnavailable": 0 } })
            }
            _ => json!({ "rollingUpdate": { "maxUnavailable": 1 + world.random.below(3) } }),
        };
        world.create_set(&agent, "app:1", &json!({ "updateStrategy": rolling, "revisionHistoryLimit": 1 }));
        world.add_operator();
        for _ in 0..5 {
            check(&mut world, &agent);
            match world.random.below(4) {
                0 | 1 => {
                    let image = *world.random.pick(&["app:1", "app:2", "app:3"]);
                    world.set_image(&agent, image);
                }
                2 => {
                    let paused = world.random.chance(500);
                    world.change(&agent, &json!({ "paused": paused }));
                }
                _ => {
                    let effect = *world.random.pick(&["", "NoSchedule", "NoExecute"]);
                    world.taint("b", effect);
                }
            }
        }
    }
}

#[test]
fn a_rollout_that_breaks_is_foreseen_as_stuck_once_it_shows() {
    let mut world = World::new(1, Weather::even());
    world.add_node("a", &json!({}));
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 3 }));
    world.add_operator();
    check(&mut world, &web);
    // Nobody can know it before the first pod of the new image is there.
    world.set_image(&web, "app:bad-nopull");
    assert_eq!(forecast_of(&world, &web).end, End::Done);
    world.run_for(Duration::from_secs(600));
    let stuck = forecast_of(&world, &web);
    assert_eq!((stuck.end, stuck.steps.len()), (End::Stuck, 0), "{stuck:?}");
    assert!(format!("{:?}", stuck.waiting).contains("ImagePullBackOff"), "{stuck:?}");
    // The cure is foreseen too: the broken pod goes, nothing else does.
    world.set_image(&web, "app:1");
    let cure = check(&mut world, &web);
    let pods: Vec<&str> = cure
        .writes()
        .filter(|w| w.object.resource == Resource::Pods)
        .map(|w| w.object.name.as_str())
        .collect();
    assert_eq!((cure.end, pods), (End::Done, vec![pod("web-2").name.as_str(); 2]));
}

#[test]
fn a_forecast_for_two_billion_pods_is_bounded() {
    for policy in ["OrderedReady", "Parallel"] {
        let mut world = World::new(1, Weather::even());
        let web = ordinals("web");
        world.create_set(&web, "app:1", &json!({ "replicas": i32::MAX, "podManagementPolicy": policy }));
        let started = std::time::Instant::now();
        let foreseen = forecast_of(&world, &web);
        assert!(started.elapsed() < Duration::from_secs(60), "it took {:?}", started.elapsed());
        assert_eq!(foreseen.end, End::More);
        assert_eq!(foreseen.then.wanted, i64::from(i32::MAX));
        assert!(foreseen.then.unfinished > i64::from(i32::MAX) - 2000, "{:?}", foreseen.then);
    }
}
