//! The caches of all resources, and what is read out of them for one owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use berth_api::meta::Object;
use berth_api::object::Item;
use berth_api::{
    Claim, Key, Kind, Meta, Node, NodeDaemonSet, ObjectRef, OrdinalSet, Pod, Resource, Revision, Surface, Uid,
};
use berth_plan::feature_gates::Gates;
use berth_plan::memory::Memory;
use berth_plan::observation::Observation;
use berth_plan::reason::Slot;
use berth_plan::time::Now;
use berth_plan::workload::Set;
use berth_plan::{claims, daemons, revisions};

use crate::send::expectations::View;
use crate::watch::store::{Change, ListFromThePast, Store};

/// A change of any resource that is cached.
#[derive(Clone, Debug)]
pub enum Changed {
    /// A pod.
    Pod(Change<Pod>),
    /// A claim.
    Claim(Change<Claim>),
    /// A revision.
    Revision(Change<Revision>),
    /// A node.
    Node(Change<Node>),
    /// An ordinal set of a surface.
    OrdinalSet(Surface, Change<OrdinalSet>),
    /// A node daemon set of a surface.
    DaemonSet(Surface, Change<NodeDaemonSet>),
}

/// The caches.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    /// Pods.
    pub pods: Store<Pod>,
    /// Claims.
    pub claims: Store<Claim>,
    /// Revisions.
    pub revisions: Store<Revision>,
    /// Nodes.
    pub nodes: Store<Node>,
    /// Ordinal sets.
    pub ordinal_sets: BTreeMap<Surface, Store<OrdinalSet>>,
    /// Node daemon sets.
    pub daemon_sets: BTreeMap<Surface, Store<NodeDaemonSet>>,
    selectors: Selectors,
}

/// The owners of each namespace by a label that their selectors ask for, so that an orphan is not compared with every set.
#[derive(Clone, Debug, Default)]
struct Selectors(BTreeMap<Place, BTreeSet<Key>>);

/// A namespace, and a label with its value; `None` for a selector that asks for none.
type Place = (String, Option<(String, String)>);

impl Selectors {
    fn take_in(&mut self, changed: &Changed) {
        match changed {
            Changed::OrdinalSet(surface, change) => self.change(*surface, change),
            Changed::DaemonSet(surface, change) => self.change(*surface, change),
            _ => {}
        }
    }

    fn change<S: Set>(&mut self, surface: Surface, change: &Change<S>) {
        // A selector without labels that must be there is found under none.
        let place = |set: &S| {
            let label = set.selector().match_labels.iter().next().map(|(k, v)| (k.clone(), v.clone()));
            (set.meta().namespace.clone(), label)
        };
        let key = |set: &S| Key::new(surface, S::KIND, &set.meta().namespace, &set.meta().name);
        if let Some(old) = &change.old
            && let Some(keys) = self.0.get_mut(&place(old))
        {
            keys.remove(&key(old));
            if keys.is_empty() {
                self.0.remove(&place(old));
            }
        }
        if let Some(new) = &change.new {
            self.0.entry(place(new)).or_default().insert(key(new));
        }
    }

    /// The owners whose selectors may match these labels.
    fn candidates(&self, namespace: &str, labels: &BTreeMap<String, String>) -> BTreeSet<&Key> {
        let labels = labels.iter().map(|(k, v)| Some((k.clone(), v.clone()))).chain([None]);
        labels.filter_map(|label| self.0.get(&(namespace.to_owned(), label))).flatten().collect()
    }
}

/// Does the same with the store of whatever resource it is.
macro_rules! with_store {
    ($stores:expr, $resource:expr, $store:ident => $body:expr, $otherwise:expr) => {
        match $resource {
            Resource::Pods => {
                let $store = &$stores.pods;
                $body
            }
            Resource::Claims => {
                let $store = &$stores.claims;
                $body
            }
            Resource::Revisions => {
                let $store = &$stores.revisions;
                $body
            }
            Resource::Nodes => {
                let $store = &$stores.nodes;
                $body
            }
            Resource::OrdinalSets(s) => match $stores.ordinal_sets.get(&s) {
                Some($store) => $body,
                None => $otherwise,
            },
            Resource::DaemonSets(s) => match $stores.daemon_sets.get(&s) {
                Some($store) => $body,
                None => $otherwise,
            },
            Resource::Leases | Resource::Events | Resource::PodTemplates => $otherwise,
        }
    };
}

impl Stores {
    /// Takes in an added or changed object.
    pub fn put(&mut self, item: Item) -> Option<Changed> {
        let changed = match item {
            Item::Pod(o) => self.pods.put(o).map(Changed::Pod),
            Item::Claim(o) => self.claims.put(o).map(Changed::Claim),
            Item::Revision(o) => self.revisions.put(o).map(Changed::Revision),
            Item::Node(o) => self.nodes.put(o).map(Changed::Node),
            Item::OrdinalSet(s, o) => {
                self.ordinal_sets.entry(s).or_default().put(o).map(|c| Changed::OrdinalSet(s, c))
            }
            Item::DaemonSet(s, o) => {
                self.daemon_sets.entry(s).or_default().put(o).map(|c| Changed::DaemonSet(s, c))
            }
            Item::Lease(_) => None,
        };
        changed.iter().for_each(|changed| self.selectors.take_in(changed));
        changed
    }

