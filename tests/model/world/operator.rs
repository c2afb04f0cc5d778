//! Operators: the shipped engine, with watches that lag behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use berth::api::{Resource, Surface};
use berth::core::decode;
use berth::core::engine::{Config, Engine, Event, Input, Note, Output};

use super::{Happening, World};

/// More calls than this in a second without anything coming in is a hot loop.
const MOST_TICKS: u32 = 200;
/// Objects a page of a list.
const PAGE: usize = 3;

/// An operator; without an engine while it is down.
#[derive(Debug)]
pub struct Operator {
    /// The engine.
    pub engine: Option<Engine>,
    pub(super) incarnation: u64,
    pub(super) in_flight: BTreeSet<u64>,
    /// How far the caches were when the plan was made whose requests are being sent, or earlier.
    pub(super) view: BTreeMap<Resource, u64>,
    config: Config,
    sessions: BTreeMap<Resource, Session>,
    tick: Option<Duration>,
    ticks: (u64, u32),
}

#[derive(Clone, Copy, Debug)]
struct Session {
    id: u64,
    cursor: u64,
    pumping: bool,
}

impl World {
    /// Adds an operator that serves the custom resources.
    pub fn add_operator(&mut self) -> usize {
        let config = Config {
            surfaces: vec![Surface::Berth],
            namespace: String::new(),
            workers: 4,
            qps: 1000,
            burst: 1000,
            in_flight: 100,
            lease: None,
            component: "berth".to_owned(),
            gates: berth::core::gates::Gates::default(),
        };
        self.operators.push(Operator {
            engine: None,
            incarnation: 0,
            in_flight: BTreeSet::new(),
            view: BTreeMap::new(),
            config,
            sessions: BTreeMap::new(),
            tick: None,
            ticks: (0, 0),
        });
        let operator = self.operators.len() - 1;
        self.start_operator(operator);
        operator
    }

    pub(super) fn start_operator(&mut self, operator: usize) {
        self.tell(format!("operator {operator} starts"));
        let o = &mut self.operators[operator];
        o.incarnation += 1;
        o.engine = Some(Engine::new(o.config.clone()));
        self.step(operator, vec![]);
    }

    /// Ends an operator at once; all that it knew is lost. Requests on their way may still arrive.
    pub fn crash(&mut self, operator: usize) {
        self.tell(format!("operator {operator} crashes"));
        let o = &mut self.operators[operator];
        o.engine = None;
        o.incarnation += 1;
        o.sessions.clear();
        o.in_flight.clear();
        o.tick = None;
        self.invariants.forget(operator);
        let down = self.random.between((Duration::from_millis(100), Duration::from_secs(20)));
        self.later(down, Happening::Start { operator });
    }

    pub(super) fn tick(&mut self, operator: usize, incarnation: u64) {
        let second = self.clock.as_secs();
        let o = &mut self.operators[operator];
        if o.incarnation != incarnation || o.tick != Some(self.clock) {
            return;
        }
        o.ticks = if o.ticks.0 == second { (second, o.ticks.1 + 1) } else { (second, 1) };
        if o.ticks.1 > MOST_TICKS {
            self.fail(&format!("operator {operator} spins: more than {MOST_TICKS} wakeups a second"));
        }
        self.step(operator, vec![Input::Tick]);
    }

    pub(super) fn inputs(&mut self, operator: usize, incarnation: u64, inputs: Vec<Input>) {
        if self.operators[operator].incarnation == incarnation {
            self.step(operator, inputs);
        }
    }

    /// Calls the engine and carries out what it wants.
    fn step(&mut self, operator: usize, inputs: Vec<Input>) {
        let now = self.now();
        let o = &mut self.operators[operator];
        let Some(engine) = &mut o.engine else { return };
        let mut may_go_on = !o.in_flight.is_empty();
        for input in &inputs {
            if let Input::Answer { id, .. } = input {
                o.in_flight.remove(id);
                may_go_on = true;
            }
        }
        let outputs = engine.step(inputs, now);
        // What is sent now may belong to a plan that was made earlier, on an older view.
        if !may_go_on {
            let (ordinals, daemons) =
                (Resource::OrdinalSets(Surface::Berth), Resource::DaemonSets(Surface::Berth));
            let judged = [ordinals, daemons, Resource::Claims];
            o.view = judged.into_iter().map(|r| (r, engine.stores().seen(r))).collect();
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
                Output::Send { id, request } => self.dispatch(operator, id, request),
                Output::Note(Note::Acted { action, error, .. }) => {
                    let how = error.map_or_else(|| "did".to_owned(), |e| format!("could not ({e})"));
                    self.tell(format!("operator {operator} {how}: {action}"));
                }
                Output::Note(_) | Output::LeaseLost | Output::Stopped => {}
            }
        }
        self.set_alarm(operator);
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

