//! What an answer means for the run that it belongs to, for the pending writes, and for what is remembered.

use std::time::Duration;

use berth_api::request::{Answer, Verb};
use berth_api::{Key, Meta, ObjectRef, Resource, Uid};
use berth_plan::memory::Outcome as MemoryOutcome;
use berth_plan::notice::{self, Event};
use berth_plan::plan::{Act, Action};
use berth_plan::reason::Reason;
use berth_plan::time::Now;
use serde_json::Value;

use crate::send::classify::{self, Failure};
use crate::send::expectations::Expected;
use crate::send::outbox::{Class, Party};
use crate::work::run::{Ended, UnitId};
use crate::{Engine, Note, Purpose};

/// How long an owner rests whose namespace is being deleted.
const NAMESPACE_REST: Duration = Duration::from_secs(30);
/// For how long what plans say besides their writes is not told again after none of them says it any more.
const TOLD: Duration = Duration::from_secs(600);

impl Engine {
    /// Takes in the answer to a request.
    pub(crate) fn answer(&mut self, id: u64, answer: Answer, now: Now) {
        let class = self.outbox.landed(id);
        if let (Some(class), Answer::Refused(refusal)) = (class, &answer)
            && let Some(wait) = classify::server_pause(refusal)
        {
            self.outbox.hold(class, now.mono + wait);
        }
        match self.purposes.remove(&id) {
            Some(Purpose::Act { key, unit, action }) => self.acted(&key, unit, *action, answer, now),
            Some(Purpose::Check { object }) => self.checked(&object, answer),
            Some(Purpose::Lease { number }) => self.elected(number, answer, now),
            Some(Purpose::Event { key, event, repeats }) => {
                // The event that was to be counted up is gone: it is told as a new one.
                let gone = matches!(&answer, Answer::Refused(refusal) if refusal.code == 404);
                if gone
                    && repeats
                    && let Some(uid) = self.stores.owner(&key).map(|owner| owner.uid.clone())
                {
                    self.book.lost(&uid, &event);
                    self.report(&key, &uid, *event, now);
                }
            }
            None => {}
        }
    }

    /// Takes in the live read of an object whose state is in doubt.
    fn checked(&mut self, object: &ObjectRef, answer: Answer) {
        let version = match answer {
            Answer::Done(value) => meta(&value).resource_version.number(),
            Answer::Refused(refusal) if refusal.code == 404 => None,
            Answer::Refused(refusal) => {
                // It stays unknown until the resource is listed.
                if matches!(classify::refusal(&refusal), Failure::Rejected(_)) {
                    self.pending.check_rejected(object);
                    self.notes.push(Note::Unreadable { object: object.clone(), problem: refusal.message });
                }
                return;
            }
            // It is read again later.
            Answer::Unknown(_) => return,
        };
        let woken = self.pending.checked(object, version, self.stores.view(object));
        self.wake(woken);
    }

    /// Takes in how an action of a plan ended.
    fn acted(&mut self, key: &Key, unit: UnitId, action: Action, answer: Answer, now: Now) {
        let result = match (&action.act, answer) {
            (Act::ConfirmAbsent { .. }, Answer::Refused(refusal)) if refusal.code == 404 => Ok(Value::Null),
            (Act::ConfirmAbsent { .. }, Answer::Done(_)) => {
                Err(Failure::Exists("an object of this name exists".to_owned()))
            }
            (act, answer) => classify::answer(answer)
                .and_then(|value| confirm(act, value))
                .and_then(|value| stored(act, value)),
        };
        let how = match result {
            Ok(value) => {
                self.succeeded(key, &action, &value, now);
                Ended::Done
            }
            // Its pods will show what is wrong with it. Any other rejection says nothing about the template.
            Err(Failure::Rejected(refusal))
                if matches!(action.act, Act::Default { .. }) && classify::is_invalid_template(&refusal) =>
            {
                self.remember(key, &action, MemoryOutcome::Invalid, now);
                Ended::Done
            }
            // What was to be deleted is gone.
            Err(Failure::Stale(_))
                if matches!(action.act, Act::Delete { .. }) && self.is_gone(&action.act) =>
            {
                Ended::Done
            }
            Err(failure) => {
                self.failed(key, &action, failure, now);
                Ended::Failed
            }
        };
        let overtaken = self.is_overtaken(key);
        let next = self.active.get_mut(key).and_then(|active| {
            if overtaken {
                active.run.stop();
            }
            active.run.ended(unit, how)
        });
        if let Some(next) = next {
            self.submit(key, unit, next, now);
        }
        self.advance_run(key, now);
    }

