//! Small scope, exhaustively: about thirty workloads on at most three nodes, four ordinals and two or three revisions, each of them
//! once without a fault, and then once for each fault at each request, at each batch of watch events and at each page of a list. The end
//! is always the same, and no object is made or deleted more often than without the fault, unless by a request that arrived after its
//! sender had given it up (X4, X5, X6, S21; Sieve's three families: intermediate, stale and unobserved states).

mod workloads;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::refusal;
use berth_sim::explore::{attempt, explore};
use berth_sim::schedule::{Schedule, Step};
use berth_sim::world::{Delivery, Fate, Listing, REFUSALS, World, busy};

/// How long what is late is late.
const LATE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
/// Longer than a lease lasts: somebody else leads when the operator goes on.
const PAUSE: Duration = Duration::from_secs(25);
/// How long a watch lags or shows nothing but bookmarks.
const LAG: Duration = Duration::from_secs(30);

/// What can become of a request.
fn fates() -> Vec<Fate> {
    let refused = REFUSALS.map(|(code, reason)| Fate::Refused(refusal(code, reason, "the test says so")));
    let busy = [0, 7].map(|seconds| Fate::Refused(busy(seconds)));
    let lost = [Fate::CrashBefore, Fate::CrashAfter, Fate::Lost, Fate::AnswerLost, Fate::Paused(PAUSE)];
    lost.into_iter().chain(LATE.map(Fate::Late)).chain(refused).chain(busy).collect()
}

/// What can become of a batch of watch events.
fn deliveries() -> [Delivery; 5] {
    [Delivery::Late(LAG), Delivery::Frozen(LAG), Delivery::Missed, Delivery::Ended, Delivery::Twice]
}

/// What can become of a page of a list. It may show the past: a few commits ago, or about a whole step.
fn listings() -> [Listing; 5] {
    [Listing::Broken, Listing::Expired, Listing::Late(LAG), Listing::Past(4), Listing::Past(30)]
}

type Summary = BTreeMap<(ObjectRef, &'static str), usize>;

/// What was made and deleted; revisions together, for their names depend on which of an earlier set are still there.
fn summary(world: &World) -> Summary {
    let mut summary = Summary::new();
    for ((mut object, what), count) in world.summary() {
        if object.resource == Resource::Revisions {
            object.name = "all".to_owned();
        }
        *summary.entry((object, what)).or_default() += count;
    }
    summary
}

/// Compares what was made and deleted with what a run without a fault makes and deletes. What a belated request did may have been
/// done once more. Whoever does not see a node or a set go makes something for it in vain.
fn compare(plan: &Schedule, world: &World, expected: &Summary) -> Result<(), String> {
    let found = summary(world);
    let count =
        |of: &Summary, object: &ObjectRef, what| of.get(&(object.clone(), what)).copied().unwrap_or(0);
    let goes = |step: &Step| matches!(step, Step::Leave(_) | Step::Replace(..));
    let blind = plan.delivery.is_some() && plan.steps.iter().any(|(_, step)| goes(step));
    for (object, _) in found.keys().chain(expected.keys()) {
        let of = |summary| ["creates", "deletes"].map(|what| count(summary, object, what));
        let (found, wanted) = (of(&found), of(expected));
        let more = [found[0].abs_diff(wanted[0]), found[1].abs_diff(wanted[1])];
        let same =
            |late: &&ObjectRef| late.resource == object.resource && (object.name == "all" || *late == object);
        let belated = world.belated.iter().filter(same).count();
        if more.iter().any(|more| *more > belated.max(usize::from(blind))) {
            return Err(format!("S21: {object}: {found:?} creates and deletes instead of {wanted:?}"));
        }
    }
    Ok(())
}

/// All plans for a workload, after its reference run.
fn plans(workload: &Schedule) -> (Vec<Schedule>, Summary) {
    let reference = workload.history(false);
    let fates = (0..reference.asked).flat_map(|at| fates().into_iter().map(move |fate| (at, fate)));
    let with_fate = fates.map(|fate| Schedule { fate: Some(fate), ..workload.clone() });
    let deliveries = (0..reference.batches).flat_map(|at| deliveries().into_iter().map(move |d| (at, d)));
    let with_delivery = deliveries.map(|delivery| Schedule { delivery: Some(delivery), ..workload.clone() });
    let listings = (0..reference.listed).flat_map(|at| listings().into_iter().map(move |l| (at, l)));
    let with_listing = listings.map(|listing| Schedule { listing: Some(listing), ..workload.clone() });
    (with_fate.chain(with_delivery).chain(with_listing).collect(), summary(&reference))
}

#[test]
fn each_fault_at_each_request_and_each_event_and_each_list_changes_nothing() {
    let began = Instant::now();
    let mut all = vec![];
    for (name, workload) in workloads::all() {
        let (plans, summary) = plans(&workload);
        println!("{:>6} plans: {name}", plans.len());
        all.extend(plans.into_iter().map(|plan| (name, plan, summary.clone())));
    }
    println!("{:>6} plans in all", all.len());
    assert!(all.len() > 2_380, "Sieve had more");
    let run = |index: u64, telling: bool| {
        let (_, plan, summary) = &all[index as usize];
        attempt(|| {
            let world = plan.history(telling);
            if let Err(wrong) = compare(plan, &world, summary) {
                world.fail(&wrong);
            }
            world.tallies().clone()
        })
    };
    let seen = explore(0..all.len() as u64, "plans", |index| run(index, false));
    println!("{} plans in {:.0} s", seen.done, began.elapsed().as_secs_f64());
    for (index, failure) in &seen.failures {
        let (name, plan, _) = &all[*index as usize];
        println!(
            "{name}: {:?} {:?} {:?}: {}",
            plan.fate,
            plan.delivery,
            plan.listing,
            failure.wrong.lines().next().unwrap_or_default()
        );
    }
    if let Some((index, failure)) = seen.failures.first() {
        println!("broken: {} by plan {index}", failure.invariant());
        let (name, plan, _) = &all[*index as usize];
        let failure = berth_sim::explore::quietly(|| run(*index, true)).unwrap_err();
        panic!(
            "{}\n\n{}\n\n{name}: {:?} {:?} {:?} ({} failures)",
            failure.story.join("\n"),
            failure.wrong,
            plan.fate,
            plan.delivery,
            plan.listing,
            seen.failures.len(),
        );
    }
}
