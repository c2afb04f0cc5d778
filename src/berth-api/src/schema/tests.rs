use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const RULES: &str = "x-kubernetes-validations";

/// Both schemas, by name.
fn both() -> [(&'static str, Value); 2] {
    [("OrdinalSet", ordinal_set()), ("NodeDaemonSet", node_daemon_set())]
}

/// Every schema below `node` with its path, in the notation of [`shape::at`].
fn nodes<'a>(node: &'a Value, path: &str, found: &mut Vec<(String, &'a Map<String, Value>)>) {
    let object = node.as_object().unwrap();
    found.push((path.to_owned(), object));
    for (name, child) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        nodes(child, &format!("{path}{dot}{name}"), found);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(child) = object.get(key) {
            nodes(child, &format!("{path}{mark}"), found);
        }
    }
}

fn all(schema: &Value) -> Vec<(String, &Map<String, Value>)> {
    let mut found = Vec::new();
    nodes(schema, "", &mut found);
    found
}

#[test]
fn every_node_is_structural() {
    for (kind, schema) in both() {
        for (path, node) in all(&schema) {
            let typed = node.get("type").is_some_and(Value::is_string);
            let either = node.get("x-kubernetes-int-or-string") == Some(&json!(true));
            assert!(typed != either, "{kind} {path}: {node:?}");
            for key in [PRESERVE, "anyOf", "oneOf", "allOf", "$ref", "title"] {
                assert!(!node.contains_key(key), "{kind} {path} has {key}");
            }
            let format = node.get("format").and_then(Value::as_str).unwrap_or_default();
            assert!(["", "int32", "int64", "date-time"].contains(&format), "{kind} {path}: {format}");
        }
    }
}

#[test]
fn only_the_null_that_tools_print_is_allowed() {
    for (kind, schema) in both() {
        for (path, node) in all(&schema) {
            let printed = ["spec.template.metadata", "spec.volumeClaimTemplates[].metadata"]
                .iter()
                .any(|m| path == format!("{m}.creationTimestamp"));
            assert_eq!(node.contains_key("nullable"), printed, "{kind} {path}");
        }
    }
}

#[test]
fn defaults_are_these_and_none_is_in_a_template() {
    let found = |schema: &Value| -> BTreeMap<String, Value> {
        all(schema)
            .into_iter()
            .filter_map(|(path, node)| Some((path, node.get("default")?.clone())))
            .collect()
    };
    let wanted = |list: Value| serde_json::from_value::<BTreeMap<String, Value>>(list).unwrap();
    let ordinal = wanted(json!({
        "spec.persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain",
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Retain",
        "spec.podManagementPolicy": "OrderedReady",
        "spec.replicas": 1,
        "spec.revisionHistoryLimit": 10,
        "spec.updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
        "spec.updateStrategy.rollingUpdate.partition": 0,
        "status": { "observedGeneration": -1 },
    }));
    let daemon = wanted(json!({
        "spec.revisionHistoryLimit": 10,
        "spec.updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
        "spec.updateStrategy.rollingUpdate.maxUnavailable": 1,
        "status": { "observedGeneration": -1 },
    }));
    assert_eq!(found(&ordinal_set()), ordinal);
    assert_eq!(found(&node_daemon_set()), daemon);
}

