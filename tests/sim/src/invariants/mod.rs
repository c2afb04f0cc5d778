//! What must hold at every step, whatever goes wrong. The names are those of `docs/proof.md`: S for ordinal sets, D for node daemon
//! sets, X for both.

mod acts;
mod commits;
pub mod daemons;
mod leading;
pub mod obstacles;
pub mod ordinals;
mod rates;
mod requests;
pub mod sending;
pub mod statuses;

use std::collections::{BTreeMap, BTreeSet};

use berth_api::request::{Request, Verb};
use berth_api::{ObjectRef, Resource};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::api_server::{ApiServer, object};
use crate::world::{Sent, Write};

pub use acts::{Act, owner_in};
pub use requests::slot_of;

/// How long the emptiness of a slot is excused that a request of a former leader emptied.
const EXCUSED: SignedDuration = SignedDuration::from_secs(120);

/// What holds only while certain things do not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// S6, S7, D4, D5 are also judged on what there is when a request arrives, not only on what its sender saw. Only while
    /// nobody but operators takes pods away, one operator at a time, whose clock is right.
    pub disruption: bool,
    /// Several operators act at once. D1: one pod more may come, for each gives a pod the lowest name that it sees free, and they may
    /// see different ones (docs/adr/0003).
    pub crowd: bool,
    /// Lists may show the past, and end doubts that they should not.
    pub past: bool,
    /// `MaxUnavailableStatefulSet` is off: pods are replaced strictly one after the other (A9.3).
    pub serial: bool,
    /// `StatefulSetRecreateStrategy` is off: a native set that is to be recreated is only reported.
    pub gated: bool,
    /// `TaintTolerationComparisonOperators` is on: `Lt` and `Gt` tolerate something.
    pub compares: bool,
    /// X12 is judged: what the conditions report. Only while one operator acts at a time.
    pub told: bool,
}

/// What a judge says of an act that is not wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is to be said.
    Fine,
    /// It goes beyond order or budget, as a request that a former leader had on its way may.
    Exceeds,
}

/// What is wrong, if something is.
pub type Judgement = Result<Verdict, String>;

/// A pod that was deleted, its uid, and by which plan.
type Removed = (ObjectRef, String, u64);

/// An object that was written, the version that this made, and by which plan.
type Doubt = (ObjectRef, u64, u64);

/// A write that was done: the resource, the version that it made, and by which plan.
type Done = (Resource, u64, u64);

/// When a slot was emptied, and by which operator in which of its lives.
type Emptied = (Timestamp, Option<(usize, u64)>);

/// See the module.
#[derive(Debug, Default)]
pub struct Invariants {
    /// What is watched over besides that which always holds.
    pub rules: Rules,
    /// Objects (by uid) of somebody else: no operator may write to them.
    pub foreign: BTreeSet<String>,
    /// Claims (by uid) that a person deleted.
    pub dropped: BTreeSet<String>,
    /// By which plan each life of an operator exceeded order or budget when it no longer led, for each owner.
    exceeded: BTreeMap<(usize, u64, String), u64>,
    /// Writes that were done before their sender was told that nobody knows: by operator and owner, the object, the version, and by
    /// which plan.
    in_doubt: BTreeMap<(usize, String), Vec<Doubt>>,
    /// Who managed each pod when each operator looked at it last, and for which plan.
    looked_at: BTreeMap<(usize, ObjectRef), (u64, String)>,
    /// Since when each operator leads.
    pub terms: leading::Terms,
    /// Pods (by uid) that were made when nobody waited for that any more.
    belated: BTreeSet<String>,
    /// The newest write of each operator to each object that was done.
    acknowledged: BTreeMap<(usize, ObjectRef), u64>,
    /// What each operator knows that it has made or changed for each owner: the resource, the version, and by which plan.
    written: BTreeMap<(usize, String), Vec<Done>>,
    /// What each operator knows that it has deleted: by owner, the pods and their uids, and by which plan.
    removed: BTreeMap<(usize, String), Vec<Removed>>,
    /// Pods (by uid) that each operator has deleted, and by which plan.
    deleted: BTreeMap<usize, BTreeMap<String, u64>>,
    /// What (by uid) each operator has asked to delete, by which plan.
    asked: BTreeMap<(usize, String), u64>,
    /// Pods that each operator has made, and by which plan.
    made: BTreeMap<usize, Vec<(u64, Value)>>,
    /// Slots of owners (by uid) that were emptied by requests that nobody waited for any more, when, and by which life of an
    /// operator, if that is still to be told that nobody knows: it has to look before it goes on.
    emptied: BTreeMap<(String, String), Emptied>,
    /// By which plan each operator asked for each owner, and which uid it had if it was not being deleted.
    confirmed: BTreeMap<(usize, u64, ObjectRef), Option<String>>,
    /// How often is asked for each owner.
    pub rates: rates::Rates,
    /// The obstacles of each set.
    pub obstacles: obstacles::Obstacles,
    /// The highest observedGeneration of each set, by uid.
    observed: BTreeMap<String, i64>,
    /// What was sent, and what was answered.
    pub sending: sending::Sending,
}