    /// Takes in a deletion.
    pub fn remove(&mut self, resource: Resource, meta: &Meta) -> Option<Changed> {
        let changed = match resource {
            Resource::Pods => self.pods.remove(meta).map(Changed::Pod),
            Resource::Claims => self.claims.remove(meta).map(Changed::Claim),
            Resource::Revisions => self.revisions.remove(meta).map(Changed::Revision),
            Resource::Nodes => self.nodes.remove(meta).map(Changed::Node),
            Resource::OrdinalSets(s) => {
                self.ordinal_sets.get_mut(&s)?.remove(meta).map(|c| Changed::OrdinalSet(s, c))
            }
            Resource::DaemonSets(s) => {
                self.daemon_sets.get_mut(&s)?.remove(meta).map(|c| Changed::DaemonSet(s, c))
            }
            Resource::Leases | Resource::Events | Resource::PodTemplates => None,
        };
        changed.iter().for_each(|changed| self.selectors.take_in(changed));
        changed
    }

    /// Takes in a bookmark.
    pub fn bookmark(&mut self, resource: Resource, version: u64) {
        match resource {
            Resource::Pods => self.pods.bookmark(version),
            Resource::Claims => self.claims.bookmark(version),
            Resource::Revisions => self.revisions.bookmark(version),
            Resource::Nodes => self.nodes.bookmark(version),
            Resource::OrdinalSets(s) => self.ordinal_sets.entry(s).or_default().bookmark(version),
            Resource::DaemonSets(s) => self.daemon_sets.entry(s).or_default().bookmark(version),
            Resource::Leases | Resource::Events | Resource::PodTemplates => {}
        }
    }

    /// Takes in a whole list.
    ///
    /// # Errors
    /// When the list is older than what was seen.
    pub fn replace(
        &mut self,
        resource: Resource,
        items: Vec<Item>,
        version: u64,
    ) -> Result<Vec<Changed>, ListFromThePast> {
        macro_rules! take {
            ($store:expr, $pattern:pat => $object:expr, $changed:expr) => {{
                let objects =
                    items.into_iter().filter_map(|i| if let $pattern = i { Some($object) } else { None });
                $store.replace(objects.collect(), version)?.into_iter().map($changed).collect()
            }};
        }
        let changes: Vec<Changed> = match resource {
            Resource::Pods => take!(self.pods, Item::Pod(o) => o, Changed::Pod),
            Resource::Claims => take!(self.claims, Item::Claim(o) => o, Changed::Claim),
            Resource::Revisions => take!(self.revisions, Item::Revision(o) => o, Changed::Revision),
            Resource::Nodes => take!(self.nodes, Item::Node(o) => o, Changed::Node),
            Resource::OrdinalSets(s) => {
                let store = self.ordinal_sets.entry(s).or_default();
                take!(store, Item::OrdinalSet(_, o) => o, |c| Changed::OrdinalSet(s, c))
            }
            Resource::DaemonSets(s) => {
                let store = self.daemon_sets.entry(s).or_default();
                take!(store, Item::DaemonSet(_, o) => o, |c| Changed::DaemonSet(s, c))
            }
            Resource::Leases | Resource::Events | Resource::PodTemplates => vec![],
        };
        changes.iter().for_each(|changed| self.selectors.take_in(changed));
        Ok(changes)
    }

