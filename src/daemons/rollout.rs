//! Which daemon pods are replaced next (B6).

use std::collections::BTreeMap;

use super::placement::Verdict;
use super::presence::{BURST, Place};
use crate::api::ordinal_set::IntOrPercent;
use crate::api::{NodeDaemonSet, Pod};
use crate::core::budget::{Rounding, scaled};
use crate::core::observation::Observation;
use crate::core::plan::{Pace, Part, Plan, Unit};
use crate::core::pod::{self, Availability};
use crate::core::reason::{Slot, Waiting};

/// How many of the `desired` nodes may be without an available pod: a percentage is rounded up, and zero of some becomes
/// one, or nothing would ever move (B6.1).
///
/// # Errors
/// A sentence, when `maxUnavailable` is neither a number nor a percentage.
pub fn budget(set: &NodeDaemonSet, desired: i64) -> Result<i64, String> {
    let value = set.spec.rolling_update().max_unavailable.unwrap_or(IntOrPercent::Int(1));
    let count = scaled(&value, desired, Rounding::Up)
        .map_err(|e| format!("spec.updateStrategy.rollingUpdate.maxUnavailable: {e}"))?;
    Ok(if desired > 0 { count.max(1) } else { count })
}

/// Replaces pods at other revisions than `label`: those that are not available always, for that costs nobody anything, and
/// available ones as far as the budget goes, in the order of the nodes' names (B6.3; upstream takes a random order, so two
/// views of the same state can choose different pods).
pub fn roll(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    label: &str,
    plan: &mut Plan,
) {
    let set = &observation.set;
    let outdated = |p: &&Pod| !pod::is_current(p, label);
    // The status counts them as available from then on, whatever the strategy.
    let min_ready = i64::from(set.spec.min_ready_seconds);
    for place in places.values().filter(|p| p.verdict.runs()) {
        for live in place.live() {
            if let Availability::In(delay) = pod::availability(live, min_ready, observation.now.wall) {
                plan.recheck(delay);
            }
        }
    }
    if !set.spec.rolls() {
        let pods = places.values().flat_map(Place::live).filter(outdated).count();
        if pods > 0 {
            plan.waiting.push(Waiting::OnDelete { pods: i64::try_from(pods).unwrap_or(i64::MAX) });
        }
        return;
    }
    let desired = places.values().filter(|p| p.verdict.runs()).count();
    let budget = match budget(set, i64::try_from(desired).unwrap_or(i64::MAX)) {
        Ok(budget) => budget,
        Err(message) => return plan.waiting.push(Waiting::Invalid { message }),
    };
    let mut unavailable: Vec<(&str, Option<&Pod>)> = vec![];
    let (mut broken, mut candidates): (Vec<Unit>, Vec<(&str, &Pod)>) = (vec![], vec![]);
    for (name, place) in places {
        // What runs on a node that must not run it is removed anyway, and is no part of the budget.
        if matches!(place.verdict, Verdict::Leave(_)) || (place.pods.is_empty() && !place.verdict.runs()) {
            continue;
        }
        let (old, new): (Vec<&Pod>, Vec<&Pod>) = place.live().partition(outdated);
        let available = |p: &Pod| pod::is_available(p, min_ready, observation.now.wall);
        match (old.as_slice(), new.as_slice()) {
            ([old], []) if available(old) => candidates.push((name, old)),
            ([old], []) => {
                unavailable.push((name, Some(old)));
                // A pod that has ended is dealt with elsewhere, with a growing pause.
                if !pod::is_terminal(old) {
                    broken.push(vec![pod::replace(old, Slot::Node((*name).to_owned()), label, true)]);
                }
            }
            ([], [new]) if available(new) => {}
            (_, new) => unavailable.push((name, new.first().copied().or(place.pods.first().copied()))),
        }
    }
    let used = i64::try_from(unavailable.len()).unwrap_or(i64::MAX);
    let left = usize::try_from(budget - used).unwrap_or(0);
    let postponed = candidates.len() > left;
    let healthy = candidates
        .into_iter()
        .take(left)
        .map(|(name, old)| vec![pod::replace(old, Slot::Node(name.to_owned()), label, false)]);
    let units: Vec<Unit> = broken.into_iter().chain(healthy).take(BURST).collect();
    if postponed && left == 0 {
        let by = unavailable.iter().take(5).map(|(name, pod)| match pod {
            Some(pod) => format!("{name} ({})", pod::describe(pod)),
            None => format!("{name} (no pod)"),
        });
        plan.waiting.push(Waiting::Budget { limit: budget, used, by: by.collect() });
    }
    plan.stage(Part::Pods, Pace::Together, units);
}
