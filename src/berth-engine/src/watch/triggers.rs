//! Which owners a change concerns.

use berth_api::meta::Object;
use berth_api::{Key, Kind, Meta, ObjectRef, Resource};
use berth_plan::claims;
use berth_plan::daemons::node_fit;
use berth_plan::feature_gates::Gates;
use berth_plan::workload as owners;

use crate::watch::store::Change;
use crate::watch::stores::{Changed, Stores};

/// The owners that are enqueued after `changed`.
pub fn keys(stores: &Stores, changed: &Changed, gates: Gates) -> Vec<Key> {
    match changed {
        Changed::OrdinalSet(surface, change) => own(*surface, Kind::Ordinal, change),
        Changed::DaemonSet(surface, change) => own(*surface, Kind::Daemon, change),
        Changed::Pod(change) if change.is_meaningful() => owned(stores, change),
        Changed::Revision(change) if change.is_meaningful() => revision(stores, change),
        Changed::Claim(change) if change.is_meaningful() => claim(stores, change),
        Changed::Node(change) if change.is_meaningful() => node(stores, change, gates),
        _ => vec![],
    }
}

/// The object that a change is about.
pub fn object(changed: &Changed) -> Option<ObjectRef> {
    fn of<T: Object>(resource: Resource, change: &Change<T>) -> Option<ObjectRef> {
        change.any().map(|o| ObjectRef::new(resource, &o.meta().namespace, &o.meta().name))
    }
    match changed {
        Changed::Pod(c) => of(Resource::Pods, c),
        Changed::Claim(c) => of(Resource::Claims, c),
        Changed::Revision(c) => of(Resource::Revisions, c),
        Changed::Node(c) => of(Resource::Nodes, c),
        Changed::OrdinalSet(s, c) => of(Resource::OrdinalSets(*s), c),
        Changed::DaemonSet(s, c) => of(Resource::DaemonSets(*s), c),
    }
}

fn own<T: Object>(surface: berth_api::Surface, kind: Kind, change: &Change<T>) -> Vec<Key> {
    let key = |o: &std::sync::Arc<T>| Key::new(surface, kind, &o.meta().namespace, &o.meta().name);
    change.any().map(key).into_iter().collect()
}

/// The owners of both sides; for an orphan all owners that select it (A1.2, A1.3, B1.3).
fn owned<T: Object>(stores: &Stores, change: &Change<T>) -> Vec<Key> {
    let mut keys = vec![];
    for side in [&change.old, &change.new].into_iter().flatten() {
        let meta: &Meta = side.meta();
        match meta.controller() {
            Some(reference) => keys.extend(owners::key_of(reference, &meta.namespace)),
            None => keys.extend(stores.selecting(&meta.namespace, &meta.labels)),
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Owners that must be looked at some time after `changed`: those under which a revision has appeared. It may be one that a former
/// leader had on its way, and is not wanted any more.
pub fn later(stores: &Stores, changed: &Changed) -> Vec<Key> {
    match changed {
        Changed::Revision(change) if appears(change) => owned(stores, change),
        _ => vec![],
    }
}

/// Whether a revision appears under an owner.
fn appears(change: &Change<berth_api::Revision>) -> bool {
    change.old.is_none() && change.new.as_ref().is_some_and(|new| new.metadata.controller().is_some())
}

/// As [`owned`], but a revision that appears under an owner wakes nobody at once: mostly it is our own write. Upstream has the same
/// rule, and its conformance tests rest on it (B1.2).
fn revision(stores: &Stores, change: &Change<berth_api::Revision>) -> Vec<Key> {
    if appears(change) { vec![] } else { owned(stores, change) }
}

/// Ordinal sets that have a claim of this name, so that a blocked pod starts as soon as its claim is gone. The name is
/// `<template>-<set>-<ordinal>`: each set that it may name is looked up, so the cost does not grow with the sets of the namespace.
fn claim(stores: &Stores, change: &Change<berth_api::Claim>) -> Vec<Key> {
    let Some(any) = change.any() else { return vec![] };
    let meta = &any.metadata;
    let Some((head, _)) = meta.name.rsplit_once('-') else { return vec![] };
    let mut keys = vec![];
    for (at, _) in head.match_indices('-') {
        let name = &head[at + 1..];
        for (surface, store) in &stores.ordinal_sets {
            let Some(set) = store.get(&meta.namespace, name) else { continue };
            let templates = &set.spec.volume_claim_templates;
            if templates.iter().any(|t| meta.name.starts_with(&claims::prefix(t, name))) {
                keys.push(Key::new(*surface, Kind::Ordinal, &meta.namespace, name));
            }
        }
    }
    keys.sort();
    keys
}

/// The owner that a change is of, if it is of one.
pub fn owner(changed: &Changed) -> Option<Key> {
    let keys = match changed {
        Changed::OrdinalSet(surface, change) => own(*surface, Kind::Ordinal, change),
        Changed::DaemonSet(surface, change) => own(*surface, Kind::Daemon, change),
        _ => return None,
    };
    keys.into_iter().next()
}

/// The owner that is gone by a change.
pub fn gone(changed: &Changed) -> Option<Key> {
    let is_gone = match changed {
        Changed::OrdinalSet(_, change) => change.new.is_none(),
        Changed::DaemonSet(_, change) => change.new.is_none(),
        _ => false,
    };
    owner(changed).filter(|_| is_gone)
}

/// Node daemon sets for which the node means something else than before (B1.4, B1.5). One that joins concerns those that
/// want a pod there, one that goes those that wanted one, and both concern those that have pods there, for these count for the
/// status, and may have to go.
fn node(stores: &Stores, change: &Change<berth_api::Node>, gates: Gates) -> Vec<Key> {
    let mut keys = vec![];
    for (surface, store) in &stores.daemon_sets {
        for ((namespace, name), set) in store.objects().iter() {
            let placement = node_fit::of(set, gates);
            let concerned = match (&change.old, &change.new, placement) {
                (Some(old), Some(new), Ok(placement)) => {
                    !node_fit::verdict(&placement, old).is_like(&node_fit::verdict(&placement, new))
                }
                (Some(node), None, Ok(placement)) | (None, Some(node), Ok(placement)) => {
                    node_fit::verdict(&placement, node).runs() || has_pod_on(stores, set, &node.metadata.name)
                }
                _ => true,
            };
            if concerned {
                keys.push(Key::new(*surface, Kind::Daemon, namespace, name));
            }
        }
    }
    keys
}

/// Whether a set has a pod that is on the node, or meant for it.
fn has_pod_on(stores: &Stores, set: &berth_api::NodeDaemonSet, node: &str) -> bool {
    let meta = &set.metadata;
    let mut pods = stores.pods.controlled_by(&meta.namespace, &meta.uid);
    pods.any(|pod| node_fit::node_of(pod) == Some(node))
}
