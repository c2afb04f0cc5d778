//! The engine: watch events in, requests out. One state machine that the shell runs against a real API server and the
//! simulator against a model of one.
//!
//! ```text
//! watch ──► stores ──► queue ──► observe ──► plan ──► run ──► requests
//!              ▲                                        │
//!              └────────── pending writes ◄─────────────┘
//! ```

pub mod election;
pub mod interface;
pub mod send;
pub mod telemetry;
pub mod watch;
pub mod work;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::interface::{Config, Event, Input, Note, Output};
use crate::election::lease::Election;
use crate::send::expectations::Pending;
use crate::send::outbox::{Class, Outbox, Party};
use crate::telemetry::counters::Tally;
use crate::telemetry::event_recorder::Book;
use crate::watch::reflector::Reflector;
use crate::watch::stores::Stores;
use crate::work::owners::Active;
use crate::work::queue::Queue;
use crate::work::status_throttle::StatusThrottle;
use berth_api::object::Item;
use berth_api::request::Request;
use berth_api::{Key, Kind, ObjectRef, Resource};
use berth_plan::memory::Memory;
use berth_plan::notice;
use berth_plan::plan::Action;
use berth_plan::time::Now;

/// What a request on its way is for.
#[derive(Clone, Debug)]
enum Purpose {
    /// An action of a plan.
    Act { key: Key, unit: usize, action: Box<Action> },
    /// A live read of an object whose state is in doubt.
    Check { object: ObjectRef },
    /// Leader election, and the number of the request there.
    Lease { number: u64 },
    /// An event, and whether it counts up an earlier one.
    Event { key: Key, event: Box<notice::Event>, repeats: bool },
}

/// How long the answer to a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same for an event, which may be lost.
const EVENT_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    stores: Stores,
    reflectors: BTreeMap<Resource, Reflector<Item>>,
    queue: Queue,
    pending: Pending,
    memory: BTreeMap<Key, Memory>,
    active: BTreeMap<Key, Active>,
    /// Objects of others that owners wait for.
    awaiting: BTreeMap<ObjectRef, BTreeSet<Key>>,
    /// When the status of an owner was written lately.
    paces: BTreeMap<Key, StatusThrottle>,
    /// Owners whose changed status is held back.
    status_held: BTreeSet<Key>,
    /// What was told about owners besides writes, and when a plan said so last.
    told: BTreeMap<Key, BTreeMap<notice::Event, Duration>>,
    /// Owners whose last status is still to be written before the end.
    closing: BTreeSet<Key>,
    election: Option<Election>,
    /// When we began to lead: caches must have been listed after that.
    leading_since: Option<Duration>,
    /// The version of the first pod that was written since then.
    first_written: Option<u64>,
    book: Book,
    outbox: Outbox<Request>,
    purposes: BTreeMap<u64, Purpose>,
    last_id: u64,
    plans: u64,
    stopping: bool,
    stopped: bool,
    notes: Vec<Note>,
    tally: Tally,
    following: Option<String>,
    lease_problem: Option<String>,
    /// Whether the election found that somebody else leads.
    lost: bool,
}

