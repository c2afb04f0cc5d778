//! Which daemon pods are replaced next (B6).

use std::collections::BTreeMap;

use berth_api::int_or_percent::{Rounding, scaled};
use berth_api::ordinal_set::IntOrPercent;
use berth_api::{NodeDaemonSet, Pod};

use super::work::Work;
use crate::daemons::manage::{Aim, Place, Room};
use crate::daemons::node_fit::Verdict;
use crate::forecast::simulate;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::pod::{self, Availability};
use crate::reason::{Reason, Slot, Waiting};
use crate::workload::backoff;

/// How a rollout makes room, with `desired` nodes that should run a pod: percentages are rounded up, and where nothing is
/// allowed one node may be unavailable, or nothing would ever move (B6.1).
///
/// # Errors
/// A sentence, when a value is neither a number nor a percentage.
pub fn room(set: &NodeDaemonSet, desired: i64) -> Result<Room, String> {
    // With OnDelete nobody reads the parameters (B6.7).
    if !set.spec.rolls() {
        return Ok(Room::Unavailable(1));
    }
    let rolling = set.spec.rolling_update();
    let count = |name: &str, value: Option<IntOrPercent>, default: i32| {
        scaled(&value.unwrap_or(IntOrPercent::Int(default)), desired, Rounding::Up)
            .map_err(|e| format!("spec.updateStrategy.rollingUpdate.{name}: {e}"))
    };
    let surge = count("maxSurge", rolling.max_surge, 0)?;
    let unavailable = count("maxUnavailable", rolling.max_unavailable, 1)?;
    // Where no node should run a pod nothing has to move either: nodes that only keep their pods keep them.
    let least = desired.min(1);
    Ok(if surge > 0 { Room::Surge(surge) } else { Room::Unavailable(unavailable.max(least)) })
}

/// Whether new pods come before old ones go, however many nodes there are (B4.2).
pub fn allows_surge(set: &NodeDaemonSet) -> bool {
    let surge = set.spec.rolls().then(|| set.spec.rolling_update().max_surge).flatten();
    surge.is_some_and(|surge| scaled(&surge, 1, Rounding::Up).is_ok_and(|count| count > 0))
}

/// Replaces pods at other revisions, in the order of the nodes' names (upstream takes a random order, so two views of the
/// same state can choose different pods).
pub fn roll(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    aim: &Aim<'_>,
    plan: &mut Plan,
) {
    let set = &observation.set;
    // The status counts them as available from then on, whatever the strategy, and the budget those too whose nodes only keep them.
    let min_ready = i64::from(set.spec.min_ready_seconds);
    let stays = |place: &&Place<'_>| !matches!(place.verdict, Verdict::Leave(_));
    for live in places.values().filter(stays).flat_map(Place::live) {
        if let Availability::In(delay) = pod::availability(live, min_ready, observation.now.wall) {
            plan.recheck(delay);
        }
    }
    // While it is not known whether the template is another nothing is replaced.
    if aim.undecided && !set.spec.paused {
        return;
    }
    if set.spec.paused || !set.spec.rolls() {
        let pods = places.values().flat_map(Place::live).filter(|p| aim.is_outdated(p)).count();
        let pods = i64::try_from(pods).unwrap_or(i64::MAX);
        if pods > 0 {
            let paused = set.spec.paused;
            plan.waiting.push(if paused { Waiting::Paused { pods } } else { Waiting::OnDelete { pods } });
        }
        return;
    }
    match aim.room {
        Room::Unavailable(budget) => replace(observation, places, aim, budget, plan),
        Room::Surge(budget) => surge(observation, places, aim, budget, plan),
    }
}

/// A node as a rollout sees it: what must leave it, and what it lacks, is dealt with elsewhere.
struct Turn<'a> {
    node: &'a str,
    runs: bool,
    old: Vec<&'a Pod>,
    new: Vec<&'a Pod>,
    any: Option<&'a Pod>,
    /// See [`Place::over`].
    over: &'a [&'a Pod],
}

/// The nodes that a rollout goes over.
fn turns<'a>(places: &'a BTreeMap<&'a str, Place<'a>>, aim: &Aim<'_>) -> Vec<Turn<'a>> {
    let concerned = |place: &Place<'_>| {
        !matches!(place.verdict, Verdict::Leave(_))
            && (place.pods.iter().any(|p| place.is_reached_by(p)) || place.verdict.runs())
    };
    places
        .iter()
        .filter(|(_, place)| concerned(place))
        .map(|(node, place)| {
            let (old, new) =
                place.live().filter(|p| place.is_reached_by(p)).partition(|p| aim.is_outdated(p));
            let any = place.pods.first().copied();
            Turn { node, runs: place.verdict.runs(), old, new, any, over: &place.over }
        })
        .collect()
}

