//! `spec.progressDeadlineSeconds`: how long ago something moved last, as far as objects tell. Nothing is remembered, so a
//! restart changes nothing and writes nothing.

use std::time::Duration;

use berth_api::condition::{Condition, ConditionType};
use berth_api::{Pod, Revision};
use jiff::Timestamp;

use crate::observation::Observation;
use crate::pod::{self, Availability};
use crate::time::until;
use crate::workload::Set;
use crate::workload::SetStatus;
use crate::workload::adoption::Members;

/// Where an owner stands against its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// It passes in this long, if nothing moves.
    In(Duration),
    /// It has passed; so many seconds were allowed.
    Passed(i64),
}

/// Where the owner stands; `None` when it has no deadline, or is paused, which stops the clock.
pub fn of<S: Set, T: SetStatus>(
    observation: &Observation<S>,
    pods: &Members<'_, Pod>,
    update: Option<&Revision>,
    status: &T,
) -> Option<Deadline> {
    let set = &observation.set;
    let seconds = set.progress_deadline().filter(|_| !set.is_paused())?;
    let now = observation.now.wall;
    let begun = begun(status.conditions(), set.meta().generation)?;
    let made = pods.ours.iter().filter_map(|p| p.metadata.creation_timestamp);
    let min_ready = set.min_ready_seconds();
    let available = pods.ours.iter().filter_map(|p| available_since(p, min_ready, now));
    let recorded = update.and_then(|r| r.metadata.creation_timestamp);
    let last = made.chain(available).chain(recorded).fold(begun, Timestamp::max);
    let at = last.checked_add(Duration::from_secs(seconds.unsigned_abs())).ok()?;
    Some(if at <= now { Deadline::Passed(seconds) } else { Deadline::In(until(at, now)) })
}

/// When the work began that is not done: when the set stopped being ready, or was resumed. `None` when it begins now: before
/// the first status, after a rest, and when the spec was changed after the deadline had passed.
fn begun(conditions: &[Condition], generation: i64) -> Option<Timestamp> {
    let find = |type_: ConditionType| conditions.iter().find(|c| c.type_ == type_.to_string());
    let ready = find(ConditionType::Ready).filter(|c| c.status == "False")?;
    let progressing = find(ConditionType::Progressing)?;
    match progressing.status.as_str() {
        "True" => ready.last_transition_time.max(progressing.last_transition_time),
        "False" if progressing.observed_generation == generation => ready.last_transition_time,
        _ => None,
    }
}

/// Since when the pod has been available, if it is.
fn available_since(pod: &Pod, min_ready: i64, now: Timestamp) -> Option<Timestamp> {
    if pod::availability(pod, min_ready, now) != Availability::Available {
        return None;
    }
    let ready = pod.status.conditions.iter().find(|c| c.type_ == "Ready")?.last_transition_time?;
    ready.checked_add(Duration::from_secs(min_ready.unsigned_abs())).ok()
}
