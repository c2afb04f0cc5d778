//! Which revision each ordinal should have, and which pods are replaced next to get there (A9).

use std::ops::Range;
use std::sync::Arc;

use berth_api::int_or_percent::{Rounding, scaled};
use berth_api::ordinal_set::{IntOrPercent, OrdinalRollingUpdate, OrdinalUpdateType};
use berth_api::{OrdinalSet, Pod, Resource, Revision, Surface};

use super::replicas::{self, Replicas};
use crate::claims;
use crate::observation::Observation;
use crate::plan::{Act, Pace, Part, Plan, Unit};
use crate::pod;
use crate::reason::{Slot, Waiting};

/// The two revisions of a rollout and where the line between them runs.
#[derive(Clone, Debug)]
pub struct Target {
    /// The revision that the set comes from.
    pub current: Arc<Revision>,
    /// The revision of the present template.
    pub update: Arc<Revision>,
    /// Parameters of the rolling update; `None` for a rolling update without parameters, which is not the same as one with
    /// empty parameters (A9.2).
    pub rolling: Option<OrdinalRollingUpdate>,
    /// Whether pods are replaced at all, one after the other.
    pub rolls: bool,
    /// Whether all old pods go before new ones come.
    pub recreates: bool,
    /// While the set is paused, the ordinals that had come to the update revision before; `None` when it is not paused.
    pub paused: Option<Range<i64>>,
    /// Whether it is not known if the template is another than that of the update revision. Then nothing is replaced.
    pub undecided: bool,
}

impl Target {
    /// What the spec asks for.
    pub fn new(set: &OrdinalSet, current: Arc<Revision>, update: Arc<Revision>) -> Self {
        let strategy = set.spec.strategy();
        let rolls = strategy.type_ == Some(OrdinalUpdateType::RollingUpdate);
        let recreates = strategy.type_ == Some(OrdinalUpdateType::Recreate);
        Target {
            current,
            update,
            rolling: strategy.rolling_update,
            rolls,
            recreates,
            paused: None,
            undecided: false,
        }
    }

    /// The same for a set that is paused, if it is. A rollout goes from the highest ordinal down, so the pods that are there,
    /// and the counts in the status, say how far it had come. Recreate has no pods at two revisions: once one is at the update
    /// revision, all others have gone.
    pub fn held(self, set: &OrdinalSet, replicas: &Replicas<'_>) -> Self {
        if !set.spec.paused {
            return self;
        }
        let (start, status) = (set.spec.start(), &set.status);
        let to = &self.update.metadata.name;
        let places = start + i64::from(status.replicas.max(0));
        let updated =
            if &status.update_revision == to { i64::from(status.updated_replicas.max(0)) } else { 0 };
        let lowest =
            replicas.wanted.iter().find(|(_, pod)| pod::is_current(pod, to)).map(|(ordinal, _)| *ordinal);
        if self.recreates {
            let began = lowest.is_some() || updated > 0;
            return Target { paused: Some(if began { start..i64::MAX } else { start..start }), ..self };
        }
        let from = lowest.unwrap_or(places).min(places - updated).max(self.first_updated(set));
        Target { paused: Some(from..places), ..self }
    }

    /// Whether nothing is replaced now.
    pub fn stands(&self) -> bool {
        self.paused.is_some() || self.undecided
    }

    /// Whether old pods go before new ones come, and may go now.
    pub fn recreates_now(&self) -> bool {
        self.recreates && !self.stands()
    }

    /// The first ordinal that goes to the update revision. The partition counts from the start (A9.5).
    pub fn first_updated(&self, set: &OrdinalSet) -> i64 {
        let partition = self.rolling.as_ref().and_then(|r| r.partition).unwrap_or(0);
        set.spec.start() + i64::from(partition.max(0))
    }

    /// The revision that the pod of `ordinal` should have in the end.
    pub fn wanted(&self, set: &OrdinalSet, ordinal: i64) -> &Arc<Revision> {
        if self.rolls && ordinal < self.first_updated(set) { &self.current } else { &self.update }
    }

    /// Whether the pod is at a revision that is neither where the set comes from nor where it goes: one that was given up.
    pub fn abandons(&self, pod: &Pod) -> bool {
        [&self.current, &self.update].iter().all(|revision| !pod::is_current(pod, &revision.metadata.name))
    }

