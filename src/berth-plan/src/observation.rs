//! One immutable view of everything that a plan for one owner may depend on.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_api::meta::Objects;
use berth_api::{Claim, Key, Node, OwnerReference, Pod, Revision};

use super::memory::Memory;
use super::time::Now;
use crate::feature_gates::Gates;
use crate::revisions::record::Templates;
use crate::workload::{self, Set};

/// What a planner sees. Lists are sorted by name, so that a plan never depends on the order of events.
#[derive(Clone, Debug)]
pub struct Observation<S> {
    /// Who.
    pub key: Key,
    /// The owner.
    pub set: Arc<S>,
    /// Its pods, orphans that its selector matches, and pods of others whose names it may need; by name.
    pub pods: Vec<Arc<Pod>>,
    /// Its claims, and those whose names it may need (ordinal sets only); by name.
    pub claims: BTreeMap<String, Arc<Claim>>,
    /// Its revisions, orphans that its selector matches, and those of others whose names it may need; by name.
    pub revisions: Vec<Arc<Revision>>,
    /// All nodes, by name (their namespace is empty).
    pub nodes: Objects<Node>,
    /// What failed lately.
    pub memory: Memory,
    /// Feature gates.
    pub gates: Gates,
    /// When.
    pub now: Now,
    /// The templates of its revisions, as far as they were read.
    pub templates: Templates,
}

impl<S: Set> Observation<S> {
    /// The reference that marks an object as managed by this owner.
    pub fn reference(&self) -> OwnerReference {
        workload::reference(&self.key, &self.set.meta().uid)
    }

    /// The observed pod of this name, whoever it belongs to.
    pub fn pod(&self, name: &str) -> Option<&Pod> {
        self.pods
            .binary_search_by(|p| p.metadata.name.as_str().cmp(name))
            .ok()
            .map(|at| self.pods[at].as_ref())
    }
}
