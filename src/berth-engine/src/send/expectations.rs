//! The ledger of writes that are not visible yet (X1, KEP-5647 extended to deletions and every kind).
//!
//! No plan is made for an owner while one of its writes is in here: it would be decided on a view from before that write.
//! A write is taken out when the cache shows its effect, so waiting ends with the arrival and not with a timer.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::{Key, Meta, ObjectRef, Resource, Uid};
use berth_plan::memory::backoff::Backoff;

/// What must be seen of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// This version, or a later one, or that it is gone after it.
    Version(u64),
    /// That this incarnation is gone or on its way out.
    Deletion(Uid),
    /// Anything newer than this version (0: that it exists at all). The API server told us that our view is old.
    Newer(u64),
    /// That this incarnation is gone: a fresh read found nothing. If a list that was begun later shows it all the same, the read was
    /// wrong (an API server that has just started knows no custom resources yet).
    Absent(Uid),
    /// Nobody knows whether the write was done. A fresh read must tell.
    Unknown,
}

/// How the cache shows an object.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Its metadata, if it is there.
    pub meta: Option<&'a Meta>,
    /// How far the cache of its resource has got.
    pub seen: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    expected: Expected,
    since: Duration,
    checked: Duration,
    checks: u32,
    /// Whether the API server rejected a live read.
    unreadable: bool,
}

impl Entry {
    /// Whether a list that was read at `version` may be from before the write.
    fn is_after(&self, version: u64) -> bool {
        match self.expected {
            Expected::Version(made) => made > version,
            // The cache shows whether it is done.
            Expected::Deletion(_) => true,
            Expected::Newer(_) | Expected::Absent(_) | Expected::Unknown => false,
        }
    }

    fn relist_after(&self) -> Duration {
        if self.unreadable { RELIST_UNREADABLE } else { RELIST_AFTER }
    }

    /// Since when it has been as it is.
    fn begun(&self) -> Duration {
        if matches!(self.expected, Expected::Absent(_)) { self.checked } else { self.since }
    }
}

/// Pauses before the live reads of an object whose state is in doubt.
const CHECKS: Backoff = Backoff { first: Duration::from_millis(500), last: Duration::from_secs(30) };
/// After this the resource is listed anew.
const RELIST_AFTER: Duration = Duration::from_secs(300);
/// The same where the API server rejects the live read: a list needs another right, and every cache has it.
const RELIST_UNREADABLE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    entries: BTreeMap<ObjectRef, BTreeMap<Key, Entry>>,
    counts: BTreeMap<Key, usize>,
}

impl Pending {
    /// Whether a write of this owner is not visible yet.
    pub fn blocks(&self, key: &Key) -> bool {
        self.counts.contains_key(key)
    }

    /// How many writes are not visible yet.
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// Whether every write is visible.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Enters a write of `key`, unless the cache shows its effect already.
    pub fn expect(
        &mut self,
        key: &Key,
        object: &ObjectRef,
        expected: Expected,
        view: View<'_>,
        now: Duration,
    ) {
        if is_visible(&expected, view) {
            return;
        }
        let entry = Entry { expected, since: now, checked: now, checks: 0, unreadable: false };
        let before = self.entries.entry(object.clone()).or_default().insert(key.clone(), entry);
        if before.is_none() {
            *self.counts.entry(key.clone()).or_default() += 1;
        }
    }

    /// Takes in that the cache shows `object` in a new way. Returns the owners that may be planned for again.
    pub fn observed(&mut self, object: &ObjectRef, view: View<'_>) -> Vec<Key> {
        self.resolve(object, |entry| is_visible(&entry.expected, view))
    }

