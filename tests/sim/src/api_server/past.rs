//! What was: how objects were at an earlier version, and all they have been since.

use std::collections::BTreeMap;

use berth_api::{ObjectRef, Resource};
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
        let all = self.history(object.resource);
        for change in self.trails.get(object).into_iter().flatten().map(|at| &all[*at]) {
            let view = (!change.removed).then_some(&*change.value);
            if change.version <= version {
                views[0] = view;
            } else {
                views.push(view);
            }
        }
        views
    }

    /// Whether an object was changed, made or removed after one version and up to another.
    pub fn changed_between(&self, object: &ObjectRef, after: u64, until: u64) -> bool {
        let all = self.history(object.resource);
        let mut versions = self.trails.get(object).into_iter().flatten().map(|at| all[*at].version);
        versions.any(|version| after < version && version <= until)
    }

    /// All objects of a resource that there ever were.
    pub fn ever(&self, resource: Resource) -> impl Iterator<Item = &ObjectRef> {
        let from = ObjectRef::new(resource, "", "");
        let all = self.trails.range(from..).take_while(move |(object, _)| object.resource == resource);
        all.map(|(object, _)| object)
    }

    /// The commit that made an object what it was at `version`; `None` if it was not there.
    pub fn was(&self, object: &ObjectRef, version: u64) -> Option<&Change> {
        let (all, trail) = (self.history(object.resource), self.trails.get(object)?);
        let until = trail.partition_point(|at| all[*at].version <= version);
        trail[..until].last().map(|at| &all[*at]).filter(|change| !change.removed)
    }

    /// All objects of a resource as they were at `version`.
    pub fn at(&self, resource: Resource, version: u64) -> BTreeMap<&ObjectRef, &Change> {
        self.ever(resource).filter_map(|object| Some((object, self.was(object, version)?))).collect()
    }
}
