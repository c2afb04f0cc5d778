//! What the plans of both kinds have in common around their own decisions.

use serde::Serialize;

use super::condition::{self, Progress, Report, Serving};
use super::deadline::Deadline;
use super::events::Event;
use super::membership::{self, Members};
use super::observation::Observation;
use super::owner::Set;
use super::plan::{Act, Action, Pace, Part, Plan, Stage, Unit};
use super::pod;
use super::reason::{Reason, Waiting};
use crate::api::status::{Condition, ConditionReason};
use crate::api::{Pod, Revision, Surface};
use crate::revisions::{self, History};

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
        after.set_observed_generation(observation.set.meta().generation);
        conclude(observation, &mut plan, before, &mut after, Outlook::default());
    }
    plan
}

/// A status of either kind.
pub trait SetStatus: Clone + PartialEq + Serialize {
    /// The conditions, of Berth and of others.
    fn conditions(&self) -> &[Condition];
    /// Replaces all conditions.
    fn set_conditions(&mut self, conditions: Vec<Condition>);
    /// Says which generation the status is about.
    fn set_observed_generation(&mut self, generation: i64);
    /// The names of the current and of the update revision.
    fn revisions(&self) -> [&str; 2];
    /// How often the name of a revision was taken.
    fn collisions(&self) -> i32;
}

macro_rules! set_status {
    ($type:ty) => {
        impl SetStatus for $type {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
            fn set_conditions(&mut self, conditions: Vec<Condition>) {
                self.conditions = conditions;
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = generation;
            }
            fn revisions(&self) -> [&str; 2] {
                [&self.current_revision, &self.update_revision]
            }
            fn collisions(&self) -> i32 {
                self.collision_count
            }
        }
    };
}
set_status!(crate::api::ordinal_set::OrdinalSetStatus);
set_status!(crate::api::node_daemon_set::NodeDaemonSetStatus);

/// What the planner of a kind knows when it comes to the status.
#[derive(Clone, Copy, Debug, Default)]
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
}

/// Ends a plan with its conditions and its status. What later plans read is written before anything rests on it, in a
/// plan of its own; before a revision or a takeover nothing is written, for the status that follows says everything.
pub fn conclude<S: Set, T: SetStatus>(
    observation: &Observation<S>,
    plan: &mut Plan,
    before: &T,
    after: &mut T,
    outlook: Outlook,
) {
    refused_last(observation, plan);
    hold(observation, plan);
    look_first(observation, plan);
    let meta = observation.set.meta();
    let mut progress = if meta.is_terminating() {
        Progress::Terminating
    } else {
        condition::progress(outlook.settled, &observation.memory, plan, before.conditions())
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
    let conditions = condition::conditions(after.conditions(), &report, observation.now.stamp());
    after.set_conditions(conditions);
    let preliminary = plan.stages.iter().any(|s| matches!(s.part, Part::Membership | Part::Revisions));
    let write = condition::status_write(before, after, outlook.settled);
    let Some(write) = write.filter(|_| !preliminary && !outlook.silent) else { return };
    let read_later = before.revisions() != after.revisions() || before.collisions() != after.collisions();
    if read_later || outlook.count_is_read {
        plan.stages.clear();
        let action = condition::write_action(&observation.key, meta, &write, Reason::ReadLater);
        plan.stage(Part::Record, Pace::OneByOne, vec![vec![action]]);
    } else {
        plan.status = Some(write);
    }
}

/// Removes revisions beyond the history limit. Not while something is being taken over: what refers to them may be part of
/// it.
pub fn trim<S: Set, T: SetStatus>(
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
        live_labels: pods.ours.iter().map(|p| pod::revision(p)).collect(),
    };
    let mut history = revisions::history(observation, revisions, &live);
    if !history.is_empty() && !observation.memory.owner_confirmed {
        // It is done even when an earlier part failed, so it has a look of its own.
        history.insert(0, membership::owner_is_there(observation));
    }
    plan.stage(Part::History, Pace::Together, vec![history]);
}

/// What was refused last is tried last, and what came after it first: a refusal that concerns one pod alone, such as a
/// policy about its node, never keeps the others waiting (X6). A pod whose creation was refused once is deleted in its turn all the
/// same (S7).
fn refused_last<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    let Some(refused) = &observation.memory.refused else { return };
    for stage in plan.stages.iter_mut().filter(|s| s.pace == Pace::SlowStart) {
        let same = |act: &Act| act.object() == &refused.object && act.refused() == refused.reason;
        let is_it = |unit: &Unit| unit.iter().any(|action| same(&action.act));
        if let Some(at) = stage.units.iter().position(is_it) {
            stage.units.rotate_left(at + 1);
        }
    }
}

/// Before the first pods, claims and revisions of an owner are touched since we lead it is read afresh: an API server that does not keep
/// its word may have given a list of the past, and pods that are not wanted by that would go, with their data, and an earlier template
/// would become the newest revision again (X4, kubernetes#59848). [`trim`] does the same for the history.
fn look_first<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    if observation.memory.owner_confirmed {
        return;
    }
    let touches = |stage: &Stage| matches!(stage.part, Part::Revisions | Part::Claims | Part::Pods);
    let Some(at) = plan.stages.iter().position(touches) else { return };
    let look = vec![vec![membership::owner_is_there(observation)]];
    if plan.stages[at].units != look {
        plan.stages.insert(at, Stage::new(plan.stages[at].part, Pace::OneByOne, look));
    }
}

/// After a refused write it, and what would come after it, is not tried until the pause is over. After a refused creation no
/// pod and no claim is made at all, for it was most likely a quota or a policy.
fn hold<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    let now = observation.now.mono;
    let Some((delay, refused)) = observation.memory.held(now).zip(observation.memory.refused.as_ref()) else {
        return;
    };
    let creation = refused.reason == ConditionReason::FailedCreate;
    let is_held = |action: &Action| match &action.act {
        Act::Create { .. } => creation || action.act.object() == &refused.object,
        act => act.object() == &refused.object,
    };
    let (mut any, mut blocked) = (false, false);
    plan.stages.retain_mut(|stage| {
        if stage.part.runs_after_failure() {
            return true;
        }
        if blocked {
            any = true;
            return false;
        }
        let before = stage.units.len();
        let first = stage.units.iter().position(|unit| unit.iter().any(is_held));
        match first {
            // What goes one after the other ends here: a rollout in order does not pass by a pod that it may not delete (S7).
            Some(first) if stage.pace == Pace::OneByOne => stage.units.truncate(first),
            Some(_) => stage.units.retain(|unit| !unit.iter().any(is_held)),
            None => {}
        }
        let held = stage.units.len() < before;
        any |= held;
        blocked |= held && !stage.independent;
        !stage.units.is_empty()
    });
    if !any {
        return;
    }
    // A look that nothing rests on any more would be taken again and again until the pause is over (X10).
    let looks = |stage: &Stage| stage.units.iter().flatten().all(|action| action.act.is_look());
    while plan.stages.pop_if(|stage| looks(stage)).is_some() {}
    plan.recheck(delay);
    // A namespace that ends is no error, so nothing was remembered but the pause.
    let message =
        if refused.message.is_empty() { "its namespace is being deleted" } else { &refused.message };
    let object = Some(refused.object.clone());
    plan.waiting.insert(0, Waiting::Backoff { object, message: message.to_owned() });
}
