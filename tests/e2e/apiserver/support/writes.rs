//! What was written, counted from the API server's audit log.

use std::collections::BTreeMap;
use std::fmt;

use berth_cluster::AuditEvent;

use super::Scene;

/// How often what was done: `create pods`, `patch ordinalsets/status`, ... Events and leases are not in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes(BTreeMap<String, usize>);

impl Writes {
    /// Counts events.
    pub fn of(events: &[AuditEvent]) -> Self {
        let mut counts = BTreeMap::new();
        for event in events {
            *counts.entry(what(event)).or_default() += 1;
        }
        Self(counts)
    }

    /// How often this was done.
    pub fn count(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// What came since an earlier count.
    pub fn since(&self, earlier: &Self) -> Self {
        let more = |(what, count): (&String, &usize)| (what.clone(), count - earlier.count(what));
        Self(self.0.iter().map(more).filter(|(_, count)| *count > 0).collect())
    }
}

impl Scene {
    /// The name of the operator's account in the audit log.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:berth", self.account)
    }

    /// What the operator has asked for in this namespace so far, answered or refused, apart from dry runs.
    pub fn requests(&self) -> Vec<AuditEvent> {
        let mut events = self.asked();
        events.retain(|event| !event.dry_run);
        events
    }

    /// How often the operator has asked in this namespace what a write would give.
    pub fn dry_runs(&self) -> usize {
        self.asked().iter().filter(|event| event.dry_run).count()
    }

    fn asked(&self) -> Vec<AuditEvent> {
        let mut events = self.plane.cluster.audit().unwrap();
        events.retain(|event| event.user == self.user() && event.namespace == self.namespace);
        events
    }

    /// What the operator has written about the set `name` so far: the set, its revisions, its pods and their claims.
    pub fn writes(&self, name: &str) -> Writes {
        let mut requests = self.requests();
        requests.retain(|event| event.code < 300 && event.name.split('-').any(|part| part == name));
        Writes::of(&requests)
    }
}

/// `create pods`, `patch ordinalsets/status`, ...
pub fn what(event: &AuditEvent) -> String {
    let slash = if event.subresource.is_empty() { "" } else { "/" };
    format!("{} {}{slash}{}", event.verb, event.resource, event.subresource)
}

impl fmt::Display for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&all.join(", "))
    }
}
