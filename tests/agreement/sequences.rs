//! Random requests, the same for both sides: uids and versions are named by what they are.

use std::collections::BTreeMap;

use berth_api::request::{Answer, Request, Verb};
use berth_api::{ObjectRef, Resource, Surface};
use serde_json::{Value, json};

use crate::{version, without_names};
use berth_sim::api_server::object;
use berth_sim::random::Random;

/// What a precondition names.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    /// Nothing.
    None,
    /// What the object has now.
    Present,
    /// What it had at first.
    First,
    /// What no object has.
    Wrong,
}

/// One change of an object.
#[derive(Clone, Debug)]
enum Change {
    Labels(Value),
    Finalizers(Value),
    Owners(Value),
    /// Of what the resource is about.
    Content(Value),
    /// Of the status, by its subresource.
    Status(Value),
}

#[derive(Clone, Debug)]
enum Deed {
    Get,
    Create,
    /// With a name that the API server makes up.
    Generate,
    Patch(Change),
    Delete {
        grace: Option<u64>,
        propagation: Option<&'static str>,
    },
}

/// A request, before uids and versions are filled in.
#[derive(Clone, Debug)]
pub struct Wish {
    of: ObjectRef,
    deed: Deed,
    uid: Which,
    version: Which,
}

/// What one side knows of its objects.
#[derive(Debug, Default)]
pub struct Side {
    uids: BTreeMap<ObjectRef, String>,
    first: BTreeMap<ObjectRef, String>,
    present: BTreeMap<ObjectRef, String>,
    content: BTreeMap<ObjectRef, Value>,
}

impl Side {
    /// Takes in an answer; whether the object has changed by it. kube-apiserver also moves the version of an object where only the
    /// record of who manages which field has changed: that is no change, and the first version is still the present one then.
    pub fn take_in(&mut self, request: &Request, answer: &Answer) -> bool {
        let of = &request.object;
        let (Some(version), Answer::Done(value)) = (version(answer), answer) else { return false };
        let uid = object::uid(value).to_owned();
        let anew = self.uids.insert(of.clone(), uid.clone()) != Some(uid);
        let content = without_names(value);
        let changed = self.content.insert(of.clone(), content.clone()) != Some(content) || anew;
        let before = self.present.insert(of.clone(), version.clone());
        if anew || !changed && self.first.get(of) == before.as_ref() {
            self.first.insert(of.clone(), version);
        }
        changed
    }

    fn uid(&self, of: &ObjectRef, which: Which) -> Option<String> {
        match which {
            Which::None => None,
            Which::Wrong => Some("00000000-0000-4000-8000-000000000000".to_owned()),
            Which::Present | Which::First => Some(
                self.uids
                    .get(of)
                    .cloned()
                    .unwrap_or_else(|| "11111111-0000-4000-8000-000000000000".to_owned()),
            ),
        }
    }

    fn version(&self, of: &ObjectRef, which: Which) -> Option<String> {
        let known = match which {
            Which::None => return None,
            Which::Wrong => None,
            Which::Present => self.present.get(of),
            Which::First => self.first.get(of),
        };
        Some(known.cloned().unwrap_or_else(|| "1".to_owned()))
    }
}

/// The resources that operators write.
fn resources() -> [Resource; 5] {
    let sets = Resource::OrdinalSets(Surface::Berth);
    [Resource::Pods, Resource::Revisions, sets, Resource::Leases, Resource::Claims]
}

/// Any request.
pub fn any(random: &mut Random, name: impl Fn(Resource) -> ObjectRef) -> Wish {
    let of = name(*random.pick(&resources()));
    let which = |random: &mut Random| {
        *random.pick(&[Which::None, Which::None, Which::Present, Which::Present, Which::First, Which::Wrong])
    };
    let (uid, version) = (which(random), which(random));
    let deed = match random.below(20) {
        0 | 1 => Deed::Get,
        2 => Deed::Generate,
        3..=7 => Deed::Create,
        8..=15 => Deed::Patch(change(of.resource, random)),
        _ => {
            let grace =
                if of.resource == Resource::Pods { *random.pick(&[None, None, Some(0)]) } else { None };
            // Where people change it half way for a pod, kube-apiserver's rules are not modelled yet.
            let all = [None, None, Some("Background"), Some("Foreground"), Some("Orphan")];
            let few = if of.resource == Resource::Pods { 3 } else { all.len() };
            let propagation = *random.pick(&all[..few]);
            Deed::Delete { grace, propagation }
        }
    };
    Wish { of, deed, uid, version }
}