impl Invariants {
    /// An operator has lost its memory.
    pub fn forget(&mut self, operator: usize) {
        self.acknowledged.retain(|(o, _), _| *o != operator);
        self.removed.retain(|(o, _), _| *o != operator);
        self.in_doubt.retain(|(o, _), _| *o != operator);
        self.written.retain(|(o, _), _| *o != operator);
        self.looked_at.retain(|(o, _), _| *o != operator);
        self.confirmed.retain(|(o, _, _), _| *o != operator);
        self.terms.forget(operator);
        self.sending.forget(operator);
        self.rates.forget(operator);
        self.deleted.remove(&operator);
        self.made.remove(&operator);
    }

    /// Judges a request that has arrived, before it is done; it counts only if it is.
    pub fn judge(&self, server: &ApiServer, sent: &Sent, writes: &[Write]) -> Judgement {
        requests::hands_off(self, server, sent)?;
        requests::bounded(self.rules, server, sent, writes)?;
        requests::keeps_history(server, sent)?;
        requests::oldest_first(self, server, sent)?;
        requests::keeps_references(server, sent)?;
        requests::deletes_its_own(server, sent)?;
        if sent.request.status {
            return statuses::says_what_was_seen(self.rules, server, sent).map(|()| Verdict::Fine);
        }
        ordinals::claim_owners(server, sent)?;
        requests::recorded_once(server, sent)?;
        self.adopts_after_a_look(server, sent)?;
        let Some(act) = Act::of(server, sent, self) else { return Ok(Verdict::Fine) };
        match act.owner.resource {
            Resource::OrdinalSets(_) => act.under_some_view(|set| ordinals::judge(self.rules, &act, set)),
            _ => act.under_some_view(|set| daemons::judge(self.rules, &act, set)),
        }
    }

    /// Takes in that a request was sent.
    pub fn ask(&mut self, operator: usize, request: &Request, plan: u64) {
        if request.verb == Verb::Delete {
            let uid = object::text(&request.body, "/preconditions/uid").to_owned();
            self.asked.insert((operator, uid), plan);
        }
    }

    /// Takes in that a request went beyond order or budget: all that a former leader does so are of one plan for each set.
    pub fn exceed(&mut self, before: Option<&Value>, sent: &Sent) -> Result<(), String> {
        if !sent.former {
            return Ok(());
        }
        let pod = if sent.request.verb == Verb::Create { Some(&sent.request.body) } else { before };
        let owner = pod.and_then(object::controller).map_or("", |r| object::text(r, "/uid"));
        let life = (sent.operator, sent.incarnation, owner.to_owned());
        let plan = *self.exceeded.entry(life).or_insert(sent.plan);
        if plan == sent.plan {
            return Ok(());
        }
        let object = &sent.request.object;
        Err(format!("S7, D4: {object}: a former leader goes beyond order or budget with a second batch"))
    }

