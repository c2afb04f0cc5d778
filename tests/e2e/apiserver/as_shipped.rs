//! The operator as `deploy/` runs it: for all namespaces, with leader election, as its shipped ServiceAccount; on a control plane
//! of its own, because custom resources are installed, changed and missing here.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use berth_cluster::Process;
use serde_json::json;

use crate::support::health::{ask, free_address};
use crate::support::manifests::{node_daemon_set, ordinal_set};
use crate::support::plane::{MEMBER, ORDINALS, pool, project};
use crate::support::read::{Kind, NAMESPACE, NDS, OSET, POD, REVISION, condition, is_settled, name, uid};
use crate::support::{Plane, Scene, existing, number, text};
use crate::uninstall;

#[test]
fn from_the_first_start_to_an_upgrade() {
    if existing::leaves_out("the custom resources are missing and changed, on a control plane of its own") {
        return;
    }
    let plane = Plane::start();
    plane.install("deploy/namespace.yaml");
    plane.install("deploy/rbac.yaml");
    let member = (pool(ORDINALS), MEMBER);
    let member = (member.0.as_str(), member.1);
    plane.cluster.add_nodes(&["plain".to_owned()], &[member]).unwrap();
    plane.cluster.add_nodes(&["logging".to_owned()], &[member, ("logging", "enabled")]).unwrap();
    let plane = Arc::new(plane);
    let scene = Scene::begin(Arc::clone(&plane), "demo", "berth-system", "");
    let address = free_address();
    scene.run("operator", &[&format!("--listen={address}")]);

    without_custom_resources(&scene, &address);
    with_one_custom_resource(&scene, &address);
    plane.install("crds");
    let operator = without_a_right(&scene, &address);
    ready(&scene, &address);
    all_examples_come_up(&plane);
    a_namespace_ends_quietly(&plane, &operator);
    scene.apply(&node_daemon_set("agent", ORDINALS));
    scene.until(NDS, "agent", "2 available", |set| number(set, "/status/numberAvailable") == 2);
    for (kind, set) in [(OSET, "web"), (NDS, "agent")] {
        an_upgrade_of_the_custom_resources_moves_no_pod(&scene, kind, set);
    }
    uninstall::keeps_pods_and_claims(&scene, &operator);
    uninstall::deleting_the_definitions_takes_the_pods_with_it(&scene);
}

/// It starts, says what is missing in one line each, and is not ready.
fn without_custom_resources(scene: &Scene, address: &str) {
    scene.wait("both to be missed", || {
        let (status, text) = ask(address, "/readyz");
        let both = text.lines().filter(|line| line.contains("kubectl apply -f crds/")).count() == 2;
        if status == 503 && both { Ok(()) } else { Err(format!("{status} {text}")) }
    });
    assert_eq!(ask(address, "/healthz").0, 200);
    for missing in ["ordinalsets.berth.dev", "nodedaemonsets.berth.dev"] {
        let log = scene.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(missing)).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("kubectl apply -f crds/"), "it says what to do: {}", lines[0]);
    }
}

/// Ordinal sets work as soon as their definition is there.
fn with_one_custom_resource(scene: &Scene, address: &str) {
    scene.plane.install("crds/ordinalsets.yaml");
    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    let (status, text) = ask(address, "/readyz");
    assert_eq!(status, 503);
    assert!(text.contains("nodedaemonsets") && !text.contains("ordinalsets"), "{text}");
}

/// A role that somebody has cut: the operator says in one line what it may not do, is not ready, and goes on with the rest.
fn without_a_right(scene: &Scene, address: &str) -> Process {
    let text = fs::read_to_string(project("deploy/rbac.yaml")).unwrap();
    let cut = text.replace("resources: [ordinalsets, nodedaemonsets]", "resources: [ordinalsets]");
    assert_ne!(cut, text);
    scene.stop_operators();
    scene.plane.cluster.kubectl_stdin(&["apply", "-f", "-"], &cut).unwrap();
    let operator = scene.run("cut", &[&format!("--listen={address}")]);
    scene.wait("the right to be missed", || {
        let (status, text) = ask(address, "/readyz");
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("nodedaemonsets")).collect();
        let told =
            lines.len() == 1 && lines[0].contains("forbidden") && !text.contains("ordinalsets.berth.dev");
        if status == 503 && told { Ok(()) } else { Err(format!("{status} {text}")) }
    });
    scene.kubectl(&["scale", "oset", "web", "--replicas=3"]);
    scene.settled(OSET, "web");
    // It asks again by itself.
    scene.plane.install("deploy/rbac.yaml");
    operator
}

