//! Chosen histories of a world that refuses for days, stalls, and answers late: what is refused is tried more and more rarely and holds
//! up nothing else, the status reports it, and the end is right.

use std::collections::BTreeMap;
use std::time::Duration;

use berth::api::{ObjectRef, Resource, Surface};
use berth::core::request::{Refusal, Verb};
use serde_json::{Value, json};

use crate::api_server::{Pattern, denied, object, refusal};
use crate::outcome::{comes_to_rest, reached};
use crate::world::{Limits, NAMESPACE, Trouble, Weather, World, busy, daemons, ordinals, pod};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A world with two nodes and a set that has settled.
fn settled(of: &ObjectRef, spec: &Value) -> World {
    let mut world = World::calm(&["a", "b"]);
    world.create_set(of, "app:1", spec);
    world.run_until(Duration::from_secs(300), |w| reached(w, of));
    world
}

fn parallel(replicas: u64) -> Value {
    json!({ "replicas": replicas, "podManagementPolicy": "Parallel" })
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

/// The answer to a dry run does not come, or says that the name is taken. A dry run changes nothing: it is asked again.
#[test]
fn a_lost_answer_to_a_dry_run_freezes_nothing() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({}));
        world.trouble(Pattern::dry_runs(), Trouble::AnswerLost);
        world.set_image(&of, "app:2");
        world.run_for(MINUTE);
        world.troubles.clear();
        world.run_until(5 * MINUTE + 30 * SECOND, |w| reached(w, &of));
        comes_to_rest(&mut world, &of);
    }
}

#[test]
fn a_dry_run_whose_name_is_taken_freezes_nothing() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({}));
    world.server.admission.refuse(Pattern::dry_runs(), refusal(409, "AlreadyExists", "it exists"));
    world.set_image(&web, "app:2");
    world.run_for(MINUTE);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// The answer to a creation is lost, the watch shows nothing for minutes, and the operator may not read the pod to find out.
#[test]
fn a_check_that_a_role_refuses_freezes_nothing() {
    let web = ordinals("web");
    let mut world = settled(&web, &parallel(2));
    world.server.roles.take("get", "pods");
    world.trouble(Pattern::of(Verb::Create, Resource::Pods), Trouble::AnswerLost);
    world.freeze(0, Resource::Pods, 10 * MINUTE);
    world.change(&web, &parallel(3));
    within(&mut world, 5 * SECOND, "web-2 is made", |w| w.server.get(&pod("web-2")).is_some());
    world.troubles.clear();
    world.run_until(2 * MINUTE, |w| reached(w, &web));
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// A policy refuses every deletion of a pod: of daemons on nodes that no longer fit, and of a parallel set that is scaled down.
#[test]
fn deletions_that_a_policy_refuses_take_no_turns() {
    let scaled = json!({ "replicas": 0 });
    let moved = json!({ "template": { "spec": { "nodeSelector": { "disk": "none" } } } });
    for (of, spec, change) in [(ordinals("web"), parallel(3), scaled), (daemons("agent"), json!({}), moved)] {
        let mut world = settled(&of, &spec);
        world.server.admission.refuse(Pattern::of(Verb::Delete, Resource::Pods), denied());
        world.change(&of, &change);
        ten_minutes_of_refusals(&mut world, &of, 2);
        world.server.admission.policies.clear();
        comes_to_rest(&mut world, &of);
    }
}

/// A creation is refused by a quota, and a deletion by a policy.
#[test]
fn a_refused_creation_and_a_refused_deletion_take_no_turns() {
    let agent = daemons("agent");
    let mut world =
        settled(&agent, &json!({ "template": { "spec": { "nodeSelector": { "disk": "ssd" } } } }));
    world.label_node("a", &json!({ "disk": "ssd" }));
    world.run_until(5 * MINUTE, |w| reached(w, &agent));
    world.server.admission.refuse(Pattern::of(Verb::Delete, Resource::Pods), denied());
    world.server.admission.refuse(Pattern::of(Verb::Create, Resource::Pods), denied());
    world.label_node("a", &json!({ "disk": "hdd" }));
    world.label_node("b", &json!({ "disk": "ssd" }));
    ten_minutes_of_refusals(&mut world, &agent, 2);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &agent);
}

