//! What the engine counts, as a value. Whoever runs the engine shows it; nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::Resource;

/// How the work on an owner ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// There was nothing to do.
    Unchanged,
    /// All that was to be written was written.
    Written,
    /// The API server knew a newer state, or nobody knows what became of a write; it is looked at again.
    Stale,
    /// The API server refused a write.
    Refused,
    /// A write of ours is not visible yet, so nothing was decided.
    Waiting,
    /// A cache is not filled yet, so nothing was decided.
    Unfilled,
    /// A pause after a refusal is not over, so nothing was tried.
    Paused,
    /// The owner is gone.
    Gone,
}

impl Outcome {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Unchanged => "unchanged",
            Outcome::Written => "written",
            Outcome::Stale => "stale",
            Outcome::Refused => "refused",
            Outcome::Waiting => "waiting",
            Outcome::Unfilled => "unfilled",
            Outcome::Paused => "paused",
            Outcome::Gone => "gone",
        }
    }
}

/// The upper bounds of the parts of a [`Spread`], in seconds; what is longer is in one more part.
pub const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// How long something took, many times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many were in each part; not added up.
    pub parts: [u64; BOUNDS.len() + 1],
    /// The sum, in seconds.
    pub sum: f64,
}

impl Spread {
    /// Takes in one.
    pub fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let part = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.parts[part] += 1;
        self.sum += seconds;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.parts.iter().sum()
    }
}

/// See the module. Owners are counted by their resource.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often owners were worked on, and how it ended.
    pub rounds: BTreeMap<(Resource, Outcome), u64>,
    /// How long it took from the plan to the answer to its last request, for plans that wrote.
    pub writing: BTreeMap<Resource, Spread>,
    /// How long owners waited in the queue for a worker.
    pub queued: Spread,
    /// How often each resource was listed whole.
    pub lists: BTreeMap<Resource, u64>,
    /// How often a watch of each resource was begun.
    pub watches: BTreeMap<Resource, u64>,
    /// How many objects each watch has reported.
    pub events: BTreeMap<Resource, u64>,
    /// When each resource was heard of last: an object, a bookmark or a list (monotonic).
    pub heard: BTreeMap<Resource, Duration>,
    /// How often we began to lead.
    pub led: u64,
}

impl Tally {
    /// Counts the end of the work on an owner.
    pub fn round(&mut self, owner: Resource, outcome: Outcome) {
        *self.rounds.entry((owner, outcome)).or_default() += 1;
    }

    /// Counts one more list, watch or event.
    pub fn count(of: &mut BTreeMap<Resource, u64>, resource: Resource) {
        *of.entry(resource).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_one_part() {
        let mut spread = Spread::default();
        for (milliseconds, part) in [(0, 0), (1, 0), (2, 1), (250, 6), (251, 7), (300_000, 11), (300_001, 12)]
        {
            let before = spread.parts[part];
            spread.add(Duration::from_millis(milliseconds));
            assert_eq!(spread.parts[part], before + 1, "{milliseconds} ms");
        }
        assert_eq!(spread.count(), 7);
        assert!((spread.sum - 600.505).abs() < 1e-6, "{}", spread.sum);
    }
}
