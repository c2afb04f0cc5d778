//! Nodes, what goes wrong with them, and the node controller of kube-controller-manager.

use std::time::Duration;

use berth_api::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::{Happening, World, node, tell};
use crate::api_server::object;

/// How long a node may be silent before it counts as unreachable.
const GRACE: Duration = Duration::from_secs(40);
/// How long pods stay there that do not tolerate that for longer.
const TOLERATED: Duration = Duration::from_secs(60);
/// The taint of a node that does not answer.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

impl World {
    /// A node joins.
    pub fn add_node(&mut self, name: &str, labels: &Value) {
        tell!(self, "node {name} joins");
        let body =
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels } });
        let _ = self.server.create(&node(name), &body);
        self.spread();
    }

    /// A node is tainted; an empty effect takes all taints off.
    pub fn taint(&mut self, name: &str, effect: &str) {
        tell!(self, "node {name} is tainted: {effect:?}");
        let taints =
            if effect.is_empty() { json!([]) } else { json!([{ "key": "reserved", "effect": effect }]) };
        self.server.edit(&node(name), |v| v["spec"]["taints"] = taints);
        self.spread();
    }

    /// A node is tainted with a level; sets may tolerate what is above another.
    pub fn taint_level(&mut self, name: &str, level: &str, effect: &str) {
        tell!(self, "node {name} is tainted: level {level} {effect}");
        let taints = json!([{ "key": "level", "value": level, "effect": effect }]);
        self.server.edit(&node(name), |v| v["spec"]["taints"] = taints);
        self.spread();
    }

    /// A node is cordoned: daemons do not mind.
    pub fn cordon(&mut self, name: &str) {
        tell!(self, "node {name} is cordoned");
        let taints = json!([{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }]);
        self.server.edit(&node(name), |v| {
            v["spec"]["unschedulable"] = json!(true);
            v["spec"]["taints"] = taints;
        });
        self.spread();
    }

    /// A node gets labels.
    pub fn label_node(&mut self, name: &str, labels: &Value) {
        tell!(self, "node {name} is labelled {labels}");
        self.server.edit(&node(name), |v| v["metadata"]["labels"] = labels.clone());
        self.spread();
    }

    /// A node is cut off: its kubelet neither reports nor hears anything, and its containers go on running.
    pub fn cut_off(&mut self, name: &str) {
        tell!(self, "node {name} is cut off");
        self.tally("nodes cut off");
        self.cut_off.insert(name.to_owned());
        self.later(GRACE, Happening::Silence(name.to_owned()));
    }

    /// A node can be reached again.
    pub fn rejoin(&mut self, name: &str) {
        if !self.cut_off.remove(name) {
            return;
        }
        tell!(self, "node {name} can be reached again");
        self.server.edit(&node(name), |v| {
            let taints = object::entries(v, "/spec/taints").iter().filter(|t| t["key"] != UNREACHABLE);
            v["spec"]["taints"] = taints.cloned().collect();
        });
        self.look_at_all();
        self.spread();
    }

    /// The kubelet of a node refuses every pod from now on, or no more.
    pub fn fill(&mut self, name: &str, full: bool) {
        tell!(self, "node {name} has {} room", if full { "no" } else { "" });
        if full {
            self.full.insert(name.to_owned());
        } else {
            self.full.remove(name);
        }
    }

    /// All pods of a node fail.
    pub fn evict_from(&mut self, name: &str) {
        self.pods_on(name).iter().for_each(|pod| self.fail_pod(pod));
    }

    /// Has the scheduler and the kubelets look at every pod.
    pub(super) fn look_at_all(&mut self) {
        let pods: Vec<ObjectRef> = self.server.all(Resource::Pods).map(|(p, _)| p.clone()).collect();
        pods.into_iter().for_each(|pod| self.attend_later(pod));
    }

    /// The node controller: first it says that nothing is known to be ready there, then it evicts.
    pub(super) fn silence(&mut self, name: &str) {
        if !self.cut_off.contains(name) {
            return;
        }
        let tainted = |v: &Value| object::entries(v, "/spec/taints").iter().any(|t| t["key"] == UNREACHABLE);
        let first = self.server.get(&node(name)).is_some_and(|v| !tainted(v));
        let here: Vec<ObjectRef> = self.pods_on(name);
        tell!(self, "node {name} is {}", if first { "unreachable" } else { "evicted" });
        if first {
            self.server.edit(&node(name), |v| {
                let mut taints = object::entries(v, "/spec/taints").to_vec();
                taints.push(json!({ "key": UNREACHABLE, "effect": "NoExecute" }));
                v["spec"]["taints"] = json!(taints);
            });
            for pod in here {
                let unready = self.readiness(false);
                self.server.edit(&pod, |v| {
                    if object::holds(v, "Ready") {
                        v["status"]["conditions"] = json!([unready]);
                    }
                });
            }
            self.later(TOLERATED, Happening::Silence(name.to_owned()));
        } else {
            for pod in here {
                let tolerates = self.server.get(&pod).is_some_and(|v| {
                    object::entries(v, "/spec/tolerations").iter().any(|t| t["key"] == UNREACHABLE)
                });
                if !tolerates {
                    let _ = self.server.delete(&pod, &json!({}));
                }
            }
        }
    }

    fn pods_on(&self, name: &str) -> Vec<ObjectRef> {
        let here = self.server.all(Resource::Pods).filter(|(_, v)| object::text(v, "/spec/nodeName") == name);
        here.map(|(pod, _)| pod.clone()).collect()
    }
}
