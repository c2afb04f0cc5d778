//! A request that is refused, or whose answer is lost, holds up nothing but what depends on it.

use berth_api::Resource;
use berth_api::request::Verb;
use berth_sim::api_server::{Pattern, denied, object};
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{MINUTE, SECOND, Trouble, World, daemons, ordinals, parallel, pod};
use serde_json::json;

use super::{bounded, settled, uids, within};

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

/// A webhook keeps the labels, or the owners, of pods as they are, which upstream would not notice.
#[test]
fn upkeep_that_is_taken_back_stops_nothing() {
    let name = "/metadata/labels/statefulset.kubernetes.io~1pod-name";
    let owners = "/metadata/ownerReferences";
    for (field, spec) in [(name, json!({ "replicas": 3 })), (name, parallel(3)), (owners, parallel(3))] {
        let web = ordinals("web");
        let mut world = settled(&web, &spec);
        world.server.admission.reverts.push((Resource::Pods, field));
        world.server.edit(&pod("web-0"), |v| object::put(v, field, None));
        world.run_for(5 * SECOND);
        let before = uids(&world, Resource::Pods);
        world.delete(&pod("web-2"), "Background");
        within(&mut world, 10 * SECOND, "web-2 comes back", |w| {
            w.server.get(&pod("web-2")).is_some_and(|v| !before.contains(&object::uid(v).to_owned()))
        });
        world.run_for(10 * MINUTE);
        let tries = world.answered.iter().filter(|a| a.verb == Verb::Patch && !a.status).count();
        assert!(tries <= 30, "S16: {tries}");
        world.server.admission.reverts.clear();
        comes_to_rest(&mut world, &web);
    }
}