fn change(resource: Resource, random: &mut Random) -> Change {
    let owner = |uid: &str, controller: bool| json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "controller": controller, "blockOwnerDeletion": true });
    match random.below(8) {
        0 | 1 => Change::Labels(
            random
                .pick(&[json!({ "a": "1" }), json!({ "a": "2" }), json!({ "a": null, "b": "1" }), json!({})])
                .clone(),
        ),
        2 | 3 => Change::Finalizers(
            random.pick(&[json!(["tests.berth.dev/hold"]), json!([]), Value::Null]).clone(),
        ),
        4 => {
            let (one, two) = ("22222222-0000-4000-8000-000000000000", "33333333-0000-4000-8000-000000000000");
            Change::Owners(
                random
                    .pick(&[
                        json!([owner(one, true)]),
                        json!([owner(one, true), owner(two, true)]),
                        json!([owner(two, false)]),
                        json!([]),
                    ])
                    .clone(),
            )
        }
        5 | 6 => Change::Content(match resource {
            Resource::Pods => json!({ "spec": { "activeDeadlineSeconds": 900 } }),
            Resource::Claims => json!({ "metadata": { "annotations": { "a": "1" } } }),
            Resource::Revisions => random
                .pick(&[json!({ "revision": 2 }), json!({ "revision": 3 }), json!({ "data": { "spec": 2 } })])
                .clone(),
            Resource::Leases => random
                .pick(&[
                    json!({ "spec": { "holderIdentity": "one" } }),
                    json!({ "spec": { "holderIdentity": "two" } }),
                ])
                .clone(),
            _ => random
                .pick(&[
                    json!({ "spec": { "replicas": 2 } }),
                    json!({ "spec": { "replicas": 3 } }),
                    json!({ "spec": { "minReadySeconds": 4 } }),
                ])
                .clone(),
        }),
        _ => Change::Status(match resource {
            Resource::OrdinalSets(_) => {
                random.pick(&[json!({ "replicas": 1 }), json!({ "replicas": 2 })]).clone()
            }
            _ => return Change::Labels(json!({ "c": "1" })),
        }),
    }
}

impl Wish {
    /// The request as one side has to send it.
    pub fn request(&self, side: &Side) -> Request {
        let (uid, version) = (side.uid(&self.of, self.uid), side.version(&self.of, self.version));
        let request =
            |verb, status, body| Request { verb, object: self.of.clone(), status, dry_run: false, body };
        match &self.deed {
            Deed::Get => Request::get(self.of.clone()),
            Deed::Create => request(Verb::Create, false, body(&self.of)),
            Deed::Generate => {
                let mut body = body(&self.of);
                body["metadata"]["generateName"] = json!(format!("{}-", self.of.name));
                body["metadata"]["name"] = json!("");
                let object = ObjectRef { name: String::new(), ..self.of.clone() };
                Request { verb: Verb::Create, object, status: false, dry_run: false, body }
            }
            Deed::Patch(change) => {
                let (status, mut body) = match change {
                    Change::Labels(labels) => (false, json!({ "metadata": { "labels": labels } })),
                    Change::Finalizers(all) => (false, json!({ "metadata": { "finalizers": all } })),
                    Change::Owners(all) => (false, json!({ "metadata": { "ownerReferences": all } })),
                    Change::Content(content) => (false, content.clone()),
                    Change::Status(status) => (true, json!({ "status": status })),
                };
                if let Some(uid) = uid {
                    body["metadata"]["uid"] = json!(uid);
                }
                if let Some(version) = version {
                    body["metadata"]["resourceVersion"] = json!(version);
                }
                request(Verb::Patch, status, body)
            }
            Deed::Delete { grace, propagation } => {
                let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
                if let Some(uid) = uid {
                    options["preconditions"]["uid"] = json!(uid);
                }
                if let Some(version) = version {
                    options["preconditions"]["resourceVersion"] = json!(version);
                }
                if let Some(grace) = grace {
                    options["gracePeriodSeconds"] = json!(grace);
                }
                if let Some(propagation) = propagation {
                    options["propagationPolicy"] = json!(propagation);
                }
                request(Verb::Delete, false, options)
            }
        }
    }
}

/// A whole object, with what each resource demands.
fn body(of: &ObjectRef) -> Value {
    let metadata = json!({ "name": of.name, "namespace": of.namespace, "labels": { "app": of.name } });
    let mut body =
        json!({ "apiVersion": of.resource.api_version(), "kind": of.resource.kind(), "metadata": metadata });
    let containers = json!([{ "name": "main", "image": "app:1" }]);
    match of.resource {
        // Nobody schedules it; every other one is on a node already, whose kubelet nobody hears: it takes its time to go.
        Resource::Pods => {
            body["spec"] = json!({ "containers": containers, "schedulerName": "nobody", "terminationGracePeriodSeconds": 10 });
            if of.name.ends_with(['0', '2', '4', '6', '8']) {
                body["spec"]["nodeName"] = json!("silent");
            }
        }
        Resource::Claims => {
            body["spec"] = json!({ "accessModes": ["ReadWriteOnce"], "storageClassName": "nobody", "resources": { "requests": { "storage": "1Gi" } } });
        }
        Resource::Revisions => {
            body["data"] = json!({ "spec": 1 });
            body["revision"] = json!(1);
        }
        Resource::OrdinalSets(_) => {
            let labels = json!({ "app": of.name });
            body["spec"] = json!({
                "replicas": 1, "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": containers } },
            });
        }
        _ => body["spec"] = json!({ "holderIdentity": "nobody", "leaseDurationSeconds": 15 }),
    }
    body
}
