//! The scheduler, the kubelets and the garbage collectors: whoever else changes objects without being asked by a person.

use berth_api::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::{Happening, World, tell};
use crate::api_server::{Change, object};

/// A container that crashes is not looked at any more after so many restarts: nothing new happens to it.
const MOST_RESTARTS: u64 = 3;

impl World {
    /// Takes note that somebody has to look at what was changed.
    pub(super) fn attend_to(&mut self, change: &Change) {
        // Leases are renewed all the time, and nothing hangs on them.
        if change.object.resource == Resource::Leases {
            return;
        }
        if !self.sweep_due {
            self.sweep_due = true;
            let delay = self.random.between(self.weather.node);
            self.later(delay, Happening::Sweep);
        }
        match change.object.resource {
            Resource::Pods if !change.removed => self.attend_later(change.object.clone()),
            // A pod that could not be scheduled may be now.
            Resource::Nodes | Resource::Claims => {
                let unbound = |v: &Value| object::text(v, "/spec/nodeName").is_empty();
                let pods: Vec<ObjectRef> = self
                    .server
                    .all(Resource::Pods)
                    .filter(|(_, v)| unbound(v))
                    .map(|(p, _)| p.clone())
                    .collect();
                pods.into_iter().for_each(|pod| self.attend_later(pod));
            }
            _ => {}
        }
    }

    /// Has somebody look at a pod soon.
    pub(super) fn attend_later(&mut self, pod: ObjectRef) {
        if self.pods_due.insert(pod.clone()) {
            let delay = self.random.between(self.weather.node);
            self.later(delay, Happening::Pod(pod));
        }
    }

    /// One step in the life of a pod.
    pub(super) fn attend(&mut self, pod: &ObjectRef) {
        self.pods_due.remove(pod);
        let Some(value) = self.server.get(pod).cloned() else { return };
        // Nobody hears from there, and nobody there hears anything.
        if self.cut_off.contains(object::text(&value, "/spec/nodeName")) {
            return;
        }
        if object::is_terminating(&value) {
            let _ = self.server.delete(pod, &json!({ "gracePeriodSeconds": 0 }));
            return;
        }
        if object::is_terminal(&value) {
            return;
        }
        let node = object::text(&value, "/spec/nodeName");
        if node.is_empty() {
            if let Some(node) = self.choose_node(pod, &value) {
                self.server.edit(pod, |v| v["spec"]["nodeName"] = json!(node));
            }
            return;
        }
        if self.server.get(&super::user::node(node)).is_none() {
            return;
        }
        if self.bind(pod, &value) {
            return;
        }
        if self.full.contains(node) && object::text(&value, "/status/phase") == "Pending" {
            let refused = json!({ "phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected" });
            self.server.edit(pod, |v| v["status"] = refused);
            return;
        }
        let image = object::image(&value).to_owned();
        let (running, ready) =
            (object::text(&value, "/status/phase") == "Running", object::holds(&value, "Ready"));
        let crashes = image.contains("crash");
        if crashes && running {
            let restarts = value["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0);
            if restarts < MOST_RESTARTS {
                let status = json!([{ "name": "main", "image": image, "restartCount": restarts + 1,
                    "state": { "waiting": { "reason": "CrashLoopBackOff" } } }]);
                self.server.edit(pod, |v| v["status"]["containerStatuses"] = status);
                self.attend_later(pod.clone());
            }
            return;
        }
        if image.contains("nopull") {
            let waiting = json!([{ "name": "main", "image": image, "state": { "waiting": { "reason": "ImagePullBackOff" } } }]);
            self.server.edit(pod, |v| v["status"]["containerStatuses"] = waiting);
        } else if !running {
            let ready = self.readiness(false);
            self.server.edit(pod, |v| v["status"] = json!({ "phase": "Running", "conditions": [ready] }));
        } else {
            let healthy = !image.contains("bad") && !self.sick.contains(object::uid(&value));
            if healthy != ready {
                let ready = self.readiness(healthy);
                self.server.edit(pod, |v| v["status"]["conditions"] = json!([ready]));
            }
        }
    }

    /// The volume binder: a claim is bound once a pod that uses it has its node, and no container starts before. Whether there was
    /// something to be bound.
    fn bind(&mut self, pod: &ObjectRef, value: &Value) -> bool {
        let unbound = claims_of(pod, value).find(|claim| {
            self.server.get(claim).is_some_and(|c| object::text(c, "/status/phase") == "Pending")
        });
        let Some(claim) = unbound else { return false };
        tell!(self, "{claim} is bound");
        self.server.edit(&claim, |v| {
            v["spec"]["volumeName"] = json!(format!("volume-of-{}", object::uid(v)));
            v["status"] = json!({ "phase": "Bound" });
        });
        self.attend_later(pod.clone());
        true
    }

    pub(super) fn readiness(&self, ready: bool) -> Value {
        let status = if ready { "True" } else { "False" };
        let since = self.now().wall.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({ "type": "Ready", "status": status, "lastTransitionTime": since })
    }

    /// The node for a pod: the one that its affinity names, else any; none while its claims are missing.
    fn choose_node(&mut self, pod: &ObjectRef, value: &Value) -> Option<String> {
        if claims_of(pod, value).any(|claim| self.server.get(&claim).is_none_or(object::is_terminating)) {
            return None;
        }
        let wanted = object::text(
            value,
            "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
             /nodeSelectorTerms/0/matchFields/0/values/0",
        );
        let tolerations = object::entries(value, "/spec/tolerations");
        let compares = self.gates.comparison;
        let nodes = self.server.all(Resource::Nodes).filter(|(node, v)| {
            (wanted.is_empty() || node.name == wanted)
                && object::entries(v, "/spec/taints")
                    .iter()
                    .all(|t| tolerations.iter().any(|x| object::tolerates(x, t, compares)))
        });
        let nodes: Vec<String> = nodes.map(|(node, _)| node.name.clone()).collect();
        let node = (!nodes.is_empty()).then(|| self.random.pick(&nodes).clone())?;
        // The binder is told where the volume is needed.
        for claim in claims_of(pod, value) {
            self.server.edit(&claim, |v| {
                v["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] = json!(node);
            });
        }
        Some(node)
    }

    /// One thing that a garbage collector does.
    pub(super) fn sweep(&mut self) {
        self.sweep_due = false;
        let sweeps = self.server.sweeps();
        if !sweeps.is_empty() {
            let sweep = self.random.pick(&sweeps).clone();
            tell!(self, "garbage collector: {sweep:?}");
            self.server.sweep(&sweep);
        }
    }
}

/// The claims that a pod uses.
fn claims_of(pod: &ObjectRef, value: &Value) -> impl Iterator<Item = ObjectRef> {
    let names = object::entries(value, "/spec/volumes")
        .iter()
        .map(|volume| object::text(volume, "/persistentVolumeClaim/claimName"));
    names.filter(|name| !name.is_empty()).map(|name| ObjectRef::new(Resource::Claims, &pod.namespace, name))
}
