//! Operators: the shipped engine, and how it is called.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::{Key, ObjectRef, Resource, Surface};
use berth_engine::{Config, Engine, Event, Input, Note, Output};
use berth_plan::time::Now;
use jiff::{SignedDuration, Timestamp};

use super::watching::Session;
use super::{Happening, World, tell};

/// More calls than this in a second without anything coming in is a hot loop.
const MOST_TICKS: u32 = 200;
/// More fresh reads of one object than this in a second are one, too.
const MOST_LOOKS: u32 = 60;

/// One in so many watch events is looked at for what it did to the cache.
const SAMPLE: u32 = 8;

/// What a plan rests on.
#[derive(Clone, Debug)]
pub struct Basis {
    /// How far the caches were when it was made.
    pub view: BTreeMap<Resource, u64>,
    /// What the wall clock of the operator said then.
    pub decided: Timestamp,
    /// Its number.
    pub plan: u64,
    /// The incarnation and the generation of the owner that it was made for.
    pub owner: Option<(String, i64)>,
}

/// An operator; without an engine while it is down.
#[derive(Debug)]
pub struct Operator {
    /// The engine.
    pub engine: Option<Engine>,
    /// How far the wall clock of its machine is off.
    pub skew: SignedDuration,
    pub(super) incarnation: u64,
    /// Requests of plans that have not been answered, whom they are for, and since when.
    pub in_flight: BTreeMap<u64, (Key, Duration)>,
    /// What the plans rest on whose requests are being sent.
    pub(super) bases: BTreeMap<Key, (u64, Basis)>,
    /// Numbers its plans, through all of its lives.
    plans: u64,
    pub(super) sessions: BTreeMap<Resource, Session>,
    /// The next watch of these resources sends nothing but bookmarks for so long.
    pub(super) frozen: BTreeMap<Resource, Duration>,
    pub(super) config: Config,
    elects: bool,
    /// Whether another takes its place when it has ended.
    pub(super) replaced: bool,
    /// Since when it acts, or has run.
    pub(super) acts_since: Duration,
    pub(super) tick: Option<Duration>,
    ticks: (u64, u32),
    /// In which second it read something afresh last, and what and how often in that.
    looks: (u64, BTreeMap<ObjectRef, u32>),
    /// What reaches a paused process waits here.
    pub(super) backlog: Option<Vec<Input>>,
}

impl Operator {
    /// Whether it is stopped by SIGSTOP.
    pub fn is_paused(&self) -> bool {
        self.backlog.is_some()
    }

    /// What it calls itself in the lease; different for each of its lives.
    pub(super) fn identity(&self, number: usize, incarnation: u64) -> Option<String> {
        self.elects.then(|| format!("operator-{number}-{incarnation}"))
    }
}

impl World {
    /// Adds an operator that acts at once.
    pub fn add_operator(&mut self) -> usize {
        self.operator(false)
    }

    /// Adds an operator that acts only while it holds the lease.
    pub fn add_candidate(&mut self) -> usize {
        self.operator(true)
    }

    fn operator(&mut self, elects: bool) -> usize {
        let config = Config {
            surfaces: self.surfaces(),
            namespace: String::new(),
            workers: 4,
            qps: self.limits.qps,
            burst: self.limits.burst,
            in_flight: self.limits.in_flight,
            lease: None,
            component: "berth".to_owned(),
            gates: self.gates,
        };
        self.operators.push(Operator {
            engine: None,
            skew: SignedDuration::ZERO,
            incarnation: 0,
            in_flight: BTreeMap::new(),
            bases: BTreeMap::new(),
            plans: 0,
            sessions: BTreeMap::new(),
            frozen: BTreeMap::new(),
            config,
            elects,
            replaced: false,
            acts_since: Duration::ZERO,
            tick: None,
            ticks: (0, 0),
            looks: (0, BTreeMap::new()),
            backlog: None,
        });
        let operator = self.operators.len() - 1;
        self.start_operator(operator);
        operator
    }

    /// The time as an operator sees it.
    pub fn now_of(&self, operator: usize) -> Now {
        let now = self.now();
        Now { wall: now.wall + self.operators[operator].skew, mono: now.mono }
    }

    pub(super) fn tick(&mut self, operator: usize, incarnation: u64) {
        let second = self.clock.as_secs();
        let o = &mut self.operators[operator];
        if o.incarnation != incarnation || o.tick != Some(self.clock) || o.is_paused() {
            return;
        }
        o.ticks = if o.ticks.0 == second { (second, o.ticks.1 + 1) } else { (second, 1) };
        if o.ticks.1 > MOST_TICKS {
            self.fail(&format!("X10: operator {operator} spins: more than {MOST_TICKS} wakeups a second"));
        }
        self.step(operator, vec![Input::Tick]);
    }

    /// Takes in that an operator reads an object afresh.
    pub(super) fn looks(&mut self, operator: usize, of: &ObjectRef) {
        let second = self.clock.as_secs();
        let o = &mut self.operators[operator];
        if o.looks.0 != second {
            o.looks = (second, BTreeMap::new());
        }
        let often = o.looks.1.entry(of.clone()).or_default();
        *often += 1;
        if *often > MOST_LOOKS {
            self.fail(&format!(
                "X10: operator {operator} spins: it reads {of} more than {MOST_LOOKS} times a second"
            ));
        }
    }

    pub(super) fn inputs(&mut self, operator: usize, incarnation: u64, inputs: Vec<Input>) {
        if self.operators[operator].incarnation == incarnation {
            self.step(operator, inputs);
        }
    }

