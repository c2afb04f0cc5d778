//! What one plan makes and deletes, in stages (B5).

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::{NodeDaemonSet, Pod, Revision};

use super::identity;
use crate::observation::Observation;
use crate::plan::{Pace, Part, Plan, Stage, Unit};
use crate::reason::{Reason, Waiting};
use crate::workload::backoff;

/// How many pods one plan makes, and how many it deletes, at most (B5.1).
pub const BURST: usize = 250;

/// What is to be made and to be deleted.
#[derive(Debug)]
pub struct Work<'a> {
    /// Pods to be made beside one that has ended and is deleted after that (native sets).
    pub succeed: Vec<Unit>,
    /// Pods to be made.
    pub create: Vec<Unit>,
    /// Pods to be deleted.
    pub delete: Vec<Unit>,
    /// How many of the pods to be made are not held by a back-off.
    fresh: usize,
    /// See [`identity::rejected`].
    rejected: BTreeMap<&'a str, Duration>,
}

impl<'a> Work<'a> {
    /// Nothing yet.
    pub fn new(observation: &'a Observation<NodeDaemonSet>) -> Self {
        let rejected = identity::rejected(observation);
        Work { succeed: vec![], create: vec![], delete: vec![], fresh: 0, rejected }
    }

    /// When the creation of a pod on `node` was rejected last; `None` if none was.
    pub fn last_rejection(&self, observation: &Observation<NodeDaemonSet>, node: &str) -> Option<Duration> {
        identity::last_rejection(observation, &self.rejected, node)
    }

    /// Notes that a pod on `node` waits for its turn, if its creation was rejected last.
    pub fn postpone(
        &self,
        observation: &Observation<NodeDaemonSet>,
        place: (&str, &[&Pod]),
        revision: &Revision,
        why: Reason,
        plan: &mut Plan,
    ) {
        if self.last_rejection(observation, place.0).is_some()
            && let Ok(unit) = identity::create(observation, place, revision, why)
        {
            backoff::postpone_rejected(observation, unit, plan);
        }
    }

    /// Whether this plan makes no more pods.
    pub fn is_full(&self, observation: &Observation<NodeDaemonSet>) -> bool {
        // Until the view is known to be of our time each creation takes reads of its own: one shows it for all.
        let memory = &observation.memory;
        let most = if memory.caught_up || !memory.rejections.is_empty() { BURST } else { 1 };
        // What is not sent now takes no room of what is.
        self.fresh >= most || self.create.len() + self.succeed.len() >= most + memory.rejections.len()
    }

    /// Makes a pod on `node` at `revision`; see [`Self::unit`]. Whether it may come: it does not while it is refused.
    pub fn create(
        &mut self,
        observation: &Observation<NodeDaemonSet>,
        place: (&str, &[&Pod]),
        revision: &Revision,
        why: Reason,
        plan: &mut Plan,
    ) -> bool {
        if self.is_full(observation) {
            self.postpone(observation, place, revision, why, plan);
            return false;
        }
        let unit = self.unit(observation, place, revision, why, plan);
        let (rejections, now) = (&observation.memory.rejections, observation.now.mono);
        let comes = unit.as_ref().is_some_and(|unit| !rejections.is_refused(unit, now));
        self.create.extend(unit);
        comes
    }

    /// The unit that makes a pod on `node` at `revision`; pods of that node that have ended and still hold their names are `over`.
    /// `None` when none is made now, which the plan then says: while this plan makes no more, and while pods made there keep
    /// vanishing (X9).
    pub fn unit(
        &mut self,
        observation: &Observation<NodeDaemonSet>,
        (node, over): (&str, &[&Pod]),
        revision: &Revision,
        why: Reason,
        plan: &mut Plan,
    ) -> Option<Unit> {
        if self.is_full(observation) {
            return None;
        }
        let now = observation.now.mono;
        if let Some(slot) = why.slot()
            && let Some(delay) = observation.memory.create_backoff(slot, now)
        {
            plan.recheck(delay);
            plan.waiting.push(Waiting::Vanishing { slot: slot.clone(), delay });
            return None;
        }
        let unit = identity::create(observation, (node, over), revision, why)
            .map_err(|waiting| plan.waiting.push(waiting))
            .ok()?;
        self.fresh += usize::from(!observation.memory.rejections.is_held(&unit, now));
        Some(unit)
    }

    /// Adds the stages: what goes makes room for what comes. What comes beside a pod that has ended comes before that goes: then
    /// whoever sees that the earlier one is gone sees the later one too (docs/adr/0003).
    pub fn finish(mut self, observation: &Observation<NodeDaemonSet>, plan: &mut Plan) {
        let (rejections, now) = (&observation.memory.rejections, observation.now.mono);
        if !rejections.is_empty() {
            self.delete.sort_by_key(|unit| rejections.is_held(unit, now));
        }
        self.delete.truncate(BURST);
        if !self.succeed.is_empty() {
            // Whatever becomes of them, what has ended goes.
            plan.stages.push(Stage::new(Part::Pods, Pace::SlowStart, self.succeed).independent());
        }
        if !self.delete.is_empty() {
            // A pod that cannot be deleted keeps no other node waiting for its own (B5.2).
            plan.stages.push(Stage::new(Part::Pods, Pace::Together, self.delete).independent());
        }
        plan.stage(Part::Pods, Pace::SlowStart, self.create);
    }
}
