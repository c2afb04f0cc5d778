//! The plan of an ordinal set.

use berth_api::ordinal_set::OrdinalUpdateType;
use berth_api::{OrdinalSet, Resource, Surface};

use super::replicas::Replicas;
use super::rollout::{self, Cure};
use super::scale::{self, Pass};
use super::target::Target;
use super::{identity, status};
use crate::notice::Event;
use crate::observation::Observation;
use crate::plan::{Pace, Part, Plan};
use crate::pod;
use crate::pod::Availability;
use crate::reason::Waiting;
use crate::workload::adoption::{self, Members};
use crate::workload::conditions::{self, Recreation};
use crate::workload::deadline;
use crate::workload::finish::{self, Outlook};
use crate::{claims, revisions};

/// What is to be done for an ordinal set, why, and what is waited for.
pub fn plan(observation: &Observation<OrdinalSet>) -> Plan {
    let set = &observation.set;
    let key = &observation.key;
    if let Some(plan) = finish::yield_to_rival(observation) {
        return plan;
    }
    let mut plan = Plan::default();
    if let Some(invalid) = finish::invalid(observation) {
        return finish::report(observation, invalid, &set.status);
    }
    if let Some((invalid, notice)) = unknown_strategy(observation) {
        let report = finish::report(observation, invalid, &set.status);
        return Plan { notices: vec![notice], ..report };
    }
    let pods = adoption::sort(observation, &observation.pods, |p| {
        set.spec.selector.matches(&p.metadata.labels)
            && identity::ordinal(&key.name, &p.metadata.name).is_some()
    });
    let revisions = adoption::sort(observation, &observation.revisions, |r| {
        set.spec.selector.matches(&r.metadata.labels)
    });
    let replicas = Replicas::sort(observation, pods.ours.iter().map(|p| p.as_ref()));
    adoption::stages(observation, Resource::Pods, &pods, &mut plan);
    // A revision that no longer matches is simply not looked at (A8.5).
    let revisions = Members { release: vec![], ..revisions };
    adoption::stages(observation, Resource::Revisions, &revisions, &mut plan);

    let mut target = None;
    let mut collision_count = set.status.collision_count;
    let mut undecided = vec![];
    if set.metadata.is_terminating() {
        plan.waiting.push(Waiting::OwnerTerminating);
    } else if plan.stages.is_empty() {
        let decided = revisions::plan(observation, &revisions);
        collision_count = decided.collision_count;
        undecided = decided.undecided;
        plan.stage(Part::Revisions, Pace::OneByOne, vec![decided.actions]);
        decided.waiting.into_iter().for_each(|waiting| plan.wait(waiting));
        let holds = !undecided.is_empty();
        target = decided
            .current
            .zip(decided.update)
            .map(|(current, update)| Target::new(set, current, update).held(set, &replicas))
            .map(|target| Target { undecided: holds, ..target });
    }
    let mut after = status::status(observation, &replicas, target.as_ref(), collision_count);
    let mut settled = false;
    if let Some(target) = target.as_ref().filter(|_| plan.stages.is_empty()) {
        recheck_availability(observation, &replicas, &mut plan);
        settled = status::is_settled(set, &replicas, target, &after);
        pods_and_claims(observation, &replicas, target, &mut plan);
        claims::settle(observation, |ordinal| replicas.get(ordinal), true, &mut plan);
        settled &= plan.stages.is_empty();
    } else if !set.metadata.is_terminating() {
        claims::settle(observation, |ordinal| replicas.get(ordinal), false, &mut plan);
    }
    if let Some(target) = target.as_ref().filter(|t| t.recreates && observation.key.surface == Surface::Apps)
    {
        let stage = if replicas.all().any(|(_, pod)| !pod::is_current(pod, &target.update.metadata.name)) {
            Some(Recreation::Deleting)
        } else if status::is_complete(set, &after) {
            Some(Recreation::Completed)
        } else {
            let differ = target.current.metadata.name != target.update.metadata.name;
            differ.then_some(Recreation::Creating)
        };
        if let Some(stage) = stage {
            conditions::recreation(&mut after.conditions, stage, observation.now.stamp());
        }
    }
    // Without parameters of the rolling update this count says at which of two revisions a missing pod is made (A9.2).
    let count_is_read = target.as_ref().is_some_and(Target::reads_the_count)
        && after.current_replicas != set.status.current_replicas;
    let serving = status::serving(set, &after);
    let deadline = deadline::of(observation, &pods, target.as_ref().map(|t| &*t.update), &set.status);
    let ordinals = set.spec.start()..set.spec.end();
    let outlook =
        Outlook { settled, count_is_read, serving, deadline, ordinals, undecided, ..Outlook::default() };
    let update = target.as_ref().map(|t| t.update.as_ref());
    finish::clean_up_history(observation, &mut plan, &revisions, &pods, [&set.status, &after], update);
    finish::finish(observation, &mut plan, &set.status, &mut after, outlook);
    plan
}