/// Two orphans are to be adopted by an operator that may not change pods.
#[test]
fn orphans_that_may_not_be_adopted_take_no_turns() {
    let web = ordinals("web");
    let mut world = settled(&web, &parallel(2));
    world.server.roles.take("patch", "pods");
    world.disown(&pod("web-0"));
    world.disown(&pod("web-1"));
    ten_minutes_of_refusals(&mut world, &web, 1);
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// A new set is read before its first pods are made, by an operator that may not read it.
#[test]
fn a_live_read_that_a_role_refuses_is_tried_ever_more_rarely() {
    for (of, resource) in [(ordinals("web"), "ordinalsets"), (daemons("agent"), "nodedaemonsets")] {
        let mut world = World::calm(&["a", "b"]);
        world.server.roles.take("get", resource);
        world.create_set(&of, "app:1", &json!({}));
        world.run_for(10 * MINUTE);
        // A write of the status tells as well as a read that the set is as it was seen.
        assert!(
            stalled(&world, &of).is_some() || reached(&world, &of).is_ok(),
            "nothing is done or reported"
        );
        bounded(&world, Duration::ZERO);
        world.server.roles.give_back();
        comes_to_rest(&mut world, &of);
    }
}

/// The same by an API server that is too busy: nothing is wrong with the set.
#[test]
fn a_live_read_of_a_busy_api_server_is_not_repeated() {
    let web = ordinals("web");
    let mut world = World::calm(&["a"]);
    world.server.admission.refuse(Pattern::of(Verb::Get, web.resource), busy(0));
    world.create_set(&web, "app:1", &json!({}));
    world.run_for(10 * SECOND);
    more_and_more_rarely(&world, Duration::ZERO, 1);
    assert_eq!(stalled(&world, &web), None);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// The history is longer than its limit, and the operator may not delete revisions.
#[test]
fn revisions_that_may_not_go_are_tried_ever_more_rarely() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({ "revisionHistoryLimit": 0 }));
        world.server.roles.take("delete", "controllerrevisions");
        for image in ["app:2", "app:3"] {
            world.set_image(&of, image);
            world.run_for(5 * MINUTE);
        }
        ten_minutes_of_refusals(&mut world, &of, 1);
        world.server.roles.give_back();
        comes_to_rest(&mut world, &of);
    }
}

/// A policy keeps the oldest revision: those after it go all the same.
#[test]
fn a_revision_that_may_not_go_keeps_no_other() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({ "revisionHistoryLimit": 0 }));
    let oldest = world.server.all(Resource::Revisions).map(|(of, _)| of.name.clone()).next().unwrap();
    let pattern = Pattern::of(Verb::Delete, Resource::Revisions).named(&oldest);
    world.server.admission.refuse(pattern, denied());
    for image in ["app:2", "app:3"] {
        world.set_image(&web, image);
        world.run_for(2 * MINUTE);
    }
    let mut left: Vec<i64> =
        world.server.all(Resource::Revisions).filter_map(|(_, v)| v["revision"].as_i64()).collect();
    left.sort_unstable();
    assert_eq!(left, [1, 3], "of three revisions");
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// An API server that asks for twenty seconds of rest gets them from everybody, for all but the lease.
#[test]
fn a_busy_api_server_gets_the_rest_that_it_asks_for() {
    let (web, agent) = (ordinals("web"), daemons("agent"));
    let mut world = settled(&web, &parallel(2));
    world.server.admission.refuse(Pattern::any(), busy(20));
    let since = world.now().mono;
    world.change(&web, &parallel(6));
    world.create_set(&agent, "app:1", &json!({}));
    world.run_for(19 * SECOND);
    let asked: Vec<_> = world.answered.iter().filter(|a| a.at >= since).collect();
    let first = asked.first().unwrap().at;
    let later: Vec<_> = asked.iter().filter(|a| a.at > first + SECOND / 2).collect();
    assert!(later.is_empty(), "it is not left alone: {later:?}");
    world.server.admission.policies.clear();
    world.run_until(MINUTE, |w| reached(w, &web).and_then(|()| reached(w, &agent)));
}

/// A template differs in a default only, and the API server does not answer what it would make of it: that says nothing about the
/// template, so no pod goes.
#[test]
fn a_dry_run_that_is_refused_rolls_nothing() {
    let says: [Option<Refusal>; 3] = [
        None,
        Some(refusal(401, "Unauthorized", "Unauthorized")),
        Some(refusal(405, "MethodNotAllowed", "no")),
    ];
    for refusal in says {
        for of in [ordinals("web"), daemons("agent")] {
            let mut world = settled(&of, &json!({}));
            let before = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
            match refusal.clone() {
                Some(refusal) => world.server.admission.refuse(Pattern::dry_runs(), refusal),
                None => world.server.roles.take("create", "podtemplates"),
            }
            world.write_down(&of, true);
            ten_minutes_of_refusals(&mut world, &of, 1);
            world.server.roles.give_back();
            world.server.admission.policies.clear();
            comes_to_rest(&mut world, &of);
            let after = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
            assert_eq!(after, before, "{of}");
        }
    }
}

