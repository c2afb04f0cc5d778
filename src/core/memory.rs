//! The little that a plan needs and objects cannot tell: what failed lately. It is safe when empty, as after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
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

/// How many pods of a slot are made without a pause when they vanish without our doing (X9).
const MADE_AT_ONCE: u32 = 3;
/// First pause after that.
const FIRST_REMAKE: Duration = Duration::from_secs(1);
/// Longest pause after that: one pod a minute.
const LAST_REMAKE: Duration = Duration::from_secs(60);
/// A slot whose pod was made this long ago starts anew.
const MADE_FORGOTTEN: Duration = Duration::from_secs(600);
/// After this a creation whose answer never came does not arrive any more: the client waits 30 s, the API server 60 s.
const UNSURE: Duration = Duration::from_secs(120);

/// What is remembered about one owner. A copy costs little, whatever there is to remember: each plan gets one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The write that was refused last, until one of its kind succeeds.
    pub refused: Option<Refused>,
    /// Whether a write has succeeded since the process started, so that an old report of a refusal is out of date.
    pub cleared: bool,
    /// Whether the pods that are seen are known to be no older than the time since which we lead.
    pub caught_up: bool,
    /// Whether the owner turned out to be as it was seen since we lead: a list of the past may have shown an earlier spec.
    pub owner_confirmed: bool,
    /// The incarnation and the generation of the owner that all this is about.
    owner: (Uid, i64),
    /// Slots whose pods ended and were replaced.
    replaced: Arc<BTreeMap<Slot, Replacement>>,
    /// Slots for which pods were made, and how often since we deleted one there.
    made: Arc<BTreeMap<Slot, Made>>,
    /// When a revision was made or renumbered for this generation of the owner, and how often.
    renumbered: Option<Made>,
    /// Names of pods of which nobody knows whether they were, or will be, made.
    unsure: Arc<BTreeMap<Slot, (String, Duration)>>,
    /// When kube-controller-manager had written the status last when we saw the owner first.
    written_before: Option<Option<Timestamp>>,
    /// When kube-controller-manager wrote the status after that.
    written_since: Option<Timestamp>,
    /// The revision labels of pods that went while the owner was paused, by their slots.
    left: BTreeMap<Slot, String>,
    /// Templates as the API server defaults them, the newest last; `None` for one that it refused.
    defaulted: Arc<VecDeque<(u64, Option<Value>)>>,
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
struct Made {
    at: Duration,
    times: u32,
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
    /// The same, of an operator that has led for a while: nothing is left that only a new one looks at twice.
    pub fn established(self) -> Self {
        Memory { caught_up: true, owner_confirmed: true, ..self }
    }

    /// Remembers how the API server defaults a template, or that it refuses it.
    pub fn remember_defaults(&mut self, template: &Value, defaulted: Option<Value>) {
        let key = fnv1a_64(template.to_string().as_bytes());
        let all = Arc::make_mut(&mut self.defaulted);
        all.retain(|(known, _)| *known != key);
        all.push_back((key, defaulted));
        if all.len() > DEFAULTED {
            all.pop_front();
        }
    }

    /// How the API server defaults a template (`Some(None)`: it refuses it), if that is known.
    pub fn defaulted(&self, template: &Value) -> Option<Option<&Value>> {
        let key = fnv1a_64(template.to_string().as_bytes());
        self.defaulted.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_ref())
    }

    /// The incarnation of the owner that this is about.
    pub fn uid(&self) -> &Uid {
        &self.owner.0
    }

    /// Takes note of the owner that is worked on. What was refused to another one says nothing about it, and a changed spec
    /// may be the cure: it is tried at once.
    pub fn concerns(&mut self, owner: &Meta) {
        let now = (owner.uid.clone(), owner.generation);
        if self.owner.0 != now.0 {
            *self = Memory::default();
        } else if self.owner != now {
            if let Some(refused) = &mut self.refused {
                (refused.times, refused.retry_at) = (0, Duration::ZERO);
            }
            self.replaced = Arc::default();
            self.made = Arc::default();
            self.renumbered = None;
        }
        self.owner = now;
        let before = *self.written_before.get_or_insert(owner.upstream_wrote);
        if owner.upstream_wrote > before {
            self.written_since = owner.upstream_wrote;
        }
    }

    /// Whether kube-controller-manager has written the owner's status since we look after it: its own controller is still on,
    /// and two that do the same work fight (F1).
    pub fn has_rival(&self) -> bool {
        self.written_since.is_some()
    }

    /// Remembers that a pod was made for a slot.
    pub fn make(&mut self, slot: Slot, now: Duration) {
        if self.unsure.contains_key(&slot) {
            Arc::make_mut(&mut self.unsure).remove(&slot);
        }
        let all = Arc::make_mut(&mut self.made);
        all.retain(|_, made| now.saturating_sub(made.at) < MADE_FORGOTTEN);
        let times = all.get(&slot).map_or(0, |made| made.times).saturating_add(1);
        all.insert(slot, Made { at: now, times });
    }

    /// Remembers that we deleted a pod of a slot ourselves, so that the next one is expected.
    pub fn unmake(&mut self, slot: &Slot) {
        if self.made.contains_key(slot) {
            Arc::make_mut(&mut self.made).remove(slot);
        }
    }

    /// How long no new pod is made for `slot`, because pods made there keep vanishing without our doing (X9): three are made
    /// at once, then the pauses double from 1 s to 60 s, so at most 8 in the first minute and one a minute after that.
    /// `None` when it may be made now.
    pub fn making_held(&self, slot: &Slot, now: Duration) -> Option<Duration> {
        let made = self.made.get(slot).filter(|made| now.saturating_sub(made.at) < MADE_FORGOTTEN)?;
        let over = made.times.checked_sub(MADE_AT_ONCE)?;
        let pause = doubled(FIRST_REMAKE, LAST_REMAKE, over.saturating_add(1));
        (made.at + pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Remembers that a revision was made, or renumbered, for the present template.
    pub fn renumber(&mut self, now: Duration) {
        let times = self.renumbered.as_ref().map_or(0, |made| made.times).saturating_add(1);
        self.renumbered = Some(Made { at: now, times });
    }

    /// How long no revision is made or renumbered again. One template takes that once, unless another operator with an older view of the
    /// owner undoes it: then two would fight as fast as the API server lets them, and with every turn pods would go and come. The
    /// pauses double from 1 s to 60 s (X9, X10). `None` when it may be done now.
    pub fn renumbering_held(&self, now: Duration) -> Option<Duration> {
        let made = self.renumbered.as_ref()?;
        let pause = doubled(FIRST_REMAKE, LAST_REMAKE, made.times);
        (made.at + pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Remembers that nobody knows whether a pod of this name was made for `slot`.
    pub fn doubt(&mut self, slot: Slot, name: String, now: Duration) {
        Arc::make_mut(&mut self.unsure).insert(slot, (name, now));
    }

    /// The name of a pod that may still be made for `slot` by a request whose answer never came.
    pub fn in_doubt(&self, slot: &Slot, now: Duration) -> Option<&str> {
        let (name, since) = self.unsure.get(slot)?;
        (now.saturating_sub(*since) < UNSURE).then_some(name.as_str())
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
        let replaced = Arc::make_mut(&mut self.replaced);
        replaced.retain(|_, r| now.saturating_sub(r.at) < forgotten);
        let pause = replaced.get(&slot).map_or(FIRST_REPLACEMENT, |r| (r.pause * 2).min(LAST_REPLACEMENT));
        replaced.insert(slot, Replacement { at: now, pause });
    }
}
