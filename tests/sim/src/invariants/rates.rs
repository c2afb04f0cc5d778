//! How often an operator asks for one owner (X11).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use berth_api::request::{Request, Verb};
use berth_api::{ObjectRef, Resource};
use serde_json::Value;

use super::acts::owner_of;
use crate::api_server::{ApiServer, Change, object};

/// The window.
const WINDOW: Duration = Duration::from_secs(10);
/// Requests for an owner in the window, besides those for its pods, replicas and nodes.
const FEW: usize = 30;
/// Requests in the window for each pod that is there, each replica that is wanted, and each node.
const FOR_EACH: usize = 4;
/// Refusals of one request in the window: with pauses of 1, 2, 4, ... s four fit.
const MOST_REFUSALS: usize = 4;
/// The same of answers that a view was old: two are followed by what is newer, and when nothing is, by the same pauses.
const MOST_CONFLICTS: usize = 7;

/// A request, as far as its refusals are counted: the verb, the object, whether of the status, the template of a dry run, and whether the
/// view was old.
type Refused = (Verb, ObjectRef, bool, Option<String>, bool);

/// Requests of one operator for one owner since anything of the owner changed.
#[derive(Debug, Default)]
struct Sent {
    all: VecDeque<Duration>,
    refused: BTreeMap<Refused, VecDeque<Duration>>,
    /// The generation of the owner that the sender saw: a changed spec may be the cure, so it is tried at once.
    seen: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Rates {
    /// By owner, then by operator. A fresh read of what is in doubt is one for the object itself.
    owners: BTreeMap<ObjectRef, BTreeMap<usize, Sent>>,
    /// The uid and the generation of each set.
    generations: BTreeMap<ObjectRef, (String, i64)>,
}

/// Adds a time, and returns how many there are in the window.
fn add(times: &mut VecDeque<Duration>, now: Duration) -> usize {
    while times.front().is_some_and(|at| *at + WINDOW <= now) {
        times.pop_front();
    }
    times.push_back(now);
    times.len()
}

impl Rates {
    /// An operator has lost its memory.
    pub fn forget(&mut self, operator: usize) {
        self.owners.values_mut().for_each(|by| {
            by.remove(&operator);
        });
    }

    /// X11: while nothing of an owner changes, its operator sends a bounded number of requests, whatever they are.
    pub fn sent(
        &mut self,
        server: &ApiServer,
        operator: usize,
        owner: &ObjectRef,
        request: &Request,
        now: Duration,
    ) -> Result<(), String> {
        if matches!(request.object.resource, Resource::Leases | Resource::Events) {
            return Ok(());
        }
        let sent = self.owners.entry(owner.clone()).or_default().entry(operator).or_default();
        let count = add(&mut sent.all, now);
        if count > FEW && count > FEW + FOR_EACH * size(server, owner) {
            return Err(format!(
                "X11: operator {operator} sends {count} requests for {owner} in ten seconds though nothing changes, the last {:?} {}",
                request.verb, request.object
            ));
        }
        Ok(())
    }

    /// X11: what is refused is tried more and more rarely. A timeout is no refusal, and reads of what is in doubt have pauses of their
    /// own.
    pub fn refused(
        &mut self,
        server: &ApiServer,
        sender: &crate::world::Sent,
        code: u16,
        now: Duration,
    ) -> Result<(), String> {
        let crate::world::Sent { operator, owner, planned, request, .. } = sender;
        let apart = matches!(request.object.resource, Resource::Leases | Resource::Events);
        if apart || !planned || code == 504 {
            return Ok(());
        }
        let conflict = matches!(code, 404 | 409 | 410);
        let most = if conflict { MOST_CONFLICTS } else { MOST_REFUSALS };
        let sent = self.owners.entry(owner.clone()).or_default().entry(*operator).or_default();
        let set = server.was(owner, sender.seen(owner.resource));
        let generation = set.and_then(|set| set.value["metadata"]["generation"].as_i64()).unwrap_or(0);
        if std::mem::replace(&mut sent.seen, generation) != generation {
            sent.refused.clear();
        }
        // Two templates are defaulted by dry runs of one name.
        let template = request.dry_run.then(|| request.body.to_string());
        let what = (request.verb, request.object.clone(), request.status, template, conflict);
        let count = add(sent.refused.entry(what).or_default(), now);
        if count > most {
            return Err(format!(
                "X11: {:?} {} is refused {count} times in ten seconds (now {code}) though nothing changes",
                request.verb, request.object
            ));
        }
        Ok(())
    }

    /// Takes in a commit: whoever it concerns may do what was not to be done before. A status of a set concerns no owner.
    pub fn committed(&mut self, change: &Change) {
        let of = &change.object;
        match of.resource {
            Resource::Leases | Resource::Events | Resource::PodTemplates => {}
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) => {
                let generation = change.value["metadata"]["generation"].as_i64().unwrap_or(0);
                let now = (object::uid(&change.value).to_owned(), generation);
                let before = self.generations.insert(of.clone(), now.clone());
                if change.removed || before != Some(now) {
                    self.owners.remove(of);
                }
            }
            Resource::Pods | Resource::Revisions if owner_of(&change.value).is_some() => {
                owner_of(&change.value).iter().chain([of]).for_each(|owner| {
                    self.owners.remove(owner);
                });
            }
            Resource::Pods | Resource::Revisions | Resource::Claims | Resource::Nodes => self.owners.clear(),
        }
    }
}

/// How much there is to do for an owner: its pods, the replicas that are wanted, the nodes.
fn size(server: &ApiServer, owner: &ObjectRef) -> usize {
    let Some(set) = server.get(owner) else { return 0 };
    let pods = server.managed(Resource::Pods, object::uid(set)).len();
    let replicas = set["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
    let wanted = match owner.resource {
        Resource::DaemonSets(_) => server.all(Resource::Nodes).count(),
        _ => replicas,
    };
    let templates = set["spec"]["volumeClaimTemplates"].as_array().map_or(0, Vec::len);
    pods + wanted * (1 + templates) + usize::from(set["spec"] == Value::Null)
}