#[test]
fn a_default_that_is_written_down_rolls_nothing() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({}));
        let before = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
        for written in [true, false, true] {
            world.write_down(&of, written);
            comes_to_rest(&mut world, &of);
        }
        let after = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
        assert_eq!(after, before, "{of}");
    }
}

/// A quota has room for two pods of three. One of the two dies after ten minutes: there is room for it.
#[test]
fn a_pod_that_goes_missing_is_made_though_another_is_refused() {
    let quick = json!({ "replicas": 3 });
    for (of, spec) in
        [(ordinals("web"), quick), (ordinals("web"), parallel(3)), (daemons("agent"), json!({}))]
    {
        let mut world = World::calm(&["a", "b", "c"]);
        world.server.admission.pod_quota = Some(2);
        world.create_set(&of, "app:1", &spec);
        world.run_for(10 * MINUTE);
        let lost = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
        let uid = |w: &World| w.server.get(&lost).map(|v| object::uid(v).to_owned());
        let before = uid(&world);
        world.delete(&lost, "Background");
        within(&mut world, 6 * SECOND, "it comes back", |w| uid(w).is_some() && uid(w) != before);
        world.server.admission.pod_quota = None;
        world.run_until(330 * SECOND, |w| reached(w, &of));
    }
}

/// A webhook keeps the owners of claims as they are: the change is accepted and stores nothing.
#[test]
fn owners_that_a_webhook_takes_back_are_tried_ever_more_rarely() {
    let web = ordinals("web");
    let mut world = World::calm(&["a"]);
    let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-0");
    let body = json!({ "metadata": { "name": "data-web-0", "labels": { "app": "web" } }, "spec": {} });
    world.server.create(&claim, &body).unwrap();
    world.server.admission.reverts.push((Resource::Claims, "/metadata/ownerReferences"));
    let spec = json!({
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    world.create_set(&web, "app:1", &spec);
    world.run_for(10 * MINUTE);
    let at: Vec<Duration> =
        world.answered.iter().filter(|a| a.verb == Verb::Patch && a.object == claim).map(|a| a.at).collect();
    assert!((5..=20).contains(&at.len()), "S16: {} times: {at:?}", at.len());
    assert!(stalled(&world, &web).is_some(), "the status does not report it");
    assert!(world.server.get(&pod("web-0")).is_some_and(object::is_serving), "the pod runs all the same");
    world.server.admission.reverts.clear();
    comes_to_rest(&mut world, &web);
}

#[test]
fn labels_that_a_webhook_takes_back_are_tried_ever_more_rarely() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({}));
    let name = "/metadata/labels/statefulset.kubernetes.io~1pod-name";
    world.server.admission.reverts.push((Resource::Pods, name));
    world.server.edit(&pod("web-0"), |v| object::put(v, name, None));
    let since = world.now().mono;
    world.run_for(10 * MINUTE);
    let tries = world.answered.iter().filter(|a| a.verb == Verb::Patch && a.at >= since && !a.status).count();
    assert!((5..=20).contains(&tries), "S16: {tries} times");
    assert!(stalled(&world, &web).is_some(), "the status does not report it");
    world.server.admission.reverts.clear();
    comes_to_rest(&mut world, &web);
}

/// That a template means the same may not be noted at the revision. The note is a convenience: the work goes on.
#[test]
fn a_note_that_is_refused_stops_nothing() {
    let web = ordinals("web");
    let mut world = settled(&web, &parallel(1));
    world.server.admission.refuse(Pattern::of(Verb::Patch, Resource::Revisions), denied());
    world.write_down(&web, true);
    world.run_for(MINUTE);
    let uid = uids(&world, Resource::Pods);
    world.delete(&pod("web-0"), "Background");
    within(&mut world, 10 * SECOND, "web-0 comes back", |w| {
        w.server.get(&pod("web-0")).is_some_and(|v| !uid.contains(&object::uid(v).to_owned()))
    });
    world.change(&web, &parallel(2));
    within(&mut world, 5 * SECOND, "web-1 comes", |w| w.server.get(&pod("web-1")).is_some());
    let since = world.now().mono;
    world.run_for(10 * MINUTE);
    bounded(&world, since);
    world.server.admission.policies.clear();
    // It waits for its pause; that the set is as it should be does not show that it was written.
    within(&mut world, 5 * MINUTE + SECOND, "the note", |w| {
        let mut revisions = w.server.all(Resource::Revisions);
        revisions.any(|(_, r)| r["metadata"]["annotations"]["berth.dev/means-the-same"].is_string())
    });
    comes_to_rest(&mut world, &web);
}

