//! Requests on their way, and what becomes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::{Answer, Request, Verb};
use berth_api::{Key, ObjectRef, Resource};
use berth_engine::Input;

use super::operator::Basis;
use super::{Answered, Fate, Happening, World, Write, tell};
use crate::api_server::object;
use crate::invariants::obstacles::Outcome;
use crate::invariants::sending::Leaving;
use crate::invariants::{Verdict, daemons, slot_of};

/// A request that an operator sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which operator.
    pub operator: usize,
    /// The life of the operator that sent it.
    pub incarnation: u64,
    /// The engine's name for it.
    pub id: u64,
    /// What.
    pub request: Request,
    /// When, by the clock of the operator.
    pub at: jiff::Timestamp,
    /// When, since the beginning.
    pub since: Duration,
    /// When it was decided, by the clock of the operator.
    pub decided: jiff::Timestamp,
    /// By which plan of the operator.
    pub plan: u64,
    /// The set that it is for; of a fresh read of what is in doubt the object itself.
    pub owner: ObjectRef,
    /// Whether it is of a plan.
    pub planned: bool,
    /// How long its sender waits for the answer.
    pub patience: Duration,
    /// How far the caches were when it was decided.
    pub view: BTreeMap<Resource, u64>,
    /// Whether its sender no longer waits for it when it arrives.
    pub given_up: bool,
    /// Whether its sender has ended or no longer leads when it arrives.
    pub former: bool,
}

impl Sent {
    /// How far the cache of a resource was when it was decided.
    pub fn seen(&self, resource: Resource) -> u64 {
        self.view.get(&resource).copied().unwrap_or(0)
    }
}

/// How long it takes to notice that a connection broke.
const BROKEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Whether a write counts: events and leases are not about any set.
fn counts(request: &Request) -> bool {
    request.is_write() && !matches!(request.object.resource, Resource::Events | Resource::Leases)
}

impl World {
    /// Sends a request on its way.
    pub(super) fn dispatch(&mut self, operator: usize, id: u64, request: Request, patience: Duration) {
        let incarnation = self.operators[operator].incarnation;
        let (owner, Basis { view, decided, plan, owner: decided_for }) = self.basis(operator, id);
        if counts(&request) {
            tell!(
                self,
                "operator {operator} sends {:?} {}{}",
                request.verb,
                request.object,
                subresource(&request)
            );
        }
        let about = owner.as_ref().map_or_else(|| request.object.clone(), Key::object);
        let (now, planned) = (self.clock, owner.is_some());
        if let Err(broken) = self.invariants.rates.sent(&self.server, operator, &about, &request, now) {
            self.fail(&broken);
        }
        if let Some(engine) = &self.operators[operator].engine
            && let Err(broken) = self.invariants.sent(&self.server, engine, operator, &request, plan)
        {
            self.fail(&broken);
        }
        let leaving = Leaving {
            operator,
            id,
            request: &request,
            owner: owner.as_ref(),
            decided_for: decided_for.as_ref(),
            now: self.clock,
        };
        if let Some(engine) = &self.operators[operator].engine
            && let Err(broken) = self.invariants.sending.sent(&self.server, engine, &leaving)
        {
            self.wrong(&broken);
        }
        // A list of the past may be older than the term.
        let elects =
            self.operators[operator].identity(operator, incarnation).is_some() && !self.invariants.rules.past;
        if let Some(engine) = self.operators[operator].engine.as_ref().filter(|_| elects && counts(&request))
            && let Err(broken) = self.invariants.terms.may_act(engine, operator, &request, self.clock)
        {
            self.fail(&broken);
        }
        self.tally("requests");
        self.invariants.ask(operator, &request, plan);
        if request.verb == Verb::Get && request.object.resource != Resource::Leases {
            self.looks(operator, &request.object);
        }
        let about_sets = !matches!(request.object.resource, Resource::Events | Resource::Leases);
        let scripted = about_sets.then(|| self.script.remove(&self.asked)).flatten();
        self.asked += u64::from(about_sets);
        self.sent += u64::from(counts(&request));
        let fate = scripted.unwrap_or_else(|| {
            let fate = self.weather.fate(&mut self.random);
            if fate == Fate::Carried || self.happens(fate.name()) { fate } else { Fate::Carried }
        });
        if fate == Fate::CrashBefore {
            return self.crash(operator);
        }
        self.operators[operator].in_flight.extend(owner.map(|key| (id, (key, now))));
        let delay = self.random.between(self.weather.request);
        let at = self.now_of(operator).wall;
        let sent = Sent {
            operator,
            incarnation,
            id,
            at,
            since: self.clock,
            decided,
            plan,
            owner: about,
            planned,
            patience,
            view,
            request,
            given_up: false,
            former: false,
        };
        if let Some(trouble) = self.trouble_of(&sent.request).filter(|_| fate == Fate::Carried) {
            return self.delay(sent, trouble);
        }
        match fate {
            Fate::Lost => self.broken(&sent),
            Fate::Late(after) => {
                self.broken(&sent);
                self.later(after, Happening::Arrive(Box::new(sent), Fate::AnswerLost));
            }
            Fate::AnswerLost => {
                self.broken(&sent);
                self.later(delay, Happening::Arrive(Box::new(sent), Fate::AnswerLost));
            }
            Fate::Paused(time) => {
                self.pause(operator, time);
                self.later(time + delay, Happening::Arrive(Box::new(sent), Fate::Carried));
            }
            fate => self.later(delay, Happening::Arrive(Box::new(sent), fate)),
        }
    }

