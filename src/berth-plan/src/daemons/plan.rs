//! The plan of a node daemon set.

use std::collections::{BTreeMap, BTreeSet};

use berth_api::condition::ConditionReason;
use berth_api::{Kind, NodeDaemonSet, Resource};

use super::status::Names;
use super::{identity, rollout, status};
use crate::daemons::manage;
use crate::daemons::manage::Aim;
use crate::notice::Event;
use crate::observation::Observation;
use crate::plan::{Pace, Part, Plan};
use crate::pod;
use crate::reason::Waiting;
use crate::revisions;
use crate::workload::finish::{self, Outlook};
use crate::workload::{adoption, deadline};

/// What is to be done for a node daemon set, why, and what is waited for.
pub fn plan(observation: &Observation<NodeDaemonSet>) -> Plan {
    let set = &observation.set;
    if let Some(plan) = finish::yield_to_rival(observation) {
        return plan;
    }
    let mut plan = Plan::default();
    if let Some(invalid) = finish::invalid(observation) {
        let report = finish::report(observation, invalid, &set.status);
        return Plan { notices: selects_all(observation).into_iter().collect(), ..report };
    }
    let selector = &set.spec.selector;
    let pods = adoption::sort(observation, &observation.pods, |p| selector.matches(&p.metadata.labels));
    let revisions =
        adoption::sort(observation, &observation.revisions, |r| selector.matches(&r.metadata.labels));
    let places = match manage::places(observation, pods.ours.iter().map(|p| p.as_ref())) {
        Ok(places) => places,
        Err(message) => return finish::report(observation, Waiting::Invalid { message }, &set.status),
    };
    let desired = places.values().filter(|p| p.verdict.runs()).count();
    let room = match rollout::room(set, i64::try_from(desired).unwrap_or(i64::MAX)) {
        Ok(room) => room,
        Err(message) => return finish::report(observation, Waiting::Invalid { message }, &set.status),
    };
    adoption::stages(observation, Resource::Pods, &pods, &mut plan);
    adoption::stages(observation, Resource::Revisions, &revisions, &mut plan);

    let mut decided = None;
    if set.metadata.is_terminating() {
        plan.waiting.push(Waiting::OwnerTerminating);
    } else if plan.stages.is_empty() {
        let mut plan_of_revisions = revisions::plan(observation, &revisions);
        plan.stage(Part::Revisions, Pace::OneByOne, vec![std::mem::take(&mut plan_of_revisions.actions)]);
        plan_of_revisions.waiting.take().into_iter().for_each(|waiting| plan.wait(waiting));
        decided = Some(plan_of_revisions);
    }
    let collision_count = decided.as_ref().map_or(set.status.collision_count, |d| d.collision_count);
    let target = decided.as_ref().and_then(|d| Some((d.current.as_ref()?, d.update.as_ref()?)));
    let labels: Vec<&str> = decided.iter().flat_map(|d| d.labels(Kind::Daemon)).collect();
    let names = target.map(|(current, update)| Names {
        current: &current.metadata.name,
        update: &update.metadata.name,
        labels: &labels,
    });
    let mut after = status::status(observation, &places, names, collision_count);
    let mut settled = false;
    let mut merge = revisions::Merge::default();
    if let Some((current, update)) = target.filter(|_| plan.stages.is_empty()) {
        settled = status::is_settled(set, &places, &after);
        let aim = Aim {
            current,
            update,
            label: revisions::label(Kind::Daemon, update),
            labels: &labels,
            desired: i64::from(after.desired_number_scheduled),
            room,
            surges: rollout::allows_surge(set),
            undecided: decided.as_ref().is_some_and(|d| !d.undecided.is_empty()),
            occupants: manage::occupants(observation, &pods, &plan.postponed),
            observation,
        };
        manage::keep(observation, &places, &aim, &mut plan);
        rollout::roll(observation, &places, &aim, &mut plan);
        settled &= plan.stages.is_empty();
        if !settled {
            plan.waiting.extend(unavailable(observation, &places));
        }
        // Nothing depends on that, so it comes when there is nothing else to be done.
        if let Some(decided) = decided.as_ref().filter(|_| plan.stages.is_empty()) {
            merge = revisions::merge(observation, decided, &pods.ours);
            plan.stage(Part::Pods, Pace::SlowStart, std::mem::take(&mut merge.relabel));
        }
    }
    // A set that is being deleted is left alone, its status too (B2 step 4).
    let outlook = Outlook {
        settled,
        silent: set.metadata.is_terminating(),
        serving: Some(status::serving(&after, room)),
        deadline: deadline::of(observation, &pods, target.map(|(_, update)| &**update), &set.status),
        pod_names: pod_names(observation, &places),
        undecided: decided.iter().flat_map(|d| d.undecided.clone()).collect(),
        ..Outlook::default()
    };
    let update = target.map(|(_, update)| update.as_ref());
    if merge.delete.is_empty() {
        finish::clean_up_history(observation, &mut plan, &revisions, &pods, [&set.status, &after], update);
    } else {
        plan.stage(Part::History, Pace::OneByOne, vec![merge.delete]);
    }
    finish::finish(observation, &mut plan, &set.status, &mut after, outlook);
    plan
}

/// See [`Outlook::pod_names`].
fn pod_names(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, manage::Place<'_>>,
) -> Option<BTreeSet<String>> {
    let reason = ConditionReason::FailedCreate.to_string();
    let told = observation.set.status.conditions.iter().any(|c| c.status == "True" && c.reason == reason);
    let wanted = places.iter().filter(|(_, place)| place.verdict.runs());
    (told && !observation.memory.cleared)
        .then(|| wanted.flat_map(|(node, _)| identity::possible_names(observation, node)).collect())
}

/// Upstream's event for a selector that is empty (B2 step 3).
fn selects_all(observation: &Observation<NodeDaemonSet>) -> Option<Event> {
    let message = "This daemon set is selecting all pods. A non-empty selector is required.";
    let empty = observation.set.spec.selector.is_empty() && observation.set.unreadable.is_none();
    empty.then(|| Event::warning("SelectingAll", message.to_owned(), None))
}

/// The pods that are waited for; at most five.
fn unavailable(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, manage::Place<'_>>,
) -> Vec<Waiting> {
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let pods = places.values().filter(|p| p.verdict.runs()).filter_map(|p| p.pods.first().copied());
    pods.filter(|p| p.metadata.is_terminating() || !pod::is_available(p, min_ready, observation.now.wall))
        .take(5)
        .map(|p| Waiting::PodNotAvailable { pod: p.metadata.name.clone(), because: pod::describe(p) })
        .collect()
}
