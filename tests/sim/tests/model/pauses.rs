//! Chosen histories of waiting: pauses that grow where something fails again and again (S16, D6), and what is due is done then and
//! no later (D14).

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use berth_engine::work::status_throttle::QUIET;
use berth_sim::api_server::object;
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{Fate, World, Write, busy, daemons, ordinals, pod};
use serde_json::{Value, json};

/// How long requests and events take at most in calm weather, there and back.
const ROUND: Duration = Duration::from_millis(50);
/// How long a scheduler and a kubelet take in calm weather to refuse a pod.
const REFUSED: Duration = Duration::from_secs(3);

/// The writes that match.
fn writes(world: &World, matches: impl Fn(&Write) -> bool) -> Vec<Duration> {
    world.writes.iter().filter(|w| matches(w)).map(|w| w.at).collect()
}

/// Whether a pod was to be made.
fn makes_pod(write: &Write) -> bool {
    write.verb == Verb::Create && write.object.resource == Resource::Pods
}

/// The times between two writes each.
fn pauses(at: &[Duration]) -> Vec<Duration> {
    at.windows(2).map(|two| two[1] - two[0]).collect()
}

/// Pauses at least double, up to the longest, and are never much longer than that.
fn grow(pauses: &[Duration], longest: Duration, slack: Duration) {
    for two in pauses.windows(2) {
        let least = (two[0].saturating_sub(slack) * 2).min(longest);
        assert!(two[1] >= least, "{:?} after {:?}: {pauses:?}", two[1], two[0]);
    }
    let last = pauses.last().copied().unwrap_or_default();
    assert!(last >= longest, "they end at {last:?}: {pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= longest + slack), "{pauses:?}");
}

/// A node refuses every pod for five hours. `of` has one pod there.
fn refused_by_the_kubelet(of: &ObjectRef, spec: &Value) {
    let mut world = World::calm(&["a"]);
    world.fill("a", true);
    world.create_set(of, "app:1", spec);
    world.run_for(Duration::from_secs(5 * 3600));
    let made = writes(&world, |w| makes_pod(w) && w.done);
    grow(&pauses(&made), Duration::from_secs(900), REFUSED);
    world.fill("a", false);
    comes_to_rest(&mut world, of);
}

#[test]
fn pods_that_a_kubelet_refuses_are_replaced_more_and_more_rarely() {
    refused_by_the_kubelet(&ordinals("web"), &json!({ "replicas": 1 }));
    refused_by_the_kubelet(&daemons("agent"), &json!({}));
}

/// Something is refused for two hours, and `of` is right within five minutes after that.
fn refused_by_a_policy(
    of: &ObjectRef,
    spec: &Value,
    refuse: impl Fn(&mut World, bool),
    tries: impl Fn(&Write) -> bool,
) -> World {
    let mut world = World::calm(&["a"]);
    refuse(&mut world, true);
    world.create_set(of, "app:1", spec);
    world.run_for(Duration::from_secs(2 * 3600));
    let tried = writes(&world, |w| tries(w) && !w.done);
    grow(&pauses(&tried), Duration::from_secs(300), ROUND);
    refuse(&mut world, false);
    world.run_until(Duration::from_secs(330), |w| reached(w, of));
    world
}

#[test]
fn pods_that_a_policy_refuses_are_tried_more_and_more_rarely() {
    let refuse = |world: &mut World, on| world.server.admission.refuses_pods = on;
    refused_by_a_policy(&ordinals("web"), &json!({ "replicas": 1 }), refuse, makes_pod);
    refused_by_a_policy(&daemons("agent"), &json!({}), refuse, makes_pod);
}

#[test]
fn claims_beyond_a_quota_are_tried_more_and_more_rarely_and_no_pod_comes_before_them() {
    let spec = json!({
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    let refuse = |world: &mut World, on: bool| world.server.admission.claim_quota = on.then_some(1);
    let is_claim = |w: &Write| w.verb == Verb::Create && w.object.resource == Resource::Claims;
    let world = refused_by_a_policy(&ordinals("web"), &spec, refuse, is_claim);
    let made = |of: Resource, name: &str| {
        writes(&world, |w| {
            w.done && w.verb == Verb::Create && w.object.resource == of && w.object.name == name
        })
    };
    assert!(made(Resource::Pods, "web-0")[0] < Duration::from_secs(5), "the other one is made at once");
    let (claim, pod) = (made(Resource::Claims, "data-web-1"), made(Resource::Pods, "web-1"));
    assert!(claim[0] > Duration::from_secs(2 * 3600) && pod[0] > claim[0], "S5: {claim:?} {pod:?}");
}

#[test]
fn a_status_that_a_policy_refuses_is_tried_more_and_more_rarely_and_the_work_goes_on() {
    for (of, spec) in [(ordinals("web"), json!({ "replicas": 2 })), (daemons("agent"), json!({}))] {
        let mut world = World::calm(&["a"]);
        world.create_set(&of, "app:1", &spec);
        world.run_until(Duration::from_secs(60), |w| reached(w, &of));
        world.server.admission.refuses_status = true;
        let began = world.now().mono;
        world.change(&of, &json!({ "minReadySeconds": 1 }));
        world.run_for(Duration::from_secs(2 * 3600 + 60));
        let tried = writes(&world, |w| w.status && w.at > began);
        grow(&pauses(&tried), Duration::from_secs(300), ROUND + QUIET);
        let lost = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).last().unwrap();
        let made = |w: &World| writes(w, |w| makes_pod(w) && w.done).len();
        let before = made(&world);
        world.delete(&lost, "Background");
        world.run_for(Duration::from_secs(10));
        assert_eq!(made(&world), before + 1, "{of}");
        world.server.admission.refuses_status = false;
        world.run_until(Duration::from_secs(330), |w| reached(w, &of));
    }
}

/// When a pod is available: the second in which it became ready, and `wait` seconds more.
fn available_from(world: &World, name: &str, wait: u64) -> Duration {
    let value = world.server.get(&pod(name)).unwrap();
    let ready = object::condition(value, "Ready").unwrap()["lastTransitionTime"].as_str().unwrap();
    let (ready, now) = (ready.parse::<jiff::Timestamp>().unwrap(), world.now());
    now.mono - Duration::try_from(now.wall.duration_since(ready)).unwrap() + Duration::from_secs(wait)
}

/// What waits for a pod to be available is done when it is, and no later than a request takes.
fn to_the_second(due: Duration, at: Duration) {
    assert!(at >= due && at <= due + ROUND, "D14: due at {due:?}, done at {at:?}");
}

#[test]
fn the_next_pod_is_made_when_the_one_before_is_available_and_no_later() {
    let mut world = World::calm(&["a"]);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 3, "minReadySeconds": 37 }));
    world.run_until(Duration::from_secs(300), |w| reached(w, &web));
    let made = writes(&world, makes_pod);
    assert_eq!(made.len(), 3);
    to_the_second(available_from(&world, "web-0", 37), made[1]);
    to_the_second(available_from(&world, "web-1", 37), made[2]);
}

