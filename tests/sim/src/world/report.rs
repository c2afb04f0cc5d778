//! What is told of a history: its story, what went wrong in it, and how it failed.

use std::cell::RefCell;

use super::World;

/// How much of the story a failure shows unless its seed was asked for.
const LAST_LINES: usize = 80;

/// How a history failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong; it begins with the invariant.
    pub wrong: String,
    /// What happened before.
    pub story: Vec<String>,
    /// How many faults there were.
    pub faults: u64,
}

impl Failure {
    /// The invariant: what stands before the first colon.
    pub fn invariant(&self) -> &str {
        self.wrong.split(':').next().unwrap_or_default()
    }
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Adds a line to the story, if it is kept.
macro_rules! tell {
    ($world:expr, $($line:tt)*) => {
        if $world.telling {
            let line = format!($($line)*);
            $world.tell(line);
        }
    };
}
pub(crate) use tell;

impl Failure {
    /// The failure that ended the last history of this thread, once.
    pub fn take() -> Option<Failure> {
        LAST.with(|last| last.borrow_mut().take())
    }
}

/// What the engine is known to do wrong: it is counted and not failed for. Each of these goes when that is mended.
const KNOWN: [(&str, &str); 0] = [];

impl World {
    /// Takes in that something is wrong: ends the history unless it is known.
    pub fn wrong(&mut self, wrong: &str) {
        match KNOWN.iter().find(|(known, _)| wrong.contains(known)) {
            Some((_, what)) => {
                tell!(self, "{what}: {wrong}");
                self.tally(what);
            }
            None => self.fail(wrong),
        }
    }

    /// Adds a line to the story.
    pub fn tell(&mut self, line: String) {
        self.story.push(format!("{:>9.3} {line}", self.clock.as_secs_f64()));
    }

    /// What was told.
    pub fn story(&self) -> &[String] {
        &self.story
    }

    /// Counts something for the report.
    pub fn tally(&mut self, what: &'static str) {
        *self.tallies.entry(what).or_default() += 1;
    }

    /// What was counted.
    pub fn tallies(&self) -> &std::collections::BTreeMap<&'static str, u64> {
        &self.tallies
    }

    /// Whether a fault happens that happens so often in a thousand, unless it is muted.
    pub fn mishap(&mut self, per_mille: u64, what: &'static str) -> bool {
        per_mille > 0 && self.random.chance(per_mille) && self.happens(what)
    }

    /// Numbers a fault and counts it; false when it is muted.
    pub(super) fn happens(&mut self, what: &'static str) -> bool {
        let number = self.faults;
        self.faults += 1;
        let happens = !self.muted.contains(&number);
        if happens {
            self.tally(what);
        }
        happens
    }

    /// Ends the history with what is wrong, and the story so far.
    pub fn fail(&self, wrong: &str) -> ! {
        let failure = Failure { wrong: wrong.to_owned(), story: self.story.clone(), faults: self.faults };
        LAST.with(|last| *last.borrow_mut() = Some(failure));
        let all = std::env::var_os("BERTH_SEED").is_some();
        let from = if all { 0 } else { self.story.len().saturating_sub(LAST_LINES) };
        panic!("{}\n\n{wrong}", self.story[from..].join("\n"))
    }
}
