//! Lists and watches of operators, each with its own delay, and what can go wrong with them.

use std::time::Duration;

use berth_api::Resource;
use berth_api::object;
use berth_engine::{Event, Input};

use super::{Happening, World, tell};

/// Objects a page of a list.
const PAGE: usize = 3;
/// How often a watch sends a bookmark.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How long after a change a watch ends that misses what has happened since.
const MISSED: Duration = Duration::from_secs(30);
/// How far back a list of the past goes at most, in commits.
const PAST: u64 = 60;

/// A watch.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    id: u64,
    cursor: u64,
    pumping: bool,
    /// Until then it sends nothing but bookmarks.
    frozen: Duration,
}

/// What becomes of a batch of watch events, whatever the weather.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delivery {
    /// It comes this much later, and all that follows on that watch too.
    Late(Duration),
    /// The watch ends before it, and the next begins where this one stood.
    Ended,
    /// The watch ends before it and the version is compacted: only the outcome is seen, in a list.
    Missed,
    /// It comes twice.
    Twice,
    /// The watch sends nothing but bookmarks for a while.
    Frozen(Duration),
}

/// What becomes of a page of a list, whatever the weather.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Listing {
    /// The connection breaks before it comes.
    Broken,
    /// The list has to be begun anew.
    Expired,
    /// It comes this much later.
    Late(Duration),
    /// It shows, all in one page, what was there so many commits ago.
    Past(u64),
}

impl World {
    pub(super) fn list(
        &mut self,
        operator: usize,
        incarnation: u64,
        resource: Resource,
        session: u64,
        token: &str,
    ) {
        let mut delay = self.random.between(self.weather.request);
        let counts = resource != Resource::Leases && !self.calmed;
        let scripted = counts.then(|| self.listings.remove(&self.listed)).flatten();
        self.listed += u64::from(counts);
        if let Some(Listing::Late(more)) = scripted {
            delay += more;
        }
        let broken =
            self.mishap(self.weather.break_watch, "broken lists") || scripted == Some(Listing::Broken);
        let back = match scripted {
            Some(Listing::Past(back)) => Some(back),
            _ if broken || !token.is_empty() => None,
            _ => self.mishap(self.weather.past, "lists of the past").then(|| self.random.below(PAST)),
        };
        let page = |(items, token, version)| Input::Page { resource, session, items, token, version };
        let forbidden = self.server.roles.against_all("list", resource);
        let input = if let Some(refusal) = forbidden {
            Input::Event { resource, session, event: Event::Failed(refusal.message) }
        } else if broken {
            Input::Event { resource, session, event: Event::Failed("the connection broke".to_owned()) }
        } else if let Some(back) = back {
            let version = self.server.version().saturating_sub(back);
            tell!(self, "a list of {resource} for operator {operator} is read at {version}");
            page(self.server.list_of_the_past(resource, version))
        } else {
            match self.server.list(resource, token, PAGE) {
                Some(found) if scripted != Some(Listing::Expired) => page(found),
                _ => Input::Event { resource, session, event: Event::Expired },
            }
        };
        self.later(delay, Happening::Inputs { operator, incarnation, inputs: vec![input] });
    }

    pub(super) fn begin_watch(&mut self, operator: usize, resource: Resource, id: u64, cursor: u64) {
        let incarnation = self.operators[operator].incarnation;
        if let Some(refusal) = self.server.roles.against_all("watch", resource) {
            let event = Input::Event { resource, session: id, event: Event::Failed(refusal.message) };
            let delay = self.random.between(self.weather.request);
            return self.later(delay, Happening::Inputs { operator, incarnation, inputs: vec![event] });
        }
        let o = &mut self.operators[operator];
        let frozen = o.frozen.remove(&resource).unwrap_or_default();
        o.sessions.insert(resource, Session { id, cursor, pumping: false, frozen });
        self.pump_watchers(resource);
        self.later(
            BOOKMARK,
            Happening::Bookmark { operator, incarnation, resource, session: id, again: true },
        );
    }

    /// Has the watch of a resource send nothing but bookmarks for a while.
    pub fn freeze(&mut self, operator: usize, resource: Resource, time: Duration) {
        let until = self.clock + time;
        tell!(self, "operator {operator} gets only bookmarks of {resource} for {time:?}");
        self.tally("frozen watches");
        let o = &mut self.operators[operator];
        let incarnation = o.incarnation;
        let Some(session) = o.sessions.get_mut(&resource) else {
            o.frozen.insert(resource, until);
            return;
        };
        session.frozen = until;
        let id = session.id;
        for after in [time / 2, time] {
            let again = false;
            self.later(after, Happening::Bookmark { operator, incarnation, resource, session: id, again });
        }
    }

