//! The plan of an ordinal set.

use super::replicas::{self, Pass, Replicas};
use super::rollout::{self, Target};
use super::{identity, status};
use crate::api::ordinal_set::OrdinalSetStatus;
use crate::api::{OrdinalSet, Resource};
use crate::core::condition::{self, Progress};
use crate::core::membership;
use crate::core::observation::Observation;
use crate::core::plan::{Pace, Part, Plan, Urgency};
use crate::core::pod;
use crate::core::reason::{Reason, Waiting};
use crate::core::round;
use crate::revisions::{self, History};

/// What is to be done for an ordinal set, why, and what is waited for.
pub fn plan(observation: &Observation<OrdinalSet>) -> Plan {
    let set = &observation.set;
    let key = &observation.key;
    let mut plan = Plan::default();
    if let Some(invalid) = round::invalid(observation) {
        return round::report(observation, plan, invalid, &set.status, |conditions| OrdinalSetStatus {
            observed_generation: set.metadata.generation,
            conditions,
            ..set.status.clone()
        });
    }
    let pods = membership::sort(observation, &observation.pods, |p| {
        set.spec.selector.matches(&p.metadata.labels)
            && identity::ordinal(&key.name, &p.metadata.name).is_some()
    });
    let revisions = membership::sort(observation, &observation.revisions, |r| {
        set.spec.selector.matches(&r.metadata.labels)
    });
    let replicas = Replicas::sort(observation, pods.ours.iter().map(|p| p.as_ref()));
    plan.stages.extend(membership::stages(observation, Resource::Pods, &pods));
    let adopted_only = membership::Members { release: vec![], ..revisions };
    plan.stages.extend(membership::stages(observation, Resource::Revisions, &adopted_only));
    let revisions = adopted_only;

    let mut target = None;
    let mut collision_count = set.status.collision_count;
    if set.metadata.is_terminating() {
        plan.waiting.push(Waiting::OwnerTerminating);
    } else if plan.stages.is_empty() {
        let decided = revisions::plan(observation, &revisions);
        collision_count = decided.collision_count;
        plan.stage(Part::Revisions, Pace::OneByOne, vec![decided.actions]);
        target =
            decided.current.zip(decided.update).map(|(current, update)| Target::new(set, current, update));
    }
    let mut after = status::status(observation, &replicas, target.as_ref(), collision_count);
    let mut settled = false;
    if let Some(target) = target.as_ref().filter(|_| plan.stages.is_empty()) {
        settled = status::is_settled(set, &replicas, target, &after);
        pods_and_claims(observation, &replicas, target, &mut plan);
        settled &= plan.stages.is_empty();
    }
    round::hold(observation, &mut plan);

    let progress = if set.metadata.is_terminating() {
        Progress::Terminating
    } else {
        condition::progress(settled, &observation.memory, &plan, &set.status.conditions)
    };
    after.conditions = condition::conditions(
        &set.status.conditions,
        &progress,
        set.metadata.generation,
        observation.now.stamp(),
    );
    let write =
        condition::status_write(&set.status, &after, settled).filter(|_| !round::is_preliminary(&plan));
    if let Some(write) = write {
        // Names of revisions, and the count that says at which revision a pod is made, are read by later plans: they are
        // written before anything rests on them.
        let counts = target.as_ref().is_some_and(|t| t.rolls && t.rolling.is_none())
            && after.current_replicas != set.status.current_replicas;
        let read_later = counts || round::names_changed(&write);
        if read_later {
            plan.stages.clear();
            let action = condition::write_action(key, &set.metadata, &write, Reason::ReadLater);
            plan.stage(Part::Record, Pace::OneByOne, vec![vec![action]]);
        } else {
            plan.status = Some(write);
        }
    }
    if let (Some(write), true) = (&mut plan.status, settled) {
        write.urgency = Urgency::AtOnce;
    }
    let live = History {
        live_names: live_names(&set.status, &after),
        live_labels: pods.ours.iter().map(|p| pod::revision(p)).collect(),
    };
    let history = revisions::history(observation, &revisions, &live);
    plan.stage(Part::History, Pace::Together, vec![history]);
    plan
}

fn live_names<'a>(before: &'a OrdinalSetStatus, after: &'a OrdinalSetStatus) -> Vec<&'a str> {
    vec![&before.current_revision, &before.update_revision, &after.current_revision, &after.update_revision]
}

/// The pass over the wanted replicas, then the condemned pods, then the rollout; in order each only when the one before has
/// nothing left to do (A6).
fn pods_and_claims(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) {
    let ordered = observation.set.spec.is_ordered();
    let before = plan.stages.len();
    let pass = replicas::pass(observation, replicas, target, plan);
    if ordered && pass == Pass::Stopped {
        if plan.stages[before..].iter().all(|s| s.part == Part::Claims) {
            rollout::cure(observation, replicas, target, plan);
        }
        return;
    }
    let condemned = replicas::condemn(observation, replicas, plan);
    if ordered && condemned == Pass::Stopped {
        return;
    }
    if !ordered {
        rollout::cure(observation, replicas, target, plan);
    }
    rollout::roll(observation, replicas, target, plan);
}
