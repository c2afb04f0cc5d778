//! A plan: what will be done, in which order, under which preconditions, and why. It is what the operator executes, what
//! `berth plan` and `berth why` print, what tests compare and what the simulator runs.

use std::fmt;
use std::time::Duration;

use berth_api::condition::ConditionReason;
use berth_api::request::{Request, Verb};
use berth_api::{Meta, ObjectRef, ResourceVersion, Uid};
use serde_json::{Value, json};

use super::notice::Event;
use super::reason::{Reason, Waiting};

/// What a write was decided on. If it no longer holds, the API server refuses the write.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// The incarnation that was seen.
    pub uid: Uid,
    /// The version that was seen, where the decision depends on the object's state.
    pub resource_version: Option<ResourceVersion>,
}

impl Guard {
    /// Holds while the object is the same incarnation.
    pub fn incarnation(meta: &Meta) -> Self {
        Guard { uid: meta.uid.clone(), resource_version: None }
    }

    /// Holds while the object has not changed at all.
    pub fn version(meta: &Meta) -> Self {
        Guard { uid: meta.uid.clone(), resource_version: Some(meta.resource_version.clone()) }
    }
}

/// One request, with its precondition.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Creates an object by name. The name is the precondition: the API server refuses a twin.
    Create {
        /// What.
        object: ObjectRef,
        /// The whole object.
        body: Value,
    },
    /// Deletes an object.
    Delete {
        /// What.
        object: ObjectRef,
        /// The incarnation that was meant.
        guard: Guard,
    },
    /// Changes an object by JSON merge patch.
    Patch {
        /// What.
        object: ObjectRef,
        /// What was seen.
        guard: Guard,
        /// The change.
        body: Value,
        /// Whether the status subresource is meant.
        status: bool,
    },
    /// Reads an object afresh and goes on only if it is the incarnation that was seen, at the `generation` that was seen, if `live`
    /// is not being deleted, and is not managed by `not_of`.
    Confirm {
        /// What.
        object: ObjectRef,
        /// The incarnation that was seen.
        uid: Uid,
        /// The generation that was seen; `None` if it does not matter.
        generation: Option<i64>,
        /// Whether it must not be being deleted.
        live: bool,
        /// The owner that must not manage it; empty if that does not matter.
        not_of: Uid,
    },
    /// Reads a name afresh and goes on only if nobody has it.
    ConfirmAbsent {
        /// What.
        object: ObjectRef,
    },
    /// Has the API server validate and default a pod template, as a dry run. The answer is remembered for the next plan.
    Default {
        /// A pod template that does not exist and will not.
        object: ObjectRef,
        /// The template.
        template: Value,
    },
}

impl Act {
    /// The object that this is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Act::Create { object, .. }
            | Act::Delete { object, .. }
            | Act::Patch { object, .. }
            | Act::Confirm { object, .. }
            | Act::ConfirmAbsent { object }
            | Act::Default { object, .. } => object,
        }
    }

    /// Whether it is only read.
    pub fn is_live_read(&self) -> bool {
        matches!(self, Act::Confirm { .. } | Act::ConfirmAbsent { .. })
    }

    /// The condition reason of a rejection of it.
    pub fn rejected_as(&self) -> ConditionReason {
        match self {
            Act::Create { .. } | Act::Default { .. } => ConditionReason::FailedCreate,
            Act::Delete { .. } => ConditionReason::FailedDelete,
            Act::Patch { .. } | Act::Confirm { .. } | Act::ConfirmAbsent { .. } => {
                ConditionReason::FailedUpdate
            }
        }
    }

    /// The verb of its request.
    pub fn verb(&self) -> Verb {
        match self {
            Act::Create { .. } | Act::Default { .. } => Verb::Create,
            Act::Delete { .. } => Verb::Delete,
            Act::Patch { .. } => Verb::Patch,
            Act::Confirm { .. } | Act::ConfirmAbsent { .. } => Verb::Get,
        }
    }

    /// The state of the object that it holds for, as text: a version, or a generation; empty where it holds for any.
    pub fn decided_on(&self) -> String {
        match self {
            Act::Delete { guard, .. } | Act::Patch { guard, .. } => {
                guard.resource_version.as_ref().map(ToString::to_string).unwrap_or_default()
            }
            Act::Confirm { generation, .. } => generation.map(|seen| seen.to_string()).unwrap_or_default(),
            Act::Create { .. } | Act::ConfirmAbsent { .. } | Act::Default { .. } => String::new(),
        }
    }

    /// Whether its request changes anything: live reads and dry runs do not.
    pub fn is_write(&self) -> bool {
        matches!(self, Act::Create { .. } | Act::Delete { .. } | Act::Patch { .. })
    }

    /// Whether it writes the status subresource.
    pub fn writes_status(&self) -> bool {
        matches!(self, Act::Patch { status: true, .. })
    }

    /// The request that carries this out.
    pub fn request(&self) -> Request {
        let object = self.object().clone();
        match self {
            Act::Create { body, .. } => Request::create(object, body.clone()),
            Act::Delete { guard, .. } => {
                let mut preconditions = json!({ "uid": guard.uid });
                if let Some(version) = &guard.resource_version {
                    preconditions["resourceVersion"] = json!(version);
                }
                let body =
                    json!({ "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions });
                Request::delete(object, body)
            }
            Act::Patch { guard, body, status, .. } => {
                let mut body = body.clone();
                body["metadata"]["uid"] = json!(guard.uid);
                if let Some(version) = &guard.resource_version {
                    body["metadata"]["resourceVersion"] = json!(version);
                }
                Request { status: *status, ..Request::patch(object, body) }
            }
            Act::Confirm { .. } | Act::ConfirmAbsent { .. } => Request::get(object),
            Act::Default { template, .. } => {
                let body = json!({
                    "apiVersion": "v1", "kind": "PodTemplate",
                    "metadata": { "name": object.name, "namespace": object.namespace }, "template": template,
                });
                Request { dry_run: true, ..Request::create(object, body) }
            }
        }
    }
}

/// An act and why it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What is done.
    pub act: Act,
    /// Why.
    pub why: Reason,
}