    /// Calls the engine and carries out what it wants.
    pub(super) fn step(&mut self, operator: usize, inputs: Vec<Input>) {
        let now = self.now_of(operator);
        let o = &mut self.operators[operator];
        if let Some(backlog) = &mut o.backlog {
            return backlog.extend(inputs);
        }
        let Some(engine) = &mut o.engine else { return };
        let mut moved = vec![];
        for input in &inputs {
            match input {
                Input::Answer { id, answer } => {
                    o.in_flight.remove(id);
                    self.invariants.sending.answered(operator, *id, answer, now.mono);
                }
                Input::Page { resource, .. } => {
                    self.invariants.sending.listed(operator, *resource);
                    moved.push(*resource);
                }
                Input::Event { resource, event: Event::Bookmark(_), .. } => moved.push(*resource),
                // Now and then, for it takes its time.
                Input::Event { resource, event: Event::Put(_) | Event::Deleted(_), .. }
                    if now.mono.subsec_millis().is_multiple_of(SAMPLE) =>
                {
                    moved.push(*resource);
                }
                _ => {}
            }
        }
        let outputs = engine.step(inputs, now);
        self.note_plans(operator);
        for resource in moved {
            if let Some(engine) = &self.operators[operator].engine
                && let Err(broken) = self.invariants.cache(&self.server, engine, resource)
            {
                self.fail(&broken);
            }
        }
        for output in outputs {
            match output {
                Output::List { resource, session, token, .. } => {
                    let incarnation = self.operators[operator].incarnation;
                    let delay = self.random.between(self.weather.request);
                    self.later(delay, Happening::List { operator, incarnation, resource, session, token });
                }
                Output::Watch { resource, session, version, .. } => {
                    self.begin_watch(operator, resource, session, version);
                }
                Output::Send { id, request, timeout } => self.dispatch(operator, id, request, timeout),
                Output::Note(Note::Acted { action, error, .. }) => {
                    let how = error.map_or_else(|| "did".to_owned(), |e| format!("could not ({e})"));
                    tell!(self, "operator {operator} {how}: {action}");
                }
                Output::Note(Note::Leading) => {
                    self.operators[operator].acts_since = self.clock;
                    self.tally("terms");
                    tell!(self, "operator {operator} leads");
                }
                // The process ends, and is started again by whoever keeps it running.
                Output::LeaseLost => {
                    tell!(self, "operator {operator} has lost the lease");
                    self.tally("leases lost");
                    return self.crash(operator);
                }
                Output::Stopped => {
                    tell!(self, "operator {operator} has ended");
                    self.clear(operator);
                    if self.operators[operator].replaced {
                        self.start_later(operator);
                    }
                }
                Output::Note(_) => {}
            }
            // A crash before a request was sent takes the rest along.
            if self.operators[operator].engine.is_none() {
                return;
            }
        }
        self.set_alarm(operator);
    }

    /// What a request that is about to be sent rests on, and whom it is for.
    pub(super) fn basis(&mut self, operator: usize, id: u64) -> (Option<Key>, Basis) {
        let decided = self.now_of(operator).wall;
        let o = &mut self.operators[operator];
        let of = o.engine.as_ref().and_then(|engine| engine.plan_of(id));
        let (owner, number) = of.map_or((None, 0), |(key, number)| (Some(key.clone()), number));
        if let Some((_, known)) =
            owner.as_ref().and_then(|key| o.bases.get(key)).filter(|(known, _)| *known == number)
        {
            return (owner, known.clone());
        }
        let basis = self.new_basis(operator, decided, None);
        (owner, basis)
    }

    /// Takes in which plans were made just now, and what they rest on: their requests may leave later.
    fn note_plans(&mut self, operator: usize) {
        let decided = self.now_of(operator).wall;
        let o = &self.operators[operator];
        let Some(engine) = &o.engine else { return };
        let is_new = |(key, number): &(&Key, u64)| o.bases.get(*key).is_none_or(|(known, _)| known != number);
        let new: Vec<(Key, u64)> =
            engine.under_way().filter(is_new).map(|(key, number)| (key.clone(), number)).collect();
        for (key, number) in new {
            let basis = self.new_basis(operator, decided, Some(&key));
            self.operators[operator].bases.insert(key, (number, basis));
        }
    }

    fn new_basis(&mut self, operator: usize, decided: Timestamp, key: Option<&Key>) -> Basis {
        let resources: Vec<Resource> = self.surfaces().into_iter().flat_map(judged).collect();
        let o = &mut self.operators[operator];
        o.plans += 1;
        let stores = o.engine.as_ref().map(Engine::stores);
        let seen = |resource| stores.map_or(0, |stores| stores.seen(resource));
        let view = resources.into_iter().map(|resource| (resource, seen(resource))).collect();
        let owner = stores.zip(key).and_then(|(stores, key)| stores.owner(key));
        let owner = owner.map(|meta| (meta.uid.0.clone(), meta.generation));
        Basis { view, decided, plan: o.plans, owner }
    }

    fn set_alarm(&mut self, operator: usize) {
        let o = &mut self.operators[operator];
        let incarnation = o.incarnation;
        let Some(at) = o.engine.as_ref().and_then(Engine::next_wakeup) else { return };
        let at = at.max(self.clock + Duration::from_millis(1));
        if o.tick != Some(at) {
            o.tick = Some(at);
            self.later(at - self.clock, Happening::Tick { operator, incarnation });
        }
    }
}

/// The resources that acts are judged on.
pub(super) fn judged(surface: Surface) -> [Resource; 6] {
    let (ordinals, daemons) = (Resource::OrdinalSets(surface), Resource::DaemonSets(surface));
    [ordinals, daemons, Resource::Pods, Resource::Claims, Resource::Revisions, Resource::Nodes]
}