fn ready(scene: &Scene, address: &str) {
    scene.wait("readiness", || match ask(address, "/readyz") {
        (200, text) if text.contains("leading") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// `kubectl apply -f` of each example, as it stands, in a namespace of its own.
fn all_examples_come_up(plane: &Arc<Plane>) {
    let mut files: Vec<_> =
        fs::read_dir(project("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6);
    thread::scope(|scope| {
        for file in &files {
            scope.spawn(move || comes_up(plane, file));
        }
    });
}

fn comes_up(plane: &Arc<Plane>, file: &Path) {
    let namespace = format!("example-{}", file.file_stem().unwrap().to_str().unwrap());
    let scene = Scene::begin(Arc::clone(plane), &namespace, "berth-system", "");
    scene.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let mut sets = 0;
    for set in scene.list(OSET) {
        let set = scene.settled(OSET, name(&set));
        assert_eq!(set["status"]["readyReplicas"], set["spec"]["replicas"], "{namespace}");
        sets += 1;
    }
    for set in scene.list(NDS) {
        let nodes = if text(&set, "/spec/template/spec/nodeSelector/logging").is_empty() { 2 } else { 1 };
        scene.until(NDS, name(&set), &format!("available on {nodes} nodes"), |set| {
            is_settled(set) && number(set, "/status/numberAvailable") == nodes
        });
        sets += 1;
    }
    assert_eq!(sets, 1, "{namespace}");
}

/// The API server deletes the pods first and then the sets, which would make their pods again: no event, no warning, no loop.
fn a_namespace_ends_quietly(plane: &Arc<Plane>, operator: &Process) {
    let scene = Scene::begin(Arc::clone(plane), "ending", "berth-system", "");
    let mut set = ordinal_set("web", 10);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    scene.apply(&node_daemon_set("agent", ORDINALS));
    scene.settled(OSET, "web");
    scene.until(NDS, "agent", "2 available", |set| number(set, "/status/numberAvailable") == 2);
    // The sets stay as long as this pod does.
    scene.patch(POD, "web-3", &json!({"metadata": {"finalizers": ["tests.berth.dev/hold"]}}));
    let before = scene.requests().len();
    plane.cluster.kubectl(&["delete", "namespace", "ending", "--wait=false"]).unwrap();
    for (kind, set) in [(OSET, "web"), (NDS, "agent")] {
        scene.until(kind, set, "held", |set| {
            text(condition(set, "Reconciling"), "/message").contains("its namespace is being deleted")
        });
    }
    Scene::begin(Arc::clone(plane), "meanwhile", "berth-system", "").marker("marker");
    // Two sets: a pod each that is refused (a daemon's pods are two), and the counts that fell.
    let asked = &scene.requests()[before..];
    assert!(asked.len() <= 12, "{} requests: {asked:#?}", asked.len());
    let log = operator.log().unwrap();
    // A pod that goes between a look and a write is nothing to worry about.
    let race = "the object has changed meanwhile";
    let of_namespace = log.lines().filter(|line| line.contains("ending/") && !line.contains(race));
    let loud: Vec<&str> = of_namespace.filter(|line| !line.contains(r#""INFO""#)).collect();
    assert!(loud.is_empty(), "{loud:#?}");

    scene.patch(POD, "web-3", &json!({"metadata": {"finalizers": null}}));
    scene.wait("the namespace to go", || match plane.read(&format!("{}/ending", NAMESPACE.path(""))) {
        None => Ok(()),
        Some(namespace) => Err(namespace["status"].to_string()),
    });
}

/// A newer definition with another description and a new field that has a default: no revision, no pod restarts, no write.
fn an_upgrade_of_the_custom_resources_moves_no_pod(scene: &Scene, kind: Kind, set: &str) {
    let facts = || {
        let all = [POD, REVISION].into_iter().flat_map(|kind| scene.list(kind));
        all.map(|object| (name(&object).to_owned(), uid(&object).to_owned())).collect::<Vec<_>>()
    };
    scene.settled(kind, set);
    let (before, writes) = (facts(), scene.writes(set));
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let patch = json!([
        {"op": "replace", "path": format!("{spec}/description"), "value": "Described in another way."},
        {"op": "add", "path": format!("{spec}/properties/novelty"), "value": {"type": "string", "default": "on"}},
    ]);
    let definition = format!("{}.berth.dev", kind.plural);
    let patch = patch.to_string();
    scene.plane.cluster.kubectl(&["patch", "crd", &definition, "--type=json", "--patch", &patch]).unwrap();
    scene.until(kind, set, "with the new default", |set| set["spec"]["novelty"] == "on");
    let marker = format!("marker-{}", kind.plural);
    scene.marker(&marker);
    let after: Vec<_> = facts().into_iter().filter(|(name, _)| !name.starts_with(&marker)).collect();
    assert_eq!(after, before);
    assert_eq!(scene.writes(set), writes);
    // The set is still worked on, under the new definition.
    let template = json!({"spec": {"template": {"metadata": {"annotations": {"new": "yes"}}}}});
    scene.patch(kind, set, &template);
    scene.settled(kind, set);
    let pods = scene.list(POD);
    let rolled = pods.iter().filter(|pod| name(pod).starts_with(&format!("{set}-")));
    assert!(rolled.clone().count() > 0);
    assert!(rolled.into_iter().all(|pod| pod["metadata"]["annotations"]["new"] == "yes"));
}
