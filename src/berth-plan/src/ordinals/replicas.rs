//! Which pods there are, and which are wanted (A6).

use std::collections::BTreeMap;

use berth_api::{OrdinalSet, Pod};

use super::identity;
use crate::observation::Observation;

/// The pods of a set by what is to become of them.
#[derive(Debug)]
pub struct Replicas<'a> {
    /// Pods in the wanted range, by ordinal. Ordinals without an entry have no pod.
    pub wanted: BTreeMap<i64, &'a Pod>,
    /// Pods outside the range, by ordinal.
    pub condemned: BTreeMap<i64, &'a Pod>,
}

impl<'a> Replicas<'a> {
    /// Sorts the pods of a set by ordinal.
    pub fn sort(observation: &Observation<OrdinalSet>, pods: impl Iterator<Item = &'a Pod>) -> Self {
        let spec = &observation.set.spec;
        let mut replicas = Replicas { wanted: BTreeMap::new(), condemned: BTreeMap::new() };
        for pod in pods {
            let Some(ordinal) = identity::ordinal(&observation.key.name, &pod.metadata.name) else {
                continue;
            };
            let side = if (spec.start()..spec.end()).contains(&ordinal) {
                &mut replicas.wanted
            } else {
                &mut replicas.condemned
            };
            side.insert(ordinal, pod);
        }
        replicas
    }

    /// The pod of an ordinal, wanted or not.
    pub fn get(&self, ordinal: i64) -> Option<&'a Pod> {
        self.wanted.get(&ordinal).or_else(|| self.condemned.get(&ordinal)).copied()
    }

    /// Both kinds, by ordinal.
    pub fn all(&self) -> impl Iterator<Item = (i64, &'a Pod)> {
        self.wanted.iter().chain(&self.condemned).map(|(ordinal, pod)| (*ordinal, *pod))
    }
}
