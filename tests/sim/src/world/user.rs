//! What people do, and what they write down.

use std::time::Duration;

use berth_api::{Key, Kind, ObjectRef, Resource, Surface};
use serde_json::{Value, json};

use super::{World, tell};
use crate::api_server::object;

/// Where everything is, but for sets that have neighbours in another namespace.
pub const NAMESPACE: &str = "default";
/// Another namespace, after the first in every order.
pub const NEIGHBOUR: &str = "default-b";

/// A second.
pub const SECOND: Duration = Duration::from_secs(1);
/// A minute.
pub const MINUTE: Duration = Duration::from_secs(60);

/// An ordinal set as an object.
pub fn ordinals(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::OrdinalSets(Surface::Berth), NAMESPACE, name)
}

/// A node daemon set as an object.
pub fn daemons(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::DaemonSets(Surface::Berth), NAMESPACE, name)
}

/// The spec of a parallel set.
pub fn parallel(replicas: u64) -> Value {
    json!({ "replicas": replicas, "podManagementPolicy": "Parallel" })
}

/// A set of a kind and a surface in a namespace, as an object.
pub fn set_in(namespace: &str, kind: Kind, surface: Surface, name: &str) -> ObjectRef {
    Key::new(surface, kind, namespace, name).object()
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
fn set(of: &ObjectRef, image: &str, spec: &Value, replaces_broken: Option<&str>) -> Value {
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
    if let Some(replaces) = replaces_broken {
        whole["metadata"]["annotations"] = json!({ "berth.dev/replace-broken": replaces });
    }
    whole
}

impl World {
    /// A person creates a set.
    pub fn create_set(&mut self, of: &ObjectRef, image: &str, spec: &Value) {
        // What custom sets always do and native ones on request.
        self.create_annotated(of, image, spec, Some("true"));
    }

    /// A person creates a set, with this value of the annotation that says whether broken pods are replaced.
    pub fn create_annotated(&mut self, of: &ObjectRef, image: &str, spec: &Value, broken: Option<&str>) {
        tell!(self, "user creates {of} with {image} {spec}, replaces broken pods: {broken:?}");
        self.server.create(of, &set(of, image, spec, broken)).unwrap();
        self.spread();
    }

    /// A person changes a spec by a merge patch.
    pub fn change(&mut self, of: &ObjectRef, spec: &Value) {
        tell!(self, "user changes {of}: {spec}");
        self.server.edit(of, |v| object::merge(&mut v["spec"], spec));
        self.spread();
    }

    /// A person sets the image of a set.
    pub fn set_image(&mut self, of: &ObjectRef, image: &str) {
        tell!(self, "user sets the image of {of} to {image}");
        self.server.edit(of, |v| v["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image));
        self.spread();
    }

    /// A person writes down in the template of a set what is the default anyway, or takes it out again.
    pub fn write_down(&mut self, of: &ObjectRef, written: bool) {
        tell!(self, "user writes a default into {of}: {written}");
        let value = written.then(|| json!("Always"));
        self.server.edit(of, |v| object::put(v, "/spec/template/spec/restartPolicy", value));
        self.spread();
    }

    /// A person deletes something.
    pub fn delete(&mut self, of: &ObjectRef, propagation: &str) {
        tell!(self, "user deletes {of} ({propagation})");
        let _ = self.server.delete(of, &json!({ "propagationPolicy": propagation }));
        self.spread();
    }

    /// A pod fails.
    pub fn fail_pod(&mut self, of: &ObjectRef) {
        tell!(self, "{of} fails");
        self.server.edit(of, |v| v["status"] = json!({ "phase": "Failed", "reason": "Evicted" }));
        self.spread();
    }

    /// A pod falls ill: it is not ready until all are healed.
    pub fn sicken(&mut self, of: &ObjectRef) {
        let Some(uid) = self.server.get(of).map(|v| object::uid(v).to_owned()) else { return };
        tell!(self, "{of} falls ill");
        self.sick.insert(uid);
        self.attend_later(of.clone());
    }

    /// Nobody is ill any more.
    pub fn heal(&mut self) {
        tell!(self, "all are healed");
        self.sick.clear();
        self.look_at_all();
    }

    /// A person changes the labels of a pod, so that no set selects it any more, or changes them back.
    pub fn relabel(&mut self, of: &ObjectRef, selected: bool) {
        tell!(self, "user labels {of}: selected {selected}");
        self.server.edit(of, |v| {
            let labels = &mut v["metadata"]["labels"];
            let app = object::text(labels, "/app").trim_end_matches("-apart").to_owned();
            labels["app"] = json!(if selected { app } else { format!("{app}-apart") });
        });
        self.spread();
    }

    /// A person takes all owners off a pod.
    pub fn disown(&mut self, of: &ObjectRef) {
        tell!(self, "user takes the owners off {of}");
        self.server.edit(of, |v| v["metadata"]["ownerReferences"] = json!([]));
        self.spread();
    }

    /// A person gives a pod to another controller.
    pub fn give_away(&mut self, of: &ObjectRef) {
        tell!(self, "user gives {of} to another controller");
        self.server.edit(of, |v| v["metadata"]["ownerReferences"] = json!([other()]));
        self.spread();
    }

    /// A person names one more owner of a pod or a claim, which manages nothing.
    pub fn share(&mut self, of: &ObjectRef) {
        tell!(self, "user names one more owner of {of}");
        self.server.edit(of, |v| {
            let mut owners = object::owners(v).to_vec();
            owners.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "shared", "uid": SHARED }));
            v["metadata"]["ownerReferences"] = json!(owners);
        });
        self.spread();
    }

    /// The controller of kube-controller-manager writes the status of a native set: it was not switched off.
    pub fn rival(&mut self, of: &ObjectRef) {
        tell!(self, "kube-controller-manager writes the status of {of}");
        self.tally("writes of a rival");
        let time = self.now().wall.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.server.edit(of, |v| {
            v["metadata"]["managedFields"] = json!([{
                "manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": time,
            }]);
        });
        self.spread();
    }

    /// A person deletes a claim: it stays until no pod uses it.
    pub fn drop_claim(&mut self, of: &ObjectRef) {
        if let Some(claim) = self.server.get(of) {
            self.invariants.dropped.insert(object::uid(claim).to_owned());
        }
        self.delete(of, "Background");
    }

    /// The template of the revision before the newest, unless the set is paused.
    pub fn earlier(&self, of: &ObjectRef) -> Option<Value> {
        let set = self.server.get(of).filter(|set| set["spec"]["paused"] != true)?;
        let mut revisions = self.server.managed(Resource::Revisions, object::uid(set));
        revisions.sort_by_key(|revision| revision["revision"].as_i64());
        let data = &revisions.iter().rev().nth(1)?["data"];
        let mut template = data["spec"]["template"].clone();
        template.as_object_mut()?.remove("$patch");
        Some(template)
    }

    /// A person goes back to an earlier template.
    pub fn undo(&mut self, of: &ObjectRef, template: Value) {
        tell!(self, "user goes back to the earlier template of {of}: {}", object::image(&template));
        self.server.edit(of, |v| v["spec"]["template"] = template);
        self.spread();
    }

    /// A person makes a pod that belongs to somebody else, or to nobody.
    pub fn add_foreign_pod(&mut self, name: &str, app: &str, owned: bool) {
        self.add_pod(name, app, if owned { json!([other()]) } else { json!([]) });
    }

    /// A controller of another group makes a pod for a set of its own, which has the kind and the name of one of ours.
    pub fn add_namesake(&mut self, kind: &str, app: &str, name: &str) {
        let version = "apps.kruise.io/v1beta1";
        let uid = format!("{kind}-uid");
        self.add_pod(
            name,
            app,
            json!([{ "apiVersion": version, "kind": kind, "name": app, "uid": uid, "controller": true }]),
        );
    }

    fn add_pod(&mut self, name: &str, app: &str, owner: Value) {
        tell!(self, "user creates pod {name} of {owner}");
        let body = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "labels": { "app": app }, "ownerReferences": owner },
            "spec": { "containers": [{ "name": "main", "image": "foreign:1" }] },
        });
        // Of whoever lets the API server make up a name.
        let generated = name.ends_with('-');
        let (of, mut body) = (pod(if generated { "" } else { name }), body);
        if generated {
            body["metadata"]["generateName"] = json!(name);
        }
        if let Ok(pod) = self.server.create(&of, &body) {
            self.invariants.foreign.insert(object::uid(&pod).to_owned());
        }
        self.spread();
    }

    /// The present spec of a set, and nothing if it is gone.
    pub fn spec(&self, of: &ObjectRef) -> Value {
        self.server.get(of).map_or(Value::Null, |v| v["spec"].clone())
    }
}

/// The uid of an owner that people add.
pub const SHARED: &str = "shared-uid";

/// A controller that is not ours.
fn other() -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "other", "uid": "other-uid", "controller": true, "blockOwnerDeletion": true })
}
