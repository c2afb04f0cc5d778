//! `docs/migrating.md`: a DaemonSet becomes a NodeDaemonSet, and both kinds go back to kube-controller-manager.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::manifests::{daemon_set, of_kind, stateful_set};
use crate::support::read::{DS, NDS, OSET, STS, is_settled, number};
use crate::support::{World, incarnations};

#[test]
fn what_came_from_native_sets_goes_back_without_a_restart() {
    let world = World::of_upstream();
    world.install("crds");
    world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    let sets = [stateful_set("web", "Delete"), daemon_set("agent")];
    sets.iter().for_each(|set| world.apply(set));
    world.rolled_out(&["statefulset/web", "daemonset/agent"]);
    ["statefulset/web", "daemonset/agent"].iter().for_each(|set| world.set_image(set, "2"));
    world.rolled_out(&["statefulset/web", "daemonset/agent"]);
    let before = incarnations(&world);

    let berth = world.berth(&["--apis=berth"]);
    orphaned(&world, &["statefulset/web", "daemonset/agent"]);
    let moved = [ours(&sets[0], "OrdinalSet", "2"), ours(&sets[1], "NodeDaemonSet", "2")];
    moved.iter().for_each(|set| world.apply(set));
    world.until(OSET, "web", "settled", is_settled);
    world.until(NDS, "agent", "settled", is_settled);
    assert_eq!(incarnations(&world), before, "there");

    orphaned(&world, &["ordinalset/web", "nodedaemonset/agent"]);
    let back = [of_kind(&moved[0], "apps/v1", "StatefulSet"), of_kind(&moved[1], "apps/v1", "DaemonSet")];
    back.iter().for_each(|set| world.apply(set));
    world.rolled_out(&["statefulset/web", "daemonset/agent"]);
    world.marker();
    assert_eq!(incarnations(&world), before, "and back");
    world.end(&berth);
}

/// The template of a custom set has no defaults written down. kube-controller-manager compares that of a DaemonSet by bytes, so it
/// records the defaulted one and rolls the daemons once; that of a StatefulSet by meaning (A7.5, B8.3).
#[test]
fn what_was_made_by_berth_keeps_ordinals_and_rolls_daemons_once() {
    let world = World::of_upstream();
    world.install("crds");
    world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    let sets = [
        ours(&stateful_set("web", "Delete"), "OrdinalSet", "1"),
        ours(&daemon_set("agent"), "NodeDaemonSet", "1"),
    ];
    let berth = world.berth(&["--apis=berth"]);
    sets.iter().for_each(|set| world.apply(set));
    world.until(OSET, "web", "settled", is_settled);
    world.until(NDS, "agent", "settled", is_settled);
    let before = incarnations(&world);
    orphaned(&world, &["ordinalset/web", "nodedaemonset/agent"]);
    let back = [of_kind(&sets[0], "apps/v1", "StatefulSet"), of_kind(&sets[1], "apps/v1", "DaemonSet")];
    back.iter().for_each(|set| world.apply(set));
    world.rolled_out(&["statefulset/web", "daemonset/agent"]);
    world.until(STS, "web", "ready", |set| number(set, "/status/readyReplicas") == 3);
    world.until(DS, "agent", "ready", |set| number(set, "/status/numberReady") == 3);
    let after = incarnations(&world);
    world.end(&berth);
    let of = |all: &BTreeMap<String, String>, part: &str| -> BTreeMap<String, String> {
        all.iter().filter(|(name, _)| name.contains(part)).map(|(n, i)| (n.clone(), i.clone())).collect()
    };
    assert_eq!(of(&after, "web"), of(&before, "web"));
    let revisions = |all: &BTreeMap<String, String>| of(all, "controllerrevisions/agent").len();
    assert_eq!((revisions(&before), revisions(&after)), (1, 2));
    let kept = of(&after, "pods/agent").into_iter().filter(|pod| before.get(&pod.0) == Some(&pod.1)).count();
    assert_eq!(kept, 0, "all are rolled");
}

fn orphaned(world: &World, sets: &[&str]) {
    for set in sets {
        world.kubectl(&["delete", set, "--cascade=orphan"]);
    }
}

/// The same manifest as a custom resource, with this image.
fn ours(set: &Value, kind: &str, tag: &str) -> Value {
    let mut set = of_kind(set, "berth.dev/v1", kind);
    set["spec"]["template"]["spec"]["containers"][0]["image"] = format!("registry.test/app:{tag}").into();
    set
}
