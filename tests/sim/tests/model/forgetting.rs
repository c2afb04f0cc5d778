//! Sets that are deleted and made again: what an operator remembers of one says nothing about the next of its name.

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{Kind, ObjectRef, Resource, Surface};
use berth_sim::api_server::object;
use berth_sim::outcome::reached;
use berth_sim::world::{NAMESPACE, Weather, World, daemons, ordinals, pod, set_in};
use serde_json::json;

/// How much longer the next one may take than one of which nothing was ever known.
const MORE: Duration = Duration::from_secs(3);
/// How long a set may take to settle.
const SETTLED: Duration = Duration::from_secs(600);

fn world() -> World {
    let mut world = World::new(1, Weather::even());
    ["a", "b"].iter().for_each(|node| world.add_node(node, &json!({})));
    world.add_operator();
    world
}

/// The same set again: at once, so that its operator may never see that it was gone, or when nothing is left of it.
fn again(world: &mut World, of: &ObjectRef, image: &str, spec: &serde_json::Value, at_once: bool) {
    world.delete(of, "Background");
    if !at_once {
        world.run_for(Duration::from_secs(120));
    }
    world.create_set(of, image, spec);
}

/// How long it takes until a set has settled.
fn settles(world: &mut World, of: &ObjectRef) -> Duration {
    let began = world.now().mono;
    while reached(world, of).is_err() {
        assert!(world.now().mono < began + SETTLED, "{:?}\n{}", reached(world, of), world.story().join("\n"));
        world.run_for(Duration::from_millis(500));
    }
    world.now().mono - began
}

/// After `before` the next set of the name is served as soon as if there had been nothing to remember.
fn is_served_as_new(before: impl Fn(&mut World, &ObjectRef)) {
    let web = ordinals("web");
    let spec = json!({ "replicas": 2 });
    for at_once in [true, false] {
        let time = |remembers: bool| {
            let mut world = world();
            world.create_set(&web, "app:1", &spec);
            settles(&mut world, &web);
            if remembers {
                before(&mut world, &web);
            }
            again(&mut world, &web, "app:1", &spec, at_once);
            settles(&mut world, &web)
        };
        let (new, next) = (time(false), time(true));
        assert!(next <= new + MORE, "{next:?} instead of {new:?}, at once: {at_once}");
    }
}

#[test]
fn a_pause_after_rejections_ends_with_its_set() {
    is_served_as_new(|world, web| {
        world.server.admission.refuses_pods = true;
        world.change(web, &json!({ "replicas": 3 }));
        world.run_for(Duration::from_secs(1500));
        world.server.admission.refuses_pods = false;
    });
}

#[test]
fn a_pause_after_failed_pods_ends_with_its_set() {
    let web = ordinals("web");
    let spec = json!({ "replicas": 2 });
    for at_once in [true, false] {
        let mut world = world();
        world.create_set(&web, "app:1", &spec);
        settles(&mut world, &web);
        for _ in 0..8 {
            world.fail_pod(&pod("web-1"));
            world.run_for(Duration::from_secs(300));
        }
        again(&mut world, &web, "app:1", &spec, at_once);
        settles(&mut world, &web);
        world.fail_pod(&pod("web-1"));
        let took = settles(&mut world, &web);
        assert!(took < Duration::from_secs(30), "{took:?}, at once: {at_once}");
    }
}

#[test]
fn a_pause_after_vanishing_pods_ends_with_its_set() {
    is_served_as_new(|world, _| {
        for _ in 0..12 {
            world.delete(&pod("web-0"), "Background");
            world.run_for(Duration::from_secs(20));
        }
    });
}

#[test]
fn a_pause_after_vanishing_revisions_ends_with_its_set() {
    is_served_as_new(|world, _| {
        for _ in 0..8 {
            let revisions = world.server.all(Resource::Revisions).map(|(of, _)| of.clone());
            let revisions: Vec<ObjectRef> = revisions.collect();
            revisions.iter().for_each(|of| world.delete(of, "Background"));
            world.run_for(Duration::from_secs(30));
        }
    });
}

#[test]
fn a_rival_of_one_set_is_none_of_the_next() {
    let web = set_in(NAMESPACE, Kind::Ordinal, Surface::Apps, "web");
    for at_once in [true, false] {
        let mut world = world();
        world.operators.clear();
        world.surface = Surface::Apps;
        world.add_operator();
        world.create_set(&web, "app:1", &json!({ "replicas": 2 }));
        settles(&mut world, &web);
        world.run_for(Duration::from_secs(5));
        world.rival(&web);
        world.delete(&pod("web-1"), "Background");
        world.run_for(Duration::from_secs(120));
        assert!(world.server.get(&pod("web-1")).is_none(), "nothing is written beside a rival");
        again(&mut world, &web, "app:1", &json!({ "replicas": 2 }), at_once);
        settles(&mut world, &web);
    }
}

#[test]
fn a_paused_set_forgets_where_an_earlier_one_stood() {
    let web = ordinals("web");
    let mut world = world();
    world.create_set(&web, "app:1", &json!({ "replicas": 2 }));
    settles(&mut world, &web);
    world.change(&web, &json!({ "paused": true }));
    world.set_image(&web, "app:2");
    world.run_for(Duration::from_secs(10));
    world.delete(&pod("web-1"), "Background");
    world.run_for(Duration::from_secs(60));
    assert_eq!(object::image(world.server.get(&pod("web-1")).unwrap()), "app:1");
    again(&mut world, &web, "app:3", &json!({ "replicas": 2, "paused": true }), true);
    world.run_for(Duration::from_secs(300));
    for name in ["web-0", "web-1"] {
        assert_eq!(object::image(world.server.get(&pod(name)).unwrap()), "app:3", "{name}");
    }
}

