//! When a status is written: once it has not changed for a tenth of a second, at the latest one second after the first change that was
//! not written, and no more often than a token bucket allows. Small sets are as prompt as upstream's, and large rollouts stay cheap.
//! What later plans read is written before them and takes a token too, but never waits for one.

use std::time::Duration;

use serde_json::Value;

/// Each of these gives one token back.
pub const REFILL: Duration = Duration::from_secs(5);
/// How many writes a set has at once.
pub const BURST: u32 = 10;
/// How long a status must not have changed before it is written.
pub const QUIET: Duration = Duration::from_millis(100);
/// How long a change waits at most for that.
pub const LATEST: Duration = Duration::from_secs(1);

/// How often the status of one owner was written lately. Times are monotonic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusThrottle {
    /// When all tokens are there again; each write puts it off by one [`REFILL`].
    full: Duration,
    unwritten: Option<Unwritten>,
}

/// Changes that were not written yet.
#[derive(Clone, Debug, PartialEq)]
struct Unwritten {
    changes: Value,
    first: Duration,
    last: Duration,
}

impl StatusThrottle {
    /// When these changes of the status may be written; a time that is not after `now` means at once.
    pub fn due(&mut self, changes: &Value, now: Duration) -> Duration {
        let unwritten = match self.unwritten.take() {
            Some(known) if known.changes == *changes => known,
            known => {
                let first = known.map_or(now, |known| known.first);
                Unwritten { changes: changes.clone(), first, last: now }
            }
        };
        let due = (unwritten.last + QUIET).min(unwritten.first + LATEST);
        self.unwritten = Some(unwritten);
        due.max(self.full.saturating_sub(REFILL * (BURST - 1)))
    }

    /// The status is as it should be.
    pub fn unchanged(&mut self) {
        self.unwritten = None;
    }

    /// A write was sent, allowed or not.
    pub fn wrote(&mut self, now: Duration) {
        self.unwritten = None;
        self.full = (self.full.max(now) + REFILL).min(now + REFILL * BURST);
    }
}