#[test]
fn a_rollout_goes_on_when_a_new_pod_is_available_and_no_later() {
    for (of, spec) in [
        (ordinals("web"), json!({ "replicas": 2, "minReadySeconds": 37 })),
        (daemons("agent"), json!({ "minReadySeconds": 37 })),
    ] {
        let mut world = World::calm(&["a", "b"]);
        world.create_set(&of, "app:1", &spec);
        world.run_until(Duration::from_secs(300), |w| reached(w, &of));
        world.set_image(&of, "app:2");
        world.run_until(Duration::from_secs(300), |w| reached(w, &of));
        let gone = writes(&world, |w| w.verb == Verb::Delete && w.object.resource == Resource::Pods);
        assert_eq!(gone.len(), 2, "{of}");
        // Two pods were made at first; the next one is the first new one.
        let new = world.writes.iter().filter(|w| makes_pod(w)).nth(2).unwrap();
        to_the_second(available_from(&world, &new.object.name, 37), gone[1]);
    }
}

/// Before an orphan is taken over the set is read afresh. While the takeover waits after a refusal, nobody reads it.
#[test]
fn what_rests_on_a_fresh_read_and_was_refused_is_not_prepared_over_and_over() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = World::calm(&["a"]);
        world.create_set(&of, "app:1", &json!({}));
        world.run_until(Duration::from_secs(60), |w| reached(w, &of));
        let orphan = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
        world.disown(&orphan);
        // The read, then the takeover.
        world.script.insert(world.asked + 1, Fate::Refused(busy(30)));
        let before = world.asked;
        world.run_for(Duration::from_secs(25));
        let asked = world.asked - before;
        assert!((2..10).contains(&asked), "{asked} requests in 25 s");
        comes_to_rest(&mut world, &of);
    }
}
