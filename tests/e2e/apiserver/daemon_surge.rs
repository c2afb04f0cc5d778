//! Node daemon sets that make the new pod before the old one goes, while somebody deletes pods and makes them ill.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::chronicle::{Entry, State};
use crate::support::manifests::{NEW, OLD, with_image};
use crate::support::read::{image, is_ready, name, number, text, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface};

rows!(a_surge_stays_within_its_bounds_whatever_happens_to_the_pods);

const NODES: [&str; 4] = ["a", "b", "c", "d"];
/// How many nodes may run a second pod during the update.
const SURGE: usize = 1;
/// Seconds for which a pod must be ready.
const READY_FOR: i64 = 2;

fn a_surge_stays_within_its_bounds_whatever_happens_to_the_pods(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "surge", &NODES) else { return };
    let mut set = scene.agent();
    set["spec"]["minReadySeconds"] = json!(READY_FOR);
    set["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "20%"}});
    scene.apply(&set);
    scene.settled_on(4);
    let chronicle = scene.chronicle();
    scene.apply(&with_image(&set, NEW));

    let mut deleted: Vec<String> = vec![];
    let mut disturb = |wanted: &str, how: &str| {
        let pod = scene.wait(&format!("a pod at {wanted} to disturb"), || {
            let pods = scene.live_pods();
            let mut fitting = pods.into_iter().filter(|pod| {
                image(pod) == wanted
                    && !deleted.contains(&uid(pod).to_owned())
                    && (how == "delete" || is_ready(pod))
            });
            fitting.next_back().ok_or_else(|| "none".to_owned())
        });
        deleted.push(uid(&pod).to_owned());
        match how {
            "delete" => {
                drop(scene.kubectl(&["delete", "pod", name(&pod), "--wait=false", "--ignore-not-found"]))
            }
            _ => scene.fail(name(&pod)),
        }
    };
    // A new pod before it is available, an old one that runs alone, and one that fails.
    disturb(NEW, "delete");
    disturb(OLD, "delete");
    disturb(OLD, "fail");

    scene.wait("the new image on every node", || {
        let pods = scene.live_pods();
        let done = pods.len() == NODES.len() && pods.iter().all(|pod| image(pod) == NEW && is_ready(pod));
        if done { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    });
    let after = scene.settled_on(4);
    assert_eq!(number(&after, "/status/updatedNumberScheduled"), 4);
    for (entry, state) in chronicle.states() {
        check(&entry, &state, &deleted);
    }
}

/// The API server refuses such a set of ours, and takes a native one.
#[test]
fn why_names_the_host_port_that_stops_a_surge() {
    let Some(scene) = Scene::on_nodes(Surface::Apps, "surge-ports", &["a"]) else { return };
    let mut set = scene.agent();
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    let ports = json!([{"containerPort": 80, "hostPort": 18080}]);
    set["spec"]["template"]["spec"]["containers"][0]["ports"] = ports;
    scene.apply(&set);
    scene.settled_on(1);
    scene.apply(&with_image(&set, NEW));
    let told = scene.wait("the cause", || {
        let told = scene.berth(&["why", "ds/agent"]).out;
        if told.contains("host port 18080/TCP is in the template") { Ok(told) } else { Err(told) }
    });
    let advice = r#"{"spec":{"updateStrategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}}"#;
    assert!(told.contains(advice), "{told}");
    assert!(!told.contains("\"maxSurge\":2"), "{told}");

    scene.patch(scene.daemons(), "agent", &serde_json::from_str(advice).unwrap());
    scene.wait("the new image", || {
        let pods = scene.live_pods();
        let done = pods.len() == 1 && image(&pods[0]) == NEW && is_ready(&pods[0]);
        if done { Ok(()) } else { Err(format!("{:?}", names(&pods.iter().collect::<Vec<_>>()))) }
    });
}

/// What must hold after each thing that happened.
fn check(entry: &Entry, state: &State, deleted: &[String]) {
    let mut nodes: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for pod in state.values() {
        nodes.entry(node_of(pod)).or_default().push(pod);
    }
    let mut surging = 0;
    for (node, pods) in &nodes {
        let live: Vec<&&Value> = pods.iter().filter(|pod| !leaves(pod)).collect();
        let at = |wanted: &str| live.iter().filter(|pod| image(pod) == wanted).count();
        let what =
            || format!("node {node} after {:?} of {}: {:?}", entry.change, name(&entry.object), names(pods));
        assert!(at(NEW) <= 1 && at(OLD) <= 1, "one pod of each version: {}", what());
        let going = pods.iter().filter(|pod| leaves(pod) && !deleted.contains(&uid(pod).to_owned()));
        assert!(going.count() <= 1, "one pod at a time is taken away: {}", what());
        let old_serves = live.iter().any(|pod| image(pod) == OLD && is_ready(pod));
        let new_serves = live.iter().any(|pod| image(pod) == NEW && is_ready(pod));
        surging += usize::from(old_serves && at(NEW) == 1 && !new_serves);
    }
    // Whoever is beside an old pod that does not serve costs nothing.
    assert!(surging <= SURGE, "{surging} nodes surge after {:?} of {}", entry.change, name(&entry.object));
}

fn names<'a>(pods: &[&'a Value]) -> Vec<(&'a str, &'a str, bool, bool)> {
    pods.iter().map(|pod| (name(pod), image(pod), is_ready(pod), leaves(pod))).collect()
}

fn leaves(pod: &Value) -> bool {
    pod["metadata"].get("deletionTimestamp").is_some()
        || ["Failed", "Succeeded"].contains(&text(pod, "/status/phase"))
}

/// The node that a pod is on or meant for.
fn node_of(pod: &Value) -> &str {
    let bound = text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return bound;
    }
    text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}
