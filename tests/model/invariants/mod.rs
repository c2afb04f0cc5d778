//! What must hold at every step, whatever goes wrong. The names are those of the list in the design notes: S for ordinal
//! sets, D for node daemon sets, X for both.

mod acts;
pub mod daemons;
pub mod ordinals;

use std::collections::BTreeMap;

use berth::api::{ObjectRef, Resource};
use berth::core::engine::Engine;
use berth::core::request::{Request, Verb};
use serde_json::Value;

use crate::api_server::{ApiServer, Change, object};
use crate::world::Sent;

pub use acts::Act;

/// What holds only while certain things do not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// S6, S7, D4: pods come and go in order and within the budget. Only while nobody but one operator that does not crash
    /// takes pods away, and every request arrives: else the view that it acted on can be out of date by the time it does.
    pub disruption: bool,
    /// D3, D8: a daemon pod goes only for an update or because of its node. Only while nodes stay as they are.
    pub still_nodes: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Invariants {
    /// What is watched over besides that which always holds.
    pub rules: Rules,
    /// The newest write of each operator to each object that was done.
    acknowledged: BTreeMap<(usize, ObjectRef), u64>,
}

/// What is wrong, if something is.
pub type Judgement = Result<(), String>;

impl Invariants {
    /// An operator has lost its memory.
    pub fn forget(&mut self, operator: usize) {
        self.acknowledged.retain(|(o, _), _| *o != operator);
    }

    /// A write of an operator was done, and made this version.
    pub fn acknowledge(&mut self, operator: usize, of: &ObjectRef, version: u64) {
        self.acknowledged.insert((operator, of.clone()), version);
    }

    /// Judges a request as it is sent.
    pub fn sent(&self, engine: &Engine, operator: usize, request: &Request) -> Judgement {
        let of = &request.object;
        let body = &request.body;
        if request.verb == Verb::Delete {
            if of.resource == Resource::Claims {
                return Err(format!("S3: {of} would be deleted by an operator"));
            }
            if object::text(body, "/preconditions/uid").is_empty() {
                return Err(format!("S2: the deletion of {of} carries no uid"));
            }
            if !body["gracePeriodSeconds"].is_null() {
                return Err(format!("S1: the deletion of {of} has a grace period of its own"));
            }
        }
        let about_a_set = !matches!(of.resource, Resource::Leases | Resource::Events);
        if request.verb == Verb::Patch && about_a_set && object::text(body, "/metadata/uid").is_empty() {
            return Err(format!("S2: the change of {of} carries no uid"));
        }
        // The name is the precondition of a creation: at worst the API server refuses the twin.
        if request.is_write()
            && request.verb != Verb::Create
            && let Some(version) = self.acknowledged.get(&(operator, of.clone()))
            && engine.stores().seen(of.resource) < *version
        {
            return Err(format!("X1: {of} is written again before its version {version} was seen"));
        }
        // X8: nothing outside the namespace of the sets.
        if about_a_set && of.namespace != crate::world::NAMESPACE && request.is_write() {
            return Err(format!("X8: {of} is outside the namespace of every set"));
        }
        Ok(())
    }

    /// Judges a request that has arrived, before it is done; it counts only if it is.
    pub fn judge(&self, server: &ApiServer, sent: &Sent) -> Judgement {
        let Some(act) = Act::of(server, sent) else { return Ok(()) };
        match act.owner.resource {
            Resource::OrdinalSets(_) => act.under_some_view(|set| ordinals::judge(self.rules, &act, set)),
            _ => act.under_some_view(|set| daemons::judge(self.rules, &act, set)),
        }
    }

    /// Judges a commit, whoever made it.
    pub fn committed(&mut self, server: &ApiServer, change: &Change) -> Judgement {
        match change.object.resource {
            Resource::Pods if !change.removed => daemons::at_most_one(server, &change.value),
            Resource::Claims if change.removed => ordinals::claim_gone(server, change),
            Resource::Revisions => immutable(server, change),
            // What was written for one incarnation of a set says nothing about the next.
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) if change.removed => {
                self.acknowledged.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// S9: what a revision records never changes.
fn immutable(server: &ApiServer, change: &Change) -> Judgement {
    let uid = object::uid(&change.value);
    let views = server.since(&change.object, 0);
    let same = |v: &&Value| object::uid(v) != uid || v["data"] == change.value["data"];
    if views.into_iter().flatten().all(|v| same(&v)) {
        Ok(())
    } else {
        Err(format!("S9: {} changed", change.object))
    }
}
