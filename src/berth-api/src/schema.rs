//! The schemas of the custom resources, made from the wire types.
//!
//! schemars gives the shape, [`shape`] turns it into what the API server calls structural, [`text`] cuts the
//! descriptions of native types, and tables add what the types cannot say: [`extras`] (defaults, bounds, list keys)
//! and [`rules`] (CEL), and for pod templates [`pod`] and [`pod_rules`]. Under `spec.template` and `spec.volumeClaimTemplates` there is never a default: a template is
//! hashed and compared as it was written, and the API server fills in defaults when the pod is made.

mod crossing;
mod extras;
mod pod;
mod pod_rules;
mod rules;
mod shape;
mod text;
mod values;
mod volumes;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::node_daemon_set::{NodeDaemonSetSpec, NodeDaemonSetStatus};
use super::ordinal_set::{IntOrPercent, OrdinalSetSpec, OrdinalSetStatus};

impl JsonSchema for IntOrPercent {
    fn schema_name() -> Cow<'static, str> {
        "IntOrPercent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}

/// The `openAPIV3Schema` of `OrdinalSet`.
pub fn ordinal_set() -> Value {
    let mut root = root(
        "A set of pods with stable names, stable storage and an order: what a StatefulSet is.",
        of::<OrdinalSetSpec>(),
        of::<OrdinalSetStatus>(),
    );
    extras::apply(&mut root, &extras::ordinal_set());
    rules::apply(&mut root, rules::COMMON);
    rules::apply(&mut root, rules::ORDINAL_SET);
    crossing::apply(&mut root, crossing::ORDINAL_SET);
    pod(&mut root, true);
    rules::apply(&mut root, rules::COMMON_STATUS);
    rules::apply(&mut root, rules::ORDINAL_SET_STATUS);
    root
}

/// The `openAPIV3Schema` of `NodeDaemonSet`.
pub fn node_daemon_set() -> Value {
    let mut root = root(
        "One pod on every node that fits: what a DaemonSet is.",
        of::<NodeDaemonSetSpec>(),
        of::<NodeDaemonSetStatus>(),
    );
    extras::apply(&mut root, &extras::node_daemon_set());
    rules::apply(&mut root, rules::COMMON);
    rules::apply(&mut root, rules::NODE_DAEMON_SET);
    crossing::apply(&mut root, crossing::NODE_DAEMON_SET);
    pod(&mut root, false);
    rules::apply(&mut root, rules::COMMON_STATUS);
    root
}

/// What is required of a pod template, and of descriptions of claims.
fn pod(root: &mut Value, is_ordinal: bool) {
    extras::apply(root, &pod::table(is_ordinal));
    for container in pod::CONTAINERS {
        rules::apply_below(root, container, pod_rules::CONTAINER);
    }
    rules::apply_below(root, pod::CONTAINERS[1], pod_rules::INIT_CONTAINER);
    rules::apply_below(root, pod::POD, pod_rules::POD);
    for claim in pod::claims(is_ordinal) {
        rules::apply_below(root, claim, pod_rules::CLAIM);
    }
    // They are forbidden as a whole: descriptions below them would only take room.
    if let Some(forbidden) = root.pointer_mut(&format!(
        "/properties/{}/properties/ephemeralContainers/items",
        pod::POD.replace('.', "/properties/")
    )) {
        shape::children(forbidden, &mut |node| drop(node.remove("description")));
    }
}

/// The schema of a type, structural and inlined: a CRD knows no references.
fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let settings = settings.with_transform(RecursiveTransform(shape::structural));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The whole object around a spec and a status.
fn root(description: &str, mut spec: Value, status: Value) -> Value {
    for name in ["template", "volumeClaimTemplates"] {
        if let Some(embedded) = spec.pointer_mut(&format!("/properties/{name}")) {
            // The description of the field itself is ours and stays whole.
            shape::children(embedded, &mut |child| text::shorten(child));
        }
    }
    json!({
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string", "description": "Group and version: berth.dev/v1." },
            "kind": { "type": "string", "description": "Kind of this object." },
            // A rule can only name a field that is declared.
            "metadata": { "type": "object", "properties": { "name": { "type": "string" } } },
            "spec": spec,
            "status": status,
        },
    })
}
