//! Sets from before a rule: they were stored when the definitions had none, and can still be run, scaled, labelled and mended.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::admission::send;
use crate::support::read::name;
use crate::support::templates::{Case, To, stricter, wrong};
use crate::support::{Plane, existing, text};

/// What is refused whatever the rules are: the key of a list that is merged by it is missing, or is there twice. It always was.
const KEYS: [&str; 5] =
    ["no name", "a name twice", "a mount path twice", "a volume twice", "no name of a volume"];
/// What another change of the pod's spec brings up again: rules that stand at it, for they read more than one of its fields. All other
/// rules stand below it, where nothing has changed.
const OF_THE_WHOLE_POD: [&str; 14] = [
    "the name of a container",
    "another host port on the host network",
    "a mount without a volume",
    "a device without a volume",
    "a mount of an init container without a volume",
    "a shared process namespace of the host",
    "users of its own and processes of the host",
    "a restart policy",
    "a deadline",
    "ephemeral containers",
    "no dns at all",
    "a host port and a surge",
    "the host network and a surge",
    "a host port of a sidecar and a surge",
];
/// How long the API server may take to serve definitions that have changed.
const SERVED: Duration = Duration::from_secs(60);

#[test]
fn sets_from_before_a_rule_can_still_be_written() {
    if existing::leaves_out("the definitions are changed, on a control plane of its own") {
        return;
    }
    let plane = Plane::start();
    for (_, mut definition) in berth_api::crd::all() {
        let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        without_rules(definition.pointer_mut(schema).unwrap());
        plane.cluster.kubectl_stdin(&["apply", "-f", "-"], &definition.to_string()).unwrap();
    }
    let cases: Vec<Case> = wrong().into_iter().chain(stricter()).collect();
    for set in cases[0].sets(false) {
        until("the definitions without rules", || create(&plane, &set, true));
    }
    let mut stored: Vec<(&Case, Value)> = vec![];
    for case in &cases {
        for set in case.sets(false) {
            match create(&plane, &set, false) {
                Ok(()) if !KEYS.contains(&case.what.as_str()) => stored.push((case, set)),
                Err(_) if KEYS.contains(&case.what.as_str()) => {}
                answer => panic!("{}: {answer:?}", case.what),
            }
        }
    }

    plane.install("crds");
    for (case, set) in &stored {
        let refused = || match create(&plane, &renamed(set), true) {
            Ok(()) => Err("it is taken".to_owned()),
            Err(_) => Ok(()),
        };
        until(&case.what, refused);
    }
    let problems: Vec<String> = stored.iter().flat_map(|(case, set)| problems(&plane, case, set)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What does not go as it should with a set that breaks a rule.
fn problems(plane: &Plane, case: &Case, set: &Value) -> Vec<String> {
    let path = format!("{}/{}", path(set), name(set));
    let change = |below: &str, patch: &Value| {
        send(plane, http::Method::PATCH, &format!("{path}{below}"), patch).map(drop)
    };
    let mut taken = vec![
        ("status", change("/status", &json!({"status": {"observedGeneration": 1}}))),
        ("metadata", change("", &json!({"metadata": {"labels": {"touched": "yes"}}}))),
        ("paused", change("", &json!({"spec": {"paused": true}}))),
        ("template", change("", &json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}))),
    ];
    if text(set, "/kind") == "OrdinalSet" {
        taken.push(("scale", change("/scale", &json!({"spec": {"replicas": 3}}))));
    }
    let pod = change("", &json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}}));
    let refused = OF_THE_WHOLE_POD.contains(&case.what.as_str());
    let mut problems: Vec<String> =
        taken.into_iter().filter_map(|(what, answer)| Some(format!("{what}: {}", answer.err()?))).collect();
    match pod {
        Ok(()) if refused => problems.push("another change of the pod is taken".to_owned()),
        Err(why) if !refused => problems.push(format!("another change of the pod: {why}")),
        _ => {}
    }
    // Claims and the name of the service are not to be changed anyway.
    if case.to != To::Ordinal {
        let right = Case { what: case.what.clone(), to: case.to, patch: json!({}), says: String::new() };
        let right = right.sets(false).into_iter().find(|one| one["kind"] == set["kind"]).unwrap();
        let version = plane.read(&path).unwrap()["metadata"]["resourceVersion"].clone();
        let mut right = right;
        right["metadata"]["resourceVersion"] = version;
        if let Err(why) = send(plane, http::Method::PUT, &path, &right) {
            problems.push(format!("mending it: {why}"));
        }
    }
    problems
        .into_iter()
        .map(|problem| format!("{} of {}: {problem}", case.what, text(set, "/kind")))
        .collect()
}

/// Takes everything away that refuses a value: rules, ranges, words, patterns and what is required; types and the keys of lists stay.
fn without_rules(schema: &mut Value) {
    let Some(node) = schema.as_object_mut() else { return };
    for keyword in [
        "x-kubernetes-validations",
        "enum",
        "maxItems",
        "maxLength",
        "maximum",
        "maxProperties",
        "minItems",
        "minLength",
        "minimum",
        "minProperties",
        "pattern",
        "required",
    ] {
        node.remove(keyword);
    }
    let keys = node.get("x-kubernetes-list-map-keys").cloned();
    let empty = Map::new();
    let names: Vec<String> =
        node.get("properties").and_then(Value::as_object).unwrap_or(&empty).keys().cloned().collect();
    for name in names {
        without_rules(&mut node["properties"][&name]);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = node.get_mut(below) {
            without_rules(below);
        }
    }
    if let Some(keys) = keys {
        node["items"]["required"] = keys;
    }
}

fn path(set: &Value) -> String {
    let kind = text(set, "/kind").to_ascii_lowercase();
    format!("/apis/berth.dev/v1/namespaces/default/{kind}s")
}

fn create(plane: &Plane, set: &Value, is_dry: bool) -> Result<(), String> {
    let dry = if is_dry { "?dryRun=All" } else { "" };
    send(plane, http::Method::POST, &format!("{}{dry}", path(set)), set).map(drop)
}

/// The same set, not stored yet.
fn renamed(set: &Value) -> Value {
    let mut set = set.clone();
    set["metadata"]["name"] = json!("anew");
    set
}

fn until(what: &str, mut try_out: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + SERVED;
    while let Err(why) = try_out() {
        assert!(Instant::now() < deadline, "{what}: {why}");
        thread::sleep(Duration::from_millis(40));
    }
}
