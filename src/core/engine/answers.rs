//! What an answer means for the run that it belongs to, for the pending writes, and for what is remembered.

use serde_json::Value;

use super::{Engine, Note, Purpose};
use crate::api::{Key, Meta, Resource, Uid};
use crate::core::apply::{Ended, UnitId};
use crate::core::classify::{self, Failure};
use crate::core::events::{self, Event};
use crate::core::limiter::Class;
use crate::core::pending::Expected;
use crate::core::plan::{Act, Action};
use crate::core::reason::{Reason, Slot};
use crate::core::request::Answer;
use crate::core::time::Now;

/// How long an owner rests whose namespace is being deleted.
const NAMESPACE_REST: std::time::Duration = std::time::Duration::from_secs(30);

impl Engine {
    /// Takes in the answer to a request.
    pub(super) fn answer(&mut self, id: u64, answer: Answer, now: Now) {
        self.sent.remove(&id);
        match self.purposes.remove(&id) {
            Some(Purpose::Act { key, unit, action }) => self.acted(&key, unit, *action, answer, now),
            Some(Purpose::Check { object }) => {
                let version = match answer {
                    Answer::Done(value) => meta(&value).resource_version.number(),
                    Answer::Refused(refusal) if refusal.code == 404 => None,
                    // Still nobody knows; it is read again later.
                    _ => return,
                };
                let woken = self.pending.checked(&object, version, self.stores.view(&object));
                self.wake(woken);
            }
            Some(Purpose::Lease) => self.elected(answer, now),
            Some(Purpose::Event) | None => {}
        }
    }

    /// Takes in how an action of a plan ended.
    fn acted(&mut self, key: &Key, unit: UnitId, action: Action, answer: Answer, now: Now) {
        let result = match (&action.act, answer) {
            (Act::ConfirmAbsent { .. }, Answer::Refused(refusal)) if refusal.code == 404 => Ok(Value::Null),
            (Act::ConfirmAbsent { .. }, Answer::Done(_)) => Err(Failure::Exists),
            (act, answer) => classify::answer(answer).and_then(|value| confirm(act, value)),
        };
        let how = match result {
            Ok(value) => {
                self.succeeded(key, &action, &value, now);
                Ended::Done
            }
            // A template that the API server refuses is like no other; its pods will show what is wrong with it.
            Err(Failure::Rejected(_)) if matches!(action.act, Act::Default { .. }) => {
                self.succeeded(key, &action, &Value::Null, now);
                Ended::Done
            }
            // What was to be deleted is gone.
            Err(Failure::Stale) if matches!(action.act, Act::Delete { .. }) && self.is_gone(&action.act) => {
                Ended::Done
            }
            Err(failure) => {
                self.failed(key, &action, failure, now);
                Ended::Failed
            }
        };
        // A pod is not made after its claim, nor anything after a live read, for a spec that is there no more.
        self.stop_outdated(key);
        let next = self.active.get_mut(key).and_then(|active| active.run.ended(unit, how));
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
        let object = action.act.object();
        if let Act::Default { template, .. } = &action.act {
            let defaulted = value.get("template").cloned();
            return self.memory.entry(key.clone()).or_default().remember_defaults(template, defaulted);
        }
        // A look at the owner, and a write of its status, go well only if it is as we saw it.
        if object == &key.object() {
            self.memory.entry(key.clone()).or_default().owner_confirmed = true;
        }
        let expected = match &action.act {
            Act::Confirm { .. } | Act::ConfirmAbsent { .. } | Act::Default { .. } => None,
            Act::Delete { guard, .. } => Some(Expected::Deletion(guard.uid.clone())),
            Act::Create { .. } | Act::Patch { .. } => {
                let version = meta(value).resource_version.number();
                if object.resource == Resource::Pods {
                    self.first_written = self.first_written.or(version);
                }
                Some(version.map_or(Expected::Unknown, Expected::Version))
            }
        };
        let Some(expected) = expected else { return };
        self.pending.expect(key, object, expected, self.stores.view(object), now.mono);
        self.notes.push(Note::Acted { key: key.clone(), action: Box::new(action.clone()), error: None });
        let memory = self.memory.entry(key.clone()).or_default();
        if !action.act.request().status {
            memory.succeed();
        }
        match (&action.act, &action.why) {
            (Act::Create { .. }, Reason::NewTemplate) => memory.renumber(now.mono),
            (Act::Create { .. }, why) => {
                why.slot().into_iter().for_each(|slot| memory.make(slot.clone(), now.mono))
            }
            (Act::Patch { .. }, Reason::Rollback { .. }) => memory.renumber(now.mono),
            // Nothing is expected to come back in its place: whoever made it may make it again and again.
            (Act::Delete { .. }, Reason::Duplicate { .. }) => {}
            (Act::Delete { .. }, why) => why.slot().into_iter().for_each(|slot| memory.unmake(slot)),
            _ => {}
        }
        if let Reason::Ended { slot, phase, .. } = &action.why
            && (phase == "Failed" || matches!(slot, Slot::Ordinal(_)))
        {
            memory.replace(slot.clone(), now.mono);
        }
        self.tell(key, action, None, now);
    }