/// Another workload takes the place of pod 1 in the quota, and the set is scaled to 3: pod 3 goes although pod 1 is refused, and then
/// there is room for pod 1.
#[test]
fn what_is_to_go_goes_although_a_creation_is_refused() {
    let web = ordinals("web");
    let mut world = settled(&web, &parallel(4));
    world.server.admission.pod_quota = Some(3);
    world.delete(&pod("web-1"), "Background");
    world.run_for(MINUTE);
    assert!(world.server.get(&pod("web-1")).is_none(), "there is no room for it");
    world.change(&web, &parallel(3));
    within(&mut world, 5 * SECOND, "web-3 goes", |w| w.server.get(&pod("web-3")).is_none());
    within(&mut world, 5 * SECOND, "web-1 comes", |w| w.server.get(&pod("web-1")).is_some());
    comes_to_rest(&mut world, &web);
}

/// A set is deleted and made again while its pods take their time to end: that clears up by itself.
#[test]
fn pods_of_an_earlier_set_that_end_are_waited_for() {
    for spec in [json!({ "replicas": 2 }), parallel(2)] {
        let web = ordinals("web");
        let mut world = settled(&web, &spec);
        world.weather.node = (10 * SECOND, 30 * SECOND);
        world.delete(&web, "Background");
        world.create_set(&web, "app:1", &spec);
        let uid = object::uid(world.server.get(&web).unwrap()).to_owned();
        for _ in 0..600 {
            world.run_for(SECOND / 10);
            assert_eq!(stalled(&world, &web), None, "it clears up by itself");
        }
        let said = |w: &World| {
            let history = w.server.since(&web, 0).into_iter().flatten();
            let ours = history.filter(|v| object::uid(v) == uid && object::holds(v, "Reconciling"));
            let message = |v: &Value| object::condition(v, "Reconciling").map(|c| c["message"].to_string());
            ours.filter_map(message).any(|message| message.contains("web-0"))
        };
        assert!(said(&world), "it is said what is waited for");
        world.run_until(10 * MINUTE, |w| reached(w, &web));
    }
}

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

/// The model refuses what the roles of `deploy/` do not allow, and says what RBAC says.
#[test]
fn what_no_role_allows_is_forbidden() {
    use berth::core::request::{Answer, Request};
    let world = World::new(0, Weather::calm());
    let mut server = world.server;
    let says = |server: &mut crate::api_server::ApiServer, verb: Verb, object: ObjectRef, status: bool| {
        let request = Request { verb, object, status, dry_run: false, body: json!({}) };
        match server.handle(&request) {
            Answer::Refused(refusal) if refusal.code == 403 => Some(refusal.message),
            _ => None,
        }
    };
    let of = |resource| ObjectRef::new(resource, NAMESPACE, "x");
    let (oset, sts) = (Resource::OrdinalSets(Surface::Berth), Resource::OrdinalSets(Surface::Apps));
    for (verb, resource, status) in [
        (Verb::Get, Resource::PodTemplates, false),
        (Verb::Delete, Resource::Claims, false),
        (Verb::Patch, oset, false),
        (Verb::Patch, sts, false),
        (Verb::Get, Resource::Leases, false),
        (Verb::Patch, Resource::Pods, true),
    ] {
        assert!(says(&mut server, verb, of(resource), status).is_some(), "{verb:?} {resource}");
    }
    for (verb, resource, status) in [
        (Verb::Get, Resource::Pods, false),
        (Verb::Patch, oset, true),
        (Verb::Patch, sts, true),
        (Verb::Create, Resource::Leases, false),
        (Verb::Delete, Resource::Revisions, false),
    ] {
        assert_eq!(says(&mut server, verb, of(resource), status), None, "{verb:?} {resource}");
    }
    server.roles.take("delete", "pods");
    let message = says(&mut server, Verb::Delete, pod("web-0"), false).unwrap();
    assert_eq!(
        message,
        "pods \"web-0\" is forbidden: User \"system:serviceaccount:berth-system:berth\" cannot delete resource \
         \"pods\" in API group \"\" in the namespace \"default\""
    );
    server.roles.give_back();
    assert_eq!(says(&mut server, Verb::Delete, pod("web-0"), false), None);
}
