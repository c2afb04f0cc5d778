//! What must hold at every step, whatever goes wrong. The names are those of `docs/proof.md`: S for ordinal sets, D for node daemon
//! sets, X for both.

mod acts;
mod commits;
pub mod daemons;
pub mod ordinals;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

use berth::api::{ObjectRef, Resource};
use berth::core::request::{Request, Verb};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::api_server::{ApiServer, object};
use crate::world::{Sent, Write};

pub use acts::Act;

/// How long the emptiness of a slot is excused that a request of a former leader emptied.
const EXCUSED: SignedDuration = SignedDuration::from_secs(120);

/// What holds only while certain things do not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// S6, S7, D4, D5 are also judged on what there is when a request arrives, not only on what its sender saw. Only while
    /// nobody but operators takes pods away, one operator at a time, whose clock is right.
    pub disruption: bool,
    /// D1 with surge while several operators act at once: one pod more may come, for each gives a pod the lowest name that it sees
    /// free, and they may see different ones (docs/adr/0003).
    pub crowd: bool,
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
    /// The newest write of each operator to each object that was done.
    acknowledged: BTreeMap<(usize, ObjectRef), u64>,
    /// What each operator knows that it has deleted: by owner, the pods and their uids, and by which plan.
    removed: BTreeMap<(usize, String), Vec<Removed>>,
    /// Pods (by uid) that each operator has deleted, and by which plan.
    deleted: BTreeMap<usize, BTreeMap<String, u64>>,
    /// Pods (by uid) whose deletion each operator has asked for.
    asked: BTreeMap<usize, BTreeSet<String>>,
    /// Pods that each operator has made, and by which plan.
    made: BTreeMap<usize, Vec<(u64, Value)>>,
    /// Slots that were emptied by requests that nobody waited for any more, and when.
    emptied: BTreeMap<String, Timestamp>,
    /// When each operator asked last for each owner, and which uid it had if it was not being deleted.
    confirmed: BTreeMap<(usize, ObjectRef), Option<String>>,
    /// The highest observedGeneration of each set, by uid.
    observed: BTreeMap<String, i64>,
}

impl Invariants {
    /// An operator has lost its memory.
    pub fn forget(&mut self, operator: usize) {
        self.acknowledged.retain(|(o, _), _| *o != operator);
        self.removed.retain(|(o, _), _| *o != operator);
        self.confirmed.retain(|(o, _), _| *o != operator);
        self.deleted.remove(&operator);
        self.asked.remove(&operator);
        self.made.remove(&operator);
    }

    /// Judges a request that has arrived, before it is done; it counts only if it is.
    pub fn judge(&self, server: &ApiServer, sent: &Sent, writes: &[Write]) -> Judgement {
        requests::hands_off(self, server, sent)?;
        requests::bounded(self.rules, sent, writes)?;
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
    pub fn ask(&mut self, operator: usize, request: &Request) {
        if request.verb == Verb::Delete && request.object.resource == Resource::Pods {
            let uid = object::text(&request.body, "/preconditions/uid").to_owned();
            self.asked.entry(operator).or_default().insert(uid);
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

    /// Whether an operator has asked for the deletion of a pod in its present life.
    fn has_asked(&self, operator: usize, pod: &Value) -> bool {
        self.asked.get(&operator).is_some_and(|all| all.contains(object::uid(pod)))
    }

    /// Takes in that a request was done, before anybody else does anything.
    pub fn done(&mut self, server: &ApiServer, before: Option<&Value>, sent: &Sent) {
        let request = &sent.request;
        if request.verb == Verb::Get {
            let alive = server.get(&request.object).filter(|v| !object::is_terminating(v));
            let uid = alive.map(|v| object::uid(v).to_owned());
            self.confirmed.insert((sent.operator, request.object.clone()), uid);
        }
        if request.object.resource != Resource::Pods {
            return;
        }
        match (request.verb, before) {
            (Verb::Delete, Some(pod)) => {
                if sent.given_up {
                    for slot in [object::name(pod), daemons::node_of(pod)] {
                        self.emptied.insert(slot.to_owned(), server.now);
                    }
                } else {
                    self.deleted
                        .entry(sent.operator)
                        .or_default()
                        .insert(object::uid(pod).to_owned(), sent.plan);
                }
            }
            (Verb::Create, _) if !sent.given_up => {
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

    fn emptied_lately(&self, now: Timestamp) -> BTreeSet<&str> {
        self.emptied.iter().filter(|(_, at)| now < **at + EXCUSED).map(|(slot, _)| slot.as_str()).collect()
    }
}