    pub(super) fn list(
        &mut self,
        operator: usize,
        incarnation: u64,
        resource: Resource,
        session: u64,
        token: &str,
    ) {
        let delay = self.random.between(self.weather.request);
        let input = if self.random.chance(self.weather.break_watch) {
            Input::Event { resource, session, event: Event::Failed("the connection broke".to_owned()) }
        } else {
            match self.server.list(resource, token, PAGE) {
                Some((items, token, version)) => Input::Page { resource, session, items, token, version },
                None => Input::Event { resource, session, event: Event::Expired },
            }
        };
        self.later(delay, Happening::Inputs { operator, incarnation, inputs: vec![input] });
    }

    fn begin_watch(&mut self, operator: usize, resource: Resource, id: u64, cursor: u64) {
        let incarnation = self.operators[operator].incarnation;
        self.operators[operator].sessions.insert(resource, Session { id, cursor, pumping: false });
        self.pump_watchers(resource);
        let minute = Duration::from_secs(60);
        self.later(minute, Happening::Bookmark { operator, incarnation, resource, session: id });
    }

    /// Sends what is new to all who watch a resource, each in its own time.
    pub(super) fn pump_watchers(&mut self, resource: Resource) {
        for operator in 0..self.operators.len() {
            let incarnation = self.operators[operator].incarnation;
            let Some(session) = self.operators[operator].sessions.get_mut(&resource) else { continue };
            let new = self.server.changes_after(resource, session.cursor).is_none_or(|c| !c.is_empty());
            if session.pumping || !new {
                continue;
            }
            session.pumping = true;
            let session = session.id;
            let stalls = self.random.chance(self.weather.stall);
            let delay = self.random.between(if stalls { self.weather.stall_for } else { self.weather.watch });
            self.later(delay, Happening::Pump { operator, incarnation, resource, session });
        }
    }

    pub(super) fn pump(&mut self, operator: usize, incarnation: u64, resource: Resource, id: u64) {
        let breaks = self.random.chance(self.weather.break_watch);
        if breaks && self.random.chance(300) {
            self.server.compact();
        }
        let o = &mut self.operators[operator];
        let Some(session) = o.sessions.get_mut(&resource).filter(|s| s.id == id) else { return };
        if o.incarnation != incarnation {
            return;
        }
        session.pumping = false;
        let event = |event| Input::Event { resource, session: id, event };
        let inputs: Vec<Input> = match self.server.changes_after(resource, session.cursor) {
            None => vec![event(Event::Expired)],
            Some(_) if breaks => vec![event(Event::Ended)],
            Some(changes) => {
                let some = 1 + self.random.below(changes.len() as u64) as usize;
                let read = changes.iter().take(some).filter_map(|change| {
                    session.cursor = change.version;
                    let json = change.value.to_string();
                    Some(event(if change.removed {
                        Event::Deleted(Box::new(decode::meta(&json)))
                    } else {
                        Event::Put(Box::new(decode::item(resource, &json)?))
                    }))
                });
                read.collect()
            }
        };
        if !matches!(inputs.first(), Some(Input::Event { event: Event::Put(_) | Event::Deleted(_), .. })) {
            o.sessions.remove(&resource);
        }
        self.step(operator, inputs);
        self.pump_watchers(resource);
    }

    pub(super) fn bookmark(&mut self, operator: usize, incarnation: u64, resource: Resource, id: u64) {
        let o = &mut self.operators[operator];
        let Some(session) = o.sessions.get(&resource).filter(|s| s.id == id) else { return };
        if o.incarnation != incarnation {
            return;
        }
        let caught_up = self.server.changes_after(resource, session.cursor).is_some_and(<[_]>::is_empty);
        let mut inputs = vec![];
        if self.random.chance(200) {
            o.sessions.remove(&resource);
            inputs.push(Input::Event { resource, session: id, event: Event::Ended });
        } else {
            if caught_up {
                let mark = Event::Bookmark(self.server.version());
                inputs.push(Input::Event { resource, session: id, event: mark });
            }
            let minute = Duration::from_secs(60);
            self.later(minute, Happening::Bookmark { operator, incarnation, resource, session: id });
        }
        self.step(operator, inputs);
    }
}
