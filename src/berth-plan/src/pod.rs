//! Pods: what state one is in, how one is built, whether it is what it should be, and how it gets there. Each of these has
//! this one place.

use std::time::Duration;

use berth_api::pod::ContainerStatus;
use berth_api::{ObjectRef, OwnerReference, Pod, Resource};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::plan::{Act, Action, Guard};
use super::reason::{Reason, Slot, Waiting};
use super::time::until;

/// Label with the revision of a pod: the revision's name for ordinal sets (A3.5), its hash for daemons (B5.3).
pub const REVISION_LABEL: &str = "controller-revision-hash";

/// When a ready pod counts as available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It is.
    Available,
    /// In this long, if it stays ready.
    In(Duration),
    /// It is not even ready.
    NotReady,
}

/// Whether the pod's Ready condition is true.
pub fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether the pod runs and is ready.
pub fn is_running_and_ready(pod: &Pod) -> bool {
    pod.status.phase == "Running" && is_ready(pod)
}

/// Whether the pod has ended, well or badly.
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Failed" | "Succeeded")
}

/// Whether the pod has been ready for `min_ready` seconds (A6.1: readiness alone; but a pod that has ended is not available,
/// whatever its last condition says).
pub fn availability(pod: &Pod, min_ready: i64, now: Timestamp) -> Availability {
    let condition = pod.status.conditions.iter().find(|c| c.type_ == "Ready" && c.status == "True");
    let Some(ready) = condition.filter(|_| !is_terminal(pod)) else { return Availability::NotReady };
    if min_ready == 0 {
        return Availability::Available;
    }
    let Some(since) = ready.last_transition_time else { return Availability::NotReady };
    match since.checked_add(Duration::from_secs(min_ready.unsigned_abs())) {
        Ok(at) if at <= now => Availability::Available,
        // Never longer than it takes by a clock that is right: one that was set back is set right some time.
        Ok(at) => Availability::In(until(at, now).min(Duration::from_secs(min_ready.unsigned_abs()))),
        Err(_) => Availability::NotReady,
    }
}

/// Whether the pod is available now.
pub fn is_available(pod: &Pod, min_ready: i64, now: Timestamp) -> bool {
    availability(pod, min_ready, now) == Availability::Available
}

/// The revision label of a pod; empty if it has none.
pub fn revision(pod: &Pod) -> &str {
    pod.metadata.labels.get(REVISION_LABEL).map_or("", String::as_str)
}

/// Whether the pod is at the revision with this label. Nothing else compares a pod with what it should be.
pub fn is_current(pod: &Pod, label: &str) -> bool {
    revision(pod) == label
}

/// Why a pod is not ready, in words that stay the same while nothing happens (no ages, no restart counts).
pub fn describe(pod: &Pod) -> String {
    if let Some(error) = &pod.unreadable {
        return format!("the pod cannot be read: {error}");
    }
    if pod.metadata.is_terminating() {
        return "being deleted".to_owned();
    }
    if is_terminal(pod) {
        let why = [pod.status.reason.as_str(), pod.status.message.as_str()].join(" ");
        return format!("{} {}", pod.status.phase, why.trim()).trim().to_owned();
    }
    let statuses = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    if let Some(text) = statuses.clone().find_map(|status| describe_waiting(pod, status)) {
        return text;
    }
    if let Some(unscheduled) =
        pod.status.conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")
    {
        return format!("not scheduled: {}", unscheduled.message);
    }
    if pod.spec.node_name.is_empty() {
        return "not scheduled yet".to_owned();
    }
    match pod.status.phase.as_str() {
        "Running" if is_ready(pod) => "ready".to_owned(),
        "Running" => {
            let unready: Vec<&str> =
                pod.status.container_statuses.iter().filter(|s| !s.ready).map(|s| s.name.as_str()).collect();
            match unready.as_slice() {
                [] => format!("running, not ready{}", since(pod)),
                names => format!("container {}: running, not ready{}", names.join(", "), since(pod)),
            }
        }
        "" | "Pending" => "starting".to_owned(),
        phase => phase.to_owned(),
    }
}

/// Since when the pod is not ready, as ` since 12:04:07Z`; nothing if nobody says.
fn since(pod: &Pod) -> String {
    let unready = pod.status.conditions.iter().find(|c| c.type_ == "Ready" && c.status == "False");
    let time = unready.and_then(|c| c.last_transition_time);
    time.map_or_else(String::new, |time| format!(" since {}", time.strftime("%H:%M:%SZ")))
}

fn describe_waiting(pod: &Pod, status: &ContainerStatus) -> Option<String> {
    let waiting = status.state.waiting.as_ref()?;
    let (name, since) = (&status.name, since(pod));
    match waiting.reason.as_str() {
        "" | "ContainerCreating" | "PodInitializing" => None,
        // A container that comes and goes has a new time at each crash.
        "CrashLoopBackOff" => {
            let end = status.last_state.terminated.as_ref();
            let last =
                end.map(|e| format!(", last exit code {} ({})", e.exit_code, e.reason)).unwrap_or_default();
            Some(format!("container {name}: CrashLoopBackOff{last}"))
        }
        // A pull error alternates between two names; one of them is said.
        "ErrImagePull" | "ImagePullBackOff" => {
            Some(format!("container {name}: ImagePullBackOff{since}, image {:?}", status.image))
        }
        reason => Some(format!("container {name}: {reason}{since}")),
    }
}

