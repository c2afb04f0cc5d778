//! Which pods are replaced next, so that each ordinal gets to its revision (A9).

use berth_api::{OrdinalSet, Pod, Resource};

use super::replicas::Replicas;
use super::scale;
use super::target::{Target, replaces_broken};
use crate::claims;
use crate::observation::Observation;
use crate::plan::{Act, Pace, Part, Plan, Unit};
use crate::pod;
use crate::reason::{Slot, Waiting};
use crate::workload::backoff;

/// A pod in the wanted range, with what a rollout wants to know of it.
struct Candidate<'a> {
    ordinal: i64,
    pod: &'a Pod,
    available: bool,
    ready: bool,
    outdated: bool,
}

/// The wanted pods that are there, highest ordinal first.
fn candidates<'a>(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'a>,
    target: &Target,
) -> Vec<Candidate<'a>> {
    let set = &observation.set;
    let min_ready = i64::from(set.spec.min_ready_seconds);
    replicas
        .wanted
        .iter()
        .rev()
        .map(|(ordinal, pod)| Candidate {
            ordinal: *ordinal,
            pod,
            available: pod::is_available(pod, min_ready, observation.now.wall),
            ready: pod::is_running_and_ready(pod),
            outdated: !pod::is_current(pod, &target.wanted(set, *ordinal).metadata.name),
        })
        .collect()
}