/// Looks again when the next ready pod becomes available: order, budget and status rest on it (A2.8).
fn recheck_availability(observation: &Observation<OrdinalSet>, replicas: &Replicas<'_>, plan: &mut Plan) {
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    for (_, pod) in replicas.all() {
        if let Availability::In(delay) = pod::availability(pod, min_ready, observation.now.wall) {
            plan.recheck(delay);
        }
    }
}

/// A strategy that is behind a gate which is off, and upstream's event for it (A6 step 2).
fn unknown_strategy(observation: &Observation<OrdinalSet>) -> Option<(Waiting, Event)> {
    let recreates = observation.set.spec.strategy().type_ == Some(OrdinalUpdateType::Recreate);
    let key = &observation.key;
    // The gate is about StatefulSets; on custom sets nobody relies on its absence.
    let gated = key.surface == Surface::Apps && !observation.gates.recreate;
    (recreates && gated).then(|| {
        let message = "spec.updateStrategy.type: Recreate needs the feature gate StatefulSetRecreateStrategy";
        let told = format!(
            "{} {}/{} uses Recreate strategy but feature gate StatefulSetRecreateStrategy is disabled",
            key.resource().kind().to_lowercase(),
            key.namespace,
            key.name
        );
        let invalid = Waiting::Invalid { message: message.to_owned() };
        (invalid, Event::warning("UnknownStrategy", told, None))
    })
}

/// The pass over the wanted replicas, then the condemned pods, then the rollout; in order each only when the one before has
/// nothing left to do (A6).
fn pods_and_claims(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) {
    if target.recreates_now() && rollout::recreate(observation, replicas, target, plan) {
        return;
    }
    // Nothing goes while it is not known whether the template is another; and as long as an old pod is there no new one comes (S20).
    let is_old = |pod: &berth_api::Pod| !pod::is_current(pod, &target.update.metadata.name);
    if target.recreates
        && target.undecided
        && target.paused.is_none()
        && replicas.all().any(|(_, pod)| is_old(pod))
    {
        return;
    }
    let ordered = observation.set.spec.is_ordered();
    let goes_first = scale::condemned_go_first(observation);
    if goes_first {
        scale::condemn(observation, replicas, target, plan);
    }
    let before = plan.stages.len();
    let pass = scale::pass(observation, replicas, target, plan);
    if ordered && pass == Pass::Stopped {
        if plan.stages[before..].iter().all(|s| matches!(s.part, Part::Claims | Part::Untie)) {
            rollout::cure(observation, replicas, target, plan);
        }
        return;
    }
    if !goes_first {
        let condemned = scale::condemn(observation, replicas, target, plan);
        if ordered && condemned == Pass::Stopped {
            return;
        }
    }
    let cure = if ordered { Cure::Nothing } else { rollout::cure(observation, replicas, target, plan) };
    // What is cured is not counted again where pods go strictly one after the other.
    if cure == Cure::Replaces && !observation.gates.max_unavailable {
        return;
    }
    rollout::roll(observation, replicas, target, cure, plan);
}
