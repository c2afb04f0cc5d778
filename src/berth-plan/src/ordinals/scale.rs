//! The pass over the wanted replicas in order, and the removal of condemned pods (A6).

use berth_api::{OrdinalSet, Pod, Surface};

use super::identity;
use super::replicas::Replicas;
use super::target::{self, Target};
use crate::claims;
use crate::observation::Observation;
use crate::plan::{Action, Pace, Part, Plan, Unit};
use crate::pod::{self, Availability};
use crate::reason::{Reason, Slot, Waiting};
use crate::workload;

/// How many pods one plan makes at most, so that the cost of a plan follows what exists and not what is asked for
/// (upstream's batch limit is the same).
pub const BURST: usize = 500;

/// For how many pods claims are made although the pods themselves are rejected: each is tried once, but a quota of pods must not
/// fill the cluster with volumes.
const CLAIMS_AHEAD: usize = 10;

/// How a pass over the wanted replicas ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It went through to the end.
    Complete,
    /// It stopped at a replica that must be dealt with, or waited for, first.
    Stopped,
}

/// What the pass collects.
#[derive(Default)]
struct Work {
    claims: Vec<Unit>,
    pods: Vec<Unit>,
    /// How many pods are made; ordinals at which something is in the way do not count.
    made: usize,
    /// How many pods cannot be made now, for their revision holds no template or no more claims are made.
    left_out: usize,
    /// Whether one of them has a revision without a template.
    invalid: bool,
    /// How many pods have their claims and were rejected.
    ahead: usize,
}

