//! The CustomResourceDefinitions, as they stand in `crds/`.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::schema;

/// The group of the custom resources.
const GROUP: &str = "berth.dev";

/// The CustomResourceDefinition of `OrdinalSet`.
pub fn ordinal_sets() -> Value {
    let names = json!({
        "plural": "ordinalsets",
        "singular": "ordinalset",
        "kind": "OrdinalSet",
        "listKind": "OrdinalSetList",
        "shortNames": ["oset"],
        "categories": ["all", "berth"],
    });
    let subresources = json!({
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.labelSelector",
        },
    });
    let columns = json!([
        number("Desired", ".spec.replicas", "How many pods there should be."),
        number("Ready", ".status.readyReplicas", "How many pods are ready."),
        number("Updated", ".status.updatedReplicas", "How many pods have the present template."),
        age(),
        wide("Images", ".status.images", "The images of the present template."),
        wide("Revision", ".status.updateRevision", "The revision of the present template."),
    ]);
    definition(&names, &subresources, &columns, &schema::ordinal_set())
}

/// The CustomResourceDefinition of `NodeDaemonSet`.
pub fn node_daemon_sets() -> Value {
    let names = json!({
        "plural": "nodedaemonsets",
        "singular": "nodedaemonset",
        "kind": "NodeDaemonSet",
        "listKind": "NodeDaemonSetList",
        "shortNames": ["nds"],
        "categories": ["all", "berth"],
    });
    let subresources = json!({ "status": {} });
    let columns = json!([
        number("Desired", ".status.desiredNumberScheduled", "How many nodes should run a pod."),
        number("Current", ".status.currentNumberScheduled", "How many of these nodes have a pod."),
        number("Ready", ".status.numberReady", "How many of these nodes have a pod that is ready."),
        number(
            "Up-to-date",
            ".status.updatedNumberScheduled",
            "How many of these nodes have the present template."
        ),
        number(
            "Available",
            ".status.numberAvailable",
            "How many of these nodes have a pod that is available."
        ),
        column("Node Selector", "string", ".status.nodeSelector", "Labels that a node must have."),
        age(),
        wide("Images", ".status.images", "The images of the present template."),
        wide("Revision", ".status.updateRevision", "The revision of the present template."),
    ]);
    definition(&names, &subresources, &columns, &schema::node_daemon_set())
}

/// All definitions, each with the name of its file in `crds/`.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![("ordinalsets.yaml", ordinal_sets()), ("nodedaemonsets.yaml", node_daemon_sets())]
}

/// The object as YAML; the same object always gives the same text.
pub fn to_yaml(object: &Value) -> String {
    // A JSON value always has a YAML form; if it had none, JSON would do, being YAML as well.
    serde_saphyr::to_string(object).unwrap_or_else(|_| object.to_string())
}

fn definition(names: &Value, subresources: &Value, columns: &Value, schema: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{GROUP}", names["plural"].as_str().unwrap_or_default()) },
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": subresources,
                "additionalPrinterColumns": columns,
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    })
}

fn column(name: &str, type_: &str, path: &str, description: &str) -> Value {
    json!({ "name": name, "type": type_, "jsonPath": path, "description": description })
}

fn number(name: &str, path: &str, description: &str) -> Value {
    column(name, "integer", path, description)
}

fn age() -> Value {
    column("Age", "date", ".metadata.creationTimestamp", "How long ago the set was created.")
}

/// A column that only `kubectl get -o wide` shows.
fn wide(name: &str, path: &str, description: &str) -> Value {
    let mut column = column(name, "string", path, description);
    column["priority"] = json!(1);
    column
}