/// Old pods go first: those that are not available always, for that costs nobody anything, and available ones as far as
/// the budget goes (B6.3).
fn replace(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    aim: &Aim<'_>,
    budget: i64,
    plan: &mut Plan,
) {
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let available = |p: &Pod| pod::is_available(p, min_ready, observation.now.wall);
    let mut unavailable: Vec<(&str, Option<&Pod>)> = vec![];
    let (mut work, mut candidates) = (Work::new(observation), vec![]);
    for turn in turns(places, aim) {
        match (turn.old.as_slice(), turn.new.as_slice()) {
            ([old], []) if available(old) => candidates.push((turn.node, *old)),
            ([old], []) => {
                unavailable.push((turn.node, Some(old)));
                // A pod that has ended is dealt with elsewhere, with a growing pause.
                if !pod::is_terminal(old) {
                    work.delete.push(vec![pod::replace(
                        old,
                        Slot::Node(turn.node.to_owned()),
                        aim.label,
                        true,
                    )]);
                }
            }
            ([], [new]) if available(new) => {}
            (_, new) => unavailable.push((turn.node, new.first().copied().or(turn.any))),
        }
    }
    let used = i64::try_from(unavailable.len()).unwrap_or(i64::MAX);
    let mut left = usize::try_from(budget - used).unwrap_or(0);
    if candidates.len() > left && left == 0 {
        let by = unavailable.iter().take(5).map(|(node, pod)| held(node, *pod, places));
        plan.waiting.push(Waiting::Budget { limit: budget, used, by: by.collect() });
    }
    for (node, old) in candidates {
        let unit = vec![pod::replace(old, Slot::Node(node.to_owned()), aim.label, false)];
        // What is refused uses no budget: it would keep all others waiting (D11).
        if left > 0 {
            left -= usize::from(!observation.memory.rejections.is_refused(&unit, observation.now.mono));
            work.delete.push(unit);
        } else if observation.memory.rejections.is_empty() {
            break;
        } else {
            backoff::postpone_rejected(observation, unit, plan);
        }
    }
    work.finish(observation, plan);
}

/// Why a node uses up budget: what its pod does, and before that, whether anybody on the node answers at all.
fn held(node: &str, pod: Option<&Pod>, places: &BTreeMap<&str, Place<'_>>) -> String {
    let state = pod.map_or_else(|| "no pod".to_owned(), pod::describe);
    let silent = places.get(node).and_then(|place| place.node).is_some_and(|node| !simulate::is_ready(node));
    match silent {
        true => format!("{node} (the node is not ready; its pod: {state})"),
        false => format!("{node} ({state})"),
    }
}

/// New pods come first (B6.4): beside an old pod that is not available always, beside an available one as far as the budget
/// goes. An old pod goes when its successor is available; that is decided where duplicates are.
fn surge(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    aim: &Aim<'_>,
    budget: i64,
    plan: &mut Plan,
) {
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let available = |p: &Pod| pod::is_available(p, min_ready, observation.now.wall);
    let mut turns = turns(places, aim);
    let (mut work, mut postponed) = (Work::new(observation), false);
    // What was refused last is tried last: its pause and that of all creations end together.
    turns.sort_by_cached_key(|turn| work.last_rejection(observation, turn.node));
    // Also a node whose new pod is available: if its old one cannot be deleted, surging on would fill every node (D5).
    let two: Vec<String> = turns
        .iter()
        .filter(|t| t.old.len() + t.new.len() > 1)
        .map(|t| held(t.node, t.new.first().or(t.old.first()).copied(), places))
        .collect();
    let used = i64::try_from(two.len()).unwrap_or(i64::MAX);
    let mut left = budget - used;
    // One pod a node counts, the old one where there is one.
    let shown = turns.iter().filter_map(|t| t.old.first().or(t.new.first()));
    let mut spare = i64::try_from(shown.filter(|p| available(p)).count()).unwrap_or(0) - aim.desired;
    for turn in &turns {
        let ([old], []) = (turn.old.as_slice(), turn.new.as_slice()) else { continue };
        let slot = Slot::Node(turn.node.to_owned());
        let (from, to) = (pod::revision(old).to_owned(), aim.label.to_owned());
        match (turn.runs, available(old)) {
            // A node that should not run a pod gets no new one; its old one goes when enough others are available.
            (false, false) if !pod::is_terminal(old) => {
                work.delete.push(vec![pod::replace(old, slot, aim.label, true)]);
            }
            (false, true) if spare > 0 => {
                spare -= 1;
                work.delete.push(vec![pod::replace(old, slot, aim.label, false)]);
            }
            (true, false) if !pod::is_terminal(old) => {
                let why = Reason::BrokenAndOutdated { slot, from, to };
                work.create(observation, (turn.node, turn.over), aim.update, why, plan);
            }
            (true, true) if left > 0 => {
                let why = Reason::Outdated { slot, from, to };
                left -= i64::from(work.create(observation, (turn.node, turn.over), aim.update, why, plan));
            }
            (true, true) => {
                let why = Reason::Outdated { slot, from, to };
                work.postpone(observation, (turn.node, turn.over), aim.update, why, plan);
                postponed = true;
            }
            _ => {}
        }
    }
    if postponed && budget <= used {
        plan.waiting.push(Waiting::Surge { limit: budget, used, by: two.into_iter().take(5).collect() });
    }
    work.finish(observation, plan);
}
