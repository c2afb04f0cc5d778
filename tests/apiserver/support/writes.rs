//! What was written, counted from the API server's audit log.

use std::collections::BTreeMap;
use std::fmt;

use berth_cluster::AuditEvent;

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