/// How long after its end was due a pod may still be there before its node counts as silent. A kubelet that works takes a few
/// seconds at most.
const CONFIRMATION: Duration = Duration::from_secs(10);

/// What is waited for while a pod is being deleted, and when to look again, if that changes by itself.
pub fn going(pod: &Pod, now: Timestamp) -> (Waiting, Option<Duration>) {
    let name = pod.metadata.name.clone();
    // A finalizer keeps a pod whose node has long confirmed; a pod without a node goes at once.
    let unconfirmed =
        pod.metadata.finalizers.is_empty() && !is_terminal(pod) && !pod.spec.node_name.is_empty();
    let due = pod.metadata.deletion_timestamp.filter(|_| unconfirmed);
    match due.and_then(|due| Some((due, due.checked_add(CONFIRMATION).ok()?))) {
        Some((due, late)) if late <= now => {
            (Waiting::NodeSilent { pod: name, node: pod.spec.node_name.clone(), due }, None)
        }
        Some((_, late)) => (Waiting::PodTerminating { pod: name }, Some(until(late, now))),
        None => (Waiting::PodTerminating { pod: name }, None),
    }
}

/// A pod to be made: everything that its body depends on.
#[derive(Clone, Debug)]
pub struct Desired<'a> {
    /// Where it lives.
    pub namespace: &'a str,
    /// What it is called.
    pub name: String,
    /// The managing owner.
    pub owner: OwnerReference,
    /// The recorded template.
    pub template: &'a Value,
    /// The value of the revision label.
    pub revision: &'a str,
    /// Labels that say which slot it has.
    pub labels: Vec<(String, String)>,
    /// Annotations that are added.
    pub annotations: Vec<(String, String)>,
    /// What the slot adds to the spec; each field replaces that of the template.
    pub spec: Map<String, Value>,
}

/// The object and the body of a pod that is to be made.
pub fn build(desired: &Desired<'_>) -> (ObjectRef, Value) {
    let field = |parent: &str, name: &str| desired.template.get(parent).and_then(|p| p.get(name)).cloned();
    let map = |name: &str| match field("metadata", name) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let mut labels = map("labels");
    labels.extend(desired.labels.iter().map(|(k, v)| (k.clone(), json!(v))));
    labels.insert(REVISION_LABEL.to_owned(), json!(desired.revision));
    let mut annotations = map("annotations");
    annotations.extend(desired.annotations.iter().map(|(k, v)| (k.clone(), json!(v))));

    let mut metadata = json!({
        "name": desired.name,
        // Of no effect beside a name, but upstream stores it too (A3.4).
        "generateName": format!("{}-", desired.owner.name),
        "namespace": desired.namespace,
        "labels": labels,
        "ownerReferences": [desired.owner],
    });
    if !annotations.is_empty() {
        metadata["annotations"] = Value::Object(annotations);
    }
    if let Some(finalizers) = field("metadata", "finalizers") {
        metadata["finalizers"] = finalizers;
    }
    let mut spec = match desired.template.get("spec") {
        Some(Value::Object(spec)) => spec.clone(),
        _ => Map::new(),
    };
    spec.extend(desired.spec.clone());
    let object = ObjectRef::new(Resource::Pods, desired.namespace, &desired.name);
    let body = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
    (object, body)
}

/// How a pod gets from one revision to another. Today it is deleted, and its slot is filled again by a later plan.
pub fn replace(pod: &Pod, slot: Slot, to: &str, broken: bool) -> Action {
    let from = revision(pod).to_owned();
    let to = to.to_owned();
    let why = if broken {
        Reason::BrokenAndOutdated { slot, from, to }
    } else {
        Reason::Outdated { slot, from, to }
    };
    delete(pod, why)
}

/// Deletes exactly this incarnation of a pod, with its own grace period.
pub fn delete(pod: &Pod, why: Reason) -> Action {
    // A deletion that rests on the pod's state, or on which of two stays, holds for that state only.
    let voluntary =
        matches!(why, Reason::Outdated { .. } | Reason::BrokenAndOutdated { .. } | Reason::Duplicate { .. });
    let guard = if voluntary { Guard::version(&pod.metadata) } else { Guard::incarnation(&pod.metadata) };
    Action { act: Act::Delete { object: object(pod), guard }, why }
}

/// Deletes a pod only as it is now: it has not been bound to a node, say.
pub fn delete_as_it_is(pod: &Pod, why: Reason) -> Action {
    Action { act: Act::Delete { object: object(pod), guard: Guard::version(&pod.metadata) }, why }
}

/// The name of a pod as an object.
pub fn object(pod: &Pod) -> ObjectRef {
    ObjectRef::new(Resource::Pods, &pod.metadata.namespace, &pod.metadata.name)
}