impl Engine {
    /// An engine that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        let mut resources =
            BTreeSet::from([Resource::Pods, Resource::Revisions, Resource::Claims, Resource::Nodes]);
        for surface in &config.surfaces {
            resources.extend([Resource::OrdinalSets(*surface), Resource::DaemonSets(*surface)]);
        }
        resources.extend(config.lease.iter().map(|_| Resource::Leases));
        Engine {
            election: config.lease.clone().map(Election::new),
            leading_since: config.lease.is_none().then_some(Duration::ZERO),
            first_written: None,
            book: Book::new(&config.component),
            outbox: Outbox::new(config.qps, config.burst, config.in_flight),
            config,
            stores: Stores::default(),
            reflectors: resources.into_iter().map(|r| (r, Reflector::default())).collect(),
            queue: Queue::default(),
            pending: Pending::default(),
            memory: BTreeMap::new(),
            active: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            paces: BTreeMap::new(),
            status_held: BTreeSet::new(),
            told: BTreeMap::new(),
            closing: BTreeSet::new(),
            purposes: BTreeMap::new(),
            last_id: 0,
            plans: 0,
            stopping: false,
            stopped: false,
            notes: vec![],
            tally: Tally::default(),
            following: None,
            lease_problem: None,
            lost: false,
        }
    }

    /// Takes in what happened and returns what is to be done. Everything in `inputs` is taken in before anything is planned,
    /// so a burst of events costs one plan. Call it with [`Input::Tick`] when [`Self::next_wakeup`] is due.
    pub fn step(&mut self, inputs: impl IntoIterator<Item = Input>, now: Now) -> Vec<Output> {
        self.queue.at(now.mono);
        let mut outputs = vec![];
        for input in inputs {
            match input {
                Input::Page { resource, session, items, token, version } => {
                    self.page(resource, session, items, token, version, now);
                }
                Input::Event { resource, session, event } => self.event(resource, session, event, now),
                Input::Answer { id, answer } => self.answer(id, answer, now),
                Input::Tick => {}
                Input::Stop => self.stop(now),
            }
        }
        self.elect(now, &mut outputs);
        self.ask(now, &mut outputs);
        self.check(now);
        self.work(now);
        self.send(now, &mut outputs);
        self.end(now, &mut outputs);
        outputs.extend(self.notes.drain(..).map(Output::Note));
        outputs
    }

    /// When the next [`Input::Tick`] is due (monotonic), if nothing else comes in before.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let reflectors = self.reflectors.values().filter(|_| self.watches()).filter_map(Reflector::next_at);
        let election = self.election.as_ref().filter(|_| !self.stopping).and_then(Election::next_at);
        let sending = self.outbox.next_at();
        // Nobody works on what is due to a follower.
        let works = self.leads() && self.queue.running() < self.config.workers;
        let queue = if works { self.queue.next_at() } else { None };
        reflectors.chain(election).chain(sending).chain(queue).chain(self.pending.next_check()).min()
    }

    /// The owner that a request on its way is for, and which of all plans it belongs to, counted from 1; `None` for an answered one, and
    /// for one of the election or an event, or a fresh read of what is in doubt.
    pub fn plan_of(&self, id: u64) -> Option<(&Key, u64)> {
        match self.purposes.get(&id)? {
            Purpose::Act { key, .. } => self.active.get(key).map(|active| (key, active.number)),
            Purpose::Check { .. } | Purpose::Lease { .. } | Purpose::Event { .. } => None,
        }
    }

    /// The plans that are being carried out: whom each is for, and which of all plans it is.
    pub fn under_way(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.active.iter().map(|(key, active)| (key, active.number))
    }

    /// What keeps the engine from serving, one line each; empty when it is ready.
    pub fn problems(&self) -> Vec<String> {
        let lease = self.lease_problem.iter().map(|problem| format!("lease: {problem}"));
        let unfilled = self.unfilled().filter(|(resource, problem)| !self.is_renounced(*resource, problem));
        unfilled.map(|(_, problem)| problem).chain(lease).collect()
    }

    /// What is not served because of how the operator is run, one line each: one for a namespace may have no right to nodes, and
    /// serves ordinal sets all the same.
    pub fn renounced(&self) -> Vec<String> {
        let unfilled = self.unfilled().filter(|(resource, problem)| self.is_renounced(*resource, problem));
        unfilled.map(|(_, problem)| problem).collect()
    }

    /// The resources whose lists and watches are missing, and what is in the way.
    fn unfilled(&self) -> impl Iterator<Item = (Resource, String)> {
        // Without a watch the lease is polled.
        let cached = self.reflectors.iter().filter(|(resource, _)| **resource != Resource::Leases);
        cached.filter_map(|(resource, reflector)| match reflector.problem() {
            Some(problem) => Some((*resource, watch::problems::explain(*resource, problem, &self.config))),
            None if reflector.listed().is_none() => Some((*resource, format!("{resource}: not listed yet"))),
            None => None,
        })
    }

    /// Whether ordinal sets are served without it, and it is refused to an operator for one namespace.
    fn is_renounced(&self, resource: Resource, problem: &str) -> bool {
        let daemons = matches!(resource, Resource::Nodes | Resource::DaemonSets(_));
        daemons && !self.config.namespace.is_empty() && problem.contains("forbidden")
    }

    /// Whether we lead.
    pub fn leads(&self) -> bool {
        self.leading_since.is_some()
    }

    /// Whether there is nothing on its way, nothing queued and nothing that waits to become visible.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty() && self.queue.depth() == 0 && self.pending.is_empty() && self.outbox.is_empty()
    }

    /// How many plans were made so far.
    pub fn plans(&self) -> u64 {
        self.plans
    }

    /// The caches.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Whether lists and watches go on: at the end as long as an owner waits to see what was written for it.
    fn watches(&self) -> bool {
        !self.stopping || !self.closing.is_empty()
    }

    /// The resources without which owners of a kind are not planned for.
    fn required(key: &Key) -> [Resource; 4] {
        match key.kind {
            Kind::Ordinal => [key.resource(), Resource::Pods, Resource::Revisions, Resource::Claims],
            Kind::Daemon => [key.resource(), Resource::Pods, Resource::Revisions, Resource::Nodes],
        }
    }

    /// Queues a request.
    fn push(&mut self, class: Class, party: Party, request: Request, purpose: Purpose) {
        self.last_id += 1;
        self.purposes.insert(self.last_id, purpose);
        self.outbox.push(class, party, self.last_id, request);
    }

    /// Queues a request of the election.
    fn push_lease(&mut self, number: u64, request: Request) {
        let party = Party { owner: None, namespace: request.object.namespace.clone() };
        self.push(Class::Lease, party, request, Purpose::Lease { number });
    }

    /// Sends what the limiter lets through.
    fn send(&mut self, now: Now, outputs: &mut Vec<Output>) {
        while let Some((id, request)) = self.outbox.pop(now.mono) {
            let timeout = match (request.object.resource, &self.config.lease) {
                (Resource::Leases, Some(lease)) => lease.deadline,
                (Resource::Events, _) => EVENT_TIMEOUT,
                _ => TIMEOUT,
            };
            outputs.push(Output::Send { id, request, timeout });
        }
    }

    /// Asks for live reads of what is in doubt, and for lists where a write does not become visible.
    fn check(&mut self, now: Now) {
        for object in self.pending.checks(now.mono) {
            let party = Party { owner: None, namespace: object.namespace.clone() };
            self.push(Class::Read, party, Request::get(object.clone()), Purpose::Check { object });
        }
        for resource in self.pending.overdue(now.mono) {
            // A list that is on its way is awaited: whoever asks anew at each step never gets one.
            if let Some(reflector) = self.reflectors.get_mut(&resource)
                && !reflector.is_listing()
                && reflector.listed().is_some_and(|listed| now.mono > listed + Duration::from_secs(60))
                && reflector.next_at().is_none()
            {
                reflector.relist(now.mono);
            }
        }
    }

    fn stop(&mut self, now: Now) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        let running: Vec<Key> = self.active.keys().cloned().collect();
        for key in &running {
            self.recall(key, now);
        }
        self.queue.wake_all();
        // What is on its way changes the status once more, and a write is told only when it is seen.
        self.closing.extend(running);
        self.closing.append(&mut self.status_held);
        for key in &self.closing {
            self.queue.add(key.clone());
        }
    }

    /// Ends when everything has ended.
    fn end(&mut self, now: Now, outputs: &mut Vec<Output>) {
        let closing = self.leads() && !self.closing.is_empty();
        let renewing = self.leads() && self.election.as_ref().is_some_and(Election::is_asking);
        if !self.stopping || self.stopped || !self.active.is_empty() || closing || renewing {
            return;
        }
        if let Some((number, request)) = self.election.as_mut().and_then(Election::release) {
            self.push_lease(number, request);
            return self.send(now, outputs);
        }
        if self.outbox.in_flight() == 0 && self.outbox.is_empty() {
            self.stopped = true;
            outputs.push(Output::Stopped);
        }
    }
}