#[test]
fn quantities_may_be_numbers() {
    let mut schema = ordinal_set();
    for path in [
        "spec.template.spec.containers[].resources.limits{}",
        "spec.template.spec.containers[].resources.requests{}",
        "spec.volumeClaimTemplates[].spec.resources.requests{}",
        "spec.template.spec.volumes[].emptyDir.sizeLimit",
    ] {
        let node = shape::at(&mut schema, path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(node.get("x-kubernetes-int-or-string"), Some(&json!(true)), "{path}");
    }
}

#[test]
fn what_the_tables_name_exists() {
    for (mut schema, extras) in
        [(ordinal_set(), extras::ordinal_set()), (node_daemon_set(), extras::node_daemon_set())]
    {
        for (path, _) in extras {
            assert!(shape::at(&mut schema, path).is_some(), "{path}");
        }
    }
    for (mut schema, table) in [(ordinal_set(), pod::table(true)), (node_daemon_set(), pod::table(false))] {
        for (path, _) in table {
            assert!(shape::at(&mut schema, &path).is_some(), "{path}");
        }
    }
    let rules = |schema: &Value| -> usize {
        all(schema).iter().filter_map(|(_, node)| node.get(RULES)?.as_array()).map(Vec::len).sum()
    };
    let containers = pod::CONTAINERS.len() * pod_rules::CONTAINER.len() + pod_rules::INIT_CONTAINER.len();
    let pod = |is_ordinal| {
        containers + pod_rules::POD.len() + pod::claims(is_ordinal).len() * pod_rules::CLAIM.len()
    };
    let common = rules::COMMON.len() + rules::COMMON_STATUS.len();
    // A rule across the spec is two entries: one for a creation, one for a change.
    let ordinal =
        rules::ORDINAL_SET.len() + rules::ORDINAL_SET_STATUS.len() + 2 * crossing::ORDINAL_SET.len();
    assert_eq!(rules(&ordinal_set()), common + ordinal + pod(true));
    let daemon = rules::NODE_DAEMON_SET.len() + 2 * crossing::NODE_DAEMON_SET.len();
    assert_eq!(rules(&node_daemon_set()), common + daemon + pod(false));
}

#[test]
fn every_rule_says_what_is_allowed_and_names_a_field_that_exists() {
    for (kind, schema) in both() {
        for (path, node) in all(&schema) {
            for rule in node.get(RULES).and_then(Value::as_array).into_iter().flatten() {
                let message = rule["message"].as_str().unwrap_or_else(|| panic!("{kind} {path}: {rule}"));
                let (field, says) = message.split_once(": ").unwrap();
                assert!(says.starts_with("must ") || says.starts_with("cannot "), "{message}");
                assert!(rule["reason"].is_string(), "{message}");
                assert!(shape::at(&mut schema.clone(), field).is_some(), "{field}");
                let at =
                    format!("{path}{}", rule.get("fieldPath").and_then(Value::as_str).unwrap_or_default());
                assert_eq!(at.trim_start_matches('.'), field);
            }
        }
    }
}

#[test]
fn what_upstream_requires_is_required() {
    let mut schema = ordinal_set();
    for (path, required) in [
        ("", json!(["spec"])),
        ("spec", json!(["selector", "template"])),
        ("spec.template", json!(["spec"])),
        ("spec.template.spec", json!(["containers"])),
        ("spec.template.spec.containers[]", json!(["name", "image"])),
        ("spec.template.spec.initContainers[]", json!(["name", "image"])),
        ("spec.volumeClaimTemplates[].spec", json!(["accessModes", "resources"])),
        ("spec.volumeClaimTemplates[].metadata", json!(["name"])),
        ("status.conditions[]", json!(["type", "status"])),
    ] {
        assert_eq!(shape::at(&mut schema, path).unwrap().get("required"), Some(&required), "{path}");
    }
}

#[test]
fn the_keys_of_a_merge_list_are_required() {
    for (kind, schema) in both() {
        let mut lists = 0;
        for (path, node) in all(&schema) {
            let Some(keys) = node.get("x-kubernetes-list-map-keys").and_then(Value::as_array) else {
                continue;
            };
            let required = node["items"]["required"].as_array().unwrap();
            assert!(keys.iter().all(|k| required.contains(k)), "{kind} {path}: {keys:?}");
            lists += 1;
        }
        assert_eq!(lists, 6, "{kind}");
    }
}

#[test]
fn descriptions_read_well() {
    let mut schema = ordinal_set();
    let mut text =
        |path: &str| shape::at(&mut schema, path).unwrap()["description"].as_str().unwrap().to_owned();
    assert_eq!(text("spec.replicas"), "How many pods there should be. Defaults to 1.");
    assert!(
        text("spec.template.spec.containers[].image")
            .starts_with("Container image name. This field is optional")
    );
    assert!(text("spec.template").starts_with("The pod that each ordinal gets. Host name"));
    for (kind, schema) in both() {
        for (path, node) in all(&schema) {
            let text = node.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(!text.contains('\n') && !text.contains("[`"), "{kind} {path}: {text}");
        }
    }
}
