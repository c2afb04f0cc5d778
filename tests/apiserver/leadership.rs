//! Several operators, one lease: with exactly the rights of `deploy/namespaced.yaml`.

use std::fs;
use std::time::Duration;

use berth_cluster::Process;
use serde_json::json;

use crate::support::health::{ask, free_address};
use crate::support::manifests::ordinal_set;
use crate::support::plane::{Plane, project};
use crate::support::read::{LEASE, OSET, text};
use crate::support::{Scene, number};

/// The lease is valid for 15 s after its last renewal, and looked at every 2 s.
const LEASE_TIME: Duration = Duration::from_secs(25);
/// A lease that was given back is taken within a look or two.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn one_operator_acts_and_the_other_takes_over() {
    let scene = namespaced("two-leaders");
    let arguments = ["--lease-namespace=two-leaders"];
    let first = scene.operator("first", &arguments);
    says(&scene, &first, r#""leading""#);
    let second = scene.operator("second", &arguments);
    says(&scene, &second, "standing by");
    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    assert!(!second.log().unwrap().contains("create pod"), "{}", second.log().unwrap());

    // Asked to end, it gives the lease back.
    first.terminate().unwrap();
    assert!(first.wait_exit(SOON).unwrap().success(), "{}", first.log().unwrap());
    scene.wait_at_most(SOON, "the second to lead", || leads(&second));
    scene.kubectl(&["scale", "oset", "web", "--replicas=3"]);
    scene.settled(OSET, "web");

    // Killed, it does not: the lease has to run out.
    let third = scene.operator("third", &arguments);
    says(&scene, &third, "standing by");
    second.kill().unwrap();
    scene.kubectl(&["scale", "oset", "web", "--replicas=1"]);
    scene.wait_at_most(LEASE_TIME, "the third to lead", || leads(&third));
    scene.settled(OSET, "web");
}

#[test]
fn asked_to_end_at_work_it_ends_cleanly_and_gives_the_lease_back() {
    let scene = namespaced("asked-to-end");
    let operator = scene.operator("operator", &["--lease-namespace=asked-to-end"]);
    says(&scene, &operator, r#""leading""#);
    let mut set = ordinal_set("web", 60);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    says(&scene, &operator, "create pod");
    operator.terminate().unwrap();
    assert!(operator.wait_exit(SOON).unwrap().success(), "{}", operator.log().unwrap());
    assert_eq!(text(&scene.get(LEASE, "berth"), "/spec/holderIdentity"), "");
    assert!(!operator.log().unwrap().contains("gave up"), "{}", operator.log().unwrap());

    // The counts that were held back are written: nothing was, when the first pod was made.
    let set = scene.get(OSET, "web");
    assert!(number(&set, "/status/replicas") > 0, "{}", set["status"]);

    scene.operator("next", &["--lease-namespace=asked-to-end"]);
    let set = scene.settled(OSET, "web");
    assert_eq!(number(&set, "/status/readyReplicas"), 60);
}

#[test]
fn without_the_right_to_nodes_ordinal_sets_work_and_the_log_says_what_does_not() {
    let scene = namespaced("no-nodes");
    let address = free_address();
    let listen = format!("--listen={address}");
    let operator = scene.operator("operator", &["--lease-namespace=no-nodes", &listen]);
    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    says(&scene, &operator, "node daemon sets need to list nodes");
    let (status, text) = ask(&address, "/readyz");
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("nodes") && text.contains("forbidden"), "{text}");
}

/// A namespace with the rights of `deploy/namespaced.yaml`, made for it as that file says.
fn namespaced(namespace: &str) -> Scene {
    let rights = fs::read_to_string(project("deploy/namespaced.yaml")).unwrap();
    let rights = rights.replace("namespace: default", &format!("namespace: {namespace}"));
    Scene::begin(Plane::shared(), namespace, namespace, &rights)
}

fn leads(operator: &Process) -> Result<(), String> {
    if operator.log().unwrap().contains(r#""leading""#) { Ok(()) } else { Err("it does not".to_owned()) }
}

/// Waits until an operator has said something.
fn says(scene: &Scene, operator: &Process, what: &str) {
    scene.wait(&format!("{} to say {what}", operator.name()), || {
        let log = operator.log().unwrap();
        if log.contains(what) { Ok(()) } else { Err("it does not".to_owned()) }
    });
}
