//! What must hold for each commit, whoever made it, and for each cache.

use berth_api::Resource;
use berth_engine::Engine;

use super::{Invariants, daemons, ordinals};
use crate::api_server::{ApiServer, Change, object};

type Found = Result<(), String>;

impl Invariants {
    /// Judges a commit, whoever made it.
    pub fn committed(&mut self, server: &ApiServer, change: &Change) -> Found {
        self.rates.committed(change);
        self.obstacles.committed(change);
        match change.object.resource {
            Resource::Pods if !change.removed && is_new(server, change) => {
                daemons::at_most_one(self, server, &change.value)
            }
            Resource::Claims if change.removed => ordinals::claim_gone(self, server, change),
            Resource::Revisions if !change.removed => immutable(server, change),
            // What was written for one incarnation of a set says nothing about the next.
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) if change.removed => {
                self.acknowledged.clear();
                Ok(())
            }
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) => self.status(change),
            _ => Ok(()),
        }
    }

    /// S13, D13: what was observed never goes back, and never runs ahead.
    fn status(&mut self, change: &Change) -> Found {
        let Some(observed) = change.value["status"]["observedGeneration"].as_i64() else { return Ok(()) };
        let generation = change.value["metadata"]["generation"].as_i64().unwrap_or(0);
        let before =
            self.observed.insert(object::uid(&change.value).to_owned(), observed).unwrap_or(observed);
        if observed < before || observed > generation {
            return Err(format!(
                "S13, D13: {} observes {observed} after {before}, of {generation}",
                change.object
            ));
        }
        Ok(())
    }

    /// X5: a cache shows exactly what the API server had at the version that it has come to.
    pub fn cache(&self, server: &ApiServer, engine: &Engine, resource: Resource) -> Found {
        let seen = engine.stores().seen(resource);
        for object in server.ever(resource) {
            let cached = engine.stores().view(object).meta.map(|m| m.resource_version.0.as_str());
            let then = server.was(object, seen);
            let stored = then.map(|change| object::text(&change.value, "/metadata/resourceVersion"));
            if cached != stored {
                return Err(format!(
                    "X5: the cache has {object} at {cached:?}, and it was at {stored:?} at {seen}"
                ));
            }
        }
        Ok(())
    }
}

/// Whether a commit is the first of an incarnation.
fn is_new(server: &ApiServer, change: &Change) -> bool {
    let uid = object::uid(&change.value);
    let earlier = server.since(&change.object, 0).into_iter().flatten().filter(|v| object::uid(v) == uid);
    earlier.count() == 1
}

/// S9: what a revision records never changes.
fn immutable(server: &ApiServer, change: &Change) -> Found {
    let uid = object::uid(&change.value);
    let views = server.since(&change.object, 0);
    if views.into_iter().flatten().any(|v| object::uid(v) == uid && v["data"] != change.value["data"]) {
        return Err(format!("S9: {} changed", change.object));
    }
    Ok(())
}
