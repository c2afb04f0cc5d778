//! Builders for the tests of the planners: objects from a few words, and a plan as the short lines that tests compare.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berth_api::meta::{Object, Objects};
use berth_api::request::Verb;
use berth_api::{Claim, Key, Kind, Node, NodeDaemonSet, ObjectRef, OrdinalSet, Pod, Revision, Surface};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::memory::{Memory, Outcome};
use super::observation::Observation;
use super::plan::{Act, Action, Guard, Plan};
use super::planner::Planned;
use super::pod::REVISION_LABEL;
use super::reason::Reason;
use super::time::Now;
use crate::feature_gates::Gates;
use crate::revisions::record;
use crate::workload::{self, Set};

/// The moment at which all tests take place, a thousand seconds after some start.
pub fn now() -> Now {
    Now { wall: Timestamp::from_second(1_800_000_000).unwrap(), mono: Duration::from_secs(1000) }
}

/// A time, in seconds before [`now`].
pub fn ago(seconds: i64) -> Value {
    json!(Timestamp::from_second(1_800_000_000 - seconds).unwrap())
}

/// An ordinal set `web` with the given spec laid over a minimal one.
pub fn ordinal_set(spec: Value) -> OrdinalSet {
    let mut set = json!({
        "metadata": { "name": "web", "namespace": "ns", "uid": "set-uid", "resourceVersion": "10", "generation": 1 },
        "spec": {
            "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "serviceName": "web",
            "template": template("v1"), "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": {} },
        },
    });
    merge(&mut set["spec"], spec);
    serde_json::from_value(set).unwrap()
}

/// A node daemon set `agent` with the given spec laid over a minimal one.
pub fn daemon_set(spec: Value) -> NodeDaemonSet {
    let mut set = json!({
        "metadata": { "name": "agent", "namespace": "ns", "uid": "set-uid", "resourceVersion": "10", "generation": 1 },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template("v1") },
    });
    merge(&mut set["spec"], spec);
    serde_json::from_value(set).unwrap()
}

/// A pod template whose image has this tag.
pub fn template(tag: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "main", "image": format!("nginx:{tag}") }] },
    })
}

/// JSON merge patch.
pub fn merge(into: &mut Value, patch: Value) {
    match patch {
        Value::Object(fields) => {
            if !into.is_object() {
                *into = json!({});
            }
            for (name, value) in fields {
                if value.is_null() {
                    into.as_object_mut().unwrap().remove(&name);
                } else {
                    merge(&mut into[name.as_str()], value);
                }
            }
        }
        other => *into = other,
    }
}

/// The key of the owner that the builders make.
pub fn key<S: Set>() -> Key {
    Key::new(Surface::Berth, S::KIND, "ns", if S::KIND == Kind::Ordinal { "web" } else { "agent" })
}

/// A pod of the owner, running and ready for an hour, at the revision with this label; `patch` is laid over it.
pub fn pod<S: Set>(name: &str, revision: &str, patch: Value) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {
            "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "resourceVersion": "20",
            "labels": {
                "app": "web", REVISION_LABEL: revision, "statefulset.kubernetes.io/pod-name": name,
            },
            "ownerReferences": [workload::reference(&key::<S>(), &berth_api::Uid("set-uid".to_owned()))],
        },
        "spec": { "nodeName": "node" },
        "status": {
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": ago(3600) }],
        },
    });
    merge(&mut pod, patch);
    Arc::new(serde_json::from_value(pod).unwrap())
}

/// What makes a pod broken.
pub fn broken() -> Value {
    json!({ "status": { "phase": "Pending", "conditions": [{ "type": "Ready", "status": "False" }] } })
}

/// What makes a pod one that is being deleted.
pub fn terminating() -> Value {
    json!({ "metadata": { "deletionTimestamp": ago(1) } })
}

/// What makes a pod one that has failed.
pub fn failed() -> Value {
    json!({ "status": { "phase": "Failed", "reason": "Evicted", "conditions": null } })
}

