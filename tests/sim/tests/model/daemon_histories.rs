//! Chosen histories of node daemon sets.

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource, Surface};
use berth_sim::api_server::object;
use berth_sim::invariants::daemons::node_of as daemons_node;
use berth_sim::outcome::{come_to_rest, comes_to_rest, reached};
use berth_sim::world::{Listing, NAMESPACE, Weather, World, daemons};
use serde_json::json;

use crate::seeds::seeds_and_lists;

#[test]
fn a_pod_that_cannot_go_stops_no_rollout_elsewhere() {
    let mut world = World::calm(&["a", "b", "c", "d"]);
    let agent = daemons("agent");
    world.create_set(
        &agent,
        "app:1",
        &json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } } }),
    );
    world.run_for(Duration::from_secs(60));
    world.cut_off("b");
    world.run_for(Duration::from_secs(200));
    world.set_image(&agent, "app:2");
    world.run_for(Duration::from_secs(300));
    let images = world.server.all(Resource::Pods).map(|(_, pod)| (daemons_node(pod), object::image(pod)));
    let images: Vec<(&str, &str)> = images.collect();
    let updated = images.iter().filter(|(_, image)| *image == "app:2").count();
    assert_eq!(updated, 3, "D11: {images:?}");
    // What runs there still runs, and nothing takes its place before it is known to have ended.
    assert_eq!(images.iter().filter(|(node, _)| *node == "b").count(), 1, "D1: {images:?}");
    world.rejoin("b");
    comes_to_rest(&mut world, &agent);
}

#[test]
fn a_node_that_only_keeps_new_pods_off_leaves_the_set_ready() {
    let mut world = World::calm(&["a", "b"]);
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(Duration::from_secs(60));
    world.taint("b", "NoSchedule");
    comes_to_rest(&mut world, &agent);
    assert_eq!(world.server.all(Resource::Pods).count(), 2, "D3: the pod that runs may stay");
    assert_eq!(world.server.get(&agent).unwrap()["status"]["numberMisscheduled"], json!(1));
}

/// A node joins, and is tainted between the creation of its pod and the scheduler's look at that.
#[test]
fn a_node_that_is_tainted_before_its_pod_gets_there_stops_no_rollout() {
    let mut world = World::calm(&["a", "b"]);
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(Duration::from_secs(60));
    world.add_node("c", &json!({}));
    while world.server.all(Resource::Pods).count() < 3 {
        world.run_for(Duration::from_millis(1));
    }
    world.taint("c", "NoSchedule");
    let unbound = |w: &World| {
        w.server.all(Resource::Pods).filter(|(_, pod)| object::text(pod, "/spec/nodeName").is_empty()).count()
    };
    assert_eq!(unbound(&world), 1, "it has been made, and has no node");
    world.set_image(&agent, "app:2");
    comes_to_rest(&mut world, &agent);
    assert_eq!(unbound(&world), 0, "what never starts is not waited for");
}

/// A webhook takes the labels off new pods: each is let go, and the next one is made more and more slowly, with surge too.
#[test]
fn with_surge_pods_that_lose_their_labels_are_made_more_and_more_slowly() {
    let mut world = World::calm(&["a"]);
    let agent = daemons("agent");
    let surging = json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } } });
    world.create_set(&agent, "app:1", &surging);
    world.run_for(Duration::from_secs(60));
    world.server.admission.strips_labels = true;
    world.set_image(&agent, "app:2");
    let before = world.writes.len();
    world.run_for(Duration::from_secs(60));
    let made = world.writes[before..]
        .iter()
        .filter(|w| w.verb == Verb::Create && w.object.resource == Resource::Pods);
    assert_eq!(made.count(), 8, "X9: in the first minute");
    world.server.admission.strips_labels = false;
    comes_to_rest(&mut world, &agent);
}

/// An operator starts, and one of its lists shows what was there before the first pod was made. By now that pod has been replaced by
/// one in slot 1.
#[test]
fn a_list_of_the_past_makes_no_second_pod() {
    for (seed, list) in seeds_and_lists() {
        let slow = (Duration::from_secs(2), Duration::from_secs(2));
        let weather = Weather { slow: Some(Resource::Pods), stall_for: slow, ..Weather::calm() };
        let mut world = World::new(seed, weather);
        world.add_node("a", &json!({}));
        let operator = world.add_operator();
        let agent = daemons("agent");
        let surging =
            json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } } });
        let before = world.server.version();
        world.create_set(&agent, "app:1", &surging);
        world.run_for(Duration::from_secs(60));
        world.set_image(&agent, "app:2");
        world.run_for(Duration::from_secs(60));
        world.crash(operator);
        world.listings.insert(world.listed + list, Listing::Past(world.server.version() - before));
        // D1 is judged at each commit.
        world.run_for(Duration::from_secs(60));
        comes_to_rest(&mut world, &agent);
    }
}