/// Which part of the work a stage belongs to, in the order in which the parts of one owner are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Pods and revisions are taken over or let go.
    Membership,
    /// A revision is recorded or renumbered.
    Revisions,
    /// What later plans read from the status is written before it is acted upon.
    Record,
    /// Claims lose the owners that would take the data along; they depend on nothing that is decided for the set.
    Untie,
    /// Claims get the owners that the retention policy asks for.
    Claims,
    /// Pods, with the claims that new ones need.
    Pods,
    /// The status is written.
    Status,
    /// Old revisions are removed.
    History,
}

impl Part {
    /// Whether this part is done even when an earlier one failed (A2, SSC:100: the status is written and history is truncated after an error too).
    pub fn runs_after_failure(self) -> bool {
        matches!(self, Part::Status | Part::History)
    }
}

/// How fast the units of a stage are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One after the other; the stage ends at the first failure.
    OneByOne,
    /// In batches of 1, 2, 4, ...; the stage ends after the first batch with a failure.
    SlowStart,
    /// All at once; a failure stops none of the others.
    Together,
}

/// Actions that belong together, in this order: a claim before the pod that uses it.
pub type Unit = Vec<Action>;

/// Units that may run side by side. A later stage starts only when this one has succeeded as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it belongs to.
    pub part: Part,
    /// How fast.
    pub pace: Pace,
    /// What is done.
    pub units: Vec<Unit>,
    /// Whether later stages go on although this one failed.
    pub independent: bool,
    /// Whether this one runs only if the stage before it has succeeded as a whole, though that stops nothing else.
    pub follows: bool,
}

impl Stage {
    /// A stage of the given units.
    pub fn new(part: Part, pace: Pace, units: Vec<Unit>) -> Self {
        Stage { part, pace, units, independent: false, follows: false }
    }

    /// The same, but a failure in it stops nothing after it.
    pub fn independent(self) -> Self {
        Stage { independent: true, ..self }
    }

    /// The same, but it runs only if the stage before it has succeeded.
    pub fn following(self) -> Self {
        Stage { follows: true, ..self }
    }
}

/// What there is to do for one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is done, stage by stage.
    pub stages: Vec<Stage>,
    /// What is waited for, and why nothing more is done now.
    pub waiting: Vec<Waiting>,
    /// When to look again even if nothing happens.
    pub recheck_after: Option<Duration>,
    /// What people are told by an event though nothing is written for it; told once as long as it stays the case.
    pub notices: Vec<Event>,
    /// What is wanted and not planned now: it was rejected or taken back when it was sent last, and nothing waits for it.
    pub postponed: Vec<Action>,
}

impl Plan {
    /// Whether nothing is written now.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether there is nothing to do but to write the status.
    pub fn has_no_work(&self) -> bool {
        self.stages.iter().all(|stage| stage.part == Part::Status)
    }

    /// The changed fields of the status, as a merge patch of `status`, if it is written at the end.
    pub fn status(&self) -> Option<&Value> {
        let stage = self.stages.iter().find(|stage| stage.part == Part::Status)?;
        match &stage.units.first()?.first()?.act {
            Act::Patch { body, .. } => body.get("status"),
            _ => None,
        }
    }

    /// All actions, in order.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.stages.iter().flat_map(|s| s.units.iter().flatten())
    }

    /// Adds a stage unless it is empty.
    pub fn stage(&mut self, part: Part, pace: Pace, units: Vec<Unit>) {
        let units: Vec<Unit> = units.into_iter().filter(|u| !u.is_empty()).collect();
        if !units.is_empty() {
            self.stages.push(Stage::new(part, pace, units));
        }
    }

    /// Waits for something that may become something else by itself: looks again by then.
    pub fn wait(&mut self, (waiting, recheck): (Waiting, Option<Duration>)) {
        self.waiting.push(waiting);
        if let Some(delay) = recheck {
            self.recheck(delay);
        }
    }

    /// Looks again after `delay`, or earlier if that was asked for already.
    pub fn recheck(&mut self, delay: Duration) {
        self.recheck_after = Some(self.recheck_after.map_or(delay, |d| d.min(delay)));
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Create { object, .. } => write!(f, "create {object}"),
            Act::Delete { object, .. } => write!(f, "delete {object}"),
            Act::Patch { object, status: true, .. } => write!(f, "write status of {object}"),
            Act::Patch { object, .. } => write!(f, "change {object}"),
            Act::Confirm { object, .. } | Act::ConfirmAbsent { object } => write!(f, "read {object} afresh"),
            Act::Default { object, .. } => write!(f, "default {object} by a dry run"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.act, self.why)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() && self.waiting.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for (n, stage) in self.stages.iter().enumerate() {
            let pace = match stage.pace {
                Pace::OneByOne => "one after the other",
                Pace::SlowStart => "in growing batches",
                Pace::Together => "together",
            };
            let part = format!("{:?}", stage.part).to_lowercase();
            if stage.units.len() > 1 {
                writeln!(f, "{}. {part}, {pace}:", n + 1)?;
            } else {
                writeln!(f, "{}. {part}:", n + 1)?;
            }
            for action in stage.units.iter().flatten() {
                writeln!(f, "   {action}")?;
            }
        }
        for waiting in &self.waiting {
            writeln!(f, "waiting: {waiting}")?;
        }
        Ok(())
    }
}
