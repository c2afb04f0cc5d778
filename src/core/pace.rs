//! When a status is written: at once for what people and later plans wait for, else at most once in five seconds. What is
//! urgent again and again waits too: nodes that join one by one, or a pod that is ready now and then, make no more than three
//! writes and one more in five seconds.

use std::time::Duration;

use super::plan::Urgency;

/// How long a change that is not urgent is held back after the last write.
pub const QUIET: Duration = Duration::from_secs(5);
/// How many urgent writes one generation of an owner has at once; each [`QUIET`] gives one back.
pub const BURST: u32 = 3;

/// How often the status of one owner was written lately. Times are monotonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacer {
    generation: i64,
    /// When the last write was sent.
    last: Option<Duration>,
    /// When all of the burst is there again; each write puts it off by one [`QUIET`].
    full: Duration,
}

impl Pacer {
    /// Nothing was written yet.
    pub fn new(generation: i64) -> Self {
        Pacer { generation, last: None, full: Duration::ZERO }
    }

    /// A new generation is something that somebody waits for: it has its burst of its own.
    pub fn concerns(&mut self, generation: i64) {
        if self.generation != generation {
            (self.generation, self.full) = (generation, Duration::ZERO);
        }
    }

    /// When `urgency` allows the next write; a time that is past means now.
    pub fn due(&self, urgency: Urgency, now: Duration) -> Duration {
        match (urgency, self.last) {
            (_, None) => now,
            (Urgency::AtOnce, _) => self.full.saturating_sub(QUIET * (BURST - 1)),
            (Urgency::Paced, Some(last)) => last + QUIET,
        }
    }

    /// A write was sent, allowed or not: what later plans read is never held back.
    pub fn wrote(&mut self, now: Duration) {
        self.last = Some(now);
        self.full = (self.full.max(now) + QUIET).min(now + QUIET * BURST);
    }
}
