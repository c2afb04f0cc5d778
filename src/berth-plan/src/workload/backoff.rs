//! Which requests of a plan wait because the API server rejected them before.

use std::time::Duration;

use berth_api::Resource;

use crate::memory::rejections::{Rejection, Rejections};
use crate::observation::Observation;
use crate::plan::{Action, Pace, Part, Plan, Stage, Unit};
use crate::reason::Waiting;
use crate::workload::Set;

/// What was rejected is tried after what was not: a rejection that concerns one pod alone, such as a policy about its node, never
/// keeps the others waiting (X6). A pod whose creation was rejected is deleted in its turn all the same (S7).
pub fn retry_rejected_last<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    let rejections = &observation.memory.rejections;
    if rejections.is_empty() {
        return;
    }
    let last_try =
        |unit: &Unit| unit.iter().filter_map(|action| Some(rejections.of(&action.act)?.tried)).max();
    for stage in plan.stages.iter_mut().filter(|s| s.pace == Pace::SlowStart) {
        // A stable sort: what was never rejected keeps its order, and goes first.
        stage.units.sort_by_key(last_try);
    }
}

/// Takes out of a plan what the API server rejected until its pause is over, and what depends on it: the rest of the unit, the rest
/// of a stage that goes one after the other (a rollout in order does not pass by a pod that it may not delete, S7), and later
/// stages. After a rejected creation the other missing pods and claims wait too, for it was most likely a quota or a policy; but a
/// replica that has lost its pod since then is tried at once. What can be removed from the history depends on nothing else.
pub fn apply_backoff<S: Set>(observation: &Observation<S>, plan: &mut Plan) {
    let rejections = &observation.memory.rejections;
    if rejections.is_empty() {
        return;
    }
    let now = observation.now.mono;
    let mut held: Option<(Duration, &Rejection)> = None;
    let mut shortest: Option<Duration> = None;
    let mut is_held = |unit: &[Action]| {
        let waits =
            unit.iter().filter_map(|action| rejections.back_off(action, unit, now)).max_by_key(|(d, _)| *d);
        let Some((delay, rejection)) = waits else { return false };
        // From then on it uses no budget, so that another pod may go.
        let next = rejection.settles_in(now).map_or(delay, |settled| settled.min(delay));
        shortest = Some(shortest.map_or(next, |known| known.min(next)));
        // What is told is what was rejected last, for its message is the newest.
        if held.is_none_or(|(_, known)| known.tried < rejection.tried) {
            held = Some((delay, rejection));
        }
        true
    };
    let (mut blocked, mut before_held) = (false, false);
    plan.stages.retain_mut(|stage| {
        if stage.part == Part::History {
            stage.units.retain_mut(|unit| {
                // One revision that may not be deleted keeps no other; the live read before them concerns all.
                unit.retain(|action| action.act.is_live_read() || !is_held(std::slice::from_ref(action)));
                let reads = unit.iter().any(|a| a.act.is_live_read() && is_held(std::slice::from_ref(a)));
                !reads && unit.iter().any(|action| !action.act.is_live_read())
            });
            return !stage.units.is_empty();
        }
        if blocked || stage.follows && before_held {
            blocked |= !stage.independent;
            return false;
        }
        // Upkeep that is accepted and taken back keeps nothing else waiting: upstream does not notice it at all.
        stage.units.retain(|unit| !(is_taken_back(rejections, unit) && is_held(unit)));
        let before = stage.units.len();
        match stage.units.iter().position(|unit| is_held(unit)) {
            Some(first) if stage.pace == Pace::OneByOne => stage.units.truncate(first),
            Some(_) => stage.units.retain(|unit| !is_held(unit)),
            None => {}
        }
        before_held = stage.units.len() < before;
        blocked |= before_held && !stage.independent;
        !stage.units.is_empty()
    });
    let Some((_, rejection)) = held else { return };
    // A live read that nothing depends on any more would be repeated until the pause is over (X10).
    let only_reads = |stage: &Stage| stage.units.iter().flatten().all(|action| action.act.is_live_read());
    let history = plan.stages.pop_if(|stage| stage.part == Part::History);
    while plan.stages.pop_if(|stage| only_reads(stage)).is_some() {}
    plan.stages.extend(history);
    let mut at = 0;
    while at < plan.stages.len() {
        let followed = plan.stages.get(at + 1).is_some_and(|next| next.follows);
        let stage = &plan.stages[at];
        if stage.independent && stage.part != Part::History && only_reads(stage) && !followed {
            plan.stages.remove(at);
        } else {
            at += 1;
        }
    }
    if let Some(delay) = shortest {
        plan.recheck(delay);
    }
    plan.waiting.insert(0, rejection.waiting());
}

/// Notes what waits for its turn, if it was rejected when it was sent last.
pub fn postpone_rejected<S>(observation: &Observation<S>, unit: Unit, plan: &mut Plan) {
    for action in unit {
        let Some(rejection) = observation.memory.rejections.of(&action.act) else { continue };
        let Some(stands) = rejection.stands(observation.now.mono) else { continue };
        plan.recheck(stands);
        plan.postponed.push(action);
    }
}

/// Whether a unit changes one pod, and that change was taken back when it was made last.
fn is_taken_back(rejections: &Rejections, unit: &[Action]) -> bool {
    matches!(unit, [action] if action.act.object().resource == Resource::Pods
        && rejections.of(&action.act).is_some_and(|rejection| rejection.taken_back))
}

/// How long the status is not written because the API server rejected it; `None` when it may be written now.
pub fn status_backoff<S: Set>(observation: &Observation<S>, write: &Action) -> Option<Duration> {
    let unit = std::slice::from_ref(write);
    observation.memory.rejections.back_off(write, unit, observation.now.mono).map(|(delay, _)| delay)
}

impl Rejection {
    /// The same as something to wait for.
    fn waiting(&self) -> Waiting {
        // A namespace that ends is no error, so nothing is remembered but the pause.
        let message = if self.message.is_empty() { "its namespace is being deleted" } else { &self.message };
        Waiting::Backoff { object: Some(self.object.clone()), message: message.to_owned() }
    }
}
