//! What an operator sends, judged on what it has seen, read and been told before.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::{Answer, Refusal, Request, Verb};
use berth_api::{Key, ObjectRef, Resource, Surface};
use berth_engine::Engine;
use jiff::Timestamp;

use crate::api_server::{ApiServer, object};

type Found = Result<(), String>;

/// What was rejected is sent again after a pause of so long at least (S16).
const PAUSE: Duration = Duration::from_secs(1);
/// An answer that the view is old is believed so often at most until something newer is seen: after 10, 20, 40, ... ms.
const MOST_LOOKS: u32 = 10;
/// An answer may hold back what follows for so long at most.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);
/// Events an owner may have at once, and how long it takes until it may have one more.
const EVENTS: f64 = 25.0;
/// See [`EVENTS`].
const PER_EVENT: Duration = Duration::from_secs(300);

/// What waits together when the API server asks for a rest: reads, writes, status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    Read,
    Work,
    Status,
}

/// One write: the verb, the object, whether of the status, and all that it says, its guard too.
type Same = (Verb, ObjectRef, bool, String);

/// When a write was sent last.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// How far the cache of its resource was.
    seen: u64,
    /// How far the cache of its owner was.
    owner_seen: u64,
    /// When it was answered.
    answered: Option<Duration>,
    /// Whether the object was read since.
    read: bool,
    /// Whether the answer was that the sender's view is old: it looks again soon, and more and more rarely.
    stale: bool,
    /// How often it was sent in a row, and nothing newer was seen.
    times: u32,
}

/// A request that has not been answered.
#[derive(Clone, Debug)]
struct Waiting {
    priority: Priority,
    verb: Verb,
    object: ObjectRef,
    write: Option<Same>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sending {
    waiting: BTreeMap<(usize, u64), Waiting>,
    writes: BTreeMap<usize, BTreeMap<Same, Last>>,
    rests: BTreeMap<(usize, Priority), Duration>,
    events: BTreeMap<(usize, String), (f64, Duration)>,
    /// When kube-controller-manager had written the status of each incarnation of an owner, when each operator wrote for that first.
    rivals: BTreeMap<(usize, Key, String), Option<Timestamp>>,
    /// Whom each event is about, by uid.
    told: BTreeMap<(usize, ObjectRef), String>,
}

/// A request as it is sent, and by whom.
pub struct Leaving<'a> {
    /// Which operator.
    pub operator: usize,
    /// The engine's name for the request.
    pub id: u64,
    /// What.
    pub request: &'a Request,
    /// Whom it is for.
    pub owner: Option<&'a Key>,
    /// The incarnation and the generation of the owner that it was decided for.
    pub decided_for: Option<&'a (String, i64)>,
    /// When.
    pub now: Duration,
}

impl Sending {
    /// An operator has ended, and remembers nothing.
    pub fn forget(&mut self, operator: usize) {
        self.waiting.retain(|(o, _), _| *o != operator);
        self.rests.retain(|(o, _), _| *o != operator);
        self.events.retain(|(o, _), _| *o != operator);
        self.told.retain(|(o, _), _| *o != operator);
        self.rivals.retain(|(o, ..), _| *o != operator);
        self.writes.remove(&operator);
    }

    /// Judges a request as it is sent, and takes it in.
    pub fn sent(&mut self, server: &ApiServer, engine: &Engine, leaving: &Leaving<'_>) -> Found {
        let Leaving { operator, id, request, owner, now, .. } = *leaving;
        match request.object.resource {
            Resource::Leases => return Ok(()),
            Resource::Events => return self.event(leaving),
            _ => {}
        }
        of_the_generation_that_is_seen(engine, leaving)?;
        self.beside_no_rival(engine, leaving)?;
        // X8: nothing outside the namespace of the set.
        if let Some(key) = owner.filter(|key| request.is_write() && key.namespace != request.object.namespace)
        {
            return Err(format!("X8: {} is outside the namespace of {key}", request.object));
        }
        let priority = match (request.is_write(), request.status) {
            (true, true) => Priority::Status,
            (true, false) => Priority::Work,
            (false, _) => Priority::Read,
        };
        if let Some(until) = self.rests.get(&(operator, priority)).filter(|until| now < **until) {
            return Err(format!(
                "X6: {:?} {} is sent {:?} before the time that the API server asked to wait",
                request.verb,
                request.object,
                until.saturating_sub(now)
            ));
        }
        let seen = engine.stores().seen(request.object.resource);
        let owner_seen = owner.map_or(0, |key| engine.stores().seen(key.resource()));
        let write = request
            .is_write()
            .then(|| (request.verb, request.object.clone(), request.status, request.body.to_string()));
        let waiting = Waiting { priority, verb: request.verb, object: request.object.clone(), write };
        let all = self.writes.entry(operator).or_default();
        let before = waiting.write.as_ref().and_then(|write| all.get(write).copied());
        if let Some(write) = &waiting.write {
            all.insert(
                write.clone(),
                Last { seen, owner_seen, answered: None, read: false, stale: false, times: 1 },
            );
        }
        let waiting_for = waiting.write.clone();
        self.waiting.insert((operator, id), waiting);
        let Some(before) = before else { return Ok(()) };
        let moved = |of: &ObjectRef, then: u64, now: u64| now < then || server.changed_between(of, then, now);
        let news = before.read
            || moved(&request.object, before.seen, seen)
            || owner.is_some_and(|key| moved(&key.object(), before.owner_seen, owner_seen));
        if news {
            return Ok(());
        }
        let last = waiting_for.as_ref().and_then(|write| all.get_mut(write));
        last.into_iter().for_each(|last| last.times = before.times.saturating_add(1));
        let rested = before.answered.is_some_and(|at| now >= at + PAUSE);
        if rested || before.stale && before.times < MOST_LOOKS {
            return Ok(());
        }
        Err(format!(
            "X10: {:?} {} is sent again just as it was, {} after its answer, and nothing newer was seen",
            request.verb,
            request.object,
            before.answered.map_or("before".to_owned(), |at| format!("{:?}", now.saturating_sub(at)))
        ))
    }

