//! The keyed queue: each owner is in it at most once, is worked on by one worker at a time, and waits longer after each
//! failure of its own. No state spans owners.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use berth_api::Key;
use berth_plan::memory::backoff::Backoff;

/// Pauses of an owner whose view was old.
const RETRY: Backoff = Backoff { first: Duration::from_millis(10), last: Duration::from_secs(10) };

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    ready: VecDeque<Key>,
    /// Since when each has waited.
    waiting: BTreeMap<Key, Duration>,
    running: BTreeMap<Key, Turn>,
    /// Asked for while running.
    again: BTreeSet<Key>,
    delayed: BTreeSet<(Duration, Key)>,
    due: BTreeMap<Key, Duration>,
    failures: BTreeMap<Key, u32>,
    /// Owners that were worked on a moment ago, and until when they rest.
    resting: BTreeMap<Key, Duration>,
    now: Duration,
}

/// The work on an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// When it began (monotonic).
    pub began: Duration,
    /// How long the owner had waited for a worker.
    pub waited: Duration,
}

impl Queue {
    /// Takes in the time, from which waits are measured.
    pub fn at(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Asks for work on `key` as soon as possible.
    pub fn add(&mut self, key: Key) {
        if self.running.contains_key(&key) {
            self.again.insert(key);
        } else if !self.waiting.contains_key(&key) {
            self.waiting.insert(key.clone(), self.now);
            self.ready.push_back(key);
        }
    }

    /// Asks for work on `key` at `at`, or earlier if that was asked for already.
    pub fn add_at(&mut self, key: Key, at: Duration) {
        if let Some(before) = self.due.get(&key).copied() {
            if before <= at {
                return;
            }
            self.delayed.remove(&(before, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.delayed.insert((at, key));
    }

    /// Asks for work on `key` after a pause that doubles with each failure in a row.
    pub fn retry(&mut self, key: Key, now: Duration) {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        let pause = RETRY.pause(*failures);
        self.add_at(key, now + pause);
    }

    /// Forgets the failures of `key`.
    pub fn succeed(&mut self, key: &Key) {
        self.failures.remove(key);
    }

    /// Forgets all that is known of `key`, unless it is worked on or asked for.
    pub fn forget(&mut self, key: &Key) {
        self.failures.remove(key);
        self.resting.remove(key);
        if let Some(at) = self.due.remove(key) {
            self.delayed.remove(&(at, key.clone()));
        }
    }

    /// Takes back what was asked for `key`, which is gone.
    pub fn remove(&mut self, key: &Key) {
        self.forget(key);
        self.again.remove(key);
        if self.waiting.remove(key).is_some() {
            self.ready.retain(|known| known != key);
        }
    }

    /// Lets `key` rest until `until`: what is asked for before is done then, all at once. What is asked for later is not
    /// touched by it.
    pub fn rest(&mut self, key: &Key, until: Duration) {
        self.resting.insert(key.clone(), until);
    }

    /// Nobody rests any more.
    pub fn wake_all(&mut self) {
        for (key, until) in std::mem::take(&mut self.resting) {
            if self.due.get(&key) == Some(&until) {
                self.delayed.remove(&(until, key.clone()));
                self.due.remove(&key);
                self.add(key);
            }
        }
    }

    /// The next owner to work on; it stays reserved until [`Self::done`].
    pub fn pop(&mut self, now: Duration) -> Option<Key> {
        self.at(now);
        while let Some((at, key)) = self.delayed.first().cloned().filter(|(at, _)| *at <= now) {
            self.delayed.remove(&(at, key.clone()));
            self.due.remove(&key);
            self.add(key);
        }
        while let Some(key) = self.ready.pop_front() {
            let since = self.waiting.remove(&key).unwrap_or(now);
            match self.resting.remove(&key) {
                Some(until) if until > now => {
                    self.resting.insert(key.clone(), until);
                    self.add_at(key, until);
                }
                _ => {
                    self.running.insert(key.clone(), Turn { began: now, waited: now.saturating_sub(since) });
                    return Some(key);
                }
            }
        }
        None
    }

    /// Ends the work on `key`. If it was asked for meanwhile it is queued again.
    pub fn done(&mut self, key: &Key) {
        self.running.remove(key);
        if self.again.remove(key) {
            self.add(key.clone());
        }
    }

    /// How many owners are worked on.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many owners wait to be worked on now.
    pub fn depth(&self) -> usize {
        self.ready.len()
    }

    /// How many owners wait for a time to come.
    pub fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// How long the owner has waited that is next to be worked on.
    pub fn oldest(&self, now: Duration) -> Duration {
        let since = self.ready.front().and_then(|key| self.waiting.get(key));
        since.map_or(Duration::ZERO, |since| now.saturating_sub(*since))
    }

    /// The work on an owner that is under way.
    pub fn turn(&self, key: &Key) -> Option<Turn> {
        self.running.get(key).copied()
    }

    /// When the next delayed owner is due.
    pub fn next_at(&self) -> Option<Duration> {
        self.delayed.first().map(|(at, _)| *at)
    }
}
