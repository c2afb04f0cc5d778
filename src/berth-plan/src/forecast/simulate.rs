//! A pure projection: how an observation looks after a plan was carried out, and after the world had time to follow.
//!
//! What is assumed: every write succeeds; a pod that is made is scheduled, runs and becomes ready; a pod that is deleted goes;
//! the garbage collector takes claims, and pods, whose owners are gone; time passes. A pod that is in a state which does not heal by
//! itself ([`prognosis`]) stays as it is, and so does one on a node that is gone or not ready.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use berth_api::meta::Object;
use berth_api::{Claim, Kind, Meta, Node, ObjectRef, Pod, Resource, ResourceVersion, Revision, Uid};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::daemons::node_fit;
use crate::memory::Outcome;
use crate::observation::Observation;
use crate::ordinals::identity;
use crate::plan::{Act, Action, Plan};
use crate::pod;
use crate::reason::Slot;
use crate::workload::{self, Set};

/// A pod that runs for this many seconds without being ready is taken to be failing, not starting.
pub const FAILING_AFTER: i64 = 60;
/// A pod that is still there this many seconds after its grace period is taken to be held.
pub const HELD_AFTER: i64 = 30;

/// What will become of a pod if nobody does anything about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prognosis {
    /// It is as well as it gets.
    Fine,
    /// It is starting and will be ready.
    Starting,
    /// It is being deleted and will go.
    Leaving,
    /// It stays as it is, and why.
    Stays(String),
}

/// What will become of a pod.
pub fn prognosis(pod: &Pod, node: Option<&Node>, known: bool, now: Timestamp) -> Prognosis {
    let on = &pod.spec.node_name;
    let lost = match node {
        None if known && !on.is_empty() => Some(format!("its node {on} is gone")),
        Some(node) if !is_ready(node) => Some(format!("its node {on} is not ready")),
        _ => None,
    };
    if pod.metadata.is_terminating() {
        if let Some(lost) = lost {
            return Prognosis::Stays(format!("being deleted, but {lost}"));
        }
        let over =
            pod.metadata.deletion_timestamp.is_some_and(|at| now.duration_since(at).as_secs() > HELD_AFTER);
        return match pod.metadata.finalizers.as_slice() {
            [] if over => Prognosis::Stays("being deleted for longer than its grace period".to_owned()),
            [] => Prognosis::Leaving,
            held => Prognosis::Stays(format!("being deleted, but held by finalizer {}", held.join(", "))),
        };
    }
    if pod::is_ready(pod) || pod::is_terminal(pod) {
        return Prognosis::Fine;
    }
    if let Some(lost) = lost {
        return Prognosis::Stays(lost);
    }
    let statuses = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    let stopped = statuses
        .filter_map(|s| s.state.waiting.as_ref())
        .any(|waiting| !matches!(waiting.reason.as_str(), "" | "ContainerCreating" | "PodInitializing"));
    let unscheduled =
        pod.status.conditions.iter().any(|c| c.type_ == "PodScheduled" && c.reason == "Unschedulable");
    let unready = pod.status.conditions.iter().find(|c| c.type_ == "Ready");
    let since = unready.and_then(|c| c.last_transition_time);
    let failing = pod.status.phase == "Running"
        && since.is_some_and(|since| now.duration_since(since).as_secs() > FAILING_AFTER);
    if stopped || unscheduled || failing || pod.unreadable.is_some() {
        return Prognosis::Stays(pod::describe(pod));
    }
    Prognosis::Starting
}

/// Whether a node is ready; one that says nothing about it is taken to be.
pub fn is_ready(node: &Node) -> bool {
    node.status.conditions.iter().find(|c| c.type_ == "Ready").is_none_or(|c| c.status == "True")
}

/// What will become of a pod of an observation.
pub fn prognosis_of<S: Set>(observation: &Observation<S>, pod: &Pod) -> Prognosis {
    let node = observation.nodes.get(&(String::new(), pod.spec.node_name.clone()));
    prognosis(pod, node.map(|n| &**n), !observation.nodes.is_empty(), observation.now.wall)
}

/// Something that the world does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum Event {
    /// A pod has become ready.
    Ready {
        /// Which.
        pod: String,
    },
    /// A pod is gone.
    Gone {
        /// Which.
        pod: String,
    },
    /// The garbage collector has taken a claim.
    ClaimGone {
        /// Which.
        claim: String,
    },
    /// Time has passed.
    Passed {
        /// How much.
        seconds: u64,
    },
}

