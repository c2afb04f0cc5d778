//! The search for a schedule that breaks the engine: many seeds, on all cores; what fails is cut down to the smallest story.
//!
//! `BERTH_SEEDS=1000000` runs more seeds; `BERTH_SEED=17` runs one again and tells its story.

mod shrink;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use crate::schedule::Schedule;
use crate::world::Failure;

/// How many schedules the normal run has.
const USUAL: u64 = 10_000;
/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(30);

/// The name of threads whose panics are told by the search.
const EXPLORER: &str = "explorer";

/// What a search has seen.
#[derive(Debug, Default)]
struct Seen {
    schedules: u64,
    tallies: BTreeMap<&'static str, u64>,
    failures: Vec<(u64, Failure)>,
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs one schedule; its failure, if it fails.
fn attempt(schedule: &Schedule, telling: bool) -> Result<BTreeMap<&'static str, u64>, Failure> {
    catch_unwind(AssertUnwindSafe(|| schedule.run(telling).tallies().clone())).map_err(|panic| {
        Failure::take().unwrap_or_else(|| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            let wrong = format!("panic: {}", text.unwrap_or_default());
            Failure { wrong, story: vec![], faults: 0 }
        })
    })
}

/// Panics of threads of the search are told once, at its end.
fn be_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = std::thread::current().name().is_some_and(|name| name == EXPLORER);
            if !ours {
                usual(panic);
            }
        }));
    });
}

/// Runs `f` where panics are not printed.
fn quietly<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    be_quiet();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(EXPLORER.to_owned()).spawn_scoped(scope, f).unwrap();
        thread.join().unwrap()
    })
}

fn search(seeds: std::ops::Range<u64>) -> Seen {
    let (next, stop, seen) =
        (AtomicU64::new(seeds.start), AtomicBool::new(false), Mutex::new(Seen::default()));
    let began = Instant::now();
    let told = Mutex::new(began);
    be_quiet();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = attempt(&Schedule::draw(seed), false);
                    let mut seen = seen.lock().unwrap();
                    seen.schedules += 1;
                    match outcome {
                        Ok(tallies) => tallies
                            .into_iter()
                            .for_each(|(what, n)| *seen.tallies.entry(what).or_default() += n),
                        Err(failure) => {
                            seen.failures.push((seed, failure));
                            stop.store(number("BERTH_KEEP_GOING").is_none(), Ordering::Relaxed);
                        }
                    }
                    let mut told = told.lock().unwrap();
                    if told.elapsed() > PROGRESS {
                        *told = Instant::now();
                        let rate = seen.schedules as f64 / began.elapsed().as_secs_f64();
                        eprintln!(
                            "{} of {} schedules, {rate:.0} a second",
                            seen.schedules,
                            seeds.end - seeds.start
                        );
                    }
                }
            };
            std::thread::Builder::new().name(EXPLORER.to_owned()).spawn_scoped(scope, work).unwrap();
        }
    });
    seen.into_inner().unwrap()
}

#[test]
fn random_schedules_break_nothing() {
    if let Some(seed) = number("BERTH_SEED") {
        return replay(seed);
    }
    let seeds = 0..number("BERTH_SEEDS").unwrap_or(USUAL);
    let began = Instant::now();
    let seen = search(seeds);
    println!("{} schedules in {:.0} s", seen.schedules, began.elapsed().as_secs_f64());
    for (what, count) in &seen.tallies {
        println!("  {count:>10} {what}");
    }
    let mut failures = seen.failures;
    failures.sort_by_key(|(seed, _)| *seed);
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
    match quietly(|| attempt(&schedule, true)) {
        Ok(tallies) => println!("seed {seed} holds: {tallies:?}"),
        Err(failure) => {
            println!("{}\n\n{}\n", failure.story.join("\n"), failure.wrong);
            fail(seed, &failure);
        }
    }
}

/// Ends the test with the smallest story of a failure.
fn fail(seed: u64, failure: &Failure) -> ! {
    let (smallest, failure) = quietly(|| shrink::shrink(Schedule::draw(seed), failure.clone()));
    panic!(
        "{}\n\n{}\n\nseed {seed}; the smallest story found: {}\n\
         BERTH_SEED={seed} cargo test --test model random_schedules tells all of it",
        failure.story.join("\n"),
        failure.wrong,
        shrink::describe(&smallest),
    );
}
