//! What the plans of both kinds have in common around their own decisions.

use std::collections::BTreeSet;
use std::ops::Range;

use berth_api::condition::{Condition, ConditionReason};
use berth_api::{Kind, Meta, ObjectRef, Pod, Resource, Revision, Surface};

use super::backoff;
use super::deadline::Deadline;
use crate::memory::rejections::Rejection;
use crate::notice::Event;
use crate::observation::Observation;
use crate::plan::{Action, Pace, Part, Plan, Stage};
use crate::pod;
use crate::reason::{Reason, Waiting};
use crate::revisions::{self, History};
use crate::workload::adoption::{self, Members};
use crate::workload::conditions::{self, Progress, Report, Serving};
use crate::workload::{Set, SetStatus};

/// Why nothing can be decided for this owner at all, if so.
pub fn invalid<S: Set>(observation: &Observation<S>) -> Option<Waiting> {
    let set = &observation.set;
    if let Some(error) = set.unreadable() {
        return Some(Waiting::Invalid { message: format!("the object cannot be read: {error}") });
    }
    if set.selector().is_empty() {
        return Some(Waiting::Invalid {
            message: "spec.selector: is empty; it must name at least one label".to_owned(),
        });
    }
    if !set.template().0.is_object() {
        return Some(Waiting::Invalid { message: "spec.template: is required".to_owned() });
    }
    if !set.template().is_sound() {
        let message = "spec.template.spec: a field has a type that no pod can have".to_owned();
        return Some(Waiting::Invalid { message });
    }
    if !set.selector().matches(&set.template().metadata().labels) {
        let message = "spec.template.metadata.labels: must match spec.selector".to_owned();
        return Some(Waiting::Invalid { message });
    }
    None
}

/// The plan for an owner that kube-controller-manager works on too: nothing is written, and people are told (F1).
pub fn yield_to_rival<S: Set>(observation: &Observation<S>) -> Option<Plan> {
    let native = observation.key.surface == Surface::Apps;
    (native && observation.memory.has_rival()).then(|| {
        let message = format!("{}: {}", observation.key, Waiting::Rival);
        Plan {
            waiting: vec![Waiting::Rival],
            notices: vec![Event::warning("RivalController", message, None)],
            ..Plan::default()
        }
    })
}

/// A plan that does nothing but report why; an object that cannot be read is not even written to.
pub fn report<S: Set, T: SetStatus>(observation: &Observation<S>, invalid: Waiting, before: &T) -> Plan {
    let mut plan = Plan::default();
    plan.waiting.push(invalid);
    if observation.set.unreadable().is_none() {
        let mut after = before.clone();
        // On native sets tools take an observed generation with equal revisions for a rollout that is complete.
        if observation.key.surface == Surface::Berth {
            after.set_observed_generation(observation.set.meta().generation);
        }
        finish(observation, &mut plan, before, &mut after, Outlook::default());
    }
    plan
}

/// What the planner of a kind knows when it comes to the status.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// Nothing is left to be done or waited for.
    pub settled: bool,
    /// A count changes that a later plan reads.
    pub count_is_read: bool,
    /// The status is not to be written at all.
    pub silent: bool,
    /// How many pods are available and how many must be, where that is known.
    pub serving: Option<Serving>,
    /// Where the owner stands against `progressDeadlineSeconds`, if that runs.
    pub deadline: Option<Deadline>,
    /// The ordinals that are wanted, though the plan may not come to them before others are available; empty for daemons.
    pub ordinals: Range<i64>,
    /// The names that wanted daemon pods may have, where a condition of an earlier process is about one; `None` elsewhere.
    pub pod_names: Option<BTreeSet<String>>,
    /// Dry runs without which it is not known whether the template is a new one; they are not sent now.
    pub undecided: Vec<Action>,
}

