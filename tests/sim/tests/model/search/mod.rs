//! The search for a schedule that breaks the engine: many seeds, on all cores; what fails is cut down to the smallest story.
//!
//! `BERTH_SEEDS=1000000` runs more seeds, `BERTH_FROM=10000` others; `BERTH_SEED=17` runs one again and tells its story.

mod shrink;

use std::time::Instant;

use berth_sim::explore::{Outcome, attempt, explore, number, quietly};
use berth_sim::schedule::Schedule;
use berth_sim::world::Failure;

/// How many schedules the normal run has.
const USUAL: u64 = 10_000;

/// Runs one schedule; its failure, if it fails.
fn run(schedule: &Schedule, telling: bool) -> Outcome {
    attempt(|| schedule.run(telling).tallies().clone())
}

#[test]
fn random_schedules_break_nothing() {
    if let Some(seed) = number("BERTH_SEED") {
        return replay(seed);
    }
    let from = number("BERTH_FROM").unwrap_or(0);
    let seeds = from..from + number("BERTH_SEEDS").unwrap_or(USUAL);
    let began = Instant::now();
    let seen = explore(seeds, "schedules", |seed| run(&Schedule::draw(seed), false));
    println!("{} schedules in {:.0} s", seen.done, began.elapsed().as_secs_f64());
    for (what, count) in &seen.tallies {
        println!("  {count:>10} {what}");
    }
    let failures = seen.failures;
    for (seed, failure) in failures.iter().skip(1) {
        println!("seed {seed}: {}", failure.wrong.lines().next().unwrap_or_default());
    }
    if let Some((seed, failure)) = failures.first() {
        fail(*seed, failure);
    }
}

/// Runs one seed and tells its story, whether it fails or not.
fn replay(seed: u64) {
    let schedule = Schedule::draw(seed);
    println!("{schedule:#?}");
    match quietly(|| attempt(|| schedule.run(true))) {
        Ok(world) => println!("{}\n\nseed {seed} holds: {:?}", world.story().join("\n"), world.tallies()),
        Err(failure) => {
            println!("{}\n\n{}\n", failure.story.join("\n"), failure.wrong);
            fail(seed, &failure);
        }
    }
}

/// Ends the test with the smallest story of a failure.
fn fail(seed: u64, failure: &Failure) -> ! {
    println!("broken: {} by seed {seed}", failure.invariant());
    assert_ne!(number("BERTH_SHRINK"), Some(0), "{}", failure.wrong);
    let (smallest, failure) = quietly(|| shrink::shrink(Schedule::draw(seed), failure.clone()));
    panic!(
        "{}\n\n{}\n\nseed {seed}; the smallest story found: {}\n\
         BERTH_SEED={seed} cargo test -p berth-sim --test model random_schedules tells all of it",
        failure.story.join("\n"),
        failure.wrong,
        shrink::describe(&smallest),
    );
}
