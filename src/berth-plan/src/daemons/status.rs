//! The status of a node daemon set, from what was observed (B7).

use std::collections::BTreeMap;

use berth_api::node_daemon_set::NodeDaemonSetStatus;
use berth_api::{Kind, NodeDaemonSet, Pod, Surface};

use super::identity;
use crate::daemons::manage::{self, Place, Room};
use crate::daemons::node_fit::Verdict;
use crate::observation::Observation;
use crate::planner::Tally;
use crate::revisions::{self, record};
use crate::workload::conditions::Serving;
use crate::{images, pod};

/// The revisions that a status names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The name of the revision that the set comes from.
    pub current: &'a str,
    /// The name of the revision of the present template.
    pub update: &'a str,
    /// The labels of pods at the present template.
    pub labels: &'a [&'a str],
}

/// Counts and revisions; conditions are left as they are. Of the pods of a node only the first counts (B7.1).
pub fn status(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    names: Option<Names<'_>>,
    collision_count: i32,
) -> NodeDaemonSetStatus {
    let set = &observation.set;
    let min_ready = i64::from(set.spec.min_ready_seconds);
    // As for ordinal sets: what is not recorded yet is not observed.
    let decided = names.is_some() || set.metadata.is_terminating();
    let mut status = NodeDaemonSetStatus {
        observed_generation: if decided { set.metadata.generation } else { set.status.observed_generation },
        collision_count,
        current_revision: set.status.current_revision.clone(),
        update_revision: set.status.update_revision.clone(),
        conditions: set.status.conditions.clone(),
        ..NodeDaemonSetStatus::default()
    };
    // Also while pods are still to be adopted, and nothing is decided.
    let labels = names.map_or_else(|| recorded(observation), |n| n.labels.to_vec());
    for place in places.values().filter(|p| p.node.is_some()) {
        let first = place.pods.first();
        if !place.verdict.runs() {
            status.number_misscheduled += i32::from(first.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(first) = first else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pod::is_ready(first));
        status.number_available += i32::from(pod::is_available(first, min_ready, observation.now.wall));
        status.updated_number_scheduled += i32::from(identity::is_current(observation, first, &labels));
    }
    status.number_unavailable = status.desired_number_scheduled - status.number_available;
    // Native objects have no such fields.
    if observation.key.surface == Surface::Berth {
        status.node_selector = images::node_selector(&set.spec.template);
        status.images = images::of(&set.spec.template);
    }
    if let Some(names) = names.filter(|_| observation.key.surface == Surface::Berth) {
        // While it is paused a set without nodes stays between two revisions: a new node gets the current one.
        let held = set.spec.paused && status.desired_number_scheduled == 0;
        let complete = status.number_available == status.desired_number_scheduled
            && status.updated_number_scheduled == status.desired_number_scheduled
            && !held;
        status.current_revision = if complete { names.update } else { names.current }.to_owned();
        status.update_revision = names.update.to_owned();
    }
    status
}

/// The labels of the set's revisions that record the present template.
fn recorded(observation: &Observation<NodeDaemonSet>) -> Vec<&str> {
    let set = &observation.set;
    let ours = observation.revisions.iter().filter(|r| r.metadata.is_controlled_by(&set.metadata.uid));
    let recorded = ours.filter(|r| record::records(&r.data, &set.spec.template));
    recorded.map(|r| revisions::label(Kind::Daemon, r)).collect()
}

/// How the nodes that should run a pod stand, for a forecast.
pub fn tally(observation: &Observation<NodeDaemonSet>) -> Tally {
    let set = &observation.set;
    let min_ready = i64::from(set.spec.min_ready_seconds);
    let ours = observation.pods.iter().filter(|p| p.metadata.is_controlled_by(&set.metadata.uid));
    let places = manage::places(observation, ours.map(|p| p.as_ref())).unwrap_or_default();
    let named = |name: &str| observation.revisions.iter().find(|r| r.metadata.name == name);
    let recorded =
        || observation.revisions.iter().rev().find(|r| record::records(&r.data, &set.spec.template));
    let update = named(&set.status.update_revision).or_else(recorded);
    let label = update.map(|r| revisions::label(Kind::Daemon, r)).unwrap_or_default();
    let twins = observation.revisions.iter().filter(|r| record::records(&r.data, &set.spec.template));
    let labels: Vec<&str> = twins.map(|r| revisions::label(Kind::Daemon, r)).chain([label]).collect();
    let mut tally = Tally::default();
    for place in places.values().filter(|p| p.node.is_some() && p.verdict.runs()) {
        tally.wanted += 1;
        let available = |p: &Pod| pod::is_available(p, min_ready, observation.now.wall);
        tally.unavailable += i64::from(!place.live().any(available));
        tally.unfinished += i64::from(!place.live().any(|p| identity::is_current(observation, p, &labels)));
    }
    tally
}

/// How many nodes have an available pod, and how many must: as many as a rollout must leave, and one at least.
pub fn serving(status: &NodeDaemonSetStatus, room: Room) -> Serving {
    let wanted = i64::from(status.desired_number_scheduled);
    let budget = match room {
        Room::Unavailable(budget) => budget,
        Room::Surge(_) => 0,
    };
    let needed = (wanted - budget).max(wanted.min(1));
    Serving { available: i64::from(status.number_available), needed, wanted }
}

/// Whether nothing is left to be done or waited for.
pub fn is_settled(
    set: &NodeDaemonSet,
    places: &BTreeMap<&str, Place<'_>>,
    status: &NodeDaemonSetStatus,
) -> bool {
    let desired = status.desired_number_scheduled;
    // A taint that only keeps new pods off leaves the pod that runs where it is, for good.
    let alone = places.values().all(|p| p.pods.len() <= usize::from(!matches!(p.verdict, Verdict::Leave(_))));
    alone
        && status.number_available == desired
        && (status.updated_number_scheduled == desired || !set.spec.rolls())
        && places.values().all(|p| p.live().count() == p.pods.len())
}
