//! The little that a plan needs and objects cannot tell: what failed lately. It is safe when empty, as after a restart.

pub mod backoff;
pub mod rejections;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use berth_api::{Meta, Resource, Uid};
use jiff::Timestamp;
use serde_json::Value;

use super::hash::fnv1a_64;
use super::plan::{Act, Action};
use super::reason::{Reason, Slot};
use crate::memory::rejections::Rejections;
use backoff::Backoff;

/// Pauses between two replacements of a failing pod (B4.4).
const REPLACEMENTS: Backoff = Backoff { first: Duration::from_secs(1), last: Duration::from_secs(900) };
/// How many pods of a slot are made without a pause when they vanish without our doing (X9).
const MADE_AT_ONCE: u32 = 3;
/// Pauses after that, and between two changes of the same revisions (X10).
const REPEATS: Backoff = Backoff { first: Duration::from_secs(1), last: Duration::from_secs(60) };
/// A slot whose pod was made this long ago starts anew.
const MADE_FORGOTTEN: Duration = Duration::from_secs(600);
/// What is said of a change that was made again and again.
const UNDONE: &str = "another client undoes this change again and again";
/// After this a creation whose answer never came does not arrive any more: the client waits 30 s, the API server 60 s.
const UNSURE: Duration = Duration::from_secs(120);

/// What is remembered about one owner. A copy costs little, whatever there is to remember: each plan gets one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Requests that the API server rejected when they were sent last.
    pub rejections: Rejections,
    /// Whether a write has succeeded since the process started, so that what an earlier one reported is out of date.
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
    /// Changes of objects that were made, by a hash of the object and of the change, and how often.
    changed: Arc<BTreeMap<u64, Made>>,
    /// The revision labels of pods that went while the owner was paused, by their slots.
    left: Arc<BTreeMap<Slot, String>>,
    /// Hashes of templates, and of what the API server makes of them by its defaults, the newest last; `None` for one that it
    /// rejected. Only hashes, so that what is kept does not grow with the templates.
    defaulted: Arc<VecDeque<(u64, Option<u64>)>>,
    /// The hash of the template whose dry run a policy denied last; all of `defaulted` is younger than its first denial.
    denied: Option<u64>,
}

