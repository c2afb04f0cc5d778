//! Who may act, where operators elect a leader (X3).

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::Resource;
use berth_api::request::Request;
use berth_engine::Engine;

use crate::world::Sent;

/// A leader that has not renewed its lease for so long no longer acts; others may take it 5 s later.
const DEADLINE: Duration = Duration::from_secs(10);

/// Since when each operator leads.
#[derive(Debug, Default)]
pub struct Terms {
    /// The version with which it took the lease.
    began: BTreeMap<usize, u64>,
    /// A leader that has not renewed its lease for so long no longer acts, where that is not what is shipped.
    pub deadline: Option<Duration>,
    /// When it sent the last renewal that was done.
    renewed: BTreeMap<usize, Duration>,
}

impl Terms {
    /// An operator has ended.
    pub fn forget(&mut self, operator: usize) {
        self.began.remove(&operator);
        self.renewed.remove(&operator);
    }

    /// Takes in that a request made `identity` the holder of the lease, with this version, or kept it so.
    pub fn held(&mut self, sent: &Sent, version: u64) {
        self.began.entry(sent.operator).or_insert(version);
        self.renewed.insert(sent.operator, sent.since);
    }

    /// X3: nothing is planned on caches from before the term, and nothing is sent when the lease may be another's.
    pub fn may_act(
        &self,
        engine: &Engine,
        operator: usize,
        request: &Request,
        now: Duration,
    ) -> Result<(), String> {
        let of = &request.object;
        let renewed = self.renewed.get(&operator).copied().unwrap_or_default();
        if now > renewed + self.deadline.unwrap_or(DEADLINE) {
            return Err(format!(
                "X3: {of} is written {:?} after the last renewal",
                now.saturating_sub(renewed)
            ));
        }
        let began = self.began.get(&operator).copied().unwrap_or(u64::MAX);
        for resource in [of.resource, Resource::Pods] {
            let seen = engine.stores().seen(resource);
            if seen < began {
                return Err(format!(
                    "X3: {of} is written with {resource} at {seen}, before the term that began at {began}"
                ));
            }
        }
        Ok(())
    }
}
