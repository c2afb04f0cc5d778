//! Pauses that double.

use std::time::Duration;

/// Pauses that double from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub last: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row, counted from 1; 0 counts as 1.
    pub fn pause(self, failures: u32) -> Duration {
        self.first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.last)
    }
}