    /// How the cache shows an object.
    pub fn view(&self, object: &ObjectRef) -> View<'_> {
        with_store!(self, object.resource, store => {
            View { meta: store.get(&object.namespace, &object.name).map(|o| o.meta()), seen: store.seen() }
        }, View { meta: None, seen: 0 })
    }

    /// All owners of a surface.
    pub fn keys(&self, surface: Surface) -> Vec<Key> {
        let ordinals = self.ordinal_sets.get(&surface).map(Store::objects).unwrap_or_default();
        let daemons = self.daemon_sets.get(&surface).map(Store::objects).unwrap_or_default();
        let key = |kind, (ns, name): &(String, String)| Key::new(surface, kind, ns, name);
        let ordinals = ordinals.keys().map(|n| key(Kind::Ordinal, n)).collect::<Vec<_>>();
        ordinals.into_iter().chain(daemons.keys().map(|n| key(Kind::Daemon, n))).collect()
    }

    /// The owners of a namespace that select these labels, for orphans.
    pub fn selecting(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Vec<Key> {
        let matches = |key: &&Key| match key.kind {
            Kind::Ordinal => self.ordinal_set(key).is_some_and(|set| set.selector().matches(labels)),
            Kind::Daemon => self.daemon_set(key).is_some_and(|set| set.selector().matches(labels)),
        };
        self.selectors.candidates(namespace, labels).into_iter().filter(matches).cloned().collect()
    }

    /// The metadata of an owner.
    pub fn owner(&self, key: &Key) -> Option<&Meta> {
        self.view(&key.object()).meta
    }

    /// Whether the rollout of an owner is paused.
    pub fn is_paused(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Ordinal => self.ordinal_set(key).is_some_and(|set| set.is_paused()),
            Kind::Daemon => self.daemon_set(key).is_some_and(|set| set.is_paused()),
        }
    }

    /// Whether the owner has this slot: an ordinal that is scaled away is a new one when it comes again.
    pub fn wants(&self, key: &Key, slot: &Slot) -> bool {
        match slot {
            Slot::Ordinal(ordinal) => {
                self.ordinal_set(key).is_some_and(|set| (set.spec.start()..set.spec.end()).contains(ordinal))
            }
            Slot::Node(node) => self.nodes.get("", node).is_some(),
        }
    }

    fn ordinal_set(&self, key: &Key) -> Option<&Arc<OrdinalSet>> {
        self.ordinal_sets.get(&key.surface)?.get(&key.namespace, &key.name)
    }

    fn daemon_set(&self, key: &Key) -> Option<&Arc<NodeDaemonSet>> {
        self.daemon_sets.get(&key.surface)?.get(&key.namespace, &key.name)
    }

    /// Everything that a plan for an ordinal set may depend on.
    pub fn observe_ordinal(
        &self,
        key: &Key,
        memory: Memory,
        gates: Gates,
        now: Now,
    ) -> Option<Observation<OrdinalSet>> {
        let set = Arc::clone(self.ordinal_set(key)?);
        let claims = self.claims_of(key, &set);
        Some(self.observe(key, set, claims, memory, gates, now))
    }

    /// Everything that a plan for a node daemon set may depend on.
    pub fn observe_daemon(
        &self,
        key: &Key,
        memory: Memory,
        gates: Gates,
        now: Now,
    ) -> Option<Observation<NodeDaemonSet>> {
        let set = Arc::clone(self.daemon_set(key)?);
        Some(self.observe(key, set, BTreeMap::new(), memory, gates, now))
    }

    fn observe<S: Set>(
        &self,
        key: &Key,
        set: Arc<S>,
        claims: BTreeMap<String, Arc<Claim>>,
        memory: Memory,
        gates: Gates,
        now: Now,
    ) -> Observation<S> {
        let uid = set.meta().uid.clone();
        let prefix = match key.kind {
            Kind::Ordinal => format!("{}-", key.name),
            Kind::Daemon => daemons::identity::pod_prefix(&key.name),
        };
        let pods = of_owner(&self.pods, key, &uid, &prefix, |labels| set.selector().matches(labels));
        let prefix = revisions::prefix(&key.name);
        let revisions =
            of_owner(&self.revisions, key, &uid, &prefix, |labels| set.selector().matches(labels));
        Observation {
            key: key.clone(),
            pods,
            claims,
            revisions,
            nodes: self.nodes.objects(),
            memory,
            gates,
            now,
            set,
            templates: Default::default(),
        }
    }

    /// The claims whose names are those of a template of the set: there is no other tie between a set and its claims.
    fn claims_of(&self, key: &Key, set: &OrdinalSet) -> BTreeMap<String, Arc<Claim>> {
        let templates = &set.spec.volume_claim_templates;
        let prefixes: BTreeSet<String> = templates.iter().map(|t| claims::prefix(t, &key.name)).collect();
        let found = prefixes.iter().flat_map(|prefix| self.claims.with_prefix(&key.namespace, prefix));
        found.map(|claim| (claim.metadata.name.clone(), Arc::clone(claim))).collect()
    }
}

/// Objects that an owner manages, orphans that it selects, and objects whose names begin like the names it gives; by name.
fn of_owner<T: Object>(
    store: &Store<T>,
    key: &Key,
    uid: &Uid,
    prefix: &str,
    selects: impl Fn(&BTreeMap<String, String>) -> bool,
) -> Vec<Arc<T>> {
    let namespace = &key.namespace;
    let managed = store.controlled_by(namespace, uid);
    let orphans = store.controlled_by(namespace, &Uid::default()).filter(|o| selects(&o.meta().labels));
    let named = store.with_prefix(namespace, prefix).filter(|o| !o.meta().is_controlled_by(uid));
    // Three sorted runs, which a stable sort only merges.
    let mut all: Vec<&Arc<T>> = managed.chain(orphans).chain(named).collect();
    all.sort_by(|a, b| a.meta().name.cmp(&b.meta().name));
    all.dedup_by(|a, b| Arc::ptr_eq(a, b));
    all.into_iter().cloned().collect()
}

impl Stores {
    /// How many objects of a resource there are.
    pub fn count(&self, resource: Resource) -> usize {
        with_store!(self, resource, store => store.len(), 0)
    }

    /// How far the cache of a resource has got.
    pub fn seen(&self, resource: Resource) -> u64 {
        with_store!(self, resource, store => store.seen(), 0)
    }
}
