//! What people are told about an owner by an event, in the words of upstream's controllers.

use berth_api::request::Verb;
use berth_api::{Key, ObjectRef, Resource};

use super::reason::{Reason, Slot};

/// Normal or Warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something was done.
    Normal,
    /// Something is in the way.
    Warning,
}

/// Something to be told about an owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// How bad it is.
    pub severity: Severity,
    /// One word, in upstream's terms.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// The pod or claim that it is about.
    pub related: Option<ObjectRef>,
}

impl Event {
    /// Something that is in the way.
    pub fn warning(reason: &'static str, message: String, related: Option<ObjectRef>) -> Self {
        Event { severity: Severity::Warning, reason, message, related }
    }
}

/// What upstream calls a write.
fn word(verb: Verb) -> String {
    if verb == Verb::Patch { "Update".to_owned() } else { format!("{verb:?}") }
}

/// The event that upstream's controllers report for a write of `key` (A13, B10): `error` is set when it was refused.
/// Writes that upstream does not report give none.
pub fn describe(
    key: &Key,
    verb: Verb,
    object: &ObjectRef,
    pod: Option<&str>,
    error: Option<&str>,
) -> Option<Event> {
    use berth_api::Kind::{Daemon, Ordinal};
    let set = format!("{} {}", key.resource().kind(), key.name);
    let name = &object.name;
    let message = match (key.kind, object.resource, verb, error) {
        (Ordinal, Resource::Pods, verb, None) => {
            format!("{} Pod {name} in {set} successful", word(verb))
        }
        (Ordinal, Resource::Pods, verb, Some(error)) => {
            format!("{} Pod {name} in {set} failed error: {error}", word(verb))
        }
        (Ordinal, Resource::Claims, Verb::Create, None) => {
            format!("Create Claim {name} Pod {} in {set} success", pod.unwrap_or_default())
        }
        (Ordinal, Resource::Claims, Verb::Create, Some(error)) => {
            format!("Create Claim {name} for Pod {} in {set} failed error: {error}", pod.unwrap_or_default())
        }
        (Daemon, Resource::Pods, Verb::Create, None) => format!("Created pod: {name}"),
        (Daemon, Resource::Pods, Verb::Delete, None) => format!("Deleted pod: {name}"),
        (Daemon, Resource::Pods, Verb::Create, Some(error)) => format!("Error creating: {error}"),
        (Daemon, Resource::Pods, Verb::Delete, Some(error)) => format!("Error deleting: {error}"),
        (_, Resource::Revisions | Resource::Claims | Resource::Pods, verb, Some(error)) => {
            format!("{verb:?} {object} failed error: {error}")
        }
        // The status itself cannot say so.
        (_, Resource::OrdinalSets(_) | Resource::DaemonSets(_), Verb::Patch, Some(error)) => {
            format!("Update status of {set} failed error: {error}")
        }
        _ => return None,
    };
    let reason = match (verb, error.is_some()) {
        (Verb::Create, false) => "SuccessfulCreate",
        (Verb::Create, true) => "FailedCreate",
        (Verb::Delete, false) => "SuccessfulDelete",
        (Verb::Delete, true) => "FailedDelete",
        (_, false) => "SuccessfulUpdate",
        (_, true) => "FailedUpdate",
    };
    let severity = if error.is_some() { Severity::Warning } else { Severity::Normal };
    Some(Event { severity, reason, message, related: Some(object.clone()) })
}

/// The event that upstream reports for a daemon pod that has ended (B10).
pub fn describe_ended(why: &Reason, pod: &ObjectRef) -> Option<Event> {
    let Reason::Ended { slot: Slot::Node(node), phase, .. } = why else { return None };
    let at = format!("{}/{} on node {node}", pod.namespace, pod.name);
    let (severity, reason, message) = if phase == "Failed" {
        (Severity::Warning, "FailedDaemonPod", format!("Found failed daemon pod {at}, will try to kill it"))
    } else {
        (
            Severity::Normal,
            "SucceededDaemonPod",
            format!("Found succeeded daemon pod {at}, will try to delete it"),
        )
    };
    Some(Event { severity, reason, message, related: Some(pod.clone()) })
}