/// The pods of an earlier set go while the next one is paused between two templates: at which revision they were says nothing about it.
#[test]
fn pods_of_an_earlier_set_say_nothing_about_a_paused_one() {
    let web = ordinals("web");
    let mut world = world();
    world.create_set(&web, "app:2", &json!({ "replicas": 2 }));
    settles(&mut world, &web);
    world.weather.node = (Duration::from_secs(20), Duration::from_secs(20));
    again(&mut world, &web, "app:1", &json!({ "replicas": 2, "paused": true }), true);
    world.run_for(Duration::from_secs(5));
    world.set_image(&web, "app:2");
    world.run_for(Duration::from_secs(300));
    for name in ["web-0", "web-1"] {
        assert_eq!(object::image(world.server.get(&pod(name)).unwrap()), "app:1", "{name}");
    }
}

#[test]
fn the_next_set_has_events_of_its_own() {
    let web = ordinals("web");
    for at_once in [true, false] {
        let mut world = world();
        world.create_set(&web, "app:1", &json!({ "replicas": 20, "podManagementPolicy": "Parallel" }));
        settles(&mut world, &web);
        world.change(&web, &json!({ "replicas": 0 }));
        settles(&mut world, &web);
        let uid = |world: &World| object::uid(world.server.get(&web).unwrap()).to_owned();
        assert!(world.invariants.sending.events_about(&uid(&world)) >= 20);
        again(&mut world, &web, "app:1", &json!({ "replicas": 3 }), at_once);
        settles(&mut world, &web);
        assert!(world.invariants.sending.events_about(&uid(&world)) >= 3, "at once: {at_once}");
    }
}

#[test]
fn a_creation_in_doubt_concerns_one_incarnation() {
    let agent = daemons("agent");
    let mut world = world();
    world.create_set(&agent, "app:1", &json!({}));
    settles(&mut world, &agent);
    // The answers to creations are lost, so that it is unknown which pods there are.
    let creation = berth_sim::api_server::Pattern::of(Verb::Create, Resource::Pods);
    world.trouble(creation, berth_sim::world::Trouble::Hangs);
    world.set_image(&agent, "app:2");
    world.run_for(Duration::from_secs(40));
    world.troubles.clear();
    again(&mut world, &agent, "app:3", &json!({}), true);
    settles(&mut world, &agent);
    let uid = berth_api::Uid(object::uid(world.server.get(&agent).unwrap()).to_owned());
    for node in ["a", "b"] {
        let name = berth_plan::daemons::identity::pod_name("agent", &uid, node, 0);
        assert!(world.server.get(&pod(&name)).is_some(), "{name}");
    }
}

/// What a standby sees of a paused set it knows when it leads: a pod comes back at the revision that it had.
#[test]
fn a_standby_knows_at_which_revision_a_pod_of_a_paused_set_was() {
    let agent = daemons("agent");
    let mut world = World::new(1, Weather::even());
    ["a", "b", "c"].iter().for_each(|node| world.add_node(node, &json!({})));
    world.add_candidate();
    world.add_candidate();
    world.create_set(&agent, "app:1", &json!({}));
    settles(&mut world, &agent);
    world.set_image(&agent, "app:2");
    let at = |w: &World, image: &str| {
        let pods = w.server.all(Resource::Pods);
        pods.filter(|(_, v)| object::image(v) == image && object::is_serving(v))
            .map(|(of, _)| of.clone())
            .next()
    };
    while at(&world, "app:2").is_none() {
        world.run_for(Duration::from_millis(100));
    }
    world.change(&agent, &json!({ "paused": true }));
    world.run_for(Duration::from_secs(10));
    let leader =
        world.operators.iter().position(|o| o.engine.as_ref().is_some_and(berth_engine::Engine::leads));
    world.pause(leader.unwrap(), Duration::from_secs(300));
    let new = world.server.all(Resource::Pods).filter(|(_, v)| object::image(v) == "app:2");
    let new: Vec<ObjectRef> = new.map(|(of, _)| of.clone()).collect();
    new.iter().for_each(|pod| world.delete(pod, "Background"));
    world.run_for(Duration::from_secs(200));
    let pods: Vec<String> =
        world.server.all(Resource::Pods).map(|(_, v)| object::image(v).to_owned()).collect();
    assert_eq!(pods.len(), 3, "{pods:?}");
    assert_eq!(pods.iter().filter(|image| *image == "app:2").count(), new.len(), "{pods:?}");
}

/// Whatever map of an engine a set gets into, it must get out of again: a process lives for months, and sets come and go.
#[test]
fn nothing_is_left_of_a_set_that_is_gone() {
    let mut world = world();
    let all = [ordinals("web-of-old"), daemons("agent-of-old")];
    all.iter().for_each(|of| world.create_set(of, "app:1", &json!({})));
    for of in &all {
        settles(&mut world, of);
        world.set_image(of, "app:2");
        settles(&mut world, of);
        world.delete(of, "Background");
    }
    // What was told by events is known for an hour.
    world.run_for(Duration::from_secs(3 * 3600));
    let engine = format!("{:?}", world.operators[0].engine);
    let around = |at: usize| &engine[at.saturating_sub(300)..engine.len().min(at + 100)];
    assert_eq!(engine.find("of-old").map(around), None);
}