    /// Takes in the answer to a request.
    pub fn answered(&mut self, operator: usize, id: u64, answer: &Answer, now: Duration) {
        let Some(waiting) = self.waiting.remove(&(operator, id)) else { return };
        if let Some(write) = &waiting.write {
            let last = self.writes.get_mut(&operator).and_then(|all| all.get_mut(write));
            let stale = matches!(answer, Answer::Refused(r) if matches!(r.code, 404 | 409 | 410));
            last.into_iter().for_each(|last| (last.answered, last.stale) = (Some(now), stale));
        }
        let told = matches!(answer, Answer::Done(_)) || matches!(answer, Answer::Refused(r) if r.code == 404);
        if waiting.verb == Verb::Get && told {
            let all = self.writes.get_mut(&operator).into_iter().flatten();
            all.filter(|((_, of, ..), _)| *of == waiting.object).for_each(|(_, last)| last.read = true);
        }
        if let Answer::Refused(refusal) = answer
            && let Some(rest) = rest_of_the_server(refusal)
        {
            let until = self.rests.entry((operator, waiting.priority)).or_default();
            *until = (*until).max(now + rest);
        }
    }

    /// Takes in that an operator was given a list: it says what became of what was written before.
    pub fn listed(&mut self, operator: usize, resource: Resource) {
        let all = self.writes.get_mut(&operator).into_iter().flatten();
        all.filter(|((_, of, ..), _)| of.resource == resource).for_each(|(_, last)| last.read = true);
    }

    /// F1: once it was seen that kube-controller-manager has written the status of an owner, nothing is written for that.
    fn beside_no_rival(&mut self, engine: &Engine, leaving: &Leaving<'_>) -> Found {
        let Some((key, shown)) = leaving.owner.and_then(|key| Some((key, engine.stores().owner(key)?)))
        else {
            return Ok(());
        };
        // A status that was decided before names an earlier version, and the API server does not take it any more.
        let version = object::text(&leaving.request.body, "/metadata/resourceVersion");
        let outdated = leaving.request.status && version != shown.resource_version.0;
        if !leaving.request.is_write() || key.surface != Surface::Apps || outdated {
            return Ok(());
        }
        let known = self.rivals.entry((leaving.operator, key.clone(), shown.uid.0.clone()));
        let before = *known.or_insert(shown.upstream_wrote);
        if shown.upstream_wrote <= before {
            return Ok(());
        }
        let Request { verb, object, .. } = leaving.request;
        Err(format!("F1: {verb:?} {object}, and kube-controller-manager works on {key} too"))
    }

    /// How many events each owner (by uid) was told.
    pub fn events_about(&self, uid: &str) -> usize {
        self.told.values().filter(|about| *about == uid).count()
    }

    /// An owner has 25 events at once, and one more every five minutes.
    fn event(&mut self, leaving: &Leaving<'_>) -> Found {
        let Leaving { operator, request, now, .. } = *leaving;
        let uid = object::text(&request.body, "/involvedObject/uid").to_owned();
        let named = (operator, request.object.clone());
        if request.verb == Verb::Create {
            self.told.insert(named.clone(), uid);
        }
        // What repeats counts up one event, and counts all the same.
        let Some(uid) = self.told.get(&named) else { return Ok(()) };
        let (tokens, at) = self.events.entry((operator, uid.clone())).or_insert((EVENTS, now));
        let more = now.saturating_sub(*at).as_secs_f64() / PER_EVENT.as_secs_f64();
        (*tokens, *at) = ((*tokens + more).min(EVENTS), now);
        *tokens -= 1.0;
        // One may have waited for its turn.
        if *tokens < -1.0 {
            let of = &request.object.name;
            return Err(format!(
                "X9: event {of} is one more than 25 and one every five minutes of its owner"
            ));
        }
        Ok(())
    }
}

/// What is sent is of the incarnation and the generation that its sender's cache shows at that moment.
fn of_the_generation_that_is_seen(engine: &Engine, leaving: &Leaving<'_>) -> Found {
    let (Some(key), Some(decided)) = (leaving.owner, leaving.decided_for) else { return Ok(()) };
    // A status names the very version of its owner, and the API server takes it for no other.
    if !leaving.request.is_write() || leaving.request.status {
        return Ok(());
    }
    let shown = engine.stores().owner(key).map(|meta| (meta.uid.0.clone(), meta.generation));
    if shown.as_ref() == Some(decided) {
        return Ok(());
    }
    Err(format!(
        "S12, D12: {:?} {} was decided for {decided:?} of {key}, and its sender sees {shown:?}",
        leaving.request.verb, leaving.request.object
    ))
}

/// How long the API server as a whole wants to be left alone by what an answer was to; `None` for an answer that is about one object.
fn rest_of_the_server(refusal: &Refusal) -> Option<Duration> {
    let seconds = u64::from(refusal.details.retry_after_seconds);
    let hook = ["admission webhook", "calling webhook"].iter().any(|words| refusal.message.contains(words));
    let about_one = !refusal.details.causes.is_empty() || hook;
    let busy = matches!(refusal.code, 429 | 503) && seconds > 0 && !about_one;
    busy.then(|| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}