/// The observation right after all of `plan` was written: new pods are there but do not run yet, deleted ones are on their
/// way out. `number` makes uids that nobody has.
pub fn written<S: Set + DeserializeOwned>(
    observation: &Observation<S>,
    plan: &Plan,
    number: &mut u64,
) -> Observation<S> {
    let mut next = observation.clone();
    for action in plan.actions() {
        write(&mut next, action, number);
    }
    next
}

fn write<S: Set + DeserializeOwned>(next: &mut Observation<S>, action: &Action, number: &mut u64) {
    match &action.act {
        Act::Create { object, body } => {
            *number += 1;
            let now = next.now.stamp();
            let meta = |meta: &mut Meta| {
                meta.uid = Uid(format!("assumed-{number}"));
                meta.resource_version = ResourceVersion("0".to_owned());
                meta.creation_timestamp = Some(now);
            };
            create(next, object, body, meta);
        }
        Act::Delete { object, .. } => delete(next, object),
        Act::Patch { object, body, .. } => patch(next, object, body),
        Act::Default { .. } | Act::Confirm { .. } | Act::ConfirmAbsent { .. } => {}
    }
    let answer = match &action.act {
        // The API server was not asked: what is not the same as it stands counts as different.
        Act::Default { template, .. } => json!({ "template": template }),
        _ => Value::Null,
    };
    let now = next.now.mono;
    next.memory.record(action, Outcome::Done(&answer), now);
}

fn create<S: Set>(next: &mut Observation<S>, object: &ObjectRef, body: &Value, meta: impl Fn(&mut Meta)) {
    match object.resource {
        Resource::Pods => {
            let mut pod: Pod = read(body);
            meta(&mut pod.metadata);
            pod.status.phase = "Pending".to_owned();
            insert(&mut next.pods, pod);
        }
        Resource::Revisions => {
            let mut revision: Revision = read(body);
            meta(&mut revision.metadata);
            insert(&mut next.revisions, revision);
        }
        Resource::Claims => {
            let mut claim: Claim = read(body);
            meta(&mut claim.metadata);
            claim.status.phase = "Pending".to_owned();
            next.claims.insert(object.name.clone(), Arc::new(claim));
        }
        _ => {}
    }
}

fn delete<S>(next: &mut Observation<S>, object: &ObjectRef) {
    let now = next.now.stamp();
    match object.resource {
        Resource::Pods => {
            for pod in next.pods.iter_mut().filter(|p| p.metadata.name == object.name) {
                Arc::make_mut(pod).metadata.deletion_timestamp.get_or_insert(now);
            }
        }
        Resource::Revisions => next.revisions.retain(|r| r.metadata.name != object.name),
        _ => {}
    }
}

fn patch<S: Set + DeserializeOwned>(next: &mut Observation<S>, object: &ObjectRef, body: &Value) {
    fn patch_in<T: Object + Serialize + DeserializeOwned>(all: &mut [Arc<T>], name: &str, body: &Value) {
        for object in all.iter_mut().filter(|o| o.meta().name == name) {
            *object = Arc::new(patched(&**object, body));
        }
    }
    match object.resource {
        Resource::Pods => patch_in(&mut next.pods, &object.name, body),
        Resource::Revisions => patch_in(&mut next.revisions, &object.name, body),
        Resource::Claims => {
            if let Some(claim) = next.claims.get_mut(&object.name) {
                *claim = Arc::new(patched(&**claim, body));
            }
        }
        _ => next.set = Arc::new(patched(&*next.set, body)),
    }
}

fn read<T: Object + DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).unwrap_or_else(|e| T::unreadable(Meta::default(), e.to_string()))
}

fn patched<T: Object + Serialize + DeserializeOwned>(object: &T, body: &Value) -> T {
    let Ok(mut value) = serde_json::to_value(object) else { return object.clone() };
    merge(&mut value, body);
    serde_json::from_value(value).unwrap_or_else(|_| object.clone())
}

/// Applies a JSON merge patch (RFC 7386).
pub fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            if let Some(into) = into.as_object_mut() {
                into.remove(name);
            }
        } else {
            merge(&mut into[name.as_str()], value);
        }
    }
}

fn insert<T: Object>(all: &mut Vec<Arc<T>>, object: T) {
    let at = all.partition_point(|o| o.meta().name < object.meta().name);
    all.insert(at, Arc::new(object));
}

