//! Chosen histories of conditions: `Stalled` is true exactly while there is an obstacle that does not clear up by
//! itself, and within two seconds (X12, judged all the time; `invariants/obstacles.rs` has the table).

use std::time::Duration;

use berth_api::request::{Refusal, Verb};
use berth_api::{Kind, ObjectRef, Resource, Surface};
use berth_sim::api_server::{Pattern, denied, object, refusal};
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{
    MINUTE, NAMESPACE, SECOND, Weather, World, busy, daemons, node, ordinals, parallel, pod, set_in,
};
use serde_json::{Value, json};

/// A world in which `Stalled` is judged, with two nodes and one operator that has run for a while.
fn world() -> World {
    let mut world = World::calm(&["a", "b"]);
    world.invariants.rules.told = true;
    world.run_for(10 * SECOND);
    world
}

fn settled(of: &ObjectRef, spec: &Value) -> World {
    let mut world = world();
    world.create_set(of, "app:1", spec);
    world.run_until(5 * MINUTE, |w| reached(w, of));
    world
}

/// A world in which `Stalled` is judged, with a native set of two pods that has settled.
fn native() -> (World, ObjectRef) {
    let web = set_in(NAMESPACE, Kind::Ordinal, Surface::Apps, "web");
    let mut world = World::new(1, Weather::calm());
    ["a", "b"].iter().for_each(|node| world.add_node(node, &json!({})));
    world.surface = Surface::Apps;
    world.add_operator();
    world.invariants.rules.told = true;
    world.create_set(&web, "app:1", &parallel(2));
    world.run_until(5 * MINUTE, |w| reached(w, &web));
    (world, web)
}

fn stalled(world: &World, of: &ObjectRef) -> bool {
    world.server.get(of).is_some_and(|set| object::holds(set, "Stalled"))
}

/// Lets time pass; whether people were told at its end.
fn after(world: &mut World, time: Duration, of: &ObjectRef) -> bool {
    world.run_for(time);
    stalled(world, of)
}

/// A policy about one pod, with each of the refusals that say something about a request.
#[test]
fn a_refusal_is_told_and_its_end_too() {
    for code in [400, 401, 403, 405, 422] {
        let web = ordinals("web");
        let mut world = world();
        let pattern = Pattern::of(Verb::Create, Resource::Pods).named("web-1");
        world.server.admission.refuse(pattern, refusal(code, "Refused", "the test says so"));
        world.create_set(&web, "app:1", &parallel(3));
        assert!(after(&mut world, 10 * MINUTE, &web), "{code}");
        world.server.admission.policies.clear();
        comes_to_rest(&mut world, &web);
    }
}

fn ends() -> Refusal {
    use berth_api::request::{RefusalCause, RefusalDetails};
    let cause = RefusalCause { reason: "NamespaceTerminating".to_owned(), ..RefusalCause::default() };
    let details = RefusalDetails { causes: vec![cause], ..RefusalDetails::default() };
    Refusal { details, ..refusal(403, "Forbidden", "the namespace is being terminated") }
}

/// An API server that is busy or unwell, and a namespace that ends, are no news about a set.
#[test]
fn what_clears_up_by_itself_is_not_told() {
    let unwell = |code: u16, reason: &str| refusal(code, reason, "the test says so");
    let all = [busy(0), busy(7), unwell(500, "InternalError"), unwell(503, "ServiceUnavailable"), ends()];
    for refusal in all {
        for of in [ordinals("web"), daemons("agent")] {
            let mut world = world();
            world.server.admission.refuse(Pattern::of(Verb::Create, Resource::Pods), refusal.clone());
            world.create_set(&of, "app:1", &json!({}));
            for _ in 0..600 {
                assert!(!after(&mut world, SECOND, &of), "{refusal:?}");
            }
            world.server.admission.policies.clear();
            comes_to_rest(&mut world, &of);
        }
    }
}

