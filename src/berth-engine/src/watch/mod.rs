//! Lists and watches: from what they report to the stores, the pending writes and the queue.

pub mod problems;
pub mod reflector;
pub mod store;
pub mod stores;
pub mod triggers;

use std::time::Duration;

use berth_api::object::Item;
use berth_api::{Key, Resource};
use berth_plan::reason::Slot;
use berth_plan::time::Now;

use super::{Engine, Event, Note, Output};
use crate::telemetry::counters::Tally;
use crate::watch::reflector::Ask;
use crate::watch::stores::Changed;

/// How long after a revision has appeared its owner is looked at, unless that happens earlier.
const REVISION_SETTLED: Duration = Duration::from_secs(60);

impl Engine {
    /// Asks for the lists and watches that are due.
    pub(crate) fn ask(&mut self, now: Now, outputs: &mut Vec<Output>) {
        if !self.watches() {
            return;
        }
        for (resource, reflector) in &mut self.reflectors {
            let resource = *resource;
            let (namespace, name) = match &self.config.lease {
                Some(lease) if resource == Resource::Leases => (lease.namespace.clone(), lease.name.clone()),
                _ => (self.config.namespace.clone(), String::new()),
            };
            outputs.extend(reflector.ask(now.mono).map(|(session, ask)| match ask {
                Ask::List { token } => Output::List { resource, session, namespace, name, token },
                Ask::Watch { version } => Output::Watch { resource, session, namespace, name, version },
            }));
        }
    }

    /// Takes in a page of a list.
    pub(crate) fn page(
        &mut self,
        resource: Resource,
        session: u64,
        items: Vec<Item>,
        token: String,
        version: u64,
        now: Now,
    ) {
        let Some(reflector) = self.reflectors.get_mut(&resource) else { return };
        if !reflector.is_current(session) {
            return;
        }
        let Some(whole) = reflector.page(items, token, version) else { return };
        Tally::count(&mut self.tally.lists, resource);
        self.tally.heard.insert(resource, now.mono);
        if resource == Resource::Leases {
            reflector.taken(whole.started);
            return whole.items.into_iter().for_each(|item| self.lease_seen(item, now));
        }
        let first = reflector.listed().is_none();
        self.notes.extend(whole.items.iter().filter_map(unreadable));
        match self.stores.replace(resource, whole.items, whole.version) {
            Ok(changes) => {
                if reflector.listed().is_none() || reflector.problem().is_some() {
                    self.notes.push(Note::Watched { resource });
                }
                reflector.taken(whole.started);
                for changed in &changes {
                    self.changed(changed, now);
                }
                let woken = self.pending.relisted(resource, whole.started, whole.version);
                self.wake(woken);
                let woken = self.pending.advanced(resource, |object| self.stores.view(object));
                self.wake(woken);
                // Owners that could not be planned for before this list can be now.
                let fresh = self.leading_since.is_some_and(|since| whole.started >= since);
                if first || fresh {
                    let keys: Vec<_> =
                        self.config.surfaces.iter().flat_map(|s| self.stores.keys(*s)).collect();
                    self.wake(keys);
                }
            }
            Err(error) => reflector.failed(error.to_string(), now.mono),
        }
    }

    /// Takes in an event of a watch.
    pub(crate) fn event(&mut self, resource: Resource, session: u64, event: Event, now: Now) {
        if self.reflectors.get(&resource).is_none_or(|reflector| !reflector.is_current(session)) {
            return;
        }
        match &event {
            Event::Put(_) | Event::Deleted(_) => Tally::count(&mut self.tally.events, resource),
            Event::Opened => Tally::count(&mut self.tally.watches, resource),
            _ => {}
        }
        if matches!(event, Event::Put(_) | Event::Deleted(_) | Event::Bookmark(_)) {
            self.tally.heard.insert(resource, now.mono);
        }
        if resource == Resource::Leases {
            self.lease_event(&event, now);
        }
        let Some(reflector) = self.reflectors.get_mut(&resource) else { return };
        match event {
            Event::Put(item) if resource == Resource::Leases => self.lease_seen(*item, now),
            Event::Put(item) => {
                self.notes.extend(unreadable(&item));
                let changed = self.stores.put(*item);
                self.advance(resource);
                if let Some(changed) = changed {
                    self.changed(&changed, now);
                }
            }
            Event::Deleted(meta) => {
                let changed = self.stores.remove(resource, &meta);
                self.advance(resource);
                if let Some(changed) = changed {
                    self.changed(&changed, now);
                }
            }
            Event::Bookmark(version) => {
                self.stores.bookmark(resource, version);
                self.advance(resource);
                let woken = self.pending.advanced(resource, |object| self.stores.view(object));
                self.wake(woken);
            }
            Event::Opened => reflector.opened(),
            Event::Expired => reflector.expired(now.mono),
            Event::Ended => reflector.ended(now.mono),
            Event::Failed(problem) => {
                if reflector.problem() != Some(&problem) {
                    let problem = problems::explain(resource, &problem, &self.config);
                    self.notes.push(Note::Unwatched { resource, problem });
                }
                reflector.failed(problem, now.mono);
            }
        }
    }

    fn advance(&mut self, resource: Resource) {
        let seen = self.stores.seen(resource);
        if let Some(reflector) = self.reflectors.get_mut(&resource) {
            reflector.advance(seen);
        }
    }

    /// Wakes the owners that a change concerns, and those that waited for it.
    fn changed(&mut self, changed: &Changed, now: Now) {
        self.pod_gone(changed);
        let keys = triggers::keys(&self.stores, changed, self.config.gates);
        if let Changed::Node(change) = changed
            && let Some(node) = &change.new
        {
            // A node that comes to want a pod gets it at once, whatever was rejected elsewhere.
            let replica = Slot::Node(node.metadata.name.clone());
            for key in &keys {
                if let Some(memory) = self.memory.get_mut(key) {
                    memory.rejections.vacate(replica.clone());
                }
            }
        }
        if let Some(key) = triggers::owner(changed).filter(|key| self.is_overtaken(key)) {
            self.recall(&key, now);
        }
        if let Some(gone) = triggers::gone(changed).filter(|_| !self.leads()) {
            // Without the lease no worker comes to it.
            self.forget(&gone);
            self.queue.remove(&gone);
        } else {
            self.wake(keys);
        }
        for key in triggers::later(&self.stores, changed) {
            if self.config.surfaces.contains(&key.surface) && self.is_known(&key) {
                self.queue.add_at(key, now.mono + REVISION_SETTLED);
            }
        }
        if let Some(object) = triggers::object(changed) {
            let woken = self.pending.observed(&object, self.stores.view(&object));
            self.wake(woken);
            let waited = self.awaiting.remove(&object).unwrap_or_default();
            self.wake(waited);
        }
    }

    /// Whether an owner may be enqueued: without the lease no worker comes to one that is gone, to forget it.
    fn is_known(&self, key: &Key) -> bool {
        self.leads() || self.stores.owner(key).is_some()
    }

    /// Queues owners of surfaces that are served.
    pub(crate) fn wake(&mut self, keys: impl IntoIterator<Item = berth_api::Key>) {
        for key in keys {
            if self.config.surfaces.contains(&key.surface) && self.is_known(&key) {
                self.queue.add(key);
            }
        }
    }
}

/// Tells an object that cannot be read; it counts as present all the same.
fn unreadable(item: &Item) -> Option<Note> {
    item.unreadable().map(|(object, why)| Note::Unreadable { object, problem: why.to_owned() })
}
