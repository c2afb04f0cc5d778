//! What is sent next: a token bucket over all writes, the more important class first, and within a class each owner in
//! turn, so that one giant set cannot starve a small one (X10).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::api::Key;

/// How important a request is; the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Leader election. Not limited: it must be in time.
    Lease,
    /// Reads that a decision waits for.
    Read,
    /// Pods, claims and revisions.
    Work,
    /// Status.
    Status,
    /// Events.
    Event,
}

/// See the module. `T` is a request.
#[derive(Clone, Debug)]
pub struct Outbox<T> {
    lanes: BTreeMap<Class, Lanes<T>>,
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Duration,
}

#[derive(Clone, Debug)]
struct Lanes<T> {
    turn: VecDeque<Option<Key>>,
    queues: BTreeMap<Option<Key>, VecDeque<T>>,
}

impl<T> Outbox<T> {
    /// At most `per_second` requests a second over time, and `burst` at once; both at least 1.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Outbox {
            lanes: BTreeMap::new(),
            per_second: f64::from(per_second.max(1)),
            burst,
            tokens: burst,
            filled: Duration::ZERO,
        }
    }

    /// Queues a request of an owner, or of nobody in particular.
    pub fn push(&mut self, class: Class, owner: Option<Key>, item: T) {
        let empty = || Lanes { turn: VecDeque::new(), queues: BTreeMap::new() };
        let lanes = self.lanes.entry(class).or_insert_with(empty);
        let queue = lanes.queues.entry(owner.clone()).or_default();
        if queue.is_empty() {
            lanes.turn.push_back(owner);
        }
        queue.push_back(item);
    }

    /// The next request that may be sent now.
    pub fn pop(&mut self, now: Duration) -> Option<T> {
        let gained = now.saturating_sub(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.filled = self.filled.max(now);
        let (class, lanes) = self.lanes.iter_mut().find(|(_, lanes)| !lanes.turn.is_empty())?;
        if *class != Class::Lease {
            if self.tokens < 1.0 {
                return None;
            }
            self.tokens -= 1.0;
        }
        let owner = lanes.turn.pop_front()?;
        let queue = lanes.queues.get_mut(&owner)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            lanes.queues.remove(&owner);
        } else {
            lanes.turn.push_back(owner);
        }
        item
    }

    /// When the next request may be sent, if one waits for a token.
    pub fn next_at(&self) -> Option<Duration> {
        let waiting = self.lanes.values().any(|lanes| !lanes.turn.is_empty());
        let missing = (1.0 - self.tokens).max(0.0) / self.per_second;
        waiting.then(|| self.filled + Duration::from_secs_f64(missing) + Duration::from_micros(1))
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(|lanes| lanes.turn.is_empty())
    }
}