    /// Takes in that the whole cache of a resource has moved on.
    pub fn advanced<'a>(&mut self, resource: Resource, view: impl Fn(&ObjectRef) -> View<'a>) -> Vec<Key> {
        let objects: Vec<_> = self.entries.keys().filter(|o| o.resource == resource).cloned().collect();
        objects.iter().flat_map(|o| self.observed(o, view(o))).collect()
    }

    /// Takes in a list of a resource that was begun at `started` and read at `version`: what was in doubt before is not any more. A
    /// write whose outcome is known is waited for all the same if the list is from before it, as a list from an old replica is.
    pub fn relisted(&mut self, resource: Resource, started: Duration, version: u64) -> Vec<Key> {
        let objects: Vec<_> = self.entries.keys().filter(|o| o.resource == resource).cloned().collect();
        objects
            .iter()
            .flat_map(|o| self.resolve(o, |entry| entry.begun() < started && !entry.is_after(version)))
            .collect()
    }

    /// Takes in a fresh read of an object whose state was in doubt: the version that the API server has, or `None` if it has
    /// no such object. What is now known to be there must still be seen in the cache.
    pub fn checked(&mut self, object: &ObjectRef, version: Option<u64>, view: View<'_>) -> Vec<Key> {
        let Some(entries) = self.entries.get_mut(object) else { return vec![] };
        for entry in entries.values_mut() {
            if matches!(entry.expected, Expected::Unknown | Expected::Newer(_)) {
                // Nothing there: the cache must have seen that too, which it has once it shows no object.
                entry.expected = match version {
                    Some(version) => Expected::Version(version),
                    None => Expected::Absent(view.meta.map(|m| m.uid.clone()).unwrap_or_default()),
                };
            }
        }
        self.observed(object, view)
    }

    /// Takes in that the API server rejects the live read of an object whose state is in doubt.
    pub fn check_rejected(&mut self, object: &ObjectRef) {
        let entries = self.entries.get_mut(object).into_iter().flat_map(BTreeMap::values_mut);
        entries.for_each(|entry| entry.unreadable = true);
    }

    /// Objects that must be read live now, for nothing has cleared up their state.
    pub fn checks(&mut self, now: Duration) -> Vec<ObjectRef> {
        let mut due = vec![];
        for (object, entries) in &mut self.entries {
            let mut needed = false;
            for entry in entries.values_mut() {
                let in_doubt = matches!(entry.expected, Expected::Unknown | Expected::Newer(_));
                if in_doubt && now >= entry.checked + pause(entry.checks) {
                    entry.checked = now;
                    entry.checks += 1;
                    needed = true;
                }
            }
            if needed {
                due.push(object.clone());
            }
        }
        due
    }

    /// Resources that must be listed anew, for a write has not become visible in five minutes.
    pub fn overdue(&self, now: Duration) -> Vec<Resource> {
        let overdue =
            |entries: &BTreeMap<Key, Entry>| entries.values().any(|e| now >= e.since + e.relist_after());
        let mut resources: Vec<_> =
            self.entries.iter().filter(|(_, e)| overdue(e)).map(|(o, _)| o.resource).collect();
        resources.dedup();
        resources
    }

    /// When [`Self::checks`] has something next.
    pub fn next_check(&self) -> Option<Duration> {
        let entries = self.entries.values().flat_map(BTreeMap::values);
        let in_doubt = entries.filter(|e| matches!(e.expected, Expected::Unknown | Expected::Newer(_)));
        in_doubt.map(|e| e.checked + pause(e.checks)).min()
    }

    fn resolve(&mut self, object: &ObjectRef, visible: impl Fn(&Entry) -> bool) -> Vec<Key> {
        let Some(entries) = self.entries.get_mut(object) else { return vec![] };
        let done: Vec<Key> = entries.iter().filter(|(_, e)| visible(e)).map(|(key, _)| key.clone()).collect();
        for key in &done {
            entries.remove(key);
            if let Some(count) = self.counts.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(key);
                }
            }
        }
        if entries.is_empty() {
            self.entries.remove(object);
        }
        done.into_iter().filter(|key| !self.blocks(key)).collect()
    }
}

fn pause(checks: u32) -> Duration {
    CHECKS.pause(checks.saturating_add(1))
}

fn is_visible(expected: &Expected, view: View<'_>) -> bool {
    let version = view.meta.and_then(|m| m.resource_version.number()).unwrap_or(0);
    match expected {
        Expected::Version(at_least) => view.seen >= *at_least || version >= *at_least,
        Expected::Deletion(uid) => view.meta.is_none_or(|m| &m.uid != uid || m.is_terminating()),
        // A cache that still shows it as being deleted lags: what is planned on that would be sent, and not be found, again and again.
        Expected::Absent(uid) => view.meta.is_none_or(|m| &m.uid != uid),
        Expected::Newer(than) => version > *than || (*than > 0 && view.meta.is_none()),
        Expected::Unknown => false,
    }
}