    /// Whether the sender of a request has asked for the deletion of a pod, by the same plan or (`ever`) by any.
    fn has_asked(&self, sent: &Sent, pod: &Value, ever: bool) -> bool {
        let asked = self.asked.get(&(sent.operator, object::uid(pod).to_owned()));
        asked.is_some_and(|plan| ever || *plan == sent.plan)
    }

    /// Takes in that a request was done, before anybody else does anything.
    pub fn done(&mut self, server: &ApiServer, before: Option<&Value>, sent: &Sent, waits: bool) {
        let request = &sent.request;
        if request.verb == Verb::Get {
            let alive = server.get(&request.object).filter(|v| !object::is_terminating(v));
            let uid = alive.map(|v| object::uid(v).to_owned());
            self.confirmed.insert((sent.operator, sent.plan, request.object.clone()), uid);
        }
        if request.object.resource != Resource::Pods {
            return;
        }
        match (request.verb, before) {
            (Verb::Get, Some(pod)) => {
                let app = object::text(pod, "/metadata/labels/app");
                // What people or webhooks have taken out of the selector serves nobody.
                let manager = object::controller(pod).filter(|_| !app.is_empty() && !app.ends_with("-apart"));
                let manager = manager.map_or("", |r| object::text(r, "/uid")).to_owned();
                self.looked_at.insert((sent.operator, request.object.clone()), (sent.plan, manager));
            }
            (Verb::Delete, Some(pod)) => {
                if sent.given_up {
                    let owner = object::controller(pod).map_or("", |r| object::text(r, "/uid"));
                    let life = waits.then_some((sent.operator, sent.incarnation));
                    for slot in [object::name(pod), daemons::node_of(pod)] {
                        self.emptied.insert((owner.to_owned(), slot.to_owned()), (server.now, life));
                    }
                } else {
                    self.deleted
                        .entry(sent.operator)
                        .or_default()
                        .insert(object::uid(pod).to_owned(), sent.plan);
                }
            }
            (Verb::Create, _) if sent.given_up => {
                let made = server.get(&request.object).map(|pod| object::uid(pod).to_owned());
                self.belated.extend(made);
            }
            (Verb::Create, _) => {
                let all = self.made.entry(sent.operator).or_default();
                all.retain(|(plan, _)| *plan == sent.plan);
                all.push((sent.plan, request.body.clone()));
            }
            _ => {}
        }
    }

    /// Pods (by uid) that the sender of a request has deleted by the same plan or an earlier one.
    fn deleted_by(&self, sent: &Sent) -> BTreeSet<&str> {
        let all = self.deleted.get(&sent.operator).into_iter().flatten();
        all.filter(|(_, plan)| **plan <= sent.plan).map(|(uid, _)| uid.as_str()).collect()
    }

    /// Pods that the sender of a request has made by the same plan.
    fn made_by(&self, sent: &Sent) -> impl Iterator<Item = &Value> {
        let all = self.made.get(&sent.operator).into_iter().flatten();
        all.filter(|(plan, _)| *plan == sent.plan).map(|(_, pod)| pod)
    }

    /// Who managed a pod when it was looked at by the plan that a request is of; `None` if that did not look at it.
    fn manager_seen(&self, sent: &Sent, pod: &ObjectRef) -> Option<&str> {
        let (plan, manager) = self.looked_at.get(&(sent.operator, pod.clone()))?;
        (*plan == sent.plan).then_some(manager)
    }

    fn emptied_lately(&self, owner: &str, sent: &Sent, now: Timestamp) -> BTreeSet<&str> {
        let own = Some((sent.operator, sent.incarnation));
        let excuses = |((of, _), (at, by)): &(&(String, String), &Emptied)| {
            of == owner && now < *at + EXCUSED && *by != own
        };
        self.emptied.iter().filter(excuses).map(|((_, slot), _)| slot.as_str()).collect()
    }
}
