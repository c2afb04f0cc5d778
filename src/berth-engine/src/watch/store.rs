//! The cache fold: lists and watch events become changes with an old and a new side. A relist becomes explicit removals,
//! so a deletion that happened while nobody watched is not lost.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use berth_api::meta::{Name, Object, Objects};
use berth_api::{Meta, Uid};

/// Two texts, owned or borrowed, so that looking an object up copies neither its namespace nor its name.
trait Pair {
    fn pair(&self) -> (&str, &str);
}

impl Pair for Name {
    fn pair(&self) -> (&str, &str) {
        (&self.0, &self.1)
    }
}

impl Pair for (&str, &str) {
    fn pair(&self) -> (&str, &str) {
        *self
    }
}

impl<'a> Borrow<dyn Pair + 'a> for Name {
    fn borrow(&self) -> &(dyn Pair + 'a) {
        self
    }
}

impl PartialEq for dyn Pair + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.pair() == other.pair()
    }
}

impl Eq for dyn Pair + '_ {}

impl PartialOrd for dyn Pair + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Pair + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pair().cmp(&other.pair())
    }
}

/// What happened to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<T> {
    /// How it was, if it was there.
    pub old: Option<Arc<T>>,
    /// How it is, if it is there.
    pub new: Option<Arc<T>>,
}

impl<T: Object> Change<T> {
    /// Either side; the new one if there is one.
    pub fn any(&self) -> Option<&Arc<T>> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// Whether anything but the bookkeeping of the API server is different.
    pub fn is_meaningful(&self) -> bool {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => !old.is_same_but_version(new),
            _ => true,
        }
    }
}

/// All objects of one resource, as far as they were seen.
#[derive(Clone, Debug)]
pub struct Store<T> {
    objects: Objects<T>,
    /// By namespace and managing owner, then by name; an empty uid stands for objects without one.
    by_controller: BTreeMap<(String, Uid), BTreeMap<String, Arc<T>>>,
    seen: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Store { objects: Arc::default(), by_controller: BTreeMap::new(), seen: 0 }
    }
}

fn name(meta: &Meta) -> Name {
    (meta.namespace.clone(), meta.name.clone())
}

impl<T: Object> Store<T> {
    /// All objects, to be kept while the store moves on.
    pub fn objects(&self) -> Objects<T> {
        Arc::clone(&self.objects)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<T>> {
        self.objects.get(&(namespace, name) as &dyn Pair)
    }

    /// The objects of a namespace that the owner `controller` manages (an empty uid: that nobody manages), by name.
    pub fn controlled_by<'a>(
        &'a self,
        namespace: &str,
        controller: &Uid,
    ) -> impl Iterator<Item = &'a Arc<T>> + use<'a, T> {
        let owner = (namespace.to_owned(), controller.clone());
        self.by_controller.get(&owner).into_iter().flat_map(BTreeMap::values)
    }

    /// The objects of a namespace whose names begin with `prefix`, by name.
    pub fn with_prefix<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a Arc<T>> {
        let from = (namespace.to_owned(), prefix.to_owned());
        let inside = move |(key, _): &(&Name, &Arc<T>)| key.0 == namespace && key.1.starts_with(prefix);
        self.objects.range(from..).take_while(inside).map(|(_, object)| object)
    }

    /// The newest resourceVersion of which it is known that everything before it was seen; 0 before the first list.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes in a bookmark.
    pub fn bookmark(&mut self, version: u64) {
        self.seen = self.seen.max(version);
    }

    /// Takes in an added or changed object. An event older than what is known is ignored.
    pub fn put(&mut self, object: T) -> Option<Change<T>> {
        let version = object.meta().resource_version.number();
        self.seen = self.seen.max(version.unwrap_or(0));
        let key = name(object.meta());
        let old = self.objects.get(&key).cloned();
        if let Some(old) = &old {
            let known = old.meta().resource_version.number();
            if version.zip(known).is_some_and(|(new, known)| new < known) {
                return None;
            }
            self.unindex(old.meta());
        }
        let new = Arc::new(object);
        self.index(&new);
        Arc::make_mut(&mut self.objects).insert(key, Arc::clone(&new));
        Some(Change { old, new: Some(new) })
    }

    /// Takes in a deletion; `meta` carries the resourceVersion of the deletion. One that is older than what is known (the
    /// name was taken again meanwhile) is ignored.
    pub fn remove(&mut self, meta: &Meta) -> Option<Change<T>> {
        let version = meta.resource_version.number();
        self.seen = self.seen.max(version.unwrap_or(0));
        let key = name(meta);
        let known = self.objects.get(&key)?.meta().resource_version.number();
        if version.zip(known).is_some_and(|(new, known)| new < known) {
            return None;
        }
        let old = Arc::make_mut(&mut self.objects).remove(&key)?;
        self.unindex(old.meta());
        Some(Change { old: Some(old), new: None })
    }

    /// Takes in a whole list, read at `version`: what is not in it was removed. A list older than what was seen is
    /// refused, for it would take the cache back in time.
    pub fn replace(&mut self, items: Vec<T>, version: u64) -> Result<Vec<Change<T>>, ListFromThePast> {
        if version < self.seen {
            return Err(ListFromThePast { list: version, seen: self.seen });
        }
        let present: BTreeSet<Name> = items.iter().map(|o| name(o.meta())).collect();
        let gone: Vec<Meta> = self
            .objects
            .iter()
            .filter(|(key, _)| !present.contains(*key))
            .map(|(_, o)| o.meta().clone())
            .collect();
        let mut changes: Vec<Change<T>> = gone.iter().filter_map(|meta| self.remove(meta)).collect();
        for item in items {
            let unchanged = self.get(&item.meta().namespace, &item.meta().name).is_some_and(|o| **o == item);
            if !unchanged {
                changes.extend(self.put(item));
            }
        }
        self.seen = self.seen.max(version);
        Ok(changes)
    }

    fn index(&mut self, object: &Arc<T>) {
        let meta = object.meta();
        self.by_controller.entry(controller(meta)).or_default().insert(meta.name.clone(), Arc::clone(object));
    }

    fn unindex(&mut self, meta: &Meta) {
        let key = controller(meta);
        if let Some(objects) = self.by_controller.get_mut(&key) {
            objects.remove(&meta.name);
            if objects.is_empty() {
                self.by_controller.remove(&key);
            }
        }
    }
}

fn controller(meta: &Meta) -> (String, Uid) {
    (meta.namespace.clone(), meta.controller().map(|r| r.uid.clone()).unwrap_or_default())
}

/// A list that is older than what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list at resourceVersion {list} is older than what was seen, {seen}")]
pub struct ListFromThePast {
    /// The resourceVersion of the list.
    pub list: u64,
    /// What was seen.
    pub seen: u64,
}
