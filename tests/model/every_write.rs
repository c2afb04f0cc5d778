//! Each fault at each write, one at a time: the end is the same as without the fault, and no object is made or deleted more
//! often than without it (X4, S21).

use std::time::Duration;

use berth::api::ObjectRef;
use serde_json::{Value, json};

use crate::outcome::{comes_to_rest, reached};
use crate::world::{Fate, Weather, World, daemons, ordinals};

fn faults() -> [Fate; 6] {
    let late = Fate::Late(Duration::from_secs(5));
    let busy = Fate::Refused(crate::api_server::refusal(500, "InternalError", "try again"));
    [Fate::Lost, Fate::AnswerLost, late, busy, Fate::CrashBefore, Fate::CrashAfter]
}

/// A workload: a set comes, is updated, and changes its size.
fn run(of: &ObjectRef, spec: &Value, change: &Value, fault: Option<(u64, Fate)>) -> World {
    let seed = fault.as_ref().map_or(0, |(at, _)| *at);
    let mut world = World::new(seed, Weather::calm());
    world.script.extend(fault);
    for node in ["a", "b", "c"] {
        world.add_node(node, &json!({}));
    }
    world.add_operator();
    let hour = Duration::from_secs(3600);
    world.create_set(of, "app:1", spec);
    world.run_until(hour, |w| reached(w, of));
    world.set_image(of, "app:2");
    world.run_until(hour, |w| reached(w, of));
    world.change(of, change);
    comes_to_rest(&mut world, of);
    world
}

fn each_fault_at_each_write(of: &ObjectRef, spec: &Value, change: &Value) {
    let reference = run(of, spec, change, None);
    let (writes, summary) = (reference.writes.len() as u64, reference.summary());
    for at in 0..writes {
        for fault in faults() {
            let world = run(of, spec, change, Some((at, fault.clone())));
            if world.summary() != summary {
                let (found, expected) = (world.summary(), &summary);
                world.fail(&format!("S21: {fault:?} at write {at}: {found:?} instead of {expected:?}"));
            }
        }
    }
}

#[test]
fn ordered_pods_with_claims_survive_each_fault_at_each_write() {
    let spec = json!({
        "replicas": 3,
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete", "whenScaled": "Delete" },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    each_fault_at_each_write(&ordinals("web"), &spec, &json!({ "replicas": 1 }));
}

#[test]
fn parallel_pods_survive_each_fault_at_each_write() {
    let spec = json!({ "replicas": 3, "podManagementPolicy": "Parallel" });
    each_fault_at_each_write(&ordinals("web"), &spec, &json!({ "replicas": 4 }));
}

#[test]
fn daemon_pods_survive_each_fault_at_each_write() {
    each_fault_at_each_write(&daemons("agent"), &json!({}), &json!({ "minReadySeconds": 2 }));
}
