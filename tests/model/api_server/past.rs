//! What was: how objects were at an earlier version, and all they have been since.

use std::collections::BTreeMap;

use berth::api::{ObjectRef, Resource};
use serde_json::Value;

use super::{ApiServer, Change};

impl ApiServer {
    /// All commits to a resource, oldest first.
    pub fn history(&self, resource: Resource) -> &[Change] {
        self.history.get(&resource).map_or(&[][..], Vec::as_slice)
    }

    /// The commits to a resource after a version.
    pub fn later(&self, resource: Resource, version: u64) -> &[Change] {
        let all = self.history(resource);
        &all[all.partition_point(|c| c.version <= version)..]
    }

    /// How an object was at `version`, and all it has been since; `None` stands for its absence.
    pub fn since(&self, object: &ObjectRef, version: u64) -> Vec<Option<&Value>> {
        let mut views = vec![None];
        for change in self.history(object.resource).iter().filter(|c| &c.object == object) {
            let view = (!change.removed).then_some(&*change.value);
            if change.version <= version {
                views[0] = view;
            } else {
                views.push(view);
            }
        }
        views
    }

    /// All objects of a resource as they were at `version`.
    pub fn at(&self, resource: Resource, version: u64) -> BTreeMap<&ObjectRef, &Change> {
        let all = self.history(resource);
        let mut then = BTreeMap::new();
        for change in &all[..all.partition_point(|c| c.version <= version)] {
            if change.removed {
                then.remove(&change.object);
            } else {
                then.insert(&change.object, change);
            }
        }
        then
    }
}