    /// Sends what is new to all who watch a resource, each in its own time.
    pub(super) fn pump_watchers(&mut self, resource: Resource) {
        for operator in 0..self.operators.len() {
            let incarnation = self.operators[operator].incarnation;
            let Some(session) = self.operators[operator].sessions.get(&resource).copied() else { continue };
            let new = self.server.changes_after(resource, session.cursor).is_none_or(|c| !c.is_empty());
            if session.pumping || !new {
                continue;
            }
            if let Some(session) = self.operators[operator].sessions.get_mut(&resource) {
                session.pumping = true;
            }
            let stalls = self.mishap(self.weather.stall, "stalled watches");
            let slow = self.weather.slow == Some(resource);
            let range = if stalls || slow { self.weather.stall_for } else { self.weather.watch };
            let mut delay = self.random.between(range);
            let counts = resource != Resource::Leases;
            let scripted = counts.then(|| self.deliveries.remove(&self.batches)).flatten();
            self.batches += u64::from(counts);
            match scripted {
                Some(Delivery::Late(more)) => delay += more,
                // Long enough for objects to come and go unseen.
                Some(Delivery::Missed) => delay += MISSED,
                Some(Delivery::Frozen(time)) => self.freeze(operator, resource, time),
                _ => {}
            }
            let frozen =
                self.operators[operator].sessions.get(&resource).map_or(Duration::ZERO, |s| s.frozen);
            let delay = delay.max(frozen.saturating_sub(self.clock));
            let session = session.id;
            self.later(delay, Happening::Pump { operator, incarnation, resource, session, scripted });
        }
    }

    pub(super) fn pump(
        &mut self,
        operator: usize,
        incarnation: u64,
        resource: Resource,
        id: u64,
        scripted: Option<Delivery>,
    ) {
        let missed = scripted == Some(Delivery::Missed);
        let breaks =
            self.mishap(self.weather.break_watch, "broken watches") || scripted == Some(Delivery::Ended);
        if missed || breaks && self.mishap(300 * u64::from(self.weather.break_watch > 0), "compactions") {
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
            _ if missed => vec![event(Event::Expired)],
            None => vec![event(Event::Expired)],
            Some(_) if breaks => vec![event(Event::Ended)],
            Some(changes) => {
                let some = 1 + self.random.below(changes.len() as u64) as usize;
                let mut inputs = vec![];
                for change in changes.iter().take(some) {
                    session.cursor = change.version;
                    let read = if change.removed {
                        Some(Event::Deleted(Box::new(object::meta(&change.value.to_string()))))
                    } else {
                        change.item.clone().map(|item| Event::Put(Box::new(item)))
                    };
                    inputs.extend(read.map(event));
                }
                if scripted == Some(Delivery::Twice) {
                    inputs.extend(inputs.clone());
                }
                inputs
            }
        };
        if !matches!(inputs.first(), Some(Input::Event { event: Event::Put(_) | Event::Deleted(_), .. })) {
            o.sessions.remove(&resource);
        }
        self.step(operator, inputs);
        self.pump_watchers(resource);
    }

    pub(super) fn bookmark(
        &mut self,
        operator: usize,
        incarnation: u64,
        resource: Resource,
        id: u64,
        again: bool,
    ) {
        let now = self.clock;
        let o = &mut self.operators[operator];
        let Some(session) = o.sessions.get(&resource).filter(|s| s.id == id).copied() else { return };
        if o.incarnation != incarnation {
            return;
        }
        let frozen = session.frozen > now;
        let caught_up = self.server.changes_after(resource, session.cursor).is_some_and(<[_]>::is_empty);
        let mut inputs = vec![];
        if again && self.random.chance(200) && !frozen {
            o.sessions.remove(&resource);
            inputs.push(Input::Event { resource, session: id, event: Event::Ended });
        } else {
            // A server that is not up to date itself can only say how far it has come.
            let version = if caught_up && !frozen { self.server.version() } else { session.cursor };
            if caught_up || frozen {
                inputs.push(Input::Event { resource, session: id, event: Event::Bookmark(version) });
            }
            if again {
                self.later(
                    BOOKMARK,
                    Happening::Bookmark { operator, incarnation, resource, session: id, again },
                );
            }
        }
        self.step(operator, inputs);
    }
}

impl World {
    /// Whether the watches of an operator have told it all that there is.
    pub(super) fn sees_all(&self, operator: usize) -> bool {
        super::operator::judged(self.surface).into_iter().all(|resource| {
            self.operators[operator].sessions.get(&resource).is_some_and(|session| {
                let new = self.server.changes_after(resource, session.cursor);
                session.frozen <= self.clock && new.is_some_and(<[_]>::is_empty)
            })
        })
    }
}
