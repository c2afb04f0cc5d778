//! The requests of one owner that the API server rejected: each has a pause of its own, whatever its verb and purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use berth_api::condition::ConditionReason;
use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource, Uid};

use super::backoff::Backoff;
use crate::plan::{Act, Action};
use crate::reason::Slot;

/// Pauses after a rejected request. It is never given up: a quota may come back.
pub const RETRY: Backoff = Backoff { first: Duration::from_secs(1), last: Duration::from_secs(300) };
/// The longest pause that an answer may ask for.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);
/// A rejection that was not repeated for this long after its pause is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(1800);
/// How often a request is sent again that meets another state than it was decided on, though no newer one can be read. It is no
/// conflict then: an admission webhook may answer with 409 too.
const CONFLICTS: u32 = 2;

/// For so long what a busy API server did not answer with a rejection may turn out to be done.
const MAY_BE_DONE: Duration = Duration::from_secs(5);
/// A rejection that was not repeated for this long, although no pause is as long, may have lost its cause.
const STANDS: Duration = Duration::from_secs(400);

/// A request, as far as its rejections are concerned: the verb, whether it is of the status, whether it is a dry run, the object, and
/// the incarnation that it is about.
type RequestKey = (Verb, bool, bool, ObjectRef, Uid);

fn key(act: &Act) -> RequestKey {
    let uid = match act {
        Act::Delete { guard, .. } | Act::Patch { guard, .. } => guard.uid.clone(),
        _ => Uid::default(),
    };
    (act.verb(), act.writes_status(), matches!(act, Act::Default { .. }), act.object().clone(), uid)
}

/// A request that the API server rejected when it was sent last.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// What kind of request.
    pub reason: ConditionReason,
    /// The object.
    pub object: ObjectRef,
    /// The API server's own message.
    pub message: String,
    /// How often in a row.
    pub times: u32,
    /// When the answer came (monotonic).
    pub tried: Duration,
    /// Not to be tried again before this (monotonic).
    pub retry_at: Duration,
    /// Whether it is shown to users: a busy API server says nothing about the owner.
    pub reported: bool,
    /// Whether the change was accepted, and then taken back by an admission webhook or by another client.
    pub taken_back: bool,
}

/// A request that met another state than it was decided on, several times in a row.
#[derive(Clone, Debug, PartialEq)]
struct Conflict {
    /// What it was decided on; see [`Act::decided_on`].
    state: String,
    times: u32,
    at: Duration,
}

/// The creations of pods and claims after one of them was rejected.
#[derive(Clone, Debug, PartialEq)]
struct Creations {
    times: u32,
    retry_at: Duration,
    /// Until then the API server asked to wait, so that a replica which has lost its pod waits too.
    asked_until: Duration,
    /// The request that was rejected last.
    last: RequestKey,
}

/// See the module. A copy costs little, whatever there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejections {
    requests: Arc<BTreeMap<RequestKey, Rejection>>,
    conflicts: Arc<BTreeMap<RequestKey, Conflict>>,
    creations: Option<Creations>,
    /// Replicas that have lost their pod, or come to be wanted, since a creation was rejected. They are tried at once.
    vacant: Arc<BTreeSet<Slot>>,
}

impl Rejection {
    /// For how long from `now` it stands although the request is not sent again, since others go first; `None` if its cause may be gone:
    /// the spec was changed since, or it was not repeated for 400 s.
    pub fn stands(&self, now: Duration) -> Option<Duration> {
        let left = (self.tried + STANDS).checked_sub(now).filter(|left| !left.is_zero());
        left.filter(|_| self.times > 0)
    }

    /// After what time from `now` it counts as refused, though the API server may have done it; `None` if it does already.
    pub fn settles_in(&self, now: Duration) -> Option<Duration> {
        let left = (self.tried + MAY_BE_DONE).checked_sub(now).filter(|left| !left.is_zero());
        left.filter(|_| !self.reported)
    }
}

impl Rejections {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// The rejection of the request of `act`, if it was rejected when it was sent last.
    pub fn of(&self, act: &Act) -> Option<&Rejection> {
        if self.requests.is_empty() { None } else { self.requests.get(&key(act)) }
    }

