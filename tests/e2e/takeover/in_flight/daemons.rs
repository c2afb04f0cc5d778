//! Daemons whose rollout is at a halt when they change hands: one that surges, and one that waits for people.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::manifests::daemon_set;
use crate::support::read::{DS, POD, image, is_observed, is_ready, lacks_image, name, uid};

/// A bad image holds this one at its first node, where two pods are then.
pub const SURGE: &str = "daemonset/surge";
/// This one replaces nothing by itself; a person has deleted one of its pods.
pub const MANUAL: &str = "daemonset/manual";
/// Nodes of the cluster.
const NODES: usize = 3;

/// Creates both.
pub fn create(world: &World) {
    let mut surge = daemon_set("surge");
    surge["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    let mut manual = daemon_set("manual");
    manual["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    world.apply(&surge);
    world.apply(&manual);
    world.rolled_out(&[SURGE]);
    available(world, "manual", NODES, 1);
}

/// Begins a rollout of both and brings it to its halt.
pub fn begin(world: &World, tag: u32) {
    world.set_image(SURGE, &format!("{tag}-missing"));
    world.set_image(MANUAL, &tag.to_string());
    let pods = world.of("manual", POD);
    world.kubectl(&["delete", "pod", name(&pods[0])]);
    available(world, "manual", 1, tag);
    counted(world, "manual", 1);
    world.wait("a pod without its image beside one that serves", || {
        let pods = world.of("surge", POD);
        let (bad, good) = (pods.iter().filter(|p| lacks_image(p)), pods.iter().filter(|p| is_ready(p)));
        let (bad, good) = (bad.count(), good.count());
        if (bad, good, pods.len()) == (1, NODES, NODES + 1) {
            Ok(())
        } else {
            Err(format!("{bad} bad, {good} good, {} pods", pods.len()))
        }
    });
    // The older pod of a node is the one that counts.
    counted(world, "surge", 0);
}

/// Takes away what holds them; the pods that were up to date stay.
pub fn finish(world: &World, tag: u32) {
    let updated = |pod: &Value| image(pod).ends_with(&format!(":{tag}"));
    let (done, old): (Vec<Value>, Vec<Value>) = world.of("manual", POD).into_iter().partition(updated);
    assert_eq!((done.len(), old.len()), (1, NODES - 1));
    world.set_image(SURGE, &tag.to_string());
    world.rolled_out(&[SURGE]);
    old.iter().for_each(|pod| drop(world.kubectl(&["delete", "pod", name(pod)])));
    available(world, "manual", NODES, tag);
    let uids: Vec<String> = world.of("manual", POD).iter().map(|pod| uid(pod).to_owned()).collect();
    assert!(uids.iter().any(|found| found == uid(&done[0])), "it was up to date");
    for set in ["surge", "manual"] {
        counted(world, set, 3);
        world.wait("one pod on each node", || match world.of(set, POD).len() {
            NODES => Ok(()),
            other => Err(format!("{other} pods")),
        });
    }
}

/// Waits until so many pods with this image are ready, and as many pods are there as nodes.
fn available(world: &World, set: &str, count: usize, tag: u32) {
    world.wait(&format!("{count} pods of {set} at {tag}"), || {
        let pods = world.of(set, POD);
        let right = pods.iter().filter(|pod| is_ready(pod) && image(pod).ends_with(&format!(":{tag}")));
        let right = right.count();
        if (right, pods.len()) == (count, NODES) { Ok(()) } else { Err(format!("{right} of {}", pods.len())) }
    });
}

/// Waits until the status says so.
fn counted(world: &World, set: &str, updated: i64) {
    world.until(DS, set, "counted", |found| {
        let count = |name: &str| found["status"][name].as_i64().unwrap_or(0);
        let all = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable"];
        is_observed(found)
            && all.iter().all(|name| count(name) == 3)
            && count("updatedNumberScheduled") == updated
    });
}
