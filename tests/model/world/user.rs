//! What people do, and what they write down.

use berth::api::{ObjectRef, Resource, Surface};
use serde_json::{Value, json};

use super::World;
use crate::api_server::object;

/// Where everything is.
pub const NAMESPACE: &str = "default";

/// An ordinal set as an object.
pub fn ordinals(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::OrdinalSets(Surface::Berth), NAMESPACE, name)
}

/// A node daemon set as an object.
pub fn daemons(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::DaemonSets(Surface::Berth), NAMESPACE, name)
}

/// A pod as an object.
pub fn pod(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Pods, NAMESPACE, name)
}

/// A node as an object.
pub fn node(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Nodes, "", name)
}

/// The whole object of a set: what every set needs, and `spec` laid over it.
fn set(of: &ObjectRef, image: &str, spec: &Value) -> Value {
    let labels = json!({ "app": of.name });
    let mut whole = json!({
        "apiVersion": of.resource.api_version(), "kind": of.resource.kind(),
        "metadata": { "name": of.name, "namespace": of.namespace },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "main", "image": image }], "terminationGracePeriodSeconds": 10 },
            },
        },
    });
    object::merge(&mut whole["spec"], spec);
    whole
}

impl World {
    /// A person creates a set.
    pub fn create_set(&mut self, of: &ObjectRef, image: &str, spec: &Value) {
        self.tell(format!("user creates {of} with {image} {spec}"));
        self.server.create(of, &set(of, image, spec)).unwrap();
        self.spread();
    }

    /// A person changes a spec by a merge patch.
    pub fn change(&mut self, of: &ObjectRef, spec: &Value) {
        self.tell(format!("user changes {of}: {spec}"));
        self.server.edit(of, |v| object::merge(&mut v["spec"], spec));
        self.spread();
    }

    /// A person sets the image of a set.
    pub fn set_image(&mut self, of: &ObjectRef, image: &str) {
        self.tell(format!("user sets the image of {of} to {image}"));
        self.server.edit(of, |v| v["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image));
        self.spread();
    }

    /// A person deletes something.
    pub fn delete(&mut self, of: &ObjectRef, propagation: &str) {
        self.tell(format!("user deletes {of} ({propagation})"));
        let _ = self.server.delete(of, &json!({ "propagationPolicy": propagation }));
        self.spread();
    }

    /// A pod fails.
    pub fn fail_pod(&mut self, of: &ObjectRef) {
        self.tell(format!("{of} fails"));
        self.server.edit(of, |v| v["status"] = json!({ "phase": "Failed", "reason": "Evicted" }));
        self.spread();
    }

    /// A pod falls ill: it is not ready until all are healed.
    pub fn sicken(&mut self, of: &ObjectRef) {
        let Some(uid) = self.server.get(of).map(|v| object::uid(v).to_owned()) else { return };
        self.tell(format!("{of} falls ill"));
        self.sick.insert(uid);
        self.attend_later(of.clone());
    }

    /// Nobody is ill any more.
    pub fn heal(&mut self) {
        self.tell("all are healed".to_owned());
        self.sick.clear();
        let pods: Vec<ObjectRef> = self.server.all(Resource::Pods).map(|(p, _)| p.clone()).collect();
        pods.into_iter().for_each(|pod| self.attend_later(pod));
    }

    /// A node joins.
    pub fn add_node(&mut self, name: &str, labels: &Value) {
        self.tell(format!("node {name} joins"));
        let body =
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels } });
        let _ = self.server.create(&node(name), &body);
        self.spread();
    }

    /// A node is tainted; an empty effect takes all taints off.
    pub fn taint(&mut self, name: &str, effect: &str) {
        self.tell(format!("node {name} is tainted: {effect:?}"));
        let taints =
            if effect.is_empty() { json!([]) } else { json!([{ "key": "reserved", "effect": effect }]) };
        self.server.edit(&node(name), |v| v["spec"]["taints"] = taints);
        self.spread();
    }

    /// A node gets labels.
    pub fn label_node(&mut self, name: &str, labels: &Value) {
        self.tell(format!("node {name} is labelled {labels}"));
        self.server.edit(&node(name), |v| v["metadata"]["labels"] = labels.clone());
        self.spread();
    }

    /// The present spec of a set, and nothing if it is gone.
    pub fn spec(&self, of: &ObjectRef) -> Value {
        self.server.get(of).map_or(Value::Null, |v| v["spec"].clone())
    }
}