/// What the world does next if nobody writes anything: pods that start become ready, pods and claims that leave go. `None`
/// when nothing moves.
pub fn moved<S: Set>(observation: &Observation<S>) -> Option<(Observation<S>, Vec<Event>)> {
    let mut next = observation.clone();
    let mut happened = vec![];
    // A moment passes, or what is ready from now on would be ready in the past.
    pass(&mut next, Duration::from_secs(1));
    let ready = json!([{ "type": "Ready", "status": "True", "lastTransitionTime": next.now.stamp() }]);
    let mut gone = vec![];
    for pod in &mut next.pods {
        let name = pod.metadata.name.clone();
        let uid = &observation.set.meta().uid;
        let left_behind = workload::is_of_another_incarnation(&observation.key, uid, &pod.metadata);
        if left_behind && !pod.metadata.is_terminating() {
            happened.push(Event::Gone { pod: name.clone() });
            gone.push(name);
            continue;
        }
        match prognosis_of(observation, pod) {
            Prognosis::Leaving => {
                happened.push(Event::Gone { pod: name.clone() });
                gone.push(name);
            }
            Prognosis::Starting if may_run(observation, pod) => {
                happened.push(Event::Ready { pod: name });
                let pod = Arc::make_mut(pod);
                if pod.spec.node_name.is_empty() {
                    pod.spec.node_name = node_fit::node_of(pod).map(str::to_owned).unwrap_or_default();
                }
                pod.status = berth_api::pod::PodStatus {
                    phase: "Running".to_owned(),
                    conditions: serde_json::from_value(ready.clone()).unwrap_or_default(),
                    ..Default::default()
                };
            }
            _ => {}
        }
    }
    for name in gone {
        remove(&mut next, &name);
    }
    let claims = collect(&mut next);
    happened.extend(claims.into_iter().map(|claim| Event::ClaimGone { claim }));
    (!happened.is_empty()).then_some((next, happened))
}

/// Whether a pod that starts can run where it is meant to: on a node that is there and ready.
fn may_run<S>(observation: &Observation<S>, pod: &Pod) -> bool {
    let node = node_fit::node_of(pod).and_then(|n| observation.nodes.get(&(String::new(), n.to_owned())));
    node.is_none_or(|node| is_ready(node))
}

fn remove<S: Set>(next: &mut Observation<S>, name: &str) {
    let Some(at) = next.pods.iter().position(|p| p.metadata.name == name) else { return };
    let pod = next.pods.remove(at);
    let slot = match S::KIND {
        Kind::Ordinal => identity::ordinal(&next.key.name, name).map(Slot::Ordinal),
        Kind::Daemon => node_fit::node_of(&pod).map(|node| Slot::Node(node.to_owned())),
    };
    if let Some(slot) = slot.filter(|_| pod.metadata.is_controlled_by(&next.set.meta().uid)) {
        next.memory.pod_gone(slot, pod::revision(&pod), next.set.is_paused());
    }
}

/// The garbage collector: claims go whose owners are all gone, and claims that are being deleted once no pod uses them.
fn collect<S: Set>(next: &mut Observation<S>) -> Vec<String> {
    let pods: BTreeSet<&Uid> = next.pods.iter().map(|p| &p.metadata.uid).collect();
    let used: BTreeSet<&str> = next
        .pods
        .iter()
        .flat_map(|p| &p.spec.volumes)
        .filter_map(|v| v.persistent_volume_claim.as_ref().map(|c| c.claim_name.as_str()))
        .collect();
    let set = next.set.meta();
    let is_gone = |reference: &berth_api::OwnerReference| match reference.kind.as_str() {
        "Pod" => !pods.contains(&reference.uid),
        _ => {
            let resource = next.key.resource();
            reference.kind == resource.kind() && reference.name == set.name && reference.uid != set.uid
        }
    };
    let goes = |claim: &Claim| {
        let owners = &claim.metadata.owner_references;
        let orphaned = !owners.is_empty() && owners.iter().all(is_gone);
        (orphaned || claim.metadata.is_terminating()) && !used.contains(claim.metadata.name.as_str())
    };
    let gone: Vec<String> =
        next.claims.iter().filter(|(_, claim)| goes(claim)).map(|(name, _)| name.clone()).collect();
    for name in &gone {
        next.claims.remove(name);
    }
    gone
}

/// The same a while later.
pub fn pass<S>(observation: &mut Observation<S>, time: Duration) {
    let now = &mut observation.now;
    now.mono += time;
    now.wall = now.wall.checked_add(time).unwrap_or(now.wall);
}
