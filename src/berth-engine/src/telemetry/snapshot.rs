//! How the engine is doing, for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::condition::{Condition, ConditionType};
use berth_api::ordinal_set::PodManagementPolicy;
use berth_api::{Key, Kind, NodeDaemonSet, OrdinalSet, Resource, Surface};
use berth_plan::ordinals::target;
use berth_plan::time::Now;

use crate::Engine;
use crate::telemetry::counters::Tally;

/// What [`Engine::figures`] tells.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What was counted since the start.
    pub tally: Tally,
    /// Whether we lead.
    pub leads: bool,
    /// Owners that wait for a worker.
    pub queued: usize,
    /// Owners that wait for a time to come.
    pub delayed: usize,
    /// Owners that are worked on.
    pub running: usize,
    /// How long the owner that has waited longest for a worker has waited.
    pub oldest: Duration,
    /// Writes that are not visible in the caches yet.
    pub pending: usize,
    /// The caches.
    pub caches: BTreeMap<Resource, Cache>,
    /// How many owners of each resource there are.
    pub owners: BTreeMap<Resource, usize>,
    /// The sets, by resource, namespace and name; beyond the limit they are one entry with empty names for each resource.
    pub sets: Vec<SetFigures>,
}

/// The cache of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// How many objects are in it.
    pub objects: usize,
    /// How long ago the API server was heard of: an object, a list or a bookmark, which comes every minute. `None` before the
    /// first list.
    pub silent: Option<Duration>,
}

/// One set, as its spec and its status say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFigures {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Pods that are wanted.
    pub desired: i64,
    /// Pods that are ready.
    pub ready: i64,
    /// Pods that are available.
    pub available: i64,
    /// Pods that have the present template.
    pub updated: i64,
    /// 1 if its condition `Stalled` is true; of several sets, how many are.
    pub stalled: i64,
    /// For a native StatefulSet, its management policy and how many of its pods may be unavailable (A11.10).
    pub upstream: Option<(&'static str, i64)>,
}

impl Engine {
    /// How the engine is doing, with figures of at most `most_sets` sets by name.
    pub fn figures(&self, most_sets: usize, now: Now) -> Figures {
        let silent = |resource| self.tally.heard.get(resource).map(|at| now.mono.saturating_sub(*at));
        let cached = self.reflectors.keys().filter(|resource| **resource != Resource::Leases);
        let caches: BTreeMap<_, _> = cached
            .map(|resource| {
                (*resource, Cache { objects: self.stores.count(*resource), silent: silent(resource) })
            })
            .collect();
        let owner =
            |resource: &Resource| matches!(resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_));
        Figures {
            tally: self.tally.clone(),
            leads: self.leads(),
            queued: self.queue.depth(),
            delayed: self.queue.delayed(),
            running: self.queue.running(),
            oldest: self.queue.oldest(now.mono),
            pending: self.pending.len(),
            owners: caches.iter().filter(|(r, _)| owner(r)).map(|(r, cache)| (*r, cache.objects)).collect(),
            caches,
            sets: self.sets(most_sets),
        }
    }

    fn sets(&self, most: usize) -> Vec<SetFigures> {
        let keys = self.config.surfaces.iter().flat_map(|surface| self.stores.keys(*surface));
        let mut sets: Vec<SetFigures> = vec![];
        let mut others: BTreeMap<Resource, SetFigures> = BTreeMap::new();
        for one in keys.filter_map(|key| self.set(&key)) {
            if sets.len() < most {
                sets.push(one);
                continue;
            }
            let empty = || SetFigures::of(one.resource, "", "");
            let all = others.entry(one.resource).or_insert_with(empty);
            all.desired += one.desired;
            all.ready += one.ready;
            all.available += one.available;
            all.updated += one.updated;
            all.stalled += one.stalled;
        }
        sets.extend(others.into_values());
        sets
    }

    fn set(&self, key: &Key) -> Option<SetFigures> {
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        let mut figures = SetFigures::of(key.resource(), namespace, name);
        match key.kind {
            Kind::Ordinal => {
                figures
                    .ordinal(self.stores.ordinal_sets.get(&key.surface)?.get(namespace, name)?, key.surface);
            }
            Kind::Daemon => figures.daemon(self.stores.daemon_sets.get(&key.surface)?.get(namespace, name)?),
        }
        Some(figures)
    }
}

impl SetFigures {
    fn of(resource: Resource, namespace: &str, name: &str) -> Self {
        SetFigures {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            desired: 0,
            ready: 0,
            available: 0,
            updated: 0,
            stalled: 0,
            upstream: None,
        }
    }

    fn ordinal(&mut self, set: &OrdinalSet, surface: Surface) {
        self.desired = set.spec.wanted();
        self.ready = i64::from(set.status.ready_replicas);
        self.available = i64::from(set.status.available_replicas);
        self.updated = i64::from(set.status.updated_replicas);
        self.stalled = stalled(&set.status.conditions);
        if surface == Surface::Apps {
            let policy = match set.spec.pod_management_policy {
                Some(PodManagementPolicy::Parallel) => "Parallel",
                _ => "OrderedReady",
            };
            let rolling = set.spec.strategy().rolling_update;
            // Where the field cannot be read nothing is rolled.
            let most = target::max_unavailable(rolling.as_ref(), set.spec.wanted()).unwrap_or(0);
            self.upstream = Some((policy, most));
        }
    }

    fn daemon(&mut self, set: &NodeDaemonSet) {
        self.desired = i64::from(set.status.desired_number_scheduled);
        self.ready = i64::from(set.status.number_ready);
        self.available = i64::from(set.status.number_available);
        self.updated = i64::from(set.status.updated_number_scheduled);
        self.stalled = stalled(&set.status.conditions);
    }
}

fn stalled(conditions: &[Condition]) -> i64 {
    let name = ConditionType::Stalled.to_string();
    i64::from(conditions.iter().any(|c| c.type_ == name && c.status == "True"))
}
