//! When a status is written: at once for what people and later plans wait for, else at most once in five seconds.

use std::time::Duration;

use super::plan::Urgency;

/// How long a change that is not urgent is held back after the last write.
pub const QUIET: Duration = Duration::from_secs(5);

/// When `urgency` allows the next write, if the last one was at `last`; a time that is past means now.
pub fn due(urgency: Urgency, last: Option<Duration>, now: Duration) -> Duration {
    match (urgency, last) {
        (Urgency::AtOnce, _) | (_, None) => now,
        (Urgency::Paced, Some(last)) => last + QUIET,
    }
}
