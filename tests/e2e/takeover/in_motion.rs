//! Rollouts that nothing holds change hands between two pods: every pod is replaced, and none twice.

use crate::support::World;
use crate::support::manifests::{daemon_set, stateful_set};
use crate::support::read::{POD, image, is_ready, name};
use crate::support::writes::{BERTH, UPSTREAM};

/// The sets of this test, as kubectl calls them.
const SETS: [&str; 2] = ["statefulset/web", "daemonset/agent"];
/// Their pods.
const PODS: usize = 6;

#[test]
fn rollouts_in_motion_change_hands_and_no_pod_is_replaced_twice() {
    let world = World::of_upstream();
    world.apply(&stateful_set("web", "Delete"));
    world.apply(&daemon_set("agent"));
    world.rolled_out(&SETS);

    let mut berth = None;
    let take = || {
        world.upstream(false);
        berth = Some(world.berth(&["--apis=apps"]));
    };
    replaced_once(&world, "2-slow", take);
    let give_back = || {
        berth.iter().for_each(|berth| world.end(berth));
        world.upstream(true);
    };
    replaced_once(&world, "3-slow", give_back);
}

/// Rolls both sets out and changes hands when each has one pod of the new image, which is not ready yet.
fn replaced_once(world: &World, tag: &str, change_hands: impl FnOnce()) {
    let mark = world.mark();
    let new = format!("registry.test/app:{tag}");
    SETS.iter().for_each(|set| world.set_image(set, tag));
    for set in ["web", "agent"] {
        world.wait(&format!("the first new pod of {set}"), || {
            let pods = world.of(set, POD);
            let new = pods.iter().filter(|pod| image(pod) == new).count();
            if new > 0 { Ok(()) } else { Err(format!("{} pods, none is new", pods.len())) }
        });
    }
    let pods = world.list(POD);
    let done = pods.iter().filter(|pod| image(pod) == new && is_ready(pod)).count();
    assert_eq!(done, 0, "the rollouts are not as slow as this test needs");
    change_hands();
    world.rolled_out(&SETS);
    world.marker();

    let pods = world.list(POD);
    let right = |pod: &serde_json::Value| is_ready(pod) && image(pod) == new;
    assert!(pods.len() == PODS && pods.iter().all(right), "{:?}", pods.iter().map(name).collect::<Vec<_>>());
    let deeds = world.deeds(&[BERTH, UPSTREAM[0], UPSTREAM[1]], mark);
    let count = |what: &str| deeds.iter().filter(|deed| deed.starts_with(what)).count();
    assert_eq!((count("delete pods "), count("create pods ")), (PODS, PODS), "{deeds:#?}");
    assert_eq!(count("create controllerrevisions "), 2, "{deeds:#?}");
    assert_eq!(deeds.len(), 2 * PODS + 2, "{deeds:#?}");
    for user in [&[BERTH][..], &UPSTREAM] {
        assert!(!world.deeds(user, mark).is_empty(), "both had a hand in it");
    }
}
