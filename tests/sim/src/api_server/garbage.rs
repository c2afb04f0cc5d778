//! What the garbage collectors of a cluster do: dependents of owners that are gone, pods of nodes that are gone, claims that
//! nobody uses any more. One thing at a time, so that everything else can come in between.

use berth_api::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::verbs::{CLAIM_PROTECTION, FOREGROUND, ORPHAN};
use super::{ApiServer, object};

/// The kinds of owners that the model stores; other groups have kinds of these names too.
const MODELLED: [(&str, &str); 6] = [
    ("berth.dev/v1", "OrdinalSet"),
    ("apps/v1", "StatefulSet"),
    ("berth.dev/v1", "NodeDaemonSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Pod"),
    ("v1", "Node"),
];

/// One thing that a garbage collector does.
#[derive(Clone, Debug, PartialEq)]
pub enum Sweep {
    /// Deletes an object all of whose owners are gone, or whose owner waits for that.
    Delete(ObjectRef),
    /// Removes a pod whose node is gone.
    Force(ObjectRef),
    /// Takes references to owners that are gone, or that let go, off an object.
    Release(ObjectRef, Vec<Value>),
    /// Takes off a finalizer that has served its purpose.
    Unfinalize(ObjectRef, &'static str),
}

impl ApiServer {
    /// What there is to be swept now.
    pub fn sweeps(&self) -> Vec<Sweep> {
        self.objects.iter().filter_map(|(object, value)| self.sweep_of(object, value)).collect()
    }

    fn sweep_of(&self, of: &ObjectRef, value: &Value) -> Option<Sweep> {
        let owners = object::owners(value);
        let owner = |r: &Value| self.by_uid(r["uid"].as_str().unwrap_or_default()).map(|(_, o)| o);
        if object::is_terminating(value) {
            let uid = object::uid(value);
            let dependents =
                || self.objects.values().filter(|v| object::owners(v).iter().any(|r| r["uid"] == uid));
            if object::has_finalizer(value, FOREGROUND) {
                let waits = dependents().any(|v| {
                    object::owners(v)
                        .iter()
                        .any(|r| r["uid"] == uid && r["blockOwnerDeletion"] == json!(true))
                });
                return (!waits).then(|| Sweep::Unfinalize(of.clone(), FOREGROUND));
            }
            if object::has_finalizer(value, ORPHAN) {
                return (dependents().count() == 0).then(|| Sweep::Unfinalize(of.clone(), ORPHAN));
            }
            if object::has_finalizer(value, CLAIM_PROTECTION) && !self.is_used(of) {
                return Some(Sweep::Unfinalize(of.clone(), CLAIM_PROTECTION));
            }
        }
        let node = object::text(value, "/spec/nodeName");
        if of.resource == Resource::Pods
            && !node.is_empty()
            && self.get(&ObjectRef::new(Resource::Nodes, "", node)).is_none()
        {
            return Some(Sweep::Force(of.clone()));
        }
        // Of kinds that the model does not store all owners are there.
        let elsewhere =
            |r: &Value| !MODELLED.contains(&(object::text(r, "/apiVersion"), object::text(r, "/kind")));
        let solid: Vec<Value> =
            owners.iter().filter(|r| owner(r).is_some() || elsewhere(r)).cloned().collect();
        if !owners.is_empty() && solid.is_empty() && !object::is_terminating(value) {
            return Some(Sweep::Delete(of.clone()));
        }
        let lets_go = |r: &Value| owner(r).is_some_and(|o| object::has_finalizer(o, ORPHAN));
        let kept: Vec<Value> = solid.iter().filter(|r| !lets_go(r)).cloned().collect();
        if !solid.is_empty() && kept.len() < owners.len() {
            return Some(Sweep::Release(of.clone(), kept));
        }
        let waited_for = owners.iter().filter_map(owner).any(|o| object::has_finalizer(o, FOREGROUND));
        (waited_for && !object::is_terminating(value)).then(|| Sweep::Delete(of.clone()))
    }

    /// Whether a pod keeps a claim: one that has no node does not, for no kubelet would start it with a claim that goes.
    fn is_used(&self, claim: &ObjectRef) -> bool {
        let uses = |pod: &Value| {
            if object::text(pod, "/spec/nodeName").is_empty() {
                return false;
            }
            let volumes = object::entries(pod, "/spec/volumes");
            volumes.iter().any(|v| object::text(v, "/persistentVolumeClaim/claimName") == claim.name)
        };
        self.all(Resource::Pods)
            .any(|(pod, v)| pod.namespace == claim.namespace && !object::is_terminal(v) && uses(v))
    }

    /// Does one thing.
    pub fn sweep(&mut self, sweep: &Sweep) {
        // What has changed meanwhile is swept the next time.
        let _ = match sweep {
            Sweep::Delete(of) => self.delete(of, &json!({})).is_ok(),
            Sweep::Force(of) => self.delete(of, &json!({ "gracePeriodSeconds": 0 })).is_ok(),
            Sweep::Release(of, kept) => self.edit(of, |v| v["metadata"]["ownerReferences"] = json!(kept)),
            Sweep::Unfinalize(of, name) => self.edit(of, |v| object::remove_finalizer(v, name)),
        };
    }
}