    /// All of them, in the order of their objects.
    pub fn iter(&self) -> impl Iterator<Item = &Rejection> {
        self.requests.values()
    }

    /// How long `action` of `unit` is not to be sent, and the rejection that this is for; `None` when it may be sent now.
    pub fn back_off(
        &self,
        action: &Action,
        unit: &[Action],
        now: Duration,
    ) -> Option<(Duration, &Rejection)> {
        let left = |at: Duration| at.checked_sub(now).filter(|delay| !delay.is_zero());
        let own = self.of(&action.act).and_then(|r| Some((left(r.retry_at)?, r)));
        if own.is_some() || !creates(&action.act) {
            return own;
        }
        let is_vacant = |action: &Action| action.why.slot().is_some_and(|slot| self.vacant.contains(slot));
        let creations = self.creations.as_ref()?;
        let until = if unit.iter().any(is_vacant) { creations.asked_until } else { creations.retry_at };
        Some((left(until)?, self.requests.get(&creations.last)?))
    }

    /// Whether a unit is not to be sent now, as the API server refused it or what comes with it. What it did not do for reasons of its
    /// own may have been done all the same.
    pub fn is_refused(&self, unit: &[Action], now: Duration) -> bool {
        let held = unit.iter().filter_map(|action| self.back_off(action, unit, now));
        held.max_by_key(|(delay, _)| *delay).is_some_and(|(_, rejection)| rejection.settles_in(now).is_none())
    }

    /// Whether `replica` has lost its pod, or come to be wanted, since a creation was rejected.
    pub fn is_vacant(&self, replica: &Slot) -> bool {
        self.vacant.contains(replica)
    }

    /// Whether a unit is not to be sent now.
    pub fn is_held(&self, unit: &[Action], now: Duration) -> bool {
        !self.is_empty() && unit.iter().any(|action| self.back_off(action, unit, now).is_some())
    }

    /// Records that the API server rejected `action`. The pause doubles from 1 s to 5 min and is at least `wait`. `reported`: the
    /// answer is about the request and not about the API server.
    pub fn record(
        &mut self,
        action: &Action,
        message: &str,
        wait: Option<Duration>,
        reported: bool,
        now: Duration,
    ) {
        let (key, wait) = (key(&action.act), wait.unwrap_or_default());
        let before = self.take(&key, now);
        let before_taken_back = before.as_ref().is_some_and(|known| known.taken_back);
        let times = before.map_or(0, |known| known.times).saturating_add(1);
        let rejection = Rejection {
            reason: action.act.rejected_as(),
            object: action.act.object().clone(),
            message: message.to_owned(),
            times,
            tried: now,
            retry_at: now + RETRY.pause(times).max(wait),
            reported,
            // An API server that is busy says nothing about it.
            taken_back: !reported && before_taken_back,
        };
        // A replica that was tried at once says nothing about when the others are tried.
        if creates(&action.act) && !self.occupy(action) {
            // The answers of one batch count once, and each pod has one try before the pauses grow: a policy about some of them does not
            // keep the others waiting for long (X6).
            let known = self.creations.as_ref().map_or((0, Duration::ZERO), |c| (c.times, c.retry_at));
            let again = times > 1 && now >= known.1;
            let times = known.0.saturating_add(u32::from(again)).max(1);
            let retry_at = known.1.max(now + RETRY.pause(times).max(wait));
            let asked = if wait.is_zero() { Duration::ZERO } else { now + wait };
            let asked_until = self.creations.as_ref().map_or(Duration::ZERO, |c| c.asked_until).max(asked);
            self.creations = Some(Creations { times, retry_at, asked_until, last: key.clone() });
        }
        Arc::make_mut(&mut self.requests).insert(key, rejection);
    }

    /// Records that the change of `action` was accepted and taken back: it is made again after a pause as after a rejection.
    pub fn take_back(&mut self, action: &Action, message: &str, now: Duration) {
        self.record(action, message, None, true, now);
        if let Some(known) = Arc::make_mut(&mut self.requests).get_mut(&key(&action.act)) {
            known.taken_back = true;
        }
    }