/// The pass over the wanted replicas, lowest ordinal first (A6.1). In order it stops at the first that is not available;
/// in parallel it goes through. Adds what is to be done to `plan`.
pub fn pass(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> Pass {
    let spec = &observation.set.spec;
    let ordered = spec.is_ordered();
    let mut work = Work::default();
    let mut outcome = Pass::Complete;
    let mut next = spec.start();
    // Walks present pods and the gaps between them, as far as pods are made in one plan.
    let most = BURST + observation.memory.rejections.len();
    while next < spec.end() && work.made < BURST && work.pods.len() < most && work.left_out < BURST {
        let step = match replicas.wanted.get(&next) {
            Some(pod) => present(observation, next, pod, target, plan, &mut work),
            None => absent(observation, next, target, plan, &mut work),
        };
        next += 1;
        // The revision of all missing pods below the partition is the same, but for those that went while the set was paused.
        if work.invalid && target.rolling.is_some() && target.paused.is_none() {
            let present = replicas.wanted.range(next..).next().map_or(i64::MAX, |(ordinal, _)| *ordinal);
            next = next.max(present.min(target.first_updated(&observation.set)));
        }
        if step == Pass::Stopped && ordered {
            outcome = Pass::Stopped;
            break;
        }
    }
    // The gaps further on come later; the pods between them are looked after all the same.
    if outcome == Pass::Complete {
        for (ordinal, pod) in replicas.wanted.range(next..) {
            present(observation, *ordinal, pod, target, plan, &mut work);
        }
    }
    let pace = if ordered { Pace::OneByOne } else { Pace::SlowStart };
    let others = claims::hand_over(observation, work.claims, plan);
    claims::tie_to_set(observation, others, plan);
    plan.stage(Part::Pods, pace, work.pods);
    outcome
}

fn present(
    observation: &Observation<OrdinalSet>,
    ordinal: i64,
    pod: &Pod,
    target: &Target,
    plan: &mut Plan,
    work: &mut Work,
) -> Pass {
    let name = || pod.metadata.name.clone();
    let need = claims::for_present_pod(observation, ordinal, pod, false);
    work.claims.extend(need.mend.into_iter().map(|action| vec![action]));
    plan.waiting.extend(need.blocked);
    plan.notices.extend(need.notices);
    if !need.create.is_empty() {
        work.pods.push(need.create);
    }
    if pod::is_terminal(pod) && !pod.metadata.is_terminating() {
        let slot = Slot::Ordinal(ordinal);
        // A pause is for a pod that would come back just as it was.
        let same = pod::is_current(pod, &target.for_new_pod(observation, ordinal).metadata.name);
        match observation.memory.failed_pod_backoff(&slot, observation.now.mono).filter(|_| same) {
            Some(delay) => {
                plan.recheck(delay);
                plan.waiting.push(Waiting::FailedPod { slot, delay });
            }
            None => {
                let phase = pod.status.phase.clone();
                let detail = pod::describe(pod);
                work.pods.push(vec![pod::delete(pod, Reason::Ended { slot, phase, detail })]);
            }
        }
        return Pass::Stopped;
    }
    // In order a pod is mended when it is its turn; in parallel whatever state it is in (A6.1 step 7).
    if !observation.set.spec.is_ordered() {
        work.pods.extend(identity::mend(pod, ordinal).map(|action| vec![action]));
    }
    if pod.metadata.is_terminating() {
        plan.wait(pod::going(pod, observation.now.wall));
        return Pass::Stopped;
    }
    if !pod::is_running_and_ready(pod) {
        plan.waiting.push(Waiting::PodNotAvailable { pod: name(), because: pod::describe(pod) });
        return Pass::Stopped;
    }
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    match pod::availability(pod, min_ready, observation.now.wall) {
        Availability::Available => {}
        Availability::In(_) => {
            let because = format!("ready, not yet for {min_ready} s (minReadySeconds)");
            plan.waiting.push(Waiting::PodNotAvailable { pod: name(), because });
            return Pass::Stopped;
        }
        Availability::NotReady => {
            plan.waiting.push(Waiting::PodNotAvailable { pod: name(), because: pod::describe(pod) });
            return Pass::Stopped;
        }
    }
    if observation.set.spec.is_ordered() {
        work.pods.extend(identity::mend(pod, ordinal).map(|action| vec![action]));
    }
    Pass::Complete
}

fn absent(
    observation: &Observation<OrdinalSet>,
    ordinal: i64,
    target: &Target,
    plan: &mut Plan,
    work: &mut Work,
) -> Pass {
    let name = identity::pod_name(&observation.key.name, ordinal);
    // The API server would refuse the twin.
    if let Some(holder) = observation.pod(&name) {
        name_is_held(observation, holder, plan);
        return Pass::Stopped;
    }
    let slot = Slot::Ordinal(ordinal);
    if let Some(delay) = observation.memory.create_backoff(&slot, observation.now.mono) {
        plan.recheck(delay);
        plan.waiting.push(Waiting::Vanishing { slot, delay });
        return Pass::Stopped;
    }
    let need = claims::for_new_pod(observation, ordinal, &name);
    work.claims.extend(need.mend.into_iter().map(|action| vec![action]));
    plan.notices.extend(need.notices);
    if let Some(blocked) = need.blocked {
        plan.waiting.push(blocked);
        return Pass::Stopped;
    }
    let rejections = &observation.memory.rejections;
    if work.ahead >= CLAIMS_AHEAD && !need.create.is_empty() && !rejections.is_vacant(&slot) {
        work.left_out += 1;
        return Pass::Stopped;
    }
    let revision = target.for_new_pod(observation, ordinal);
    let why = Reason::Missing { slot, revision: revision.metadata.name.clone() };
    match identity::create(observation, ordinal, revision, why) {
        Some(action) => {
            let mut unit = need.create;
            work.ahead += usize::from(unit.is_empty() && rejections.of(&action.act).is_some());
            unit.push(action);
            // What is not sent now takes no room in the burst.
            work.made += usize::from(!rejections.is_held(&unit, observation.now.mono));
            work.pods.push(unit);
        }
        None => {
            work.left_out += 1;
            work.invalid = true;
            let message = format!("revision {} holds no pod template", revision.metadata.name);
            let invalid = Waiting::Invalid { message };
            if !plan.waiting.contains(&invalid) {
                plan.waiting.push(invalid);
            }
        }
    }
    Pass::Stopped
}

/// Says what is waited for while a pod that is not ours has the name of one of ours. One that goes by itself is waited for; any
/// other has to be removed by a person, so the set is stalled.
fn name_is_held(observation: &Observation<OrdinalSet>, holder: &Pod, plan: &mut Plan) {
    let object = pod::object(holder);
    let (key, uid) = (&observation.key, &observation.set.metadata.uid);
    let because = if holder.metadata.is_terminating() {
        let (going, recheck) = pod::going(holder, observation.now.wall);
        if matches!(going, Waiting::NodeSilent { .. }) {
            plan.waiting.push(going);
        }
        recheck.into_iter().for_each(|delay| plan.recheck(delay));
        "it is being deleted, and a new pod needs its name".to_owned()
    } else if workload::is_of_another_incarnation(key, uid, &holder.metadata) {
        let kind = key.resource().kind();
        format!(
            "it belongs to an earlier {kind} {}, so the garbage collector takes it; a new pod needs its name",
            key.name
        )
    } else {
        return plan.waiting.push(Waiting::NameTaken { object });
    };
    plan.waiting.push(Waiting::PodLeaving { object, because });
}

/// Gives the claims of condemned pods the owner that the policy asks for (A5.10). Returns the changes that the pods do not wait for.
#[must_use]
pub fn bequeath(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    plan: &mut Plan,
) -> Vec<Unit> {
    let mut mends: Vec<Unit> = vec![];
    for (ordinal, pod) in &replicas.condemned {
        let need = claims::for_present_pod(observation, *ordinal, pod, true);
        mends.extend(need.mend.into_iter().map(|action| vec![action]));
        plan.notices.extend(need.notices);
    }
    claims::hand_over(observation, mends, plan)
}

/// Whether condemned pods go before the wanted ones are seen to, in parallel: a quota that keeps a pod from being created may be used
/// up by one that is condemned. Native sets keep upstream's order.
pub fn condemned_go_first(observation: &Observation<OrdinalSet>) -> bool {
    !observation.set.spec.is_ordered() && observation.key.surface == Surface::Berth
}

/// Removes condemned pods, highest ordinal first (A6.3), each only after its claims have the owner that the policy asks
/// for (A5.10). In order one at a time, and past an unhealthy one only if no pod below it is unhealthy too, if it is at a
/// revision that was given up, or if it has ended: what will never be well again does not keep its own removal waiting (S19).
pub fn condemn(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> Pass {
    let before = plan.stages.len();
    let others = bequeath(observation, replicas, plan);
    if !condemned_go_first(observation) {
        claims::tie_to_set(observation, others, plan);
        return remove(observation, replicas, target, plan);
    }
    let pass = remove(observation, replicas, target, plan);
    // What is wrong with their claims, or with their deletion, stops them alone.
    for (n, stage) in plan.stages[before..].iter_mut().enumerate() {
        (stage.independent, stage.follows) = (true, n > 0);
    }
    claims::tie_to_set(observation, others, plan);
    pass
}

/// The deletions of [`condemn`].
fn remove(
    observation: &Observation<OrdinalSet>,
    replicas: &Replicas<'_>,
    target: &Target,
    plan: &mut Plan,
) -> Pass {
    let spec = &observation.set.spec;
    let min_ready = i64::from(spec.min_ready_seconds);
    let available = |pod: &Pod| pod::is_available(pod, min_ready, observation.now.wall);
    // The lowest unavailable replica, else the lowest unavailable condemned pod (A6 step 6). A missing replica counts: the
    // pass over the wanted range has then stopped in order.
    let first_unhealthy = replicas
        .wanted
        .values()
        .chain(replicas.condemned.values())
        .find(|pod| !available(pod) || pod.metadata.is_terminating())
        .map(|pod| &pod.metadata.uid);
    let delete = |ordinal: i64, pod: &Pod| -> Action {
        pod::delete(pod, Reason::Condemned { slot: Slot::Ordinal(ordinal) })
    };
    let mut units: Vec<Unit> = vec![];
    for (ordinal, pod) in replicas.condemned.iter().rev() {
        if pod.metadata.is_terminating() {
            plan.wait(pod::going(pod, observation.now.wall));
            if spec.is_ordered() {
                return Pass::Stopped;
            }
            continue;
        }
        let healthy = pod::is_running_and_ready(pod) && available(pod);
        if spec.is_ordered() {
            let given_up =
                target::replaces_broken(observation) && (target.abandons(pod) || pod::is_terminal(pod));
            if !healthy && !given_up && first_unhealthy != Some(&pod.metadata.uid) {
                let because =
                    format!("to be removed, but pods below it are not available: {}", pod::describe(pod));
                plan.waiting.push(Waiting::PodNotAvailable { pod: pod.metadata.name.clone(), because });
                return Pass::Stopped;
            }
            plan.stage(Part::Pods, Pace::OneByOne, vec![vec![delete(*ordinal, pod)]]);
            return Pass::Stopped;
        }
        units.push(vec![delete(*ordinal, pod)]);
    }
    plan.stage(Part::Pods, Pace::SlowStart, units);
    Pass::Complete
}
