//! What was seen of the cluster, reduced to what the lesson is about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pods.
    Pod,
    /// Claims for volumes.
    Claim,
    /// Ordinal sets.
    OrdinalSet,
    /// Node daemon sets.
    NodeDaemonSet,
    /// Nodes.
    Node,
}

impl Kind {
    /// Everything that is watched.
    pub const ALL: [Self; 5] = [Self::Pod, Self::Claim, Self::OrdinalSet, Self::NodeDaemonSet, Self::Node];

    /// Its name for kubectl.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Claim => "persistentvolumeclaims",
            Self::OrdinalSet => "ordinalsets",
            Self::NodeDaemonSet => "nodedaemonsets",
            Self::Node => "nodes",
        }
    }
}

/// One object that was seen to appear, change or go.
#[derive(Debug)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// When; the screen may be behind.
    pub at: Timestamp,
    /// Whether it is gone.
    pub gone: bool,
    /// The object.
    pub object: Value,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    pub name: String,
    pub uid: String,
    /// The set that owns it.
    pub set: String,
    pub node: String,
    /// Its address, empty before it has one.
    pub ip: String,
    pub revision: String,
    pub image: String,
    /// One word for people: `Ready`, `Pending`, `ErrImagePull`, `Terminating`, …
    pub state: String,
    pub terminating: bool,
    /// Since when it has been Ready; `None` while it is not.
    pub ready_since: Option<Timestamp>,
    pub claims: Vec<String>,
}

impl Pod {
    /// Whether it is Ready and stays.
    pub fn ready(&self) -> bool {
        self.ready_since.is_some() && !self.terminating
    }

    /// The revision without the name of the set.
    pub fn short_revision(&self) -> &str {
        self.revision.rsplit('-').next().unwrap_or_default()
    }
}

/// A claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    pub uid: String,
    pub phase: String,
}

/// A set of either kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// The kind that people know it by.
    pub kind: &'static str,
    /// Whether the status speaks of the present spec.
    pub observed: bool,
    pub desired: i64,
    pub ready: i64,
    pub available: i64,
    pub updated: i64,
    pub update_revision: String,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub ready: bool,
    /// The address by which other nodes reach it.
    pub address: String,
    pub labels: BTreeMap<String, String>,
    /// `key:effect` of each taint; `unschedulable` counts as one.
    pub taints: Vec<String>,
}

/// A pod at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    pub pod: Pod,
    pub gone: bool,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct World {
    pub pods: BTreeMap<String, Pod>,
    pub claims: BTreeMap<String, Claim>,
    pub sets: BTreeMap<String, Set>,
    pub nodes: BTreeMap<String, Node>,
    /// What happened to pods, in order.
    pub past: Vec<Moment>,
    /// Until when everything is known.
    pub now: Timestamp,
}

impl World {
    /// Takes in what was seen.
    pub fn take(&mut self, seen: &Seen) {
        self.now = seen.at;
        let object = &seen.object;
        let name = text(object, "/metadata/name").to_owned();
        match seen.kind {
            Kind::Pod => {
                let pod = pod(object);
                self.past.push(Moment { pod: pod.clone(), gone: seen.gone });
                keep(&mut self.pods, name, pod, seen.gone);
            }
            Kind::Claim => {
                let phase = match object.pointer("/metadata/deletionTimestamp") {
                    Some(_) => "Terminating",
                    None => text(object, "/status/phase"),
                };
                let claim = Claim { uid: text(object, "/metadata/uid").to_owned(), phase: phase.to_owned() };
                keep(&mut self.claims, name, claim, seen.gone);
            }
            Kind::OrdinalSet => keep(&mut self.sets, name, ordinal_set(object), seen.gone),
            Kind::NodeDaemonSet => keep(&mut self.sets, name, node_daemon_set(object), seen.gone),
            Kind::Node => keep(&mut self.nodes, name, node(object), seen.gone),
        }
    }

    /// The pods of a set.
    pub fn pods_of<'a>(&'a self, set: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.pods.values().filter(move |pod| pod.set == set)
    }

    /// The uid of a claim, empty if there is none.
    pub fn claim_uid(&self, name: &str) -> &str {
        self.claims.get(name).map_or("", |claim| &claim.uid)
    }

    /// The uid of a pod, empty if there is none.
    pub fn pod_uid(&self, name: &str) -> &str {
        self.pods.get(name).map_or("", |pod| &pod.uid)
    }
}

fn keep<T>(all: &mut BTreeMap<String, T>, name: String, value: T, gone: bool) {
    if gone {
        all.remove(&name);
    } else {
        all.insert(name, value);
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn pod(object: &Value) -> Pod {
    let terminating = object.pointer("/metadata/deletionTimestamp").is_some();
    let ready = list(object, "/status/conditions").find(|c| c["type"] == "Ready" && c["status"] == "True");
    let waiting = list(object, "/status/containerStatuses").map(|c| text(c, "/state/waiting/reason"));
    let waiting = waiting.into_iter().find(|reason| !reason.is_empty() && *reason != "ContainerCreating");
    let phase = text(object, "/status/phase");
    let state = match (terminating, ready, waiting) {
        (true, _, _) => "Terminating",
        (_, Some(_), _) => "Ready",
        (_, _, Some(reason)) => reason,
        _ if phase == "Running" => "NotReady",
        _ => phase,
    };
    Pod {
        name: text(object, "/metadata/name").to_owned(),
        uid: text(object, "/metadata/uid").to_owned(),
        set: text(object, "/metadata/ownerReferences/0/name").to_owned(),
        node: text(object, "/spec/nodeName").to_owned(),
        ip: text(object, "/status/podIP").to_owned(),
        revision: text(object, "/metadata/labels/controller-revision-hash").to_owned(),
        image: text(object, "/spec/containers/0/image").to_owned(),
        state: state.to_owned(),
        terminating,
        ready_since: ready.and_then(|c| text(c, "/lastTransitionTime").parse().ok()),
        claims: list(object, "/spec/volumes")
            .map(|volume| text(volume, "/persistentVolumeClaim/claimName").to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
    }
}

fn ordinal_set(object: &Value) -> Set {
    Set {
        kind: "OrdinalSet",
        observed: number(object, "/status/observedGeneration") == number(object, "/metadata/generation"),
        desired: object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
        ready: number(object, "/status/readyReplicas"),
        available: number(object, "/status/availableReplicas"),
        updated: number(object, "/status/updatedReplicas"),
        update_revision: text(object, "/status/updateRevision").to_owned(),
    }
}

fn node_daemon_set(object: &Value) -> Set {
    Set {
        kind: "NodeDaemonSet",
        observed: number(object, "/status/observedGeneration") == number(object, "/metadata/generation"),
        desired: number(object, "/status/desiredNumberScheduled"),
        ready: number(object, "/status/numberReady"),
        available: number(object, "/status/numberAvailable"),
        updated: number(object, "/status/updatedNumberScheduled"),
        update_revision: text(object, "/status/updateRevision").to_owned(),
    }
}

fn node(object: &Value) -> Node {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let address = list(object, "/status/addresses").find(|address| address["type"] == "InternalIP");
    let taints = list(object, "/spec/taints").map(|t| format!("{}:{}", text(t, "/key"), text(t, "/effect")));
    Node {
        ready: list(object, "/status/conditions").any(|c| c["type"] == "Ready" && c["status"] == "True"),
        address: address.map(|address| text(address, "/address")).unwrap_or_default().to_owned(),
        labels: labels
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        taints: taints.collect(),
    }
}