/// The pod that was refused is no longer wanted, and another still starts: there is no obstacle any more.
#[test]
fn a_refusal_does_not_outlive_what_it_was_about() {
    let web = ordinals("web");
    let mut world = world();
    let pattern = Pattern::of(Verb::Create, Resource::Pods).named("web-4");
    world.server.admission.refuse(pattern, denied());
    world.create_set(&web, "app:1", &parallel(5));
    assert!(after(&mut world, MINUTE, &web));
    world.sicken(&pod("web-3"));
    world.run_for(10 * SECOND);
    world.change(&web, &parallel(4));
    assert!(!after(&mut world, 3 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.run_for(MINUTE);
    world.heal();
    comes_to_rest(&mut world, &web);
}

/// The same for a node that leaves.
#[test]
fn a_refusal_for_a_node_does_not_outlive_the_node() {
    let agent = daemons("agent");
    let mut world = settled(&agent, &json!({}));
    world.server.admission.pod_quota = Some(2);
    world.add_node("c", &json!({}));
    assert!(after(&mut world, MINUTE, &agent));
    world.delete(&node("c"), "Background");
    world.run_for(MINUTE);
    comes_to_rest(&mut world, &agent);
}

/// A name is held by a foreign pod; once that is being deleted it clears up by itself.
#[test]
fn a_foreign_pod_is_told_until_it_is_being_deleted() {
    for spec in [json!({ "replicas": 2 }), parallel(2)] {
        let web = ordinals("web");
        let mut world = world();
        world.add_foreign_pod("web-1", "other", true);
        world.create_set(&web, "app:1", &spec);
        assert!(after(&mut world, MINUTE, &web));
        world.weather.node = (20 * SECOND, 20 * SECOND);
        world.delete(&pod("web-1"), "Background");
        assert!(!after(&mut world, 3 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
        world.run_for(MINUTE);
        comes_to_rest(&mut world, &web);
    }
}

/// The first ordinal moves past all pods, and the first of the new names is held: as many pods are available as are wanted, and they are
/// not the right ones.
#[test]
fn pods_at_the_wrong_ordinals_are_not_ready() {
    let web = ordinals("web");
    let mut world = world();
    world.add_foreign_pod("web-2", "other", true);
    world.create_set(&web, "app:1", &json!({ "replicas": 2 }));
    world.run_until(5 * MINUTE, |w| reached(w, &web));
    world.change(&web, &json!({ "ordinals": { "start": 2 } }));
    assert!(after(&mut world, 3 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
    assert!(!object::holds(world.server.get(&web).unwrap(), "Ready"));
    world.delete(&pod("web-2"), "Background");
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
            assert!(!stalled(&world, &web), "it clears up by itself");
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

#[test]
fn a_change_that_is_taken_back_is_told() {
    let web = ordinals("web");
    let name = "/metadata/labels/statefulset.kubernetes.io~1pod-name";
    let mut world = settled(&web, &json!({}));
    world.server.admission.reverts.push((Resource::Pods, name));
    world.server.edit(&pod("web-0"), |v| object::put(v, name, None));
    assert!(after(&mut world, 10 * MINUTE, &web));
    world.server.admission.reverts.clear();
    comes_to_rest(&mut world, &web);
}

#[test]
fn a_spec_that_cannot_be_carried_out_is_told() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = world();
        let labels = |app: &str| json!({ "template": { "metadata": { "labels": { "app": app } } } });
        world.create_set(&of, "app:1", &labels("other"));
        assert!(after(&mut world, MINUTE, &of));
        world.change(&of, &labels(&of.name));
        assert!(!after(&mut world, 3 * SECOND, &of));
        comes_to_rest(&mut world, &of);
    }
}

/// Deletions, takeovers, owners of claims, live reads, dry runs: whatever it is that is refused.
#[test]
fn whatever_is_refused_is_told() {
    let spec = json!({
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    type Deed = fn(&mut World, &ObjectRef);
    let deeds: [(&'static str, &'static str, Deed); 6] = [
        ("delete", "pods", |w, web| w.change(web, &json!({ "replicas": 1 }))),
        ("patch", "pods", |w, _| w.disown(&pod("web-0"))),
        ("create", "pods", |w, web| w.change(web, &json!({ "replicas": 3 }))),
        ("create", "persistentvolumeclaims", |w, web| w.change(web, &json!({ "replicas": 3 }))),
        ("create", "podtemplates", |w, web| w.set_image(web, "app:2")),
        ("create", "controllerrevisions", |w, web| w.set_image(web, "app:2")),
    ];
    for (verb, resource, deed) in deeds {
        let web = ordinals("web");
        let mut world = settled(&web, &spec);
        world.server.roles.take(verb, resource);
        deed(&mut world, &web);
        assert!(after(&mut world, 3 * SECOND, &web), "{verb} {resource}");
        assert!(after(&mut world, 10 * MINUTE, &web), "{verb} {resource}");
        let message =
            object::condition(world.server.get(&web).unwrap(), "Stalled").unwrap()["message"].clone();
        let said = message.as_str().unwrap_or_default();
        assert!(said.contains(&format!("cannot {verb} resource \"{resource}\"")), "{said}");
        world.server.roles.give_back();
        comes_to_rest(&mut world, &web);
    }
}

/// Old revisions that may not go: all else is as it should be, and it is reported all the same.
#[test]
fn a_history_that_may_not_be_cut_is_told() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({ "revisionHistoryLimit": 0 }));
    world.server.roles.take("delete", "controllerrevisions");
    world.set_image(&web, "app:2");
    assert!(after(&mut world, MINUTE, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// What was told stands while another operator takes over, and is found to be so again, or not.
#[test]
fn what_was_told_outlives_its_operator() {
    let web = ordinals("web");
    let mut world = world();
    let claim = ObjectRef::new(Resource::Claims, NAMESPACE, "data-web-0");
    world.server.admission.claim_quota = Some(0);
    let spec = json!({ "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }] });
    world.create_set(&web, "app:1", &spec);
    assert!(after(&mut world, MINUTE, &web));
    world.crash(0);
    for _ in 0..600 {
        assert!(after(&mut world, SECOND / 10, &web), "it is still so");
    }
    world.crash(0);
    world.server.admission.claim_quota = None;
    world.run_for(MINUTE);
    assert!(world.server.get(&claim).is_some() && !stalled(&world, &web));
    comes_to_rest(&mut world, &web);
}

#[test]
fn a_deadline_that_has_passed_is_told() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({ "progressDeadlineSeconds": 30 }));
    world.set_image(&web, "app:bad");
    world.run_for(25 * SECOND);
    assert!(!stalled(&world, &web), "not yet");
    let moved = |w: &World| w.server.all(Resource::Pods).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    world.run_for(10 * SECOND);
    let before = moved(&world);
    world.run_for(30 * SECOND);
    assert_eq!(moved(&world), before, "nothing moves");
    assert!(stalled(&world, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.set_image(&web, "app:3");
    assert!(!after(&mut world, 3 * SECOND, &web));
    comes_to_rest(&mut world, &web);
}

/// An adoption was refused; the pod goes, and another one keeps the set from being ready.
#[test]
fn a_refusal_does_not_outlive_the_pod_that_it_was_about() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({ "replicas": 1 }));
    world.server.roles.take("patch", "pods");
    world.add_foreign_pod("web-5", "web", false);
    world.sicken(&pod("web-0"));
    assert!(after(&mut world, MINUTE, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.delete(&pod("web-5"), "Background");
    assert!(!after(&mut world, 5 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.heal();
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// The same on native sets, whose conditions know no generation: a later operator was refused a pod that is not wanted any more.
#[test]
fn a_refusal_of_a_native_set_does_not_outlive_what_it_was_about() {
    let (mut world, web) = native();
    world.sicken(&pod("web-0"));
    world.server.admission.refuse(Pattern::of(Verb::Create, Resource::Pods).named("web-2"), denied());
    world.change(&web, &json!({ "replicas": 3 }));
    assert!(after(&mut world, MINUTE, &web));
    world.crash(0);
    assert!(after(&mut world, MINUTE, &web), "it is still so");
    world.change(&web, &json!({ "replicas": 2 }));
    assert!(!after(&mut world, 5 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.heal();
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// The pod of a node was refused; the operator restarts, and the node goes while another pod is not ready.
#[test]
fn a_refusal_does_not_outlive_the_node_that_it_was_about() {
    let agent = daemons("agent");
    let mut world = settled(&agent, &json!({}));
    let first = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
    world.sicken(&first);
    world.server.admission.refuse(Pattern::of(Verb::Create, Resource::Pods), denied());
    world.add_node("c", &json!({}));
    assert!(after(&mut world, MINUTE, &agent), "{}", world.server.get(&agent).unwrap()["status"]);
    world.crash(0);
    world.delete(&node("c"), "Background");
    assert!(!after(&mut world, MINUTE, &agent), "{}", world.server.get(&agent).unwrap()["status"]);
    world.heal();
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &agent);
}

/// A pod that may not be deleted is wanted again when the operator restarts, while another pod is not ready.
#[test]
fn a_refused_deletion_does_not_outlive_its_cause() {
    let agent = daemons("agent");
    let mut world = settled(&agent, &json!({}));
    let pods: Vec<(ObjectRef, Value)> =
        world.server.all(Resource::Pods).map(|(pod, value)| (pod.clone(), value.clone())).collect();
    let of_node = |node: &str| pods.iter().find(|(_, v)| v["spec"]["nodeName"] == node).unwrap().0.clone();
    world.sicken(&of_node("a"));
    world.server.admission.refuse(Pattern::of(Verb::Delete, Resource::Pods), denied());
    world.taint("b", "NoExecute");
    assert!(after(&mut world, MINUTE, &agent), "{}", world.server.get(&agent).unwrap()["status"]);
    world.crash(0);
    world.taint("b", "");
    assert!(!after(&mut world, MINUTE, &agent), "{}", world.server.get(&agent).unwrap()["status"]);
    world.heal();
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &agent);
}

/// A template that could not be compared with the recorded one is taken back, while a pod is not ready: nothing is written after that.
#[test]
fn a_template_that_is_given_up_is_no_obstacle() {
    let (mut world, web) = native();
    // The next life has written nothing.
    world.crash(0);
    world.run_for(MINUTE);
    world.server.roles.take("create", "podtemplates");
    world.set_image(&web, "app:2");
    assert!(after(&mut world, MINUTE, &web));
    world.sicken(&pod("web-0"));
    world.run_for(10 * SECOND);
    world.set_image(&web, "app:1");
    assert!(!after(&mut world, 5 * SECOND, &web), "{}", world.server.get(&web).unwrap()["status"]);
    world.heal();
    world.server.roles.give_back();
    comes_to_rest(&mut world, &web);
}

/// A template that could not be asked about is the recorded one, which is noted at the revision; a pod is not ready.
#[test]
fn a_template_that_turns_out_to_be_the_recorded_one_is_no_obstacle() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({}));
        let pod = world.server.all(Resource::Pods).map(|(pod, _)| pod.clone()).next().unwrap();
        // The next life has written nothing.
        world.crash(0);
        world.run_for(MINUTE);
        world.server.roles.take("create", "podtemplates");
        world.write_down(&of, true);
        assert!(after(&mut world, MINUTE, &of), "{of}");
        world.sicken(&pod);
        world.server.roles.give_back();
        assert!(!after(&mut world, 2 * MINUTE, &of), "{}", world.server.get(&of).unwrap()["status"]);
        world.heal();
        comes_to_rest(&mut world, &of);
    }
}