    /// Whether the cache shows already that the incarnation that was to be deleted is gone.
    fn is_gone(&self, act: &Act) -> bool {
        let Act::Delete { object, guard } = act else { return false };
        self.stores.view(object).meta.is_none_or(|m| m.uid != guard.uid)
    }

    fn succeeded(&mut self, key: &Key, action: &Action, value: &Value, now: Now) {
        self.remember(key, action, MemoryOutcome::Done(value), now);
        let object = action.act.object();
        let expected = match &action.act {
            Act::Confirm { .. } | Act::ConfirmAbsent { .. } | Act::Default { .. } => return,
            Act::Delete { guard, .. } => Expected::Deletion(guard.uid.clone()),
            Act::Create { .. } | Act::Patch { .. } => {
                let version = meta(value).resource_version.number();
                if object.resource == Resource::Pods {
                    self.first_written = self.first_written.or(version);
                }
                version.map_or(Expected::Unknown, Expected::Version)
            }
        };
        self.pending.expect(key, object, expected, self.stores.view(object), now.mono);
        self.notes.push(Note::Acted { key: key.clone(), action: Box::new(action.clone()), error: None });
        self.tell(key, action, None, now);
    }

    fn failed(&mut self, key: &Key, action: &Action, failure: Failure, now: Now) {
        let object = action.act.object();
        let view = self.stores.view(object);
        let cached = view.meta.and_then(|m| m.resource_version.number());
        let message = failure.message();
        if let (Failure::Rejected(refusal), Act::Default { template, .. }) = (&failure, &action.act)
            && classify::is_denied(refusal)
        {
            self.memory.entry(key.clone()).or_default().record_denied(template);
        }
        let rejected = |wait, reported| MemoryOutcome::Rejected { message: &message, wait, reported };
        // A dry run has no object in any cache, so there is nothing to wait for.
        let dry_run = matches!(action.act, Act::Default { .. });
        let (outcome, expected) = match &failure {
            Failure::Stale(_) | Failure::Exists(_) if dry_run => (rejected(None, false), None),
            // The API server knows something that the cache does not: wait for it rather than ask again and again.
            Failure::Stale(_) => (MemoryOutcome::Stale(&message), cached.map(Expected::Newer)),
            Failure::Exists(_) => (MemoryOutcome::Stale(&message), Some(Expected::Newer(0))),
            // What changes nothing is only sent again after a pause.
            Failure::Unknown(what) => {
                (MemoryOutcome::Unknown(what), action.act.is_write().then_some(Expected::Unknown))
            }
            Failure::NamespaceTerminating => {
                let quiet =
                    MemoryOutcome::Rejected { message: "", wait: Some(NAMESPACE_REST), reported: false };
                (quiet, None)
            }
            Failure::Rejected(_) => (rejected(None, true), None),
            Failure::TakenBack => (MemoryOutcome::TakenBack(&message), None),
            Failure::Busy { wait, .. } => (rejected(*wait, false), None),
        };
        let stale = match outcome {
            MemoryOutcome::Stale(_) => true,
            MemoryOutcome::Unknown(_) => action.act.is_write(),
            _ => false,
        };
        if let Some(expected) = expected {
            self.pending.expect(key, object, expected, view, now.mono);
        }
        self.memory.entry(key.clone()).or_default().record(action, outcome, now.mono);
        if matches!(outcome, MemoryOutcome::Rejected { reported: true, .. } | MemoryOutcome::TakenBack(_)) {
            self.tell(key, action, Some(&message), now);
        }
        if let Some(active) = self.active.get_mut(key) {
            active.stale |= stale;
            active.refused |= !stale;
        }
        let (key, action) = (key.clone(), Box::new(action.clone()));
        match failure {
            Failure::NamespaceTerminating => {}
            _ if stale => self.notes.push(Note::Retried { key, action, because: message }),
            _ => self.notes.push(Note::Acted { key, action, error: Some(message) }),
        }
    }

