//! What the plans of both kinds have in common around their own decisions.

use serde::Serialize;

use super::condition;
use super::observation::Observation;
use super::owner::Set;
use super::plan::{Part, Plan, StatusWrite};
use super::reason::Waiting;
use crate::api::status::Condition;

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
    if !set.selector().matches(&set.template().metadata().labels) {
        let message = "spec.template.metadata.labels: must match spec.selector".to_owned();
        return Some(Waiting::Invalid { message });
    }
    None
}

/// A plan that does nothing but report why; an object that cannot be read is not even written to.
pub fn report<S: Set, T: Serialize + HasConditions>(
    observation: &Observation<S>,
    mut plan: Plan,
    invalid: Waiting,
    before: &T,
    after: impl FnOnce(Vec<Condition>) -> T,
) -> Plan {
    plan.waiting.push(invalid);
    if observation.set.unreadable().is_none() {
        let progress = condition::progress(false, &observation.memory, &plan, before.conditions());
        let generation = observation.set.meta().generation;
        let conditions =
            condition::conditions(before.conditions(), &progress, generation, observation.now.stamp());
        plan.status = condition::status_write(before, &after(conditions), false);
    }
    plan
}

/// A status with conditions.
pub trait HasConditions {
    /// The conditions, of Berth and of others.
    fn conditions(&self) -> &[Condition];
}

impl HasConditions for crate::api::ordinal_set::OrdinalSetStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

impl HasConditions for crate::api::node_daemon_set::NodeDaemonSetStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

/// After a refused write nothing but the status and the history is written until the pause is over.
pub fn hold<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    let Some(delay) = observation.memory.held(observation.now.mono) else { return };
    if plan.stages.is_empty() {
        return;
    }
    plan.stages.retain(|stage| stage.part.runs_after_failure());
    plan.recheck(delay);
    if let Some(refused) = &observation.memory.refused {
        let object = Some(refused.object.clone());
        plan.waiting.insert(0, Waiting::Backoff { object, message: refused.message.clone() });
    }
}

/// Whether a revision or a takeover comes first: the status that follows it says everything, so none is written before.
pub fn is_preliminary(plan: &Plan) -> bool {
    plan.stages.iter().any(|stage| matches!(stage.part, Part::Membership | Part::Revisions))
}

/// Whether the write changes what later plans read.
pub fn names_changed(write: &StatusWrite) -> bool {
    ["currentRevision", "updateRevision", "collisionCount"]
        .iter()
        .any(|name| write.changes.get(name).is_some())
}
