//! The status of an ordinal set, from what was observed (A11).

use berth_api::ordinal_set::OrdinalSetStatus;
use berth_api::{OrdinalSet, Surface};

use super::replicas::Replicas;
use super::target::{Target, max_unavailable};
use crate::observation::Observation;
use crate::planner::Tally;
use crate::workload::conditions::Serving;
use crate::{images, pod};

/// Counts and revisions; conditions are left as they are.
pub fn status(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: Option<&Target>,
    collision_count: i32,
) -> OrdinalSetStatus {
    let set = &observation.set;
    let min_ready = i64::from(set.spec.min_ready_seconds);
    // Before the template is recorded the revisions in the status are those of an earlier one, and so is the generation: whoever waits
    // for a rollout compares both (upstream writes no status at all then).
    let decided = target.is_some() || set.metadata.is_terminating();
    let mut status = OrdinalSetStatus {
        observed_generation: if decided { set.metadata.generation } else { set.status.observed_generation },
        collision_count,
        current_revision: set.status.current_revision.clone(),
        update_revision: set.status.update_revision.clone(),
        conditions: set.status.conditions.clone(),
        ..OrdinalSetStatus::default()
    };
    // Native objects have no such fields.
    if observation.key.surface == Surface::Berth {
        status.label_selector = set.spec.selector.to_string();
        status.images = images::of(&set.spec.template);
    }
    if let Some(target) = target {
        status.current_revision.clone_from(&target.current.metadata.name);
        status.update_revision.clone_from(&target.update.metadata.name);
    }
    for (_, pod) in replicas.all() {
        status.replicas += 1;
        if pod::is_running_and_ready(pod) {
            status.ready_replicas += 1;
            status.available_replicas += i32::from(pod::is_available(pod, min_ready, observation.now.wall));
        }
        if !pod.metadata.is_terminating() {
            status.current_replicas += i32::from(pod::is_current(pod, &status.current_revision));
            status.updated_replicas += i32::from(pod::is_current(pod, &status.update_revision));
        }
    }
    // The rollout is complete when every wanted pod is there, ready and up to date, and no other is (A11.5).
    if target.is_some_and(|target| !target.holds_at_zero(observation)) && is_complete(set, &status) {
        status.current_revision.clone_from(&status.update_revision);
        status.current_replicas = status.updated_replicas;
    }
    status
}

/// Whether every wanted pod is there, ready and at the update revision, and no other is (A11.5; available or not).
pub fn is_complete(set: &OrdinalSet, status: &OrdinalSetStatus) -> bool {
    let counts = [status.replicas, status.ready_replicas, status.updated_replicas];
    counts.iter().all(|count| i64::from(*count) == set.spec.wanted())
}

/// How the pods stand, for a forecast. Only what exists is looked at.
pub fn tally(observation: &Observation<OrdinalSet>) -> Tally {
    let set = &observation.set;
    let min_ready = i64::from(set.spec.min_ready_seconds);
    let ours = observation.pods.iter().filter(|p| p.metadata.is_controlled_by(&set.metadata.uid));
    let replicas = Replicas::sort(observation, ours.map(|p| p.as_ref()));
    let live = || replicas.wanted.values().filter(|p| !p.metadata.is_terminating());
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let available = live().filter(|p| pod::is_available(p, min_ready, observation.now.wall)).count();
    let updated = live().filter(|p| pod::is_current(p, &set.status.update_revision)).count();
    let wanted = set.spec.wanted();
    Tally { wanted, unavailable: wanted - count(available), unfinished: wanted - count(updated) }
}

/// How many pods are available, and how many must be: as many as a rollout must leave, and one at least.
pub fn serving(set: &OrdinalSet, status: &OrdinalSetStatus) -> Option<Serving> {
    let wanted = set.spec.wanted();
    let rolling = set.spec.strategy().rolling_update;
    let needed = (wanted - max_unavailable(rolling.as_ref(), wanted).ok()?).max(wanted.min(1));
    Some(Serving { available: i64::from(status.available_replicas), needed, wanted })
}

/// Whether nothing is left to be done or waited for: all wanted pods available, no others, and all from the partition on
/// up to date. Below it nothing is replaced, so a pod there may keep whatever revision an earlier rollout gave it. With Recreate
/// all are replaced, with OnDelete none.
pub fn is_settled(
    set: &OrdinalSet,
    replicas: &Replicas<'_>,
    target: &Target,
    status: &OrdinalSetStatus,
) -> bool {
    let wanted = set.spec.wanted();
    let up_to_date = |(ordinal, pod): (i64, &berth_api::Pod)| {
        !(target.rolls || target.recreates)
            || (target.rolls && ordinal < target.first_updated(set))
            || pod::is_current(pod, &target.update.metadata.name)
    };
    // Pods that are not wanted count too, so the counts alone do not tell: after a move of the first ordinal they may be right by chance.
    replicas.condemned.is_empty()
        && i64::from(status.replicas) == wanted
        && i64::from(status.available_replicas) == wanted
        && replicas.all().all(up_to_date)
        && replicas.all().all(|(_, pod)| !pod.metadata.is_terminating())
}