    fn failed(&mut self, key: &Key, action: &Action, failure: Failure, now: Now) {
        let object = action.act.object();
        let view = self.stores.view(object);
        let cached = view.meta.and_then(|m| m.resource_version.number());
        let message = failure.message();
        let mut stale = false;
        match &failure {
            Failure::Stale => {
                stale = true;
                // The API server knows something that the cache does not: wait for it rather than ask again and again.
                if let Some(version) = cached {
                    self.pending.expect(key, object, Expected::Newer(version), view, now.mono);
                }
            }
            Failure::Exists => {
                stale = true;
                self.pending.expect(key, object, Expected::Newer(0), view, now.mono);
            }
            Failure::Unknown(_) => {
                stale = true;
                self.pending.expect(key, object, Expected::Unknown, view, now.mono);
                if let (Act::Create { object, .. }, Some(slot)) = (&action.act, action.why.slot()) {
                    let memory = self.memory.entry(key.clone()).or_default();
                    memory.doubt(slot.clone(), object.name.clone(), now.mono);
                }
            }
            Failure::NamespaceTerminating => {
                self.refuse(key, action, String::new(), Some(NAMESPACE_REST), false, now);
                if let Some(active) = self.active.get_mut(key) {
                    active.refused = true;
                }
                return;
            }
            Failure::Rejected(_) => {
                self.refuse(key, action, message.clone(), None, true, now);
                self.tell(key, action, Some(&message), now);
            }
            Failure::Busy { wait, .. } => self.refuse(key, action, message.clone(), *wait, false, now),
        }
        if let Some(active) = self.active.get_mut(key) {
            active.stale |= stale;
            active.refused |= !stale;
        }
        if stale {
            let (key, action) = (key.clone(), Box::new(action.clone()));
            return self.notes.push(Note::Retried { key, action, because: message });
        }
        self.notes.push(Note::Acted {
            key: key.clone(),
            action: Box::new(action.clone()),
            error: Some(message),
        });
    }

    fn refuse(
        &mut self,
        key: &Key,
        action: &Action,
        message: String,
        wait: Option<std::time::Duration>,
        reported: bool,
        now: Now,
    ) {
        let memory = self.memory.entry(key.clone()).or_default();
        let (reason, object) = (action.act.refused(), action.act.object().clone());
        memory.refuse(reason, object, message, wait, reported, now.mono);
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
        let found = events::describe_ended(&action.why, object).filter(|_| error.is_none());
        let event = events::describe(key, action.act.request().verb, object, pod, error);
        for event in found.into_iter().chain(event) {
            self.report(key, &uid, event, now);
        }
    }

    /// Tells what a plan says besides its writes, each once as long as it stays the case.
    pub(super) fn notify(&mut self, key: &Key, notices: Vec<Event>, now: Now) {
        let Some(uid) = self.stores.owner(key).map(|m| m.uid.clone()) else { return };
        let told = self.told.remove(key).unwrap_or_default();
        for notice in notices.iter().filter(|notice| !told.contains(notice)) {
            self.report(key, &uid, notice.clone(), now);
        }
        if !notices.is_empty() {
            self.told.insert(key.clone(), notices);
        }
    }

    fn report(&mut self, key: &Key, uid: &Uid, event: Event, now: Now) {
        if let Some(request) = self.book.tell(key, uid, event, now) {
            self.push(Class::Event, Some(key.clone()), request, Purpose::Event);
        }
    }
}

/// The metadata in an answer; for what is no object, an empty one.
fn meta(value: &Value) -> Meta {
    let metadata = value.get("metadata").and_then(|m| serde_json::from_value::<Meta>(m.clone()).ok());
    metadata.unwrap_or_default()
}

/// Whether a fresh read shows the incarnation that was meant.
fn confirm(act: &Act, value: Value) -> Result<Value, Failure> {
    let Act::Confirm { uid, generation, live, not_of, .. } = act else { return Ok(value) };
    let meta = meta(&value);
    let managed = *not_of != Uid::default() && meta.is_controlled_by(not_of);
    let changed = generation.is_some_and(|seen| seen != meta.generation);
    if &meta.uid != uid || changed || (*live && meta.is_terminating()) || managed {
        Err(Failure::Stale)
    } else {
        Ok(value)
    }
}
