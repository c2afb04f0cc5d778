//! Many histories, on all cores: how they end, and what they had in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::Failure;

/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(30);
/// The name of threads whose panics are told elsewhere.
const EXPLORER: &str = "explorer";

/// What was counted in a history, or how it failed.
pub type Outcome = Result<BTreeMap<&'static str, u64>, Failure>;

/// What many histories have shown.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many there were.
    pub done: u64,
    /// What was counted in all of them.
    pub tallies: BTreeMap<&'static str, u64>,
    /// Which failed, and how.
    pub failures: Vec<(u64, Failure)>,
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs one history to its end, or to its failure.
pub fn attempt<T>(history: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(history)).map_err(|panic| {
        Failure::take().unwrap_or_else(|| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            let wrong = format!("panic: {}", text.unwrap_or_default());
            Failure { wrong, story: vec![], faults: 0 }
        })
    })
}

/// Panics of explorers are told once, by whoever sent them.
fn be_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(EXPLORER) {
                usual(panic);
            }
        }));
    });
}

/// Runs `f` where panics are not printed.
pub fn quietly<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    be_quiet();
    thread::scope(|scope| {
        let explorer = thread::Builder::new().name(EXPLORER.to_owned()).spawn_scoped(scope, f).unwrap();
        explorer.join().unwrap()
    })
}

/// Runs the histories of `numbers` on all cores, up to the first failure, or with `BERTH_KEEP_GOING=1` to the end.
pub fn explore(numbers: Range<u64>, what: &str, run: impl Fn(u64) -> Outcome + Sync) -> Seen {
    be_quiet();
    let (next, stop) = (AtomicU64::new(numbers.start), AtomicBool::new(false));
    let (began, all) = (Instant::now(), numbers.end - numbers.start);
    let shared = Mutex::new((Seen::default(), began));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return;
            }
            let outcome = run(number);
            let (seen, told) = &mut *shared.lock().unwrap();
            seen.done += 1;
            match outcome {
                Ok(tallies) => {
                    tallies.into_iter().for_each(|(what, n)| *seen.tallies.entry(what).or_default() += n);
                }
                Err(failure) => {
                    seen.failures.push((number, failure));
                    stop.store(self::number("BERTH_KEEP_GOING").is_none(), Ordering::Relaxed);
                }
            }
            if told.elapsed() > PROGRESS {
                *told = Instant::now();
                let rate = seen.done as f64 / began.elapsed().as_secs_f64();
                eprintln!("{} of {all} {what}, {rate:.0} a second", seen.done);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            thread::Builder::new().name(EXPLORER.to_owned()).spawn_scoped(scope, work).unwrap();
        }
    });
    let (mut seen, _) = shared.into_inner().unwrap();
    seen.failures.sort_by_key(|(number, _)| *number);
    seen
}