/// Ends a plan with its back-off, its conditions and its status. What later plans read is written before anything depends on it, in
/// a plan of its own; before a revision or an adoption nothing is written, for the status that follows says everything.
pub fn finish<S: Set, T: SetStatus>(
    observation: &Observation<S>,
    plan: &mut Plan,
    before: &T,
    after: &mut T,
    outlook: Outlook,
) {
    backoff::retry_rejected_last(observation, plan);
    verify_owner_first(observation, plan);
    let rejection = rejected(observation, plan, &outlook);
    let wanted = wanted_objects(observation, plan, &outlook, before.conditions());
    backoff::apply_backoff(observation, plan);
    let meta = observation.set.meta();
    // A status that is about a generation names the revision of its template.
    if !outlook.undecided.is_empty() {
        after.set_observed_generation(before.observed_generation());
    }
    let settled = outlook.settled && outlook.undecided.is_empty() && plan.postponed.is_empty();
    // The conditions of native sets know no generation.
    let is_of_this_spec =
        observation.key.surface == Surface::Berth || before.observed_generation() == meta.generation;
    let stands = |told: &&Condition| {
        is_of_this_spec && may_stand(observation, &outlook, &wanted, after.revisions()[1], told)
    };
    let told: Vec<Condition> = before.conditions().iter().filter(stands).cloned().collect();
    let mut progress = if meta.is_terminating() {
        Progress::Terminating
    } else {
        conditions::progress(settled, &observation.memory, rejection, plan, &told, meta.generation)
    };
    // On native objects there is no such field.
    let deadline = outlook.deadline.filter(|_| observation.key.surface == Surface::Berth);
    match (&progress, deadline) {
        (Progress::Working(_), Some(Deadline::In(delay))) => plan.recheck(delay),
        (Progress::Working(message), Some(Deadline::Passed(seconds))) => {
            let message = format!("no progress for {seconds} s: {message}");
            progress = Progress::Stalled(ConditionReason::ProgressDeadlineExceeded, message);
            plan.waiting.push(Waiting::DeadlinePassed { seconds });
        }
        _ => {}
    }
    let report = Report {
        progress: &progress,
        serving: outlook.serving,
        surface: observation.key.surface,
        generation: meta.generation,
    };
    let conditions = conditions::conditions(after.conditions(), &report, observation.now.stamp());
    after.set_conditions(conditions);
    let preliminary = plan.stages.iter().any(|s| matches!(s.part, Part::Membership | Part::Revisions));
    let changes = conditions::status_changes(before, after);
    let Some(changes) = changes.filter(|_| !preliminary && !outlook.silent) else { return };
    let read_later = before.revisions() != after.revisions() || before.collisions() != after.collisions();
    let (part, why) = if read_later || outlook.count_is_read {
        plan.stages.retain(waits_for_nothing);
        (Part::Record, Reason::ReadLater)
    } else {
        (Part::Status, Reason::StatusChanged)
    };
    let write = conditions::write_action(&observation.key, meta, changes, why);
    if let Some(delay) = backoff::status_backoff(observation, &write) {
        return plan.recheck(delay);
    }
    let at = plan.stages.iter().position(|stage| stage.part == Part::History).unwrap_or(plan.stages.len());
    plan.stages.insert(at, Stage::new(part, Pace::OneByOne, vec![vec![write]]));
}

/// The objects of all requests of a plan, as text, where a condition of an earlier process may be about one of them.
fn wanted_objects<S: Set>(
    observation: &Observation<S>,
    plan: &Plan,
    outlook: &Outlook,
    told: &[Condition],
) -> BTreeSet<String> {
    let is_asked = !observation.memory.cleared && told.iter().any(|told| told.status == "True");
    let actions = plan.actions().chain(&plan.postponed).chain(&outlook.undecided).filter(|_| is_asked);
    actions.map(|action| action.act.object().to_string()).collect()
}

/// Whether what a condition says, perhaps of an earlier process, may still be so: not if what could not be created is there by now or
/// not wanted any more, or what could not be changed or deleted is gone, or is not to be any more. A pod at another revision than
/// `update` may wait for its turn to go.
fn may_stand<S: Set>(
    observation: &Observation<S>,
    outlook: &Outlook,
    wanted: &BTreeSet<String>,
    update: &str,
    told: &Condition,
) -> bool {
    use ConditionReason::{FailedCreate, FailedDelete, FailedUpdate};
    let reason = [FailedCreate, FailedDelete, FailedUpdate];
    let reason = reason.into_iter().find(|reason| reason.to_string() == told.reason);
    let (Some(reason), Some((object, _))) = (reason, told.message.split_once(": ")) else { return true };
    // Nothing shows whether the set can be read, or a template be asked about, by now.
    if object == observation.key.object().to_string() || object.starts_with("podtemplate ") {
        return wanted.contains(object);
    }
    let ordinal = object.split_once('/').and_then(|(_, name)| ordinal_of(observation, name));
    let ordinal = ordinal.filter(|_| object.starts_with("pod ") || object.starts_with("claim "));
    if observation.key.kind == Kind::Ordinal
        && reason == FailedCreate
        && ordinal.is_some_and(|ordinal| !outlook.ordinals.contains(&ordinal))
    {
        return false;
    }
    let is_it = |resource: Resource, meta: &Meta| {
        ObjectRef::new(resource, &meta.namespace, &meta.name).to_string() == object
    };
    let pod = observation.pods.iter().find(|pod| is_it(Resource::Pods, &pod.metadata));
    if reason == FailedCreate
        && let Some(names) = &outlook.pod_names
        && object.starts_with("pod ")
        && object.split_once('/').is_some_and(|(_, name)| !names.contains(name))
    {
        return false;
    }
    let is_outdated = |pod: &Pod| {
        let revision = pod::revision(pod);
        revision.is_empty() || update.is_empty() || !update.ends_with(revision)
    };
    if reason != FailedCreate && !wanted.contains(object) && !pod.is_some_and(|pod| is_outdated(pod)) {
        return false;
    }
    let there = pod.is_some()
        || observation.claims.values().any(|claim| is_it(Resource::Claims, &claim.metadata))
        || observation.revisions.iter().any(|revision| is_it(Resource::Revisions, &revision.metadata));
    there == (reason != FailedCreate)
}

