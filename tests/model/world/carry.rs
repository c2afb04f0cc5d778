//! Requests on their way, and what becomes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use berth::api::{ObjectRef, Resource};
use berth::core::engine::Input;
use berth::core::request::{Answer, Request, Verb};

use super::{Fate, Happening, World, Write};

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
    /// When.
    pub at: jiff::Timestamp,
    /// How far the caches were when it was decided, or earlier.
    pub view: BTreeMap<Resource, u64>,
}

/// How long it takes to notice that a connection broke.
const BROKEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Whether a write counts: events and leases are not about any set.
fn counts(request: &Request) -> bool {
    request.is_write() && !matches!(request.object.resource, Resource::Events | Resource::Leases)
}

impl World {
    /// Sends a request on its way.
    pub(super) fn dispatch(&mut self, operator: usize, id: u64, request: Request) {
        let (incarnation, view) =
            (self.operators[operator].incarnation, self.operators[operator].view.clone());
        if counts(&request) {
            self.tell(format!(
                "operator {operator} sends {:?} {}{}",
                request.verb,
                request.object,
                subresource(&request)
            ));
        }
        if let Some(engine) = &self.operators[operator].engine
            && let Err(broken) = self.invariants.sent(engine, operator, &request)
        {
            self.fail(&broken);
        }
        let scripted = counts(&request).then(|| self.script.remove(&self.sent)).flatten();
        self.sent += u64::from(counts(&request));
        let fate = scripted.unwrap_or_else(|| self.weather.fate(&mut self.random));
        if fate == Fate::CrashBefore {
            return self.crash(operator);
        }
        self.operators[operator].in_flight.insert(id);
        let delay = self.random.between(self.weather.request);
        let at = self.now().wall;
        let sent = Sent { operator, incarnation, id, request, at, view };
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
            fate => self.later(delay, Happening::Arrive(Box::new(sent), fate)),
        }
    }

    /// The operator learns that nobody knows.
    fn broken(&mut self, sent: &Sent) {
        self.tell(format!("the connection of operator {} breaks: {}", sent.operator, sent.request.object));
        let delay = self.random.between(BROKEN);
        self.reply(sent, delay, Answer::Unknown("the connection broke".to_owned()));
    }

    fn reply(&mut self, sent: &Sent, delay: Duration, answer: Answer) {
        let inputs = vec![Input::Answer { id: sent.id, answer }];
        let (operator, incarnation) = (sent.operator, sent.incarnation);
        self.later(delay, Happening::Inputs { operator, incarnation, inputs });
    }

    /// A request reaches the API server.
    pub(super) fn arrive(&mut self, sent: Sent, fate: Fate) {
        let answer = match &fate {
            Fate::Refused(refusal) => Answer::Refused(refusal.clone()),
            _ => {
                let judgement = self.invariants.judge(&self.server, &sent);
                let before = self.server.version();
                let answer = self.server.handle(&sent.request);
                let done = matches!(answer, Answer::Done(_));
                if done && let Err(broken) = judgement {
                    self.tell(format!("done: {:?} {}", sent.request.verb, sent.request.object));
                    self.fail(&broken);
                }
                if counts(&sent.request) {
                    let Request { verb, object, status, .. } = sent.request.clone();
                    self.writes.push(Write { verb, object, status, done });
                }
                let lives = self.operators[sent.operator].incarnation == sent.incarnation;
                if done && lives && fate == Fate::Carried && self.server.version() > before {
                    self.invariants.acknowledge(sent.operator, &sent.request.object, self.server.version());
                }
                answer
            }
        };
        if let Answer::Refused(refusal) = &answer {
            self.tell(format!("refused {:?} {}: {}", sent.request.verb, sent.request.object, refusal.reason));
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

    /// How often each object was created and deleted by operators: what the end state hides.
    pub fn summary(&self) -> BTreeMap<(ObjectRef, &'static str), usize> {
        let mut summary = BTreeMap::new();
        for write in self.writes.iter().filter(|w| w.done) {
            let what = match write.verb {
                Verb::Create => "creates",
                Verb::Delete => "deletes",
                _ => continue,
            };
            *summary.entry((write.object.clone(), what)).or_default() += 1;
        }
        summary
    }
}

fn subresource(request: &Request) -> &'static str {
    if request.status { " (status)" } else { "" }
}