    /// The revision at which a missing pod is made (A9.2). Without parameters, pods that the status still counts as current
    /// are made at the current revision. While the set is paused, a pod comes back at the revision that it had, and a new
    /// ordinal gets the current one.
    pub fn for_new_pod<'a>(
        &'a self,
        observation: &'a Observation<OrdinalSet>,
        ordinal: i64,
    ) -> &'a Arc<Revision> {
        if let Some(updated) = &self.paused {
            let had = observation.memory.paused_revision(&Slot::Ordinal(ordinal));
            let recorded = had.and_then(|had| observation.revisions.iter().find(|r| r.metadata.name == had));
            let by_order = if updated.contains(&ordinal) { &self.update } else { &self.current };
            return recorded.unwrap_or(by_order);
        }
        let set = &observation.set;
        self.made_at(set, ordinal, i64::from(set.status.current_replicas))
    }

    fn made_at(&self, set: &OrdinalSet, ordinal: i64, counted_current: i64) -> &Arc<Revision> {
        match &self.rolling {
            None if self.rolls && ordinal < set.spec.start() + counted_current.max(0) => &self.current,
            Some(_) if ordinal < self.first_updated(set) => &self.current,
            _ => &self.update,
        }
    }

    /// Whether a set without pods stays between two revisions, so that its next pods come as they would have come before: below a
    /// partition, and while it is paused, at the current one. Native sets take it as complete, as upstream does (A11.5).
    pub fn holds_at_zero(&self, observation: &Observation<OrdinalSet>) -> bool {
        let set = &observation.set;
        let below = self.rolls && self.first_updated(set) > set.spec.start();
        observation.key.surface == Surface::Berth
            && set.spec.wanted() == 0
            && (below || self.paused.is_some())
    }

    /// Whether the number of pods at the current revision says at which revision a missing pod is made (A9.2).
    pub fn reads_the_count(&self) -> bool {
        self.rolls && self.rolling.is_none() && self.current.metadata.name != self.update.metadata.name
    }

    /// Whether a pod that is deleted comes back at another revision than it has. Without parameters a low ordinal may come
    /// back just as it was, and then deleting it would go on for ever (S16, S19).
    fn changes(&self, set: &OrdinalSet, ordinal: i64, pod: &Pod) -> bool {
        let counted = i64::from(set.status.current_replicas);
        let left = counted - i64::from(pod::is_current(pod, &self.current.metadata.name));
        !pod::is_current(pod, &self.made_at(set, ordinal, left).metadata.name)
    }

    /// How many pods may be unavailable; see [`max_unavailable`].
    ///
    /// # Errors
    /// As there.
    pub fn budget(&self, set: &OrdinalSet) -> Result<i64, String> {
        max_unavailable(self.rolling.as_ref(), set.spec.wanted())
    }
}

/// How many pods may be unavailable: at least 1; a percentage of the wanted replicas is rounded down (A9.4).
///
/// # Errors
/// A sentence, when `maxUnavailable` is neither a number nor a percentage.
pub fn max_unavailable(rolling: Option<&OrdinalRollingUpdate>, wanted: i64) -> Result<i64, String> {
    let value = rolling.and_then(|r| r.max_unavailable.clone()).unwrap_or(IntOrPercent::Int(1));
    let count = scaled(&value, wanted, Rounding::Down)
        .map_err(|e| format!("spec.updateStrategy.rollingUpdate.maxUnavailable: {e}"))?;
    Ok(count.max(1))
}

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

/// Annotation that says whether broken pods are replaced: `"true"` or `"false"`.
const REPLACE_BROKEN: &str = "berth.dev/replace-broken";

/// Whether broken pods that are not at the revision they should have are replaced without a person deleting them: by
/// default for custom sets, on request for native ones.
pub fn replaces_broken(observation: &Observation<OrdinalSet>) -> bool {
    match observation.set.metadata.annotations.get(REPLACE_BROKEN).map(String::as_str) {
        Some("true") => true,
        Some("false") => false,
        _ => observation.key.surface == Surface::Berth,
    }
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
        let others = replicas::bequeath(observation, replicas, plan);
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
            plan.postpone_rejected(observation, unit);
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
