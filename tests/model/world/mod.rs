//! A cluster in simulated time: the model of the API server, operators that run the shipped engine, and everybody else. One
//! seed decides everything.

mod carry;
mod kubelet;
mod operator;
mod user;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use berth::api::{ObjectRef, Resource};
use berth::core::engine::Input;
use berth::core::request::Verb;
use berth::core::time::Now;
use jiff::Timestamp;

use crate::api_server::{ApiServer, Change};
use crate::invariants::Invariants;
use crate::random::Random;

pub use carry::Sent;
pub use operator::Operator;
pub use user::{NAMESPACE, daemons, node, ordinals, pod};
pub use weather::{Fate, Weather};

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// An operator is started.
    Start { operator: usize },
    /// An operator wants to be called.
    Tick { operator: usize, incarnation: u64 },
    /// Answers and pages reach an operator.
    Inputs { operator: usize, incarnation: u64, inputs: Vec<Input> },
    /// A list reaches the API server.
    List { operator: usize, incarnation: u64, resource: Resource, session: u64, token: String },
    /// Watch events reach an operator.
    Pump { operator: usize, incarnation: u64, resource: Resource, session: u64 },
    /// A bookmark is due, or the end of a watch.
    Bookmark { operator: usize, incarnation: u64, resource: Resource, session: u64 },
    /// A request reaches the API server.
    Arrive(Box<Sent>, Fate),
    /// The scheduler or a kubelet looks at a pod.
    Pod(ObjectRef),
    /// A garbage collector does one thing.
    Sweep,
}

/// A write that an operator sent.
#[derive(Clone, Debug)]
pub struct Write {
    /// What.
    pub verb: Verb,
    /// Of which object.
    pub object: ObjectRef,
    /// Whether of the status.
    pub status: bool,
    /// Whether it was done.
    pub done: bool,
}

/// See the module.
pub struct World {
    /// The API server.
    pub server: ApiServer,
    /// The operators.
    pub operators: Vec<Operator>,
    /// What goes wrong.
    pub weather: Weather,
    /// What becomes of the n-th write, counted from 0, whatever the weather.
    pub script: BTreeMap<u64, Fate>,
    /// What is watched over.
    pub invariants: Invariants,
    /// Chance.
    pub random: Random,
    /// Writes that reached the API server, without events and leases.
    pub writes: Vec<Write>,
    /// Pods (by uid) that are kept from being ready.
    pub sick: BTreeSet<String>,
    /// How many writes were sent, also those that never arrived.
    pub sent: u64,
    clock: Duration,
    order: u64,
    agenda: BTreeMap<(Duration, u64), Happening>,
    spread: u64,
    pods_due: BTreeSet<ObjectRef>,
    sweep_due: bool,
    seed: u64,
    story: Vec<String>,
}

/// When every history begins.
const START: &str = "2026-01-01T00:00:00Z";

impl World {
    /// A world without anything in it.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let start: Timestamp = START.parse().unwrap();
        World {
            server: ApiServer::new(start),
            operators: vec![],
            weather,
            script: BTreeMap::new(),
            invariants: Invariants::default(),
            random: Random::new(seed),
            writes: vec![],
            sick: BTreeSet::new(),
            sent: 0,
            clock: Duration::ZERO,
            order: 0,
            agenda: BTreeMap::new(),
            spread: 0,
            pods_due: BTreeSet::new(),
            sweep_due: false,
            seed,
            story: vec![],
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let start: Timestamp = START.parse().unwrap();
        Now { wall: start + jiff::SignedDuration::try_from(self.clock).unwrap(), mono: self.clock }
    }

    /// Lets everything happen that happens within `time`.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.clock + time;
        while let Some(next) = self.agenda.first_entry().filter(|e| e.key().0 <= until) {
            let ((at, _), happening) = next.remove_entry();
            self.clock = at;
            self.server.now = self.now().wall;
            self.happen(happening);
            self.spread();
        }
        self.clock = until;
        self.server.now = self.now().wall;
    }

    /// Runs until `goal` holds; fails when it does not within `bound`.
    pub fn run_until(&mut self, bound: Duration, goal: impl Fn(&World) -> Result<(), String>) {
        let until = self.clock + bound;
        loop {
            self.run_for(Duration::from_secs(5));
            match goal(self) {
                Ok(()) => return,
                Err(reason) if self.clock >= until => {
                    self.fail(&format!("not reached within {bound:?}: {reason}"))
                }
                Err(_) => {}
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Start { operator } => self.start_operator(operator),
            Happening::Tick { operator, incarnation } => self.tick(operator, incarnation),
            Happening::Inputs { operator, incarnation, inputs } => self.inputs(operator, incarnation, inputs),
            Happening::List { operator, incarnation, resource, session, token } => {
                self.list(operator, incarnation, resource, session, &token);
            }
            Happening::Pump { operator, incarnation, resource, session } => {
                self.pump(operator, incarnation, resource, session);
            }
            Happening::Bookmark { operator, incarnation, resource, session } => {
                self.bookmark(operator, incarnation, resource, session);
            }
            Happening::Arrive(sent, fate) => self.arrive(*sent, fate),
            Happening::Pod(pod) => self.attend(&pod),
            Happening::Sweep => self.sweep(),
        }
    }

    fn later(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.agenda.insert((self.clock + delay, self.order), happening);
    }

    /// Tells everybody what was committed since the last time.
    fn spread(&mut self) {
        for change in self.server.all_after(self.spread) {
            self.spread = change.version;
            self.tell_change(&change);
            if let Err(broken) = self.invariants.committed(&self.server, &change) {
                self.fail(&broken);
            }
            self.pump_watchers(change.object.resource);
            self.attend_to(&change);
        }
    }

    fn tell_change(&mut self, change: &Change) {
        let what = if change.removed { "gone" } else { "stored" };
        self.tell(format!("{what} {} at {}", change.object, change.version));
    }

    /// Adds a line to the story.
    pub fn tell(&mut self, line: String) {
        self.story.push(format!("{:>9.3} {line}", self.clock.as_secs_f64()));
    }

    /// Ends the history with what is wrong, and the story so far.
    pub fn fail(&self, wrong: &str) -> ! {
        let all = std::env::var_os("BERTH_SEED").is_some();
        let from = if all { 0 } else { self.story.len().saturating_sub(60) };
        let story = self.story[from..].join("\n");
        let seed = self.seed;
        panic!(
            "{story}\n\n{wrong}\n\nseed {seed}: BERTH_SEED={seed} cargo test --test model <this test> tells it all"
        );
    }

    /// Writes that were done and that `matches`.
    pub fn count(&self, matches: impl Fn(&Write) -> bool) -> usize {
        self.writes.iter().filter(|w| w.done && matches(w)).count()
    }
}
