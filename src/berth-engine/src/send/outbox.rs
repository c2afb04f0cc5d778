//! What is sent next: a token bucket over all requests, the more important class first, within a class each owner in turn, and slots
//! for requests in flight, so that neither a giant set nor a namespace whose requests hang starves the others (X10).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use berth_api::Key;

/// How important a request is; the first goes first. Status is sent in turn with work, for an owner waits for it before its next plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Leader election. Neither limited nor in need of a slot: it must be in time.
    Lease,
    /// Reads that a decision waits for.
    Read,
    /// Pods, claims and revisions.
    Work,
    /// Status.
    Status,
    /// Events. They have few slots of their own, so that slow ones hold nothing up.
    Event,
}

/// How many events may be in flight.
const EVENT_SLOTS: usize = 4;

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// The owner; `None` for a read of what is in doubt, which may be of several.
    pub owner: Option<Key>,
    /// The namespace.
    pub namespace: String,
}

impl From<&Key> for Party {
    fn from(key: &Key) -> Self {
        Party { owner: Some(key.clone()), namespace: key.namespace.clone() }
    }
}

/// See the module. `T` is a request.
#[derive(Clone, Debug)]
pub struct Outbox<T> {
    lanes: BTreeMap<Lane, Turns<T>>,
    /// Until when nothing of a class is sent, because the API server asked for that.
    held: BTreeMap<Class, Duration>,
    in_flight: BTreeMap<u64, (Class, String)>,
    /// How many requests of a namespace are in flight, leases and events apart.
    by_namespace: BTreeMap<String, usize>,
    slots: usize,
    events: usize,
    working: usize,
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Duration,
}

/// Classes that are sent in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Lease,
    Read,
    Work,
    Event,
}

impl Lane {
    fn has_slot(self, working: usize, slots: usize, events: usize) -> bool {
        match self {
            Lane::Lease => true,
            Lane::Read | Lane::Work => working < slots,
            Lane::Event => events < EVENT_SLOTS,
        }
    }
}

impl Class {
    fn lane(self) -> Lane {
        match self {
            Class::Lease => Lane::Lease,
            Class::Read => Lane::Read,
            Class::Work | Class::Status => Lane::Work,
            Class::Event => Lane::Event,
        }
    }
}

#[derive(Clone, Debug)]
struct Turns<T> {
    turn: VecDeque<Party>,
    queues: BTreeMap<Party, VecDeque<(u64, Class, T)>>,
    /// Parties whose namespace has as many requests in flight as it may.
    full: BTreeMap<String, VecDeque<Party>>,
    /// Parties whose next request is of a class that is held.
    held: BTreeMap<Class, VecDeque<Party>>,
}

impl<T> Outbox<T> {
    /// At most `per_second` requests a second over time, `burst` at once, and `slots` in flight, half of them for one namespace; all at
    /// least 1.
    pub fn new(per_second: u32, burst: u32, slots: usize) -> Self {
        let burst = f64::from(burst.max(1));
        Outbox {
            lanes: BTreeMap::new(),
            held: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            by_namespace: BTreeMap::new(),
            slots: slots.max(1),
            events: 0,
            working: 0,
            per_second: f64::from(per_second.max(1)),
            burst,
            tokens: burst,
            filled: Duration::ZERO,
        }
    }

    /// Queues a request under an id that no other has.
    pub fn push(&mut self, class: Class, party: Party, id: u64, item: T) {
        let lane = self.lanes.entry(class.lane()).or_insert_with(|| Turns {
            turn: VecDeque::new(),
            queues: BTreeMap::new(),
            full: BTreeMap::new(),
            held: BTreeMap::new(),
        });
        let queue = lane.queues.entry(party.clone()).or_default();
        if queue.is_empty() {
            lane.turn.push_back(party);
        }
        queue.push_back((id, class, item));
    }

    /// Sends nothing of this class before `until`. The election never waits.
    pub fn hold(&mut self, class: Class, until: Duration) {
        if class == Class::Lease {
            return;
        }
        let held = self.held.entry(class).or_default();
        *held = (*held).max(until);
    }

