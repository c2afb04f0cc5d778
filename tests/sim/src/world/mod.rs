//! A cluster in simulated time: the model of the API server, operators that run the shipped engine, and everybody else. One
//! seed decides everything.

mod carry;
mod kubelet;
mod lives;
mod nodes;
mod operator;
mod report;
mod told;
mod troubles;
mod user;
mod watching;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource, Surface};
use berth_engine::Input;
use berth_plan::feature_gates::Gates;
use berth_plan::time::Now;
use jiff::Timestamp;

use crate::api_server::{ApiServer, Pattern};
use crate::invariants::Invariants;
use crate::random::Random;

pub use carry::Sent;
pub use lives::Tenure;
pub use operator::Operator;
pub use report::Failure;
pub(crate) use report::tell;
pub use troubles::{Limits, Trouble};
pub use user::{
    MINUTE, NAMESPACE, NEIGHBOUR, SECOND, SHARED, daemons, node, ordinals, parallel, pod, set_in,
};
pub use watching::{Delivery, Listing};
pub use weather::{Fate, REFUSALS, Weather, busy};

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// An operator is started.
    Start { operator: usize },
    /// An operator wants to be called.
    Tick { operator: usize, incarnation: u64 },
    /// An operator that was asked to end has had its time.
    Kill { operator: usize, incarnation: u64 },
    /// A paused operator goes on.
    Resume { operator: usize, incarnation: u64 },
    /// Answers and pages reach an operator.
    Inputs { operator: usize, incarnation: u64, inputs: Vec<Input> },
    /// A list reaches the API server.
    List { operator: usize, incarnation: u64, resource: Resource, session: u64, token: String },
    /// Watch events reach an operator.
    Pump { operator: usize, incarnation: u64, resource: Resource, session: u64, scripted: Option<Delivery> },
    /// A bookmark is due, or the end of a watch.
    Bookmark { operator: usize, incarnation: u64, resource: Resource, session: u64, again: bool },
    /// A request reaches the API server.
    Arrive(Box<Sent>, Fate),
    /// The scheduler or a kubelet looks at a pod.
    Pod(ObjectRef),
    /// The node controller looks at a node that does not answer.
    Silence(String),
    /// A garbage collector does one thing.
    Sweep,
    /// The conditions are judged.
    Judge,
}

/// A write that an operator sent.
#[derive(Clone, Debug)]
pub struct Write {
    /// Who sent it.
    pub by: usize,
    /// What.
    pub verb: Verb,
    /// Of which object.
    pub object: ObjectRef,
    /// For a pod that is made: what it stands for, its node or its own name.
    pub slot: String,
    /// Whether of the status.
    pub status: bool,
    /// Whether it was done.
    pub done: bool,
    /// Whether it was the deletion of what was on its way out already.
    pub again: bool,
    /// When it reached the API server, since the beginning.
    pub at: Duration,
}

/// A request about a set that the API server answered, or a proxy before it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What.
    pub verb: Verb,
    /// Of which object.
    pub object: ObjectRef,
    /// Whether of the status.
    pub status: bool,
    /// The HTTP status of the refusal; `None` if it was done.
    pub refused: Option<u16>,
    /// When it reached the API server, since the beginning.
    pub at: Duration,
}

/// See the module.
pub struct World {
    /// The API server.
    pub server: ApiServer,
    /// The feature gates of operators that are added from now on.
    pub gates: Gates,
    /// The surface that sets live on.
    pub surface: Surface,
    /// Whether operators serve both surfaces.
    pub both: bool,
    /// For how long operators hold their lease; `None` for what is shipped.
    pub lease: Option<Tenure>,
    /// The operators.
    pub operators: Vec<Operator>,
    /// What goes wrong.
    pub weather: Weather,
    /// What becomes of the n-th request about a set, counted from 0, whatever the weather.
    pub script: BTreeMap<u64, Fate>,
    /// What becomes of the n-th batch of watch events, counted from 0, whatever the weather.
    pub deliveries: BTreeMap<u64, Delivery>,
    /// How many batches of watch events were sent.
    pub batches: u64,
    /// What becomes of the n-th page of a list, counted from 0, whatever the weather.
    pub listings: BTreeMap<u64, Listing>,
    /// How many pages of lists were asked for while there were faults.
    pub listed: u64,
    /// Whether there are no more faults.
    pub calmed: bool,
    /// What is watched over.
    pub invariants: Invariants,
    /// Chance.
    pub random: Random,
    /// Writes that reached the API server, without events and leases.
    pub writes: Vec<Write>,
    /// Requests that were answered, reads and dry runs too, without events and leases.
    pub answered: Vec<Answered>,
    /// How many requests operators that are added from now on may send.
    pub limits: Limits,
    /// What slows requests down; the first that fits counts.
    pub troubles: Vec<(Pattern, Trouble)>,
    /// Pods (by uid) that are kept from being ready.
    pub sick: BTreeSet<String>,
    /// Objects to which something was done that nobody waited for any more; of a pod of a node, the node.
    pub belated: Vec<ObjectRef>,
    /// How many writes were sent, also those that never arrived.
    pub sent: u64,
    /// How many requests about sets were sent, reads too.
    pub asked: u64,
    /// Nodes whose kubelet cannot be reached. Containers go on running there.
    pub cut_off: BTreeSet<String>,
    /// Nodes whose kubelet refuses every pod.
    pub full: BTreeSet<String>,
    /// Faults (by number, in the order in which they happen) that do not happen, for a search for the smallest story.
    pub muted: BTreeSet<u64>,
    /// How many faults there were, muted ones included.
    pub faults: u64,
    /// Whether the story is kept.
    pub telling: bool,
    tallies: BTreeMap<&'static str, u64>,
    clock: Duration,
    order: u64,
    agenda: BTreeMap<(Duration, u64), Happening>,
    spread: u64,
    pods_due: BTreeSet<ObjectRef>,
    sweep_due: bool,
    judge_due: bool,
    story: Vec<String>,
}