    /// Remembers how an action ended.
    fn remember(&mut self, key: &Key, action: &Action, outcome: MemoryOutcome<'_>, now: Now) {
        self.memory.entry(key.clone()).or_default().record(action, outcome, now.mono);
    }

    /// Tells the event of an action, if upstream has one for it.
    fn tell(&mut self, key: &Key, action: &Action, error: Option<&str>, now: Now) {
        let pod = match &action.why {
            Reason::ClaimNeeded { pod } => Some(pod.as_str()),
            // Upstream takes over and lets go without a word.
            Reason::Orphan | Reason::NoLongerOurs if error.is_none() => return,
            _ => None,
        };
        let Some(uid) = self.stores.owner(key).map(|m| m.uid.clone()) else { return };
        let object = action.act.object();
        let found = notice::describe_ended(&action.why, object).filter(|_| error.is_none());
        let event = notice::describe(key, action.act.verb(), object, pod, error);
        for event in found.into_iter().chain(event) {
            self.report(key, &uid, event, now);
        }
    }

    /// Tells what a plan says besides its writes, each once as long as it stays the case. A plan that comes to less than the one before
    /// does not say all of it, so a while must pass before it is told anew.
    pub(crate) fn notify(&mut self, key: &Key, notices: Vec<Event>, now: Now) {
        let Some(uid) = self.stores.owner(key).map(|m| m.uid.clone()) else { return };
        let mut told = self.told.remove(key).unwrap_or_default();
        told.retain(|_, said| now.mono < said.saturating_add(TOLD));
        for notice in notices {
            if told.insert(notice.clone(), now.mono).is_none() {
                self.report(key, &uid, notice, now);
            }
        }
        if !told.is_empty() {
            self.told.insert(key.clone(), told);
        }
    }

    fn report(&mut self, key: &Key, uid: &Uid, event: Event, now: Now) {
        if let Some(request) = self.book.tell(key, uid, event.clone(), now) {
            let repeats = request.verb == Verb::Patch;
            let purpose = Purpose::Event { key: key.clone(), event: Box::new(event), repeats };
            self.push(Class::Event, Party::from(key), request, purpose);
        }
    }
}

/// The metadata in an answer; for what is no object, an empty one.
fn meta(value: &Value) -> Meta {
    let metadata = value.get("metadata").and_then(|m| serde_json::from_value::<Meta>(m.clone()).ok());
    metadata.unwrap_or_default()
}

/// Whether a change was stored: an admission webhook may take it back, and then the version that it was guarded by is still the newest.
fn stored(act: &Act, value: Value) -> Result<Value, Failure> {
    let Act::Patch { guard, .. } = act else { return Ok(value) };
    let before = guard.resource_version.as_ref().filter(|version| version.number().is_some());
    if before.is_some_and(|before| *before == meta(&value).resource_version) {
        Err(Failure::TakenBack)
    } else {
        Ok(value)
    }
}

/// Whether a live read shows the incarnation that was meant.
fn confirm(act: &Act, value: Value) -> Result<Value, Failure> {
    let Act::Confirm { uid, generation, live, not_of, .. } = act else { return Ok(value) };
    let meta = meta(&value);
    let managed = *not_of != Uid::default() && meta.is_controlled_by(not_of);
    let changed = generation.is_some_and(|seen| seen != meta.generation);
    if &meta.uid != uid || changed || (*live && meta.is_terminating()) || managed {
        Err(Failure::Stale("the object has changed meanwhile".to_owned()))
    } else {
        Ok(value)
    }
}