/// Whether a stage depends on nothing that is decided for the set: the history, and claims that are to outlive it.
fn waits_for_nothing(stage: &Stage) -> bool {
    matches!(stage.part, Part::History | Part::Untie)
}

/// The rejection that stands between the owner and what its spec asks for: of a request that the plan sends, or would send, or of the
/// creation of a pod, or of its claim, that is missing while the plan waits for another one.
fn rejected<'a, S: Set>(
    observation: &'a Observation<S>,
    plan: &Plan,
    outlook: &Outlook,
) -> Option<&'a Rejection> {
    let rejections = &observation.memory.rejections;
    if rejections.is_empty() {
        return None;
    }
    let wanted = plan.actions().chain(&outlook.undecided).chain(&plan.postponed);
    let planned = wanted.filter_map(|action| rejections.of(&action.act));
    let postponed = rejections_of_missing(observation, outlook.ordinals.clone());
    planned.chain(postponed).filter(|rejection| rejection.reported).max_by_key(|rejection| rejection.tried)
}

/// The rejected creations of pods, and of their claims, that are wanted at `ordinals` and are not there.
fn rejections_of_missing<S: Set>(
    observation: &Observation<S>,
    ordinals: Range<i64>,
) -> impl Iterator<Item = &Rejection> {
    observation.memory.rejections.iter().filter(move |rejection| {
        let Some(ordinal) = ordinal_of(observation, &rejection.object.name) else { return false };
        rejection.reason == ConditionReason::FailedCreate
            && ordinals.contains(&ordinal)
            && observation.pod(&format!("{}-{ordinal}", observation.key.name)).is_none()
    })
}

/// The ordinal of a pod, or of a claim of a pod, that has this name.
fn ordinal_of<S: Set>(observation: &Observation<S>, name: &str) -> Option<i64> {
    let (name, ordinal) = name.rsplit_once('-')?;
    let rest = name.strip_suffix(observation.key.name.as_str())?;
    ordinal.parse().ok().filter(|_| rest.is_empty() || rest.ends_with('-'))
}

/// Removes revisions beyond the history limit. Not during an adoption: what refers to them may be part of it.
pub fn clean_up_history<S: Set, T: SetStatus>(
    observation: &Observation<S>,
    plan: &mut Plan,
    revisions: &Members<'_, Revision>,
    pods: &Members<'_, Pod>,
    statuses: [&T; 2],
    update: Option<&Revision>,
) {
    if plan.stages.iter().any(|s| s.part == Part::Membership) {
        return;
    }
    let live = History {
        live_names: statuses
            .iter()
            .flat_map(|status| status.revisions())
            .chain(update.map(|r| r.metadata.name.as_str()))
            .collect(),
        // Also of those that are to be adopted, and cannot be.
        live_labels: pods.ours.iter().chain(&pods.adopt).map(|p| pod::revision(p)).collect(),
    };
    let mut history = revisions::history(observation, revisions, &live);
    if !history.is_empty() && !observation.memory.owner_confirmed {
        // It is done even when an earlier part failed, so it has a live read of its own.
        history.insert(0, adoption::owner_is_there(observation));
    }
    plan.stage(Part::History, Pace::Together, vec![history]);
}

/// Before the first pods, claims and revisions of an owner are touched in this term it is read live: an API server that does not keep
/// its word may have given a list of the past, and pods that are not wanted by that would go, with their data, and an earlier template
/// would become the newest revision again (X4, kubernetes#59848). [`clean_up_history`] does the same for the history.
fn verify_owner_first<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    if observation.memory.owner_confirmed {
        return;
    }
    // What stops here stops nothing else, so it has a read of its own.
    if let Some(at) = plan.stages.iter().position(|stage| stage.part == Part::Untie) {
        let read = vec![vec![adoption::owner_is_there(observation)]];
        plan.stages[at].follows = true;
        plan.stages.insert(at, Stage::new(Part::Untie, Pace::OneByOne, read).independent());
    }
    let touches = |stage: &Stage| matches!(stage.part, Part::Revisions | Part::Claims | Part::Pods);
    let Some(at) = plan.stages.iter().position(touches) else { return };
    let read = vec![vec![adoption::owner_is_there(observation)]];
    if plan.stages[at].units == read {
        // What would stop a part of the plan alone stops all of it now.
        plan.stages[at].independent = false;
    } else {
        plan.stages.insert(at, Stage::new(plan.stages[at].part, Pace::OneByOne, read));
    }
}
