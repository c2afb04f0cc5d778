//! From a StatefulSet to an OrdinalSet of the same manifest: the pods stay, and so do their claims.

use serde_json::{Value, json};

use crate::support::manifests::{of_kind, stateful_set};
use crate::support::read::{
    CLAIM, CONFIG_MAP, OSET, POD, REVISION, STS, image, is_ready, is_settled, name, text, uid,
};
use crate::support::writes::BERTH;
use crate::support::{World, incarnations};

/// The sets by their retention policy.
const SETS: [(&str, &str); 2] = [("keep", "Retain"), ("drop", "Delete")];

#[test]
fn an_orphaned_stateful_set_goes_on_as_an_ordinal_set() {
    let world = World::of_upstream();
    world.install("crds");
    world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    // From kube-controller-manager's hands, and from Berth's own, which then sees both sets.
    for (apis, upstream) in [("--apis=berth", true), ("--apis=berth,apps", false)] {
        if !upstream {
            world.upstream(false);
        }
        let berth = world.berth(&[apis]);
        made_and_rolled_once(&world);
        converted(&world);
        it_is_served(&world);
        world.end(&berth);
    }
}

fn made_and_rolled_once(world: &World) {
    let sets = SETS.map(|(set, _)| format!("statefulset/{set}"));
    let sets = sets.each_ref().map(String::as_str);
    SETS.iter().for_each(|(set, retention)| world.apply(&stateful_set(set, retention)));
    world.rolled_out(&sets);
    sets.iter().for_each(|set| world.set_image(set, "2"));
    world.rolled_out(&sets);
}

fn converted(world: &World) {
    let before = incarnations(world);
    assert_eq!(before.len(), 6 + 6 + 4, "pods, claims and two revisions each: {before:#?}");
    let mark = world.mark();
    for (set, _) in SETS {
        world.kubectl(&["delete", "statefulset", set, "--cascade=orphan"]);
        world.gone(STS, set);
    }
    for (set, retention) in SETS {
        world.apply(&ordinal_set(set, retention, 2));
    }
    for (set, _) in SETS {
        world.until(OSET, set, "settled", is_settled);
    }
    the_garbage_collector_has_seen_it(world);
    assert_eq!(incarnations(world), before, "everything is what it was");
    ownership(world);
    only_adopted(&world.deeds(&[BERTH], mark));
}

/// The manifest of the StatefulSet, with another kind and image.
fn ordinal_set(name: &str, retention: &str, tag: u32) -> Value {
    let mut set = of_kind(&stateful_set(name, retention), "berth.dev/v1", "OrdinalSet");
    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("registry.test/app:{tag}"));
    set
}

/// It collects what names an owner of our kind that does not exist. When it has taken this object, it has looked at all that
/// was owned before.
fn the_garbage_collector_has_seen_it(world: &World) {
    let owner = json!({
        "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "name": "never",
        "uid": "00000000-0000-4000-8000-000000000000",
    });
    let metadata = json!({"name": "canary", "ownerReferences": [owner]});
    world.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
    world.gone(CONFIG_MAP, "canary");
}

/// Everything is the new set's; claims are so with `Delete` only.
fn ownership(world: &World) {
    for (set, retention) in SETS {
        let owner = world.get(OSET, set);
        let owned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            owners.iter().map(|o| text(o, "/uid").to_owned()).collect::<Vec<_>>()
        };
        for object in world.of(set, POD).iter().chain(&world.of(set, REVISION)) {
            assert_eq!(owned(object), [uid(&owner)], "{}", name(object));
        }
        for claim in world.of(set, CLAIM) {
            let wanted: &[&str] = if retention == "Delete" { &[uid(&owner)] } else { &[] };
            assert_eq!(owned(&claim), wanted, "{}", name(&claim));
        }
        let mut numbers: Vec<i64> =
            world.of(set, REVISION).iter().map(|r| r["revision"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2], "{set}: no template is recorded twice");
    }
}

/// A patch for each of 6 pods and 4 revisions, for the 3 claims that the set owns, and at the newest revision of each set a note
/// that the template, which has no defaults written down, means the same.
fn only_adopted(deeds: &[String]) {
    let count = |what: &str| deeds.iter().filter(|deed| deed.starts_with(what)).count();
    let patches = ["patch pods ", "patch controllerrevisions ", "patch persistentvolumeclaims "].map(count);
    assert_eq!((patches, deeds.len()), ([6, 6, 3], 15), "{deeds:#?}");
}

/// The new sets are updated, and their end is as their retention says.
fn it_is_served(world: &World) {
    for (set, retention) in SETS {
        world.apply(&ordinal_set(set, retention, 3));
        world.until(OSET, set, "settled", is_settled);
        let pods = world.of(set, POD);
        let right = |pod: &Value| is_ready(pod) && image(pod) == "registry.test/app:3";
        assert!(pods.len() == 3 && pods.iter().all(right));
    }
    let uids = |claims: &[Value]| claims.iter().map(|claim| uid(claim).to_owned()).collect::<Vec<_>>();
    let kept = uids(&world.of("keep", CLAIM));
    for (set, _) in SETS {
        world.kubectl(&["delete", "ordinalset", set]);
    }
    for ordinal in 0..3 {
        world.gone(CLAIM, &format!("data-drop-{ordinal}"));
    }
    for kind in [POD, REVISION] {
        world.wait("what the sets owned to go", || {
            let left = world.list(kind).len();
            if left == 0 { Ok(()) } else { Err(format!("{left} {} are left", kind.plural)) }
        });
    }
    assert_eq!(uids(&world.of("keep", CLAIM)), kept, "these outlive their set");
    world.kubectl(&["delete", "persistentvolumeclaims", "--all"]);
}
