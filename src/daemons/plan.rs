//! The plan of a node daemon set.

use super::presence::Aim;
use super::status::Names;
use super::{presence, rollout, status};
use crate::api::{Kind, NodeDaemonSet, Resource};
use crate::core::observation::Observation;
use crate::core::plan::{Pace, Part, Plan};
use crate::core::pod;
use crate::core::reason::Waiting;
use crate::core::round::{self, Outlook};
use crate::core::{deadline, membership};
use crate::revisions;

/// What is to be done for a node daemon set, why, and what is waited for.
pub fn plan(observation: &Observation<NodeDaemonSet>) -> Plan {
    let set = &observation.set;
    let mut plan = Plan::default();
    if let Some(invalid) = round::invalid(observation) {
        return round::report(observation, invalid, &set.status);
    }
    let selector = &set.spec.selector;
    let pods = membership::sort(observation, &observation.pods, |p| selector.matches(&p.metadata.labels));
    let revisions =
        membership::sort(observation, &observation.revisions, |r| selector.matches(&r.metadata.labels));
    let places = match presence::places(observation, pods.ours.iter().map(|p| p.as_ref())) {
        Ok(places) => places,
        Err(message) => return round::report(observation, Waiting::Invalid { message }, &set.status),
    };
    let desired = places.values().filter(|p| p.verdict.runs()).count();
    let room = match rollout::room(set, i64::try_from(desired).unwrap_or(i64::MAX)) {
        Ok(room) => room,
        Err(message) => return round::report(observation, Waiting::Invalid { message }, &set.status),
    };
    plan.stages.extend(membership::stages(observation, Resource::Pods, &pods));
    plan.stages.extend(membership::stages(observation, Resource::Revisions, &revisions));

    let mut decided = None;
    if set.metadata.is_terminating() {
        plan.waiting.push(Waiting::OwnerTerminating);
    } else if plan.stages.is_empty() {
        let mut plan_of_revisions = revisions::plan(observation, &revisions);
        plan.stage(Part::Revisions, Pace::OneByOne, vec![std::mem::take(&mut plan_of_revisions.actions)]);
        decided = Some(plan_of_revisions);
    }
    let collision_count = decided.as_ref().map_or(set.status.collision_count, |d| d.collision_count);
    let target = decided.as_ref().and_then(|d| Some((d.current.as_ref()?, d.update.as_ref()?)));
    let names = target.map(|(current, update)| Names {
        current: &current.metadata.name,
        update: &update.metadata.name,
        label: revisions::label(Kind::Daemon, update),
    });
    let mut after = status::status(observation, &places, names, collision_count);
    let mut settled = false;
    if let Some((current, update)) = target.filter(|_| plan.stages.is_empty()) {
        settled = status::is_settled(set, &places, &after);
        let aim = Aim {
            current,
            update,
            label: revisions::label(Kind::Daemon, update),
            desired: i64::from(after.desired_number_scheduled),
            room,
            observation,
        };
        presence::keep(observation, &places, &aim, &mut plan);
        rollout::roll(observation, &places, &aim, &mut plan);
        settled &= plan.stages.is_empty();
        if !settled {
            plan.waiting.extend(unavailable(observation, &places));
        }
    }
    // A set that is being deleted is left alone, its status too (B2 step 4).
    let outlook = Outlook {
        settled,
        silent: set.metadata.is_terminating(),
        serving: target.map(|_| status::serving(&after, room)),
        deadline: deadline::of(observation, &pods, target.map(|(_, update)| &**update), &set.status),
        ..Outlook::default()
    };
    round::conclude(observation, &mut plan, &set.status, &mut after, outlook);
    round::trim(observation, &mut plan, &revisions, &pods, [&set.status, &after]);
    plan
}

/// The pods that are waited for; at most five.
fn unavailable(
    observation: &Observation<NodeDaemonSet>,
    places: &std::collections::BTreeMap<&str, presence::Place<'_>>,
) -> Vec<Waiting> {
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let pods = places.values().filter(|p| p.verdict.runs()).filter_map(|p| p.pods.first().copied());
    pods.filter(|p| p.metadata.is_terminating() || !pod::is_available(p, min_ready, observation.now.wall))
        .take(5)
        .map(|p| Waiting::PodNotAvailable { pod: p.metadata.name.clone(), because: pod::describe(p) })
        .collect()
}