/// When every history begins (2026-01-01T00:00:00Z), in seconds since the epoch.
const START: i64 = 1_767_225_600;

impl World {
    /// A world without anything in it.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let start = Timestamp::from_second(START).unwrap();
        World {
            server: ApiServer::new(start),
            operators: vec![],
            weather,
            surface: Surface::Berth,
            both: false,
            lease: None,
            gates: Gates::default(),
            script: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            batches: 0,
            listings: BTreeMap::new(),
            listed: 0,
            calmed: false,
            invariants: Invariants::default(),
            random: Random::new(seed),
            writes: vec![],
            answered: vec![],
            limits: Limits::roomy(),
            troubles: vec![],
            sick: BTreeSet::new(),
            belated: vec![],
            sent: 0,
            asked: 0,
            cut_off: BTreeSet::new(),
            full: BTreeSet::new(),
            muted: BTreeSet::new(),
            faults: 0,
            telling: true,
            tallies: BTreeMap::new(),
            clock: Duration::ZERO,
            order: 0,
            agenda: BTreeMap::new(),
            spread: 0,
            pods_due: BTreeSet::new(),
            sweep_due: false,
            judge_due: false,
            story: vec![],
        }
    }

    /// A world in calm weather with these nodes and one operator.
    pub fn calm(nodes: &[&str]) -> Self {
        let mut world = World::new(1, Weather::calm());
        nodes.iter().for_each(|node| world.add_node(node, &serde_json::json!({})));
        world.add_operator();
        world
    }

    /// The surfaces that operators serve.
    pub fn surfaces(&self) -> Vec<Surface> {
        if self.both { vec![Surface::Berth, Surface::Apps] } else { vec![self.surface] }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let start = Timestamp::from_second(START).unwrap();
        Now { wall: start + jiff::SignedDuration::try_from(self.clock).unwrap(), mono: self.clock }
    }

    /// Lets everything happen that happens within `time`.
    pub fn run_for(&mut self, time: Duration) {
        // What somebody did just now.
        self.spread();
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
                    self.fail(&format!("S14, D10: not reached within {bound:?}: {reason}"))
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
            Happening::Pump { operator, incarnation, resource, session, scripted } => {
                self.pump(operator, incarnation, resource, session, scripted);
            }
            Happening::Bookmark { operator, incarnation, resource, session, again } => {
                self.bookmark(operator, incarnation, resource, session, again);
            }
            Happening::Kill { operator, incarnation } => self.kill(operator, incarnation),
            Happening::Resume { operator, incarnation } => self.resume(operator, incarnation),
            Happening::Silence(node) => self.silence(&node),
            Happening::Arrive(sent, fate) => self.arrive(*sent, fate),
            Happening::Pod(pod) => self.attend(&pod),
            Happening::Sweep => self.sweep(),
            Happening::Judge => self.judge_what_is_told(),
        }
    }

    fn later(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.agenda.insert((self.clock + delay, self.order), happening);
    }

    /// Tells everybody what was committed since the last time.
    fn spread(&mut self) {
        if self.server.version() == self.spread {
            return;
        }
        for change in self.server.all_after(self.spread) {
            self.spread = change.version;
            let what = if change.removed { "gone" } else { "stored" };
            tell!(self, "{what} {} at {}", change.object, change.version);
            if let Err(broken) = self.invariants.committed(&self.server, &change) {
                self.fail(&broken);
            }
            self.pump_watchers(change.object.resource);
            self.attend_to(&change);
            if change.object.resource != Resource::Leases {
                self.judge_soon();
            }
        }
    }

    /// Writes that were done and that `matches`.
    pub fn count(&self, matches: impl Fn(&Write) -> bool) -> usize {
        self.writes.iter().filter(|w| w.done && matches(w)).count()
    }
}