/// A revision of the owner that records the template with this tag.
pub fn revision<S: Set>(name: &str, number: i64, tag: &str) -> Arc<Revision> {
    let template = berth_api::Template(template(tag));
    let revision = json!({
        "metadata": {
            "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "resourceVersion": "5",
            "labels": { "app": "web" },
            "ownerReferences": [workload::reference(&key::<S>(), &berth_api::Uid("set-uid".to_owned()))],
        },
        "revision": number, "data": record::record(&template),
    });
    Arc::new(serde_json::from_value(revision).unwrap())
}

/// A claim with these owner references.
pub fn claim(name: &str, references: Value) -> Arc<Claim> {
    let claim = json!({
        "metadata": {
            "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "resourceVersion": "30",
            "ownerReferences": references,
        },
        "status": { "phase": "Bound" },
    });
    Arc::new(serde_json::from_value(claim).unwrap())
}

/// A ready node, with `patch` laid over it.
pub fn node(name: &str, patch: Value) -> Arc<Node> {
    let mut node = json!({
        "metadata": { "name": name, "uid": format!("{name}-uid"), "resourceVersion": "40" },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    });
    merge(&mut node, patch);
    Arc::new(serde_json::from_value(node).unwrap())
}

/// An observation of an owner with its pods and revisions.
pub fn observe<S: Set>(set: S, pods: Vec<Arc<Pod>>, revisions: Vec<Arc<Revision>>) -> Observation<S> {
    let mut observation = Observation {
        key: key::<S>(),
        set: Arc::new(set),
        pods,
        claims: BTreeMap::new(),
        revisions,
        nodes: Arc::default(),
        memory: Memory::default().established(),
        gates: Gates::default(),
        now: now(),
        templates: Default::default(),
    };
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    observation.revisions.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    observation
}

/// Remembers that the API server has just rejected a request of this verb and object, for a reason of its own.
pub fn reject(memory: &mut Memory, verb: Verb, object: ObjectRef, now: Now) {
    // As the builders of this module give them.
    let guard = Guard { uid: berth_api::Uid(format!("{}-uid", object.name)), resource_version: None };
    let act = match verb {
        Verb::Create => Act::Create { object, body: Value::Null },
        Verb::Delete => Act::Delete { object, guard },
        Verb::Patch | Verb::Update => Act::Patch { object, guard, body: Value::Null, status: false },
        Verb::Get => Act::ConfirmAbsent { object },
    };
    let outcome = Outcome::Rejected { message: "no", wait: None, reported: true };
    memory.record(&Action { act, why: Reason::IdentityLost }, outcome, now.mono);
}

/// Has the API server reject the dry runs that the first plan sends, so that it is not known whether the template is another.
pub fn reject_dry_runs<S: Planned>(observation: &mut Observation<S>) {
    let outcome = Outcome::Rejected { message: "no", wait: None, reported: true };
    let first = S::plan(observation);
    for dry_run in first.actions().filter(|action| matches!(action.act, Act::Default { .. })) {
        observation.memory.record(dry_run, outcome, observation.now.mono);
    }
}

/// Nodes as an observation holds them.
pub fn nodes(nodes: Vec<Arc<Node>>) -> Objects<Node> {
    Arc::new(nodes.into_iter().map(|n| ((String::new(), n.meta().name.clone()), n)).collect())
}

/// The actions of a plan, but for the status that is written at its end.
pub fn work(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.actions().filter(|action| action.why != Reason::StatusChanged)
}

/// The writes of a plan, one line each: `create Pod web-0`, `delete Pod web-2`, `patch PersistentVolumeClaim www-web-0`.
pub fn writes(plan: &Plan) -> Vec<String> {
    work(plan)
        .filter_map(|action| {
            let (verb, object) = match &action.act {
                Act::Create { object, .. } => ("create", object),
                Act::Delete { object, .. } => ("delete", object),
                Act::Patch { object, .. } => ("patch", object),
                Act::Confirm { .. } | Act::ConfirmAbsent { .. } | Act::Default { .. } => return None,
            };
            Some(format!("{verb} {} {}", object.resource.kind(), object.name))
        })
        .collect()
}

/// The body of the first thing that a plan creates under this name.
pub fn body(plan: &Plan, name: &str) -> Value {
    plan.actions()
        .find_map(|action| match &action.act {
            Act::Create { object, body } if object.name == name => Some(body.clone()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("the plan creates no {name}:\n{plan}"))
}
