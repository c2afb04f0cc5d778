//! Time, as it is handed to pure code.

use std::time::Duration;

use jiff::Timestamp;

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock. Compared only with times that the API server or a kubelet wrote; it may jump.
    pub wall: Timestamp,
    /// Time since some start. It never goes back; delays and backoffs are measured with it.
    pub mono: Duration,
}

impl Now {
    /// The wall clock as Kubernetes writes times: to the second.
    pub fn stamp(&self) -> Timestamp {
        Timestamp::from_second(self.wall.as_second()).unwrap_or(self.wall)
    }
}

/// How long it is from `now` to `later`; zero if it is past.
pub fn until(later: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(now)).unwrap_or_default()
}