    /// Some of what an operator that is paused had in hand leaves only when it goes on.
    pub(super) fn hold_back(&mut self, operator: usize, incarnation: u64, time: Duration) {
        let ours = |h: &Happening| matches!(h, Happening::Arrive(sent, _) if sent.operator == operator && sent.incarnation == incarnation);
        let held: Vec<_> = self.agenda.iter().filter(|(_, h)| ours(h)).map(|(key, _)| *key).collect();
        for key in held {
            if self.mishap(500, "requests held back by a pause")
                && let Some(happening) = self.agenda.remove(&key)
            {
                self.later(time + Duration::from_millis(1), happening);
            }
        }
    }

    /// Whether the sender of a request holds the lease; `None` where nobody elects a leader.
    fn leads(&self, sent: &Sent) -> Option<bool> {
        let identity = self.operators[sent.operator].identity(sent.operator, sent.incarnation)?;
        let lease = ObjectRef::new(Resource::Leases, super::NAMESPACE, "berth");
        let holder = self.server.get(&lease).map_or("", |v| object::text(v, "/spec/holderIdentity"));
        Some(holder == identity)
    }

    /// Whether the sender of a request has ended, or has lost the lease to somebody else.
    fn is_former(&self, sent: &Sent) -> bool {
        self.operators[sent.operator].incarnation != sent.incarnation || self.leads(sent) == Some(false)
    }

    /// The operator learns that nobody knows.
    pub(super) fn broken(&mut self, sent: &Sent) {
        tell!(self, "the connection of operator {} breaks: {}", sent.operator, sent.request.object);
        self.learns(sent, &Outcome::Lost);
        let delay = self.random.between(BROKEN);
        self.reply(sent, delay, Answer::Unknown("the connection broke".to_owned()));
    }

    /// The operator learns, or never does, what became of a request for a set.
    pub(super) fn learns(&mut self, sent: &Sent, outcome: &Outcome<'_>) {
        if self.operators[sent.operator].incarnation != sent.incarnation {
            return;
        }
        let by = (sent.operator, sent.incarnation);
        let now = self.clock;
        if let Outcome::Refused(refusal) = outcome
            && let Err(broken) = self.invariants.rates.refused(&self.server, sent, refusal.code, now)
        {
            self.fail(&broken);
        }
        // A read of what is in doubt is of no plan.
        if self.invariants.rules.told && sent.planned {
            let obstacles = &mut self.invariants.obstacles;
            obstacles.answered(&self.server, &sent.owner, by, &sent.request, outcome, now);
            self.judge_soon();
        }
    }

    pub(super) fn reply(&mut self, sent: &Sent, delay: Duration, answer: Answer) {
        let inputs = vec![Input::Answer { id: sent.id, answer }];
        let (operator, incarnation) = (sent.operator, sent.incarnation);
        self.later(delay, Happening::Inputs { operator, incarnation, inputs });
    }