    /// Records that `action` met another state than it was decided on. That is sent again at once, on a newer view; but where the same
    /// request meets the same state for the third time nothing newer can be read, and it waits as after a rejection.
    pub fn conflict(&mut self, action: &Action, message: &str, now: Duration) {
        let (key, state) = (key(&action.act), action.act.decided_on());
        let all = Arc::make_mut(&mut self.conflicts);
        all.retain(|_, known| now < known.at.saturating_add(FORGOTTEN));
        let known = all.entry(key).or_insert(Conflict { state: state.clone(), times: 0, at: now });
        let times = if known.state == state { known.times.saturating_add(1) } else { 1 };
        *known = Conflict { state, times, at: now };
        if times > CONFLICTS {
            self.record(action, message, None, false, now);
        }
    }

    /// Records that no answer came to a request that changes nothing, and why: it is sent again after a pause. What the API server
    /// said before stands.
    pub fn postpone(&mut self, action: &Action, why: &str, now: Duration) {
        let key = key(&action.act);
        let known = self.take(&key, now).unwrap_or_else(|| Rejection {
            reason: action.act.rejected_as(),
            object: action.act.object().clone(),
            message: why.to_owned(),
            times: 0,
            tried: now,
            retry_at: now,
            reported: false,
            taken_back: false,
        });
        let times = known.times.saturating_add(1);
        let retry_at = now + RETRY.pause(times);
        let postponed = Rejection { times, tried: now, retry_at, ..known };
        Arc::make_mut(&mut self.requests).insert(key, postponed);
    }

    /// Takes a rejection out, and those that are too old to say anything.
    fn take(&mut self, key: &RequestKey, now: Duration) -> Option<Rejection> {
        let requests = Arc::make_mut(&mut self.requests);
        requests.retain(|_, known| now < known.retry_at.max(known.tried).saturating_add(FORGOTTEN));
        requests.remove(key)
    }

    /// Records that `action` was done.
    pub fn clear(&mut self, action: &Action) {
        // A claim that is made says nothing about pods: a quota may be of pods alone.
        let resource = action.act.object().resource;
        if creates(&action.act) && self.creations.as_ref().is_none_or(|c| c.last.3.resource == resource) {
            self.creations = None;
            self.vacant = Arc::default();
        }
        if self.requests.is_empty() && self.conflicts.is_empty() {
            return;
        }
        let key = key(&action.act);
        if self.requests.contains_key(&key) {
            Arc::make_mut(&mut self.requests).remove(&key);
        }
        if self.conflicts.contains_key(&key) {
            Arc::make_mut(&mut self.conflicts).remove(&key);
        }
    }

    /// Records that a replica has lost its pod, or is wanted from now on: its creation is tried at once, though another was rejected.
    /// Not though while the API server asks to wait, or the namespace ends: it would say the same.
    pub fn vacate(&mut self, replica: Slot) {
        if self.creations.is_some() {
            Arc::make_mut(&mut self.vacant).insert(replica);
        }
    }

    /// Whether `action` fills a replica that was vacant; from now on it is not.
    fn occupy(&mut self, action: &Action) -> bool {
        let replica = action.why.slot().filter(|replica| self.vacant.contains(replica));
        replica.is_some_and(|replica| Arc::make_mut(&mut self.vacant).remove(replica))
    }

    /// Lets everything be tried at once: the spec was changed, which may be the cure. What was reported stands until then.
    pub fn retry_now(&mut self) {
        for known in Arc::make_mut(&mut self.requests).values_mut() {
            (known.times, known.retry_at) = (0, Duration::ZERO);
        }
        self.conflicts = Arc::default();
        self.creations = None;
        self.vacant = Arc::default();
    }
}

/// Whether an act creates what a quota counts: pods and claims.
fn creates(act: &Act) -> bool {
    matches!(act, Act::Create { object, .. } if matches!(object.resource, Resource::Pods | Resource::Claims))
}