/// Two operators act at once. A person takes a pod out of the selector and puts it back; one operator takes it over again, and the
/// other, which does not see that, has yet to make the next one, for a policy refused that at first.
#[test]
fn a_pod_that_was_taken_back_gets_no_second_one_beside_it() {
    let mut world = World::calm(&["a"]);
    let other = world.add_operator();
    let agent = daemons("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(Duration::from_secs(60));
    let pod = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
    let is_owned = |w: &World| object::controller(w.server.get(&pod).unwrap()).is_some();

    world.server.admission.refuses_pods = true;
    world.relabel(&pod, false);
    world.run_for(Duration::from_secs(5));
    assert!(!is_owned(&world), "it was let go");
    world.freeze(other, Resource::Pods, Duration::from_secs(120));
    world.relabel(&pod, true);
    world.run_for(Duration::from_secs(1));
    assert!(is_owned(&world), "it was taken back");
    world.server.admission.refuses_pods = false;
    // D1 is judged at each request.
    world.run_for(Duration::from_secs(180));
    assert_eq!(world.count(|w| w.verb == Verb::Create && w.object.resource == Resource::Pods), 1);
    comes_to_rest(&mut world, &agent);
}

/// A set is deleted and made again while its pods take their time to end.
#[test]
fn a_pod_of_an_earlier_set_keeps_its_node() {
    let mut told = false;
    for seed in 0..10 {
        let mut world = World::new(seed, Weather::lagging());
        for node in ["a", "b", "c"] {
            world.add_node(node, &json!({}));
        }
        world.add_operator();
        let agent = daemons("agent");
        world.create_set(&agent, "app:1", &json!({}));
        world.run_until(Duration::from_secs(300), |w| reached(w, &agent));
        world.delete(&agent, "Background");
        world.create_set(&agent, "app:1", &json!({}));
        for _ in 0..2000 {
            world.run_for(Duration::from_millis(10));
            // D1: whatever set they are of.
            let mut nodes: Vec<&str> =
                world.server.all(Resource::Pods).map(|(_, p)| daemons_node(p)).collect();
            let all = nodes.len();
            nodes.sort_unstable();
            nodes.dedup();
            assert_eq!(nodes.len(), all, "D1: two pods on a node, seed {seed}");
            let set = world.server.get(&agent).unwrap();
            let message = object::condition(set, "Reconciling").map_or("", |c| object::text(c, "/message"));
            told |= message.contains("of an earlier NodeDaemonSet agent");
        }
        comes_to_rest(&mut world, &agent);
    }
    assert!(told, "what is waited for is named");
}

/// Two sets select the same pods. The first is deleted and its pods stay, so the second adopts them beside its own.
#[test]
fn of_an_adopted_pod_and_an_own_one_only_one_is_deleted() {
    let mut world = World::calm(&["a", "b", "c"]);
    let (first, second) = (daemons("first"), daemons("second"));
    let labels = json!({ "app": "agent" });
    let spec =
        json!({ "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels } } });
    world.create_set(&first, "app:1", &spec);
    world.run_until(Duration::from_secs(60), |w| reached(w, &first));
    world.create_set(&second, "app:2", &spec);
    world.run_until(Duration::from_secs(60), |w| reached(w, &second));
    let deletes = |w: &World| w.count(|w| w.verb == Verb::Delete && w.object.resource == Resource::Pods);
    let before = deletes(&world);
    world.delete(&first, "Orphan");
    come_to_rest(&mut world, &[second]);
    assert_eq!(deletes(&world) - before, 3, "one on each node");
    let images = world.server.all(Resource::Pods).map(|(_, pod)| object::image(pod));
    assert_eq!(images.collect::<Vec<_>>(), ["app:2"; 3]);
}

fn native(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::DaemonSets(Surface::Apps), NAMESPACE, name)
}

fn native_world(nodes: &[&str]) -> World {
    let mut world = World::new(0, Weather::calm());
    world.surface = Surface::Apps;
    for node in nodes {
        world.add_node(node, &json!({}));
    }
    world.add_operator();
    world
}

/// Kubernetes' conformance test: a pod fails, and its name must be gone some time.
#[test]
fn a_native_pod_that_failed_gives_up_its_name() {
    let mut world = native_world(&["a"]);
    let agent = native("agent");
    world.create_set(&agent, "app:1", &json!({}));
    let mut names = vec![];
    for _ in 0..4 {
        world.run_until(Duration::from_secs(60), |w| reached(w, &agent));
        let pod = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
        names.push(pod.name.clone());
        world.fail_pod(&pod);
        world.run_for(Duration::from_secs(30));
        assert!(world.server.get(&pod).is_none(), "{pod} is held by its successor");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 2, "two names take turns: {names:?}");
    comes_to_rest(&mut world, &agent);
}

/// B8.6: a restored backup brings a second revision of the same template.
#[test]
fn twin_revisions_of_a_native_set_become_one() {
    let mut world = native_world(&["a", "b"]);
    let agent = native("agent");
    world.create_set(&agent, "app:1", &json!({}));
    world.run_until(Duration::from_secs(60), |w| reached(w, &agent));
    let pods = |w: &World| {
        let all = w.server.all(Resource::Pods).map(|(_, pod)| {
            let label = object::text(pod, "/metadata/labels/controller-revision-hash").to_owned();
            (object::uid(pod).to_owned(), label)
        });
        all.collect::<Vec<_>>()
    };
    let before = pods(&world);
    let mut twin = world.server.all(Resource::Revisions).map(|(_, v)| v.clone()).next().unwrap();
    twin["metadata"]["labels"]["controller-revision-hash"] = json!("restored");
    twin["revision"] = json!(2);
    let name = ObjectRef::new(Resource::Revisions, NAMESPACE, "agent-restored");
    world.server.create(&name, &twin).unwrap();
    world.run_for(Duration::from_secs(180));
    let names = world.server.all(Resource::Revisions).map(|(of, _)| of.name.clone());
    assert_eq!(names.collect::<Vec<_>>(), ["agent-restored"], "the newest is kept");
    let restored = before.into_iter().map(|(uid, _)| (uid, "restored".to_owned())).collect::<Vec<_>>();
    assert_eq!(pods(&world), restored, "no pod restarts, and all have its label");
    comes_to_rest(&mut world, &agent);
}

/// Two operators act at once, and pods that have ended are also deleted by somebody else: a person, a pod garbage collector, or a Berth
/// of another version. One operator has read that the ended pod is there and is about to use the next name; the other sees that it is
/// gone and uses the first (docs/adr/0003). Where a node has one name that cannot happen.
#[test]
fn what_a_second_name_costs_is_counted() {
    for surface in [Surface::Berth, Surface::Apps] {
        let (mut twice, mut rounds) = (0, 0);
        for seed in 0..20 {
            let requests = (Duration::from_millis(50), Duration::from_millis(400));
            let mut world = World::new(seed, Weather { request: requests, ..Weather::calm() });
            world.surface = surface;
            world.invariants.rules.crowd = true;
            for node in ["a", "b"] {
                world.add_node(node, &json!({}));
            }
            let _operators = [world.add_operator(), world.add_operator()];
            let agent = ObjectRef::new(Resource::DaemonSets(surface), NAMESPACE, "agent");
            world.create_set(&agent, "app:1", &json!({}));
            for _ in 0..5 {
                world.run_until(Duration::from_secs(300), |w| reached(w, &agent));
                let pod = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
                world.fail_pod(&pod);
                let pause = world.random.between((Duration::ZERO, Duration::from_secs(2)));
                world.run_for(pause);
                world.delete(&pod, "Background");
                let two = (0..600).filter(|_| {
                    world.run_for(Duration::from_millis(10));
                    let live = |p: &&serde_json::Value| !object::is_terminal(p) && !object::is_terminating(p);
                    let pods = world.server.all(Resource::Pods).map(|(_, p)| p).filter(live);
                    let mut nodes: Vec<&str> = pods.map(daemons_node).collect();
                    let all = nodes.len();
                    nodes.sort_unstable();
                    nodes.dedup();
                    nodes.len() < all
                });
                twice += usize::from(two.count() > 0);
                rounds += 1;
            }
            comes_to_rest(&mut world, &agent);
        }
        println!("{surface:?}: {twice} of {rounds} times two pods were on a node for a moment");
        match surface {
            Surface::Berth => assert_eq!(twice, 0, "D1"),
            Surface::Apps => assert!(twice < rounds / 10, "it is rare: {twice} of {rounds}"),
        }
    }
}