    /// A request reaches the API server.
    pub(super) fn arrive(&mut self, mut sent: Sent, fate: Fate) {
        sent.former = self.is_former(&sent);
        // Or it has been told that the connection broke.
        sent.given_up = sent.former || fate == Fate::AnswerLost;
        let version = self.server.version();
        let answer = match &fate {
            Fate::Refused(refusal) => {
                if refusal.code == 404 {
                    self.invariants.mislead(sent.operator, &sent.request.object);
                }
                Answer::Refused(refusal.clone())
            }
            _ => {
                let judgement = self.invariants.judge(&self.server, &sent, &self.writes);
                let before = self.server.shared(&sent.request.object);
                let answer = self.server.handle(&sent.request);
                let done = matches!(answer, Answer::Done(_));
                if sent.request.verb == Verb::Get && matches!(&answer, Answer::Refused(r) if r.code == 404) {
                    // Whatever became of it, it is not there any more.
                    self.invariants.mislead(sent.operator, &sent.request.object);
                }
                match judgement {
                    Err(broken) if done => {
                        tell!(self, "done: {:?} {}", sent.request.verb, sent.request.object);
                        self.wrong(&broken);
                    }
                    Ok(Verdict::Exceeds) if done => {
                        self.tally("acts of a former leader beyond order or budget");
                        if let Err(broken) = self.invariants.exceed(before.as_deref(), &sent) {
                            self.fail(&broken);
                        }
                    }
                    _ => {}
                }
                if done && sent.given_up && counts(&sent.request) {
                    let mut object = sent.request.object.clone();
                    let node = daemons::meant_for(before.as_deref().unwrap_or(&sent.request.body));
                    if object.resource == Resource::Pods && !node.is_empty() {
                        object.name = node.to_owned();
                    }
                    self.belated.push(object);
                }
                let waits = self.operators[sent.operator].in_flight.contains_key(&sent.id);
                let lives = self.operators[sent.operator].incarnation == sent.incarnation;
                if done {
                    self.invariants.done(&self.server, before.as_deref(), &sent, waits && lives);
                }
                if done
                    && lives
                    && sent.request.is_write()
                    && sent.request.object.resource == Resource::Leases
                    && self.leads(&sent) == Some(true)
                {
                    self.invariants.terms.held(&sent, self.server.version());
                }
                if counts(&sent.request) {
                    let slot = slot_of(&self.server, &sent);
                    let Request { verb, object, status, .. } = sent.request.clone();
                    let at = self.clock;
                    let again = verb == Verb::Delete && before.as_deref().is_some_and(object::is_terminating);
                    let by = sent.operator;
                    self.writes.push(Write { by, verb, object, slot, status, done, again, at });
                }
                if done && lives && fate == Fate::Carried && self.server.version() > version {
                    self.invariants.acknowledge(&sent, before.as_deref(), self.server.version());
                }
                // A list of the past may end the doubt though it shows nothing.
                if done
                    && waits
                    && lives
                    && fate == Fate::AnswerLost
                    && !self.invariants.rules.past
                    && self.server.version() > version
                {
                    self.invariants.doubt(&sent, before.as_deref(), self.server.version());
                }
                answer
            }
        };
        let refused = if let Answer::Refused(refusal) = &answer { Some(refusal.code) } else { None };
        if matches!(fate, Fate::Carried | Fate::Refused(_)) {
            let taken_back = sent.request.verb == Verb::Patch && self.server.version() == version;
            let outcome = match &answer {
                Answer::Refused(refusal) => Outcome::Refused(refusal),
                _ if taken_back => Outcome::TakenBack,
                _ => Outcome::Done,
            };
            self.learns(&sent, &outcome);
        }
        if !matches!(sent.request.object.resource, Resource::Events | Resource::Leases) {
            let Request { verb, object, status, .. } = sent.request.clone();
            self.answered.push(Answered { verb, object, status, refused, at: self.clock });
        }
        if let Answer::Refused(refusal) = &answer {
            tell!(self, "refused {:?} {}: {}", sent.request.verb, sent.request.object, refusal.reason);
        }
        match fate {
            Fate::CrashAfter if self.operators[sent.operator].incarnation == sent.incarnation => {
                self.crash(sent.operator)
            }
            Fate::Carried | Fate::Refused(_) => {
                let delay = self.random.between(self.weather.request);
                self.reply(&sent, delay, answer);
            }
            _ => {}
        }
    }

    /// How often each object was created and deleted by operators: what the end state hides. The pods of a node are one, for which of
    /// their names comes next is a question of time.
    pub fn summary(&self) -> BTreeMap<(ObjectRef, &'static str), usize> {
        let mut summary = BTreeMap::new();
        let mut nodes: BTreeMap<&str, &str> = BTreeMap::new();
        for write in self.writes.iter().filter(|w| w.done && !w.again) {
            let mut object = write.object.clone();
            let what = match write.verb {
                Verb::Create => "creates",
                Verb::Delete => "deletes",
                _ => continue,
            };
            if object.resource == Resource::Pods {
                let slot = write.slot.split(' ').next().unwrap_or_default();
                let slot = *nodes.entry(&write.object.name).or_insert(slot);
                object.name = slot.to_owned();
            }
            *summary.entry((object, what)).or_default() += 1;
        }
        summary
    }
}

fn subresource(request: &Request) -> &'static str {
    if request.status { " (status)" } else { "" }
}
