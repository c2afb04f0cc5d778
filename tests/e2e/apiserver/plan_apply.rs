//! `berth plan -f` foresees what `kubectl apply` makes of a manifest: the name of a revision follows from its template.

use serde_json::{Value, json};

use crate::support::manifests::{NEW, OTHER, ordinal_set};
use crate::support::read::{OSET, STS};
use crate::support::{Scene, Surface, existing, text};

/// The revision that a plan creates; empty when it creates none.
fn foreseen(scene: &Scene, manifest: &Value) -> String {
    let plan = scene.berth_with(&["plan", "-f", "-"], &manifest.to_string());
    let made = plan.out.lines().find_map(|line| line.trim().strip_prefix("+ revision "));
    let name = made.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
    assert_eq!(plan.code, i32::from(!name.is_empty()), "{plan:?}");
    name
}

fn container<'a>(set: &'a mut Value, field: &str) -> &'a mut Value {
    &mut set["spec"]["template"]["spec"]["containers"][0][field]
}

/// Applies one manifest after another and compares.
fn compare(scene: &Scene, how: &[&str], manifests: &[(&str, Value, bool)]) {
    for (what, manifest, changes) in manifests {
        let name = text(manifest, "/metadata/name");
        let kind = scene.set;
        let before = text(&scene.get(kind, name), "/status/updateRevision").to_owned();
        let foreseen = foreseen(scene, manifest);
        assert_eq!(!foreseen.is_empty(), *changes, "{what}: {foreseen}");
        let namespace = format!("--namespace={}", scene.namespace);
        let arguments: Vec<&str> =
            ["apply", "-f", "-", &namespace].into_iter().chain(how.iter().copied()).collect();
        scene.plane.cluster.kubectl_stdin(&arguments, &manifest.to_string()).unwrap();
        let set = scene.settled(kind, name);
        let expected = if foreseen.is_empty() { &before } else { &foreseen };
        assert_eq!(text(&set, "/status/updateRevision"), expected, "{what}");
    }
}

#[test]
fn lists_of_native_sets_are_merged_as_kubectl_merges_them() {
    if existing::leaves_out("native sets are kube-controller-manager's there") {
        return;
    }
    let scene = Scene::on(Surface::Apps, "plan-apply");
    let mut set = scene.surface.of(&ordinal_set("web", 1));
    *container(&mut set, "env") = json!([{"name": "OWN", "value": "1"}]);
    *container(&mut set, "ports") = json!([{"containerPort": 80}, {"containerPort": 81}]);
    scene.apply_text(&set.to_string());
    scene.settled(STS, "web");
    // What others add by hand or by a webhook: a variable, and a container before ours.
    scene.kubectl(&["set", "env", "sts/web", "--containers=main", "ADDED=1"]);
    let sidecar = json!({"spec": {"template": {"spec": {
        "$setElementOrder/containers": [{"name": "proxy"}, {"name": "main"}],
        "containers": [{"name": "proxy", "image": OTHER}],
    }}}});
    scene.kubectl(&["patch", "sts", "web", "--patch", &sidecar.to_string()]);
    let with_both = scene.settled(STS, "web");
    assert_eq!(text(&with_both, "/spec/template/spec/containers/0/name"), "proxy");

    let same = set.clone();
    let mut image = set.clone();
    *container(&mut image, "image") = json!(NEW);
    let mut variable = image.clone();
    *container(&mut variable, "env") =
        json!([{"name": "OWN", "value": "1"}, {"name": "SECOND", "value": "2"}]);
    let mut without = variable.clone();
    *container(&mut without, "env") = json!([{"name": "SECOND", "value": "2"}]);
    *container(&mut without, "ports") = json!([{"containerPort": 81}]);
    let mut bare = without.clone();
    *container(&mut bare, "env") = Value::Null;
    compare(
        &scene,
        &[],
        &[
            ("the same", same, false),
            ("another image", image, true),
            ("a variable more", variable, true),
            ("a variable and a port less", without, true),
            ("no variables", bare, true),
        ],
    );
    let names = scene.get(STS, "web");
    let names = names.pointer("/spec/template/spec/containers").unwrap();
    assert_eq!(names.as_array().unwrap().len(), 2, "the container of others is still there: {names}");
}

#[test]
fn what_the_server_has_applied_it_applies_again() {
    let scene = Scene::new("plan-server-side");
    let mut set = ordinal_set("web", 1);
    *container(&mut set, "env") = json!([{"name": "OWN", "value": "1"}]);
    set["spec"]["template"]["metadata"]["annotations"] = json!({"said": "once"});
    let server_side = ["--server-side"];
    let namespace = format!("--namespace={}", scene.namespace);
    let arguments = ["apply", "-f", "-", "--server-side", &namespace];
    scene.plane.cluster.kubectl_stdin(&arguments, &set.to_string()).unwrap();
    scene.settled(OSET, "web");
    let mut without = set.clone();
    without["spec"]["template"]["metadata"].as_object_mut().unwrap().remove("annotations");
    compare(&scene, &server_side, &[("the same", set, false), ("an annotation less", without, true)]);
}
