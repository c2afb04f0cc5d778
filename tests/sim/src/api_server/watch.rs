//! Lists and watches.

use berth_api::Resource;
use berth_api::object::Item;

use super::{ApiServer, Change};

/// What is left of a list that is read page by page: all pages show the state of the first.
#[derive(Clone, Debug)]
pub struct Rest {
    version: u64,
    items: Vec<Item>,
}

/// A page of a list: its items, the token for the next page, and the version that the whole list was read at.
pub type Page = (Vec<Item>, String, u64);

impl ApiServer {
    /// Lists a resource from the newest state, or goes on with a list; `None` when the token has run out.
    pub fn list(&mut self, resource: Resource, token: &str, limit: usize) -> Option<Page> {
        let mut rest =
            if token.is_empty() { self.read(resource, self.version) } else { self.pages.remove(token)? };
        let page: Vec<Item> = rest.items.drain(..limit.min(rest.items.len())).collect();
        let version = rest.version;
        let mut next = String::new();
        if !rest.items.is_empty() {
            self.tokens += 1;
            next = format!("page-{}", self.tokens);
            self.pages.insert(next.clone(), rest);
        }
        Some((page, next, version))
    }

    /// Lists a resource from a replica that has come no further than `version`, all in one page. The engine never asks for such a
    /// list; a proxy that answers from its own memory, or a control plane that was restored, may give one all the same.
    pub fn list_of_the_past(&self, resource: Resource, version: u64) -> Page {
        let rest = self.read(resource, version);
        (rest.items, String::new(), rest.version)
    }

    fn read(&self, resource: Resource, version: u64) -> Rest {
        let items = self.at(resource, version).into_values().filter_map(|change| change.item.clone());
        Rest { version, items: items.collect() }
    }

    /// The changes of a resource after a version; `None` when it is too old to be watched from.
    pub fn changes_after(&self, resource: Resource, version: u64) -> Option<&[Change]> {
        if version < self.compacted {
            return None;
        }
        Some(self.later(resource, version))
    }

    /// All changes after a version, in the order in which they were made.
    pub fn all_after(&self, version: u64) -> Vec<Change> {
        let tail = |all: &Vec<Change>| all[all.partition_point(|c| c.version <= version)..].to_vec();
        let mut changes: Vec<Change> = self.history.values().flat_map(tail).collect();
        changes.sort_by_key(|c| c.version);
        changes
    }

    /// Forgets how to watch from any version before the newest, and every list that is half read.
    pub fn compact(&mut self) {
        self.compacted = self.version;
        self.pages.clear();
    }
}