    /// The next request that may be sent now. It is in flight until [`Self::landed`].
    pub fn pop(&mut self, now: Duration) -> Option<(u64, T)> {
        let gained = now.saturating_sub(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.filled = self.filled.max(now);
        self.release(now);
        let most = (self.slots / 2).max(1);
        for (lane, turns) in &mut self.lanes {
            if !lane.has_slot(self.working, self.slots, self.events) {
                continue;
            }
            while let Some(party) = turns.turn.front() {
                let class = turns
                    .queues
                    .get(party)
                    .and_then(VecDeque::front)
                    .map_or(Class::Work, |(_, class, _)| *class);
                let counts = matches!(lane, Lane::Read | Lane::Work);
                if self.held.contains_key(&class) {
                    turns.held.entry(class).or_default().extend(turns.turn.pop_front());
                } else if counts && self.by_namespace.get(&party.namespace).is_some_and(|n| *n >= most) {
                    let namespace = party.namespace.clone();
                    turns.full.entry(namespace).or_default().extend(turns.turn.pop_front());
                } else {
                    break;
                }
            }
            if turns.turn.is_empty() {
                continue;
            }
            if *lane != Lane::Lease {
                if self.tokens < 1.0 {
                    return None;
                }
                self.tokens -= 1.0;
            }
            let party = turns.turn.pop_front()?;
            let queue = turns.queues.get_mut(&party)?;
            let (id, class, item) = queue.pop_front()?;
            if queue.is_empty() {
                turns.queues.remove(&party);
            } else {
                turns.turn.push_back(party.clone());
            }
            match lane {
                Lane::Lease => {}
                Lane::Event => self.events += 1,
                Lane::Read | Lane::Work => {
                    self.working += 1;
                    *self.by_namespace.entry(party.namespace.clone()).or_default() += 1;
                }
            }
            self.in_flight.insert(id, (class, party.namespace));
            return Some((id, item));
        }
        None
    }

    /// Takes in that a request was answered, or given up. Returns its class, if it was in flight.
    pub fn landed(&mut self, id: u64) -> Option<Class> {
        let (class, namespace) = self.in_flight.remove(&id)?;
        match class.lane() {
            Lane::Lease => {}
            Lane::Event => self.events -= 1,
            Lane::Read | Lane::Work => {
                self.working -= 1;
                if let Some(count) = self.by_namespace.get_mut(&namespace) {
                    *count -= 1;
                    if *count == 0 {
                        self.by_namespace.remove(&namespace);
                    }
                }
                for turns in self.lanes.values_mut() {
                    // They have waited longest.
                    for party in turns.full.remove(&namespace).into_iter().flatten().rev() {
                        turns.turn.push_front(party);
                    }
                }
            }
        }
        Some(class)
    }

    /// Takes back what was not sent yet of the reads and the work of an owner; its status is guarded by the version, and stays.
    pub fn withdraw(&mut self, owner: &Key) -> Vec<u64> {
        let party = Party::from(owner);
        let mut withdrawn = vec![];
        for lane in [Lane::Read, Lane::Work] {
            let Some(turns) = self.lanes.get_mut(&lane) else { continue };
            let Some(queue) = turns.queues.get_mut(&party) else { continue };
            let all = std::mem::take(queue);
            let (status, work): (VecDeque<_>, VecDeque<_>) =
                all.into_iter().partition(|(_, class, _)| *class == Class::Status);
            withdrawn.extend(work.into_iter().map(|(id, ..)| id));
            // It may be parked for the class of what was its first request.
            turns.turn.retain(|waiting| *waiting != party);
            turns
                .full
                .values_mut()
                .chain(turns.held.values_mut())
                .for_each(|all| all.retain(|p| *p != party));
            if status.is_empty() {
                turns.queues.remove(&party);
            } else {
                *queue = status;
                turns.turn.push_back(party.clone());
            }
        }
        withdrawn
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When the next request may be sent, if one waits for a token or for a class that is held; one that waits for a slot is sent when
    /// an answer comes.
    pub fn next_at(&self) -> Option<Duration> {
        let missing = (1.0 - self.tokens).max(0.0) / self.per_second;
        let token = self.filled + Duration::from_secs_f64(missing) + Duration::from_micros(1);
        let ready = |(lane, turns): (&Lane, &Turns<T>)| {
            lane.has_slot(self.working, self.slots, self.events) && !turns.turn.is_empty()
        };
        let waits = self.lanes.iter().any(ready).then_some(token);
        let held = self.lanes.values().flat_map(|turns| turns.held.keys());
        let released = held.filter_map(|class| self.held.get(class).copied());
        waits.into_iter().chain(released).min()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(|turns| turns.queues.is_empty())
    }

    /// Lets the classes go on whose time has come.
    fn release(&mut self, now: Duration) {
        let due: Vec<Class> =
            self.held.iter().filter(|(_, until)| **until <= now).map(|(class, _)| *class).collect();
        for class in due {
            self.held.remove(&class);
            for turns in self.lanes.values_mut() {
                for party in turns.held.remove(&class).into_iter().flatten().rev() {
                    turns.turn.push_front(party);
                }
            }
        }
    }
}
