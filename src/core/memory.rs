//! The little that a plan needs and objects cannot tell: what failed lately. It is safe when empty, as after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::hash::fnv1a_64;
use super::reason::Slot;
use crate::api::status::ConditionReason;
use crate::api::{Meta, ObjectRef, Uid};

/// First pause after a refused write.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest pause after a refused write. It is never given up: a quota may come back.
const LAST_RETRY: Duration = Duration::from_secs(300);
/// First pause between two replacements of a failing pod (B4.4).
const FIRST_REPLACEMENT: Duration = Duration::from_secs(1);
/// Longest pause between two replacements of a failing pod (B4.4).
const LAST_REPLACEMENT: Duration = Duration::from_secs(900);

/// What is remembered about one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The write that was refused last, until one of its kind succeeds.
    pub refused: Option<Refused>,
    /// Whether a write has succeeded since the process started, so that an old report of a refusal is out of date.
    pub cleared: bool,
    /// The incarnation and the generation of the owner that all this is about.
    owner: (Uid, i64),
    /// Slots whose pods ended and were replaced.
    replaced: BTreeMap<Slot, Replacement>,
    /// The revision labels of pods that went while the owner was paused, by their slots.
    left: BTreeMap<Slot, String>,
    /// Templates as the API server defaults them, the newest last; `None` for one that it refused.
    defaulted: VecDeque<(u64, Option<Value>)>,
}

/// A write that the API server refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// What kind of write.
    pub reason: ConditionReason,
    /// The object.
    pub object: ObjectRef,
    /// The API server's own message.
    pub message: String,
    /// How often in a row.
    pub times: u32,
    /// Not to be tried again before this (monotonic).
    pub retry_at: Duration,
    /// Whether people are told: a busy API server is no news about the set.
    pub reported: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Replacement {
    at: Duration,
    pause: Duration,
}

/// The pause after the `times`-th failure in a row (from 1): doubling, with an upper bound.
fn doubled(first: Duration, last: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(20)).min(last)
}

/// How many defaulted templates are remembered: the present one, the newest recorded one, and a few for people who go back
/// and forth.
const DEFAULTED: usize = 6;

impl Memory {
    /// Remembers how the API server defaults a template, or that it refuses it.
    pub fn remember_defaults(&mut self, template: &Value, defaulted: Option<Value>) {
        let key = fnv1a_64(template.to_string().as_bytes());
        self.defaulted.retain(|(known, _)| *known != key);
        self.defaulted.push_back((key, defaulted));
        if self.defaulted.len() > DEFAULTED {
            self.defaulted.pop_front();
        }
    }

    /// How the API server defaults a template (`Some(None)`: it refuses it), if that is known.
    pub fn defaulted(&self, template: &Value) -> Option<Option<&Value>> {
        let key = fnv1a_64(template.to_string().as_bytes());
        self.defaulted.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_ref())
    }

    /// Takes note of the owner that is worked on. What was refused to another one says nothing about it, and a changed spec
    /// may be the cure: it is tried at once.
    pub fn concerns(&mut self, owner: &Meta) {
        let now = (owner.uid.clone(), owner.generation);
        if self.owner.0 != now.0 {
            *self = Memory::default();
        } else if let Some(refused) = self.refused.as_mut().filter(|_| self.owner != now) {
            (refused.times, refused.retry_at) = (0, Duration::ZERO);
        }
        self.owner = now;
    }

    /// Remembers a refused write; the pause doubles from 1 s to 5 min, and is at least `wait`.
    pub fn refuse(
        &mut self,
        reason: ConditionReason,
        object: ObjectRef,
        message: String,
        wait: Option<Duration>,
        reported: bool,
        now: Duration,
    ) {
        let times = self.refused.as_ref().map_or(0, |r| r.times).saturating_add(1);
        let pause = doubled(FIRST_RETRY, LAST_RETRY, times).max(wait.unwrap_or_default());
        // Once may be a passing fault; a webhook that is down answers like this for ever, and people want to know.
        let reported = reported || times >= 3 && !message.is_empty();
        // A busy API server does not hide what it refused before.
        let (reason, object, message, reported) = match self.refused.take() {
            Some(before) if before.reported && !reported => {
                (before.reason, before.object, before.message, true)
            }
            _ => (reason, object, message, reported),
        };
        self.refused = Some(Refused { reason, object, message, times, retry_at: now + pause, reported });
    }

    /// Remembers at which revision the pod of `slot` was that went while the owner was paused.
    pub fn leave(&mut self, slot: Slot, revision: String) {
        self.left.insert(slot, revision);
    }

    /// The revision label of the pod that went from `slot` while the owner was paused, if that is known.
    pub fn left(&self, slot: &Slot) -> Option<&str> {
        self.left.get(slot).map(String::as_str)
    }

    /// Forgets what went while the owner was paused: it is paused no more.
    pub fn resume(&mut self) {
        self.left.clear();
    }

    /// Forgets refusals after a success.
    pub fn succeed(&mut self) {
        self.refused = None;
        self.cleared = true;
    }

    /// How long no pod or claim is to be written any more because of a refusal; `None` when it may be tried now.
    pub fn held(&self, now: Duration) -> Option<Duration> {
        self.refused.as_ref().and_then(|r| r.retry_at.checked_sub(now)).filter(|d| !d.is_zero())
    }

    /// How long an ended pod of `slot` is left alone; `None` when it may be replaced now.
    pub fn replacement_held(&self, slot: &Slot, now: Duration) -> Option<Duration> {
        let last = self.replaced.get(slot)?;
        (last.at + last.pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Remembers that an ended pod of `slot` was replaced: the next time waits 1 s, then 2 s, up to 15 min. Half an hour
    /// without a failure forgets it.
    pub fn replace(&mut self, slot: Slot, now: Duration) {
        let forgotten = LAST_REPLACEMENT * 2;
        self.replaced.retain(|_, r| now.saturating_sub(r.at) < forgotten);
        let pause =
            self.replaced.get(&slot).map_or(FIRST_REPLACEMENT, |r| (r.pause * 2).min(LAST_REPLACEMENT));
        self.replaced.insert(slot, Replacement { at: now, pause });
    }
}