/// How a request of a plan ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// It was done, and this was answered.
    Done(&'a Value),
    /// The API server validated what was to be defaulted by a dry run, and it is not valid.
    Invalid,
    /// The API server rejected it.
    Rejected {
        /// Its message; empty if there is nothing to be reported.
        message: &'a str,
        /// The least pause that it asked for.
        wait: Option<Duration>,
        /// Whether the answer is about the request, and not about the API server.
        reported: bool,
    },
    /// The change was accepted, and not stored; how that is said.
    TakenBack(&'a str),
    /// No answer came, and why: it may have been done, or be done later.
    Unknown(&'a str),
    /// It met a newer state than it was decided on, in the API server's words.
    Stale(&'a str),
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

/// How many defaulted templates are remembered: the present one, the newest recorded one, and a few for people who go back
/// and forth.
const DEFAULTED: usize = 6;

impl Memory {
    /// An empty memory of an owner as it is now.
    pub fn of(owner: &Meta) -> Self {
        Memory { owner: (owner.uid.clone(), owner.generation), ..Memory::default() }
    }

    /// The same, of an operator that has led for a while: nothing is left that only a new one looks at twice.
    pub fn established(self) -> Self {
        Memory { caught_up: true, owner_confirmed: true, ..self }
    }

    /// Records how an action of a plan ended. This is the only place that knows what is remembered of it.
    pub fn record(&mut self, action: &Action, outcome: Outcome<'_>, now: Duration) {
        let is_of_owner =
            matches!(action.act.object().resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_));
        match outcome {
            Outcome::Done(answer) => {
                match self.is_undone_again(action, now) {
                    true => self.rejections.take_back(action, UNDONE, now),
                    false => self.rejections.clear(action),
                }
                // A live read of the owner, and a write of its status, are done only if it is as it was seen.
                self.owner_confirmed |= is_of_owner;
                self.cleared |= action.act.is_write() && !action.act.writes_status();
                self.record_done(action, answer, now);
            }
            Outcome::Invalid => {
                self.rejections.clear(action);
                if let Act::Default { template, .. } = &action.act {
                    self.record_defaults(template, None);
                }
            }
            Outcome::Rejected { message, wait, reported } => {
                self.rejections.record(action, message, wait, reported, now);
            }
            Outcome::TakenBack(message) => {
                self.cleared = true;
                self.rejections.take_back(action, message, now);
            }
            Outcome::Unknown(what) => match (&action.act, action.why.slot()) {
                (Act::Create { object, .. }, Some(slot)) => {
                    self.record_unknown_create(slot.clone(), object.name.clone(), now);
                }
                // It changed nothing, so it is only sent again after a pause.
                (act, _) if !act.is_write() => self.rejections.postpone(action, what, now),
                _ => {}
            },
            Outcome::Stale(message) => self.rejections.conflict(action, message, now),
        }
    }

    /// Records a change of a pod, a claim or a revision. Whether the same was made so often of late that another client must undo it
    /// again and again: without a pause the two would fight as fast as the API server lets them (X10).
    fn is_undone_again(&mut self, action: &Action, now: Duration) -> bool {
        let Act::Patch { object, body, status: false, .. } = &action.act else { return false };
        let all = Arc::make_mut(&mut self.changed);
        all.retain(|_, made| now.saturating_sub(made.at) < MADE_FORGOTTEN);
        let change = fnv1a_64(format!("{object} {body}").as_bytes());
        let made = all.entry(change).or_insert(Made { at: now, times: 0 });
        *made = Made { at: now, times: made.times.saturating_add(1) };
        made.times > MADE_AT_ONCE
    }

    fn record_done(&mut self, action: &Action, answer: &Value, now: Duration) {
        match (&action.act, &action.why) {
            (Act::Default { template, .. }, _) => self.record_defaults(template, answer.get("template")),
            (Act::Create { .. }, Reason::NewTemplate) | (Act::Patch { .. }, Reason::Rollback { .. }) => {
                self.record_revision_write(now);
            }
            (Act::Create { .. }, why) => {
                why.slot().into_iter().for_each(|slot| self.record_create(slot.clone(), now));
            }
            // No pod is expected in its place: whoever made it may make it again and again.
            (Act::Delete { .. }, Reason::Duplicate { .. }) => {}
            (Act::Delete { .. }, why) => why.slot().into_iter().for_each(|slot| self.record_delete(slot)),
            _ => {}
        }
        if let (Act::Delete { .. }, Reason::Ended { slot, phase, .. }) = (&action.act, &action.why)
            && (phase == "Failed" || matches!(slot, Slot::Ordinal(_)))
        {
            self.record_failed_pod(slot.clone(), now);
        }
    }

    /// Records that a policy denies the dry run of a template. What was answered about others before says nothing any more: the policy
    /// may be newer.
    pub fn record_denied(&mut self, template: &Value) {
        let denied = Some(fnv1a_64(template.to_string().as_bytes()));
        if self.denied != denied {
            self.defaulted = Arc::default();
        }
        self.denied = denied;
    }

    /// Whether a policy denied the dry run of this template when it was sent last.
    pub fn is_denied(&self, template: &Value) -> bool {
        self.denied == Some(fnv1a_64(template.to_string().as_bytes()))
    }

    /// Records what the API server makes of a template by its defaults; `None`: it is not valid.
    pub fn record_defaults(&mut self, template: &Value, defaulted: Option<&Value>) {
        let key = fnv1a_64(template.to_string().as_bytes());
        self.denied = self.denied.filter(|denied| *denied != key);
        let all = Arc::make_mut(&mut self.defaulted);
        all.retain(|(known, _)| *known != key);
        all.push_back((key, defaulted.map(|value| fnv1a_64(value.to_string().as_bytes()))));
        if all.len() > DEFAULTED {
            all.pop_front();
        }
    }

    /// The hash of what the API server makes of a template by its defaults (`Some(None)`: it is not valid), if that is known.
    pub fn defaulted(&self, template: &Value) -> Option<Option<u64>> {
        let key = fnv1a_64(template.to_string().as_bytes());
        self.defaulted.iter().find(|(known, _)| *known == key).map(|(_, hash)| *hash)
    }

    /// The incarnation of the owner that this is about.
    pub fn uid(&self) -> &Uid {
        &self.owner.0
    }

    /// Takes note of the owner that is worked on. What was refused to another one says nothing about it, and a changed spec
    /// may be the cure: it is tried at once.
    pub fn observe_owner(&mut self, owner: &Meta) {
        let now = (owner.uid.clone(), owner.generation);
        if self.owner.0 != now.0 {
            *self = Memory::default();
        } else if self.owner != now {
            self.rejections.retry_now();
            self.replaced = Arc::default();
            self.made = Arc::default();
            self.changed = Arc::default();
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

    /// Records that a pod was created for a slot.
    pub fn record_create(&mut self, slot: Slot, now: Duration) {
        if self.unsure.contains_key(&slot) {
            Arc::make_mut(&mut self.unsure).remove(&slot);
        }
        let all = Arc::make_mut(&mut self.made);
        all.retain(|_, made| now.saturating_sub(made.at) < MADE_FORGOTTEN);
        let times = all.get(&slot).map_or(0, |made| made.times).saturating_add(1);
        all.insert(slot, Made { at: now, times });
    }

    /// Records that we deleted a pod of a slot ourselves, so that the next one is expected.
    pub fn record_delete(&mut self, slot: &Slot) {
        if self.made.contains_key(slot) {
            Arc::make_mut(&mut self.made).remove(slot);
        }
    }

    /// How long no new pod is made for `slot`, because pods made there keep vanishing without our doing (X9): three are made
    /// at once, then the pauses double from 1 s to 60 s, so at most 8 in the first minute and one a minute after that.
    /// `None` when it may be made now.
    pub fn create_backoff(&self, slot: &Slot, now: Duration) -> Option<Duration> {
        let made = self.made.get(slot).filter(|made| now.saturating_sub(made.at) < MADE_FORGOTTEN)?;
        let over = made.times.checked_sub(MADE_AT_ONCE)?;
        let pause = REPEATS.pause(over.saturating_add(1));
        (made.at + pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Records that a revision was created, or renumbered, for the present template.
    pub fn record_revision_write(&mut self, now: Duration) {
        let times = self.renumbered.as_ref().map_or(0, |made| made.times).saturating_add(1);
        self.renumbered = Some(Made { at: now, times });
    }

    /// How long no revision is made or renumbered again. One template takes that once, unless another operator with an older view of the
    /// owner undoes it: then two would fight as fast as the API server lets them, and with every turn pods would go and come. The
    /// pauses double from 1 s to 60 s (X9, X10). `None` when it may be done now.
    pub fn revision_backoff(&self, now: Duration) -> Option<Duration> {
        let made = self.renumbered.as_ref()?;
        let pause = REPEATS.pause(made.times);
        (made.at + pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Records that it is unknown whether a pod of this name was created for `slot`.
    pub fn record_unknown_create(&mut self, slot: Slot, name: String, now: Duration) {
        Arc::make_mut(&mut self.unsure).insert(slot, (name, now));
    }

    /// The name of a pod that may still be made for `slot` by a request whose answer never came.
    pub fn unknown_create(&self, slot: &Slot, now: Duration) -> Option<&str> {
        let (name, since) = self.unsure.get(slot)?;
        (now.saturating_sub(*since) < UNSURE).then_some(name.as_str())
    }

    /// Records that the pod of `slot` is gone: if another is wanted it is tried at once, whatever was rejected elsewhere; and while
    /// the owner is paused it comes back at the `revision` that it had.
    pub fn pod_gone(&mut self, slot: Slot, revision: &str, paused: bool) {
        match paused {
            true => self.record_paused_revision(slot.clone(), revision.to_owned()),
            false => self.clear_paused_revisions(),
        }
        self.rejections.vacate(slot);
    }

    /// Records at which revision the pod of `slot` was that went while the owner was paused.
    pub fn record_paused_revision(&mut self, slot: Slot, revision: String) {
        Arc::make_mut(&mut self.left).insert(slot, revision);
    }

    /// The revision label of the pod that went from `slot` while the owner was paused, if that is known.
    pub fn paused_revision(&self, slot: &Slot) -> Option<&str> {
        self.left.get(slot).map(String::as_str)
    }

    /// Forgets what went while the owner was paused: it is paused no more.
    pub fn clear_paused_revisions(&mut self) {
        if !self.left.is_empty() {
            self.left = Arc::default();
        }
    }

    /// How long an ended pod of `slot` is left alone; `None` when it may be replaced now.
    pub fn failed_pod_backoff(&self, slot: &Slot, now: Duration) -> Option<Duration> {
        let last = self.replaced.get(slot)?;
        (last.at + last.pause).checked_sub(now).filter(|d| !d.is_zero())
    }

    /// Records that an ended pod of `slot` was replaced: the next time waits 1 s, then 2 s, up to 15 min. Half an hour
    /// without a failure forgets it.
    pub fn record_failed_pod(&mut self, slot: Slot, now: Duration) {
        let forgotten = REPLACEMENTS.last * 2;
        let replaced = Arc::make_mut(&mut self.replaced);
        replaced.retain(|_, r| now.saturating_sub(r.at) < forgotten);
        let pause = replaced.get(&slot).map_or(REPLACEMENTS.first, |r| (r.pause * 2).min(REPLACEMENTS.last));
        replaced.insert(slot, Replacement { at: now, pause });
    }
}
