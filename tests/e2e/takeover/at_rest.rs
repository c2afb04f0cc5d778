//! Sets at rest change hands, are worked on, and go back.

use serde_json::Value;

use crate::support::manifests::{daemon_set, stateful_set};
use crate::support::read::{CLAIM, DS, POD, REVISION, STS, image, is_observed, is_ready, name, number, uid};
use crate::support::writes::{BERTH, UPSTREAM};
use crate::support::{Facts, World};

/// The sets of this test, as kubectl calls them.
const SETS: [&str; 3] = ["statefulset/keep", "statefulset/drop", "daemonset/agent"];
/// The same without their kinds.
const NAMES: [&str; 3] = ["keep", "drop", "agent"];

#[test]
fn sets_at_rest_change_hands_and_no_pod_notices() {
    let world = World::of_upstream();
    made_and_rolled_once(&world);

    let (before, mark) = (Facts::now(&world), world.mark());
    world.upstream(false);
    let berth = world.berth(&["--apis=apps"]);
    world.marker();
    before.assert_same(&Facts::now(&world), "after the takeover");
    world.assert_silent(&[BERTH], mark, "nothing was left to do");
    let taken = world.mark();

    an_update_an_undo_and_a_restart(&world);
    scaling_up_and_down(&world);

    world.assert_silent(&UPSTREAM, taken, "upstream's controllers are off");
    let before = Facts::now(&world);
    let mark = world.mark();
    world.end(&berth);
    world.upstream(true);
    world.marker();
    before.assert_same(&Facts::now(&world), "after the hand-back");
    world.assert_silent(&UPSTREAM, mark, "nothing was left to do");
    upstream_replaces_deleted_pods(&world);
    let deeds = world.deeds(&UPSTREAM, mark);
    assert!(deeds.len() == 3 && deeds.iter().all(|deed| deed.starts_with("create pods ")), "{deeds:#?}");
    world.assert_silent(&[BERTH], mark, "it has ended");
}

/// Both retention policies, and a second revision: kube-controller-manager has done all that it does at rest.
fn made_and_rolled_once(world: &World) {
    world.apply(&stateful_set("keep", "Retain"));
    world.apply(&stateful_set("drop", "Delete"));
    world.apply(&daemon_set("agent"));
    world.rolled_out(&SETS);
    SETS.iter().for_each(|set| world.set_image(set, "2"));
    world.rolled_out(&SETS);
    quiet(world, 2);
    for set in NAMES {
        assert_eq!(revisions(world, set), [1, 2], "{set}");
    }
}

/// Every rollout verb of kubectl, on both kinds.
fn an_update_an_undo_and_a_restart(world: &World) {
    let mark = world.mark();
    SETS.iter().for_each(|set| world.set_image(set, "3"));
    world.rolled_out(&SETS);
    quiet(world, 3);
    let mut deeds = world.deeds(&[BERTH], mark);
    deeds.sort();
    // A revision each, and every pod is deleted and made once.
    let (pods, new) = (9, 3);
    let count = |what: &str| deeds.iter().filter(|deed| deed.starts_with(what)).count();
    assert_eq!((count("delete pods "), count("create pods ")), (pods, pods), "{deeds:#?}");
    assert_eq!((count("create controllerrevisions "), deeds.len()), (new, 2 * pods + new), "{deeds:#?}");

    SETS.iter().for_each(|set| drop(world.kubectl(&["rollout", "undo", set])));
    world.rolled_out(&SETS);
    quiet(world, 2);
    for set in SETS {
        let history = world.kubectl(&["rollout", "history", set]);
        let numbers: Vec<&str> = history.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(&numbers[numbers.len() - 3..], ["1", "3", "4"], "{set}: {history}");
        let fourth = world.kubectl(&["rollout", "history", set, "--revision=4"]);
        assert!(fourth.contains("registry.test/app:2"), "{set}: {fourth}");
    }

    let before = world.list(POD);
    SETS.iter().for_each(|set| drop(world.kubectl(&["rollout", "restart", set])));
    world.rolled_out(&SETS);
    quiet(world, 2);
    let after = world.list(POD);
    let stayed = after.iter().filter(|pod| before.iter().any(|old| uid(old) == uid(pod))).count();
    assert_eq!((after.len(), stayed), (9, 0), "a restart replaces every pod");
    for set in NAMES {
        assert_eq!(revisions(world, set), [1, 3, 4, 5], "{set}");
    }
}

/// Claims of ordinals that go stay with `Retain` and go with `Delete`.
fn scaling_up_and_down(world: &World) {
    let scale = |replicas: u32| {
        world.kubectl(&["scale", SETS[0], SETS[1], &format!("--replicas={replicas}")]);
        for set in ["keep", "drop"] {
            world.until(STS, set, "scaled", |set| {
                let all = ["/status/replicas", "/status/readyReplicas", "/status/availableReplicas"];
                is_observed(set) && all.iter().all(|at| number(set, at) == i64::from(replicas))
            });
        }
    };
    scale(4);
    scale(2);
    for ordinal in [2, 3] {
        world.gone(CLAIM, &format!("data-drop-{ordinal}"));
    }
    let claims = world.list(CLAIM);
    let claims: Vec<&str> = claims.iter().map(name).collect();
    let kept = ["data-keep-0", "data-keep-1", "data-keep-2", "data-keep-3"];
    assert_eq!(claims, [&["data-drop-0", "data-drop-1"][..], &kept].concat());
}

/// Whoever serves the sets now really does.
fn upstream_replaces_deleted_pods(world: &World) {
    let agent = name(&world.of("agent", POD)[0]).to_owned();
    for pod in ["keep-1", "drop-0", &agent] {
        let old = world.get(POD, pod);
        world.kubectl(&["delete", "pod", pod]);
        let set = old["metadata"]["labels"]["app"].as_str().unwrap();
        world.wait(&format!("another pod in place of {pod}"), || {
            let pods = world.of(set, POD);
            let all = pods.iter().all(|pod| is_ready(pod) && uid(pod) != uid(&old));
            let wanted = if set == "agent" { 3 } else { 2 };
            if all && pods.len() == wanted { Ok(()) } else { Err(format!("{} pods", pods.len())) }
        });
    }
}

/// Waits until all pods have an image and the statuses say that all is done.
fn quiet(world: &World, tag: u32) {
    for set in ["keep", "drop"] {
        let set = world.until(STS, set, "at rest", |set| {
            let status = &set["status"];
            is_observed(set)
                && status["currentRevision"] == status["updateRevision"]
                && ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"]
                    .iter()
                    .all(|count| status[count] == 3)
        });
        assert_eq!(set["status"]["collisionCount"], 0);
    }
    world.until(DS, "agent", "at rest", |set| {
        let counts = ["desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable"];
        is_observed(set) && counts.iter().all(|count| set["status"][count] == 3)
    });
    let pods = world.list(POD);
    assert!(pods.iter().all(|pod| image(pod) == format!("registry.test/app:{tag}")), "{pods:#?}");
}

/// The numbers of the revisions of a set.
fn revisions(world: &World, set: &str) -> Vec<i64> {
    let number = |revision: &Value| number(revision, "/revision");
    let mut numbers: Vec<i64> = world.of(set, REVISION).iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}