/// Without `MaxUnavailableStatefulSet` the highest old pod goes, available or not, unless one above it is not available
/// (A9.3).
fn roll_one(candidates: &[Candidate<'_>], target: &Target, set: &OrdinalSet, plan: &mut Plan) {
    let first = target.first_updated(set);
    // A missing pod is not available either: the one above the highest that is there, or between two.
    let mut expected = set.spec.end();
    for candidate in candidates.iter().filter(|c| c.ordinal >= first) {
        expected -= 1;
        let blocked =
            |because: String| Waiting::PodNotAvailable { pod: candidate.pod.metadata.name.clone(), because };
        if candidate.ordinal != expected {
            return plan.waiting.push(blocked("a pod above it is missing".to_owned()));
        }
        if candidate.outdated && !candidate.pod.metadata.is_terminating() {
            let to = &target.update.metadata.name;
            let action =
                pod::replace(candidate.pod, Slot::Ordinal(candidate.ordinal), to, !candidate.available);
            return plan.stage(Part::Pods, Pace::OneByOne, vec![vec![action]]);
        }
        if !candidate.available || candidate.pod.metadata.is_terminating() {
            return plan.waiting.push(blocked(pod::describe(candidate.pod)));
        }
    }
}

/// Removes all pods that are not at the update revision, whatever the order (A10). Returns whether any is left, being
/// deleted or not: until then no new one comes (S20).
pub fn recreate(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> bool {
    let to = &target.update.metadata.name;
    let old: Vec<(i64, &Pod)> = replicas.all().filter(|(_, pod)| !pod::is_current(pod, to)).collect();
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let units: Vec<Unit> = old
        .iter()
        .filter(|(_, pod)| !pod.metadata.is_terminating())
        .map(|(ordinal, pod)| {
            let broken = !pod::is_available(pod, min_ready, observation.now.wall);
            vec![pod::replace(pod, Slot::Ordinal(*ordinal), to, broken)]
        })
        .collect();
    // Condemned pods go along, and their claims go with them if the policy says so.
    if !old.is_empty() {
        let others = scale::bequeath(observation, replicas, plan);
        claims::tie_to_set(observation, others, plan);
    }
    plan.waiting.extend(
        old.iter().take(5).map(|(_, pod)| Waiting::PodTerminating { pod: pod.metadata.name.clone() }),
    );
    plan.stage(Part::Pods, Pace::SlowStart, units);
    !old.is_empty()
}

/// What became of the broken pods that are not at the revision they should have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cure {
    /// There are none.
    Nothing,
    /// All of them are replaced, as far as the order allows.
    Replaces,
    /// One has to stay until another pod is settled. No healthy pod goes before it (S7).
    Held,
}

/// What upstream does in parallel instead: every old pod at or above the partition that is not available goes, whatever the
/// budget (A9.4 phase 1).
fn replace_unavailable(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> bool {
    let set = &observation.set;
    let first = target.first_updated(set);
    let candidates = candidates(observation, replicas, target);
    let gone = candidates.iter().filter(|c| {
        let leaves = pod::is_terminal(c.pod) || c.pod.metadata.is_terminating();
        c.ordinal >= first && c.outdated && !c.available && !leaves && target.changes(set, c.ordinal, c.pod)
    });
    let to = &target.update.metadata.name;
    let units: Vec<Unit> =
        gone.map(|c| vec![pod::replace(c.pod, Slot::Ordinal(c.ordinal), to, true)]).collect();
    let any = !units.is_empty();
    plan.stage(Part::Pods, Pace::SlowStart, units);
    any
}

/// Replaces broken pods that are not at the revision they should have, so that a broken pod never blocks its own cure
/// (S19, kubernetes/kubernetes#67250): highest ordinal first, in order one at a time.
///
/// While a pod at its wanted revision is not available, is on its way out or is just being made, only pods at an abandoned
/// revision (neither current nor update) are replaced: a member that turned unready because of a bad new one stays. A pod
/// that would come back at the revision it has stays too.
pub fn cure(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> Cure {
    if !target.rolls || target.stands() {
        return Cure::Nothing;
    }
    let set = &observation.set;
    let ordered = set.spec.is_ordered();
    if !replaces_broken(observation) {
        let upstream_does = !ordered && observation.gates.max_unavailable;
        let any = upstream_does && replace_unavailable(observation, replicas, target, plan);
        return if any { Cure::Replaces } else { Cure::Nothing };
    }
    let candidates = candidates(observation, replicas, target);
    if ordered && candidates.iter().any(|c| c.pod.metadata.is_terminating()) {
        return Cure::Nothing;
    }
    let unsettled =
        candidates.iter().find(|c| c.pod.metadata.is_terminating() || !(c.outdated || c.available));
    let unsettled = unsettled.map(|c| c.pod.metadata.name.as_str());
    let being_made = plan.actions().find_map(|action| match &action.act {
        Act::Create { object, .. } if object.resource == Resource::Pods => Some(object.name.as_str()),
        _ => None,
    });
    let in_the_way = unsettled.or(being_made).map(str::to_owned);
    let broken = candidates.iter().filter(|c| {
        let stays = pod::is_terminal(c.pod) || c.pod.metadata.is_terminating();
        c.outdated && !c.ready && !stays && target.changes(set, c.ordinal, c.pod)
    });
    let (mut units, mut held): (Vec<Unit>, _) = (vec![], None);
    for candidate in broken {
        match &in_the_way {
            Some(pod) if !target.abandons(candidate.pod) => {
                held = Some(Waiting::WantedRevisionBroken { pod: pod.clone() });
            }
            _ => {
                let to = &target.wanted(set, candidate.ordinal).metadata.name;
                units.push(vec![pod::replace(candidate.pod, Slot::Ordinal(candidate.ordinal), to, true)]);
                if ordered {
                    break;
                }
            }
        }
    }
    let outcome = match (&held, units.is_empty()) {
        (Some(_), _) => Cure::Held,
        (None, false) => Cure::Replaces,
        (None, true) => Cure::Nothing,
    };
    plan.waiting.extend(held);
    plan.stage(Part::Pods, if ordered { Pace::OneByOne } else { Pace::SlowStart }, units);
    outcome
}

/// Replaces pods below the update revision within the budget, highest ordinal first (A9.4). While a broken pod has to stay,
/// none (S7).
pub fn roll(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    cure: Cure,
    plan: &mut Plan,
) {
    let set = &observation.set;
    let candidates = candidates(observation, replicas, target);
    let outdated =
        candidates.iter().filter(|c| !pod::is_current(c.pod, &target.update.metadata.name)).count();
    if target.stands() {
        // Below the partition a pod stays where it is, paused or not.
        let held = candidates.iter().filter(|c| c.outdated).count();
        if held > 0 && set.spec.paused {
            plan.waiting.push(Waiting::Paused { pods: i64::try_from(held).unwrap_or(i64::MAX) });
        }
        return;
    }
    if !target.rolls {
        if outdated > 0 && !target.recreates {
            plan.waiting.push(Waiting::OnDelete { pods: i64::try_from(outdated).unwrap_or(i64::MAX) });
        }
        return;
    }
    if !observation.gates.max_unavailable {
        return roll_one(&candidates, target, set, plan);
    }
    let budget = match target.budget(set) {
        Ok(budget) => budget,
        Err(message) => return plan.waiting.push(Waiting::Invalid { message }),
    };
    // Missing pods are unavailable too; a number, never a walk over what does not exist.
    let available = candidates.iter().filter(|c| c.available && !c.pod.metadata.is_terminating()).count();
    let unavailable = set.spec.wanted() - i64::try_from(available).unwrap_or(i64::MAX);
    let mut left = if cure == Cure::Held { 0 } else { budget - unavailable };
    let mut units: Vec<Unit> = vec![];
    let mut postponed = false;
    let first = target.first_updated(set);
    let due = candidates
        .iter()
        .filter(|c| c.ordinal >= first && c.outdated && c.available && !c.pod.metadata.is_terminating());
    for candidate in due {
        let to = &target.update.metadata.name;
        let unit = vec![pod::replace(candidate.pod, Slot::Ordinal(candidate.ordinal), to, false)];
        if left <= 0 {
            postponed = true;
            if observation.memory.rejections.is_empty() {
                break;
            }
            backoff::postpone_rejected(observation, unit, plan);
            continue;
        }
        // In parallel what is refused uses no budget: it would keep all others waiting. In order it does (S7).
        let refused =
            !set.spec.is_ordered() && observation.memory.rejections.is_refused(&unit, observation.now.mono);
        left -= i64::from(!refused);
        units.push(unit);
    }
    if postponed && unavailable >= budget {
        let by = candidates.iter().filter(|c| !c.available || c.pod.metadata.is_terminating());
        let by = by.map(|c| format!("{} ({})", c.pod.metadata.name, pod::describe(c.pod))).take(5).collect();
        plan.waiting.push(Waiting::Budget { limit: budget, used: unavailable, by });
    }
    plan.stage(Part::Pods, if set.spec.is_ordered() { Pace::OneByOne } else { Pace::SlowStart }, units);
    let below = candidates
        .iter()
        .filter(|c| c.ordinal < first && !pod::is_current(c.pod, &target.update.metadata.name))
        .count();
    if below > 0 {
        plan.waiting.push(Waiting::Partition { pods: i64::try_from(below).unwrap_or(i64::MAX) });
    }
}
