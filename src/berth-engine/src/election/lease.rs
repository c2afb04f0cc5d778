//! Leader election as a state machine (client-go's algorithm). It saves work; it is no fence: every write carries its own
//! precondition, so two leaders do no harm.
//!
//! Expiry is judged by how long *we* have seen the lease unchanged, never by the clock of its holder.
//!
//! Who stands by watches the lease and so takes one that was given back at once. The lease is polled only while it is not
//! watched. A watch may lag: what it shows is taken in if it is newer than what is known, and a write on an old view fails.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::{Answer, Request, Verb};
use berth_api::{Lease, Meta, ObjectRef, Resource};
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How a lease is held.
#[derive(Clone, Debug)]
pub struct Config {
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Who we are; different for every process.
    pub identity: String,
    /// How long a lease is valid after its last renewal. Whole seconds.
    pub duration: Duration,
    /// How long the holder tries to renew before it gives up; less than `duration`.
    pub deadline: Duration,
    /// Pause between renewals.
    pub renew: Duration,
    /// Pause between looks at a lease that is not watched, and after a failed renewal. A request that was not answered within it is
    /// given a second try beside it, so that one that hangs does not cost the lease.
    pub retry: Duration,
}

impl Config {
    /// 15 s valid, given up after 10 s, renewed every 5 s, looked at every 2 s unless it is watched.
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Config {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            renew: Duration::from_secs(5),
            retry: Duration::from_secs(2),
        }
    }
}

/// What an answer led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing has changed.
    Unchanged,
    /// We lead from now on.
    Acquired,
    /// Somebody else leads.
    HeldBy(String),
    /// We led and must stop at once.
    Lost,
    /// The lease was given back.
    Released,
    /// The lease cannot be read or written, and why.
    Problem(String),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Election {
    config: Config,
    seen: Option<(Lease, Duration)>,
    /// The newest version that was seen.
    newest: u64,
    watched: bool,
    held_since: Option<Duration>,
    next: Duration,
    /// Requests that were not answered yet, by number.
    asked: BTreeMap<u64, Asked>,
    last: u64,
    releasing: bool,
}

/// A request of the election.
#[derive(Clone, Copy, Debug)]
struct Asked {
    verb: Verb,
    at: Duration,
    /// Whether the watch, or the answer to a later request, has shown the lease since.
    overtaken: bool,
}

impl Election {
    /// An election that nobody has won yet.
    pub fn new(config: Config) -> Self {
        Election {
            config,
            seen: None,
            newest: 0,
            watched: false,
            held_since: None,
            next: Duration::ZERO,
            asked: BTreeMap::new(),
            last: 0,
            releasing: false,
        }
    }

    /// Whether we hold the lease and it has not run out by our own clock.
    pub fn leads(&self, now: Duration) -> bool {
        self.held_since.is_some_and(|renewed| now < renewed + self.config.deadline)
    }

    /// Whether the answer to a request of the election is waited for; one that was overtaken by what is known since tells nothing.
    pub fn is_asking(&self) -> bool {
        self.asked.values().any(|asked| !asked.overtaken)
    }

    /// When [`Self::ask`] has something next; also when a lease that is not renewed is given up.
    pub fn next_at(&self) -> Option<Duration> {
        let deadline = self.held_since.map(|renewed| renewed + self.config.deadline);
        let ask = self.asked.values().map(|asked| asked.at + self.config.retry).max();
        let ask =
            if self.releasing { None } else { Some(ask.map_or(self.next, |second| second.max(self.next))) };
        ask.into_iter().chain(deadline).min()
    }

    /// Whether we led and the lease has run out.
    pub fn expired(&mut self, now: Duration) -> bool {
        let expired = self.held_since.is_some() && !self.leads(now);
        if expired {
            self.held_since = None;
        }
        expired
    }

    /// What is to be asked now, if anything, and the number of that request.
    pub fn ask(&mut self, now: Now) -> Option<(u64, Request)> {
        let answer_due = self.asked.values().any(|asked| now.mono < asked.at + self.config.retry);
        if answer_due || now.mono < self.next || self.releasing {
            return None;
        }
        let request = match &self.seen {
            Some((lease, since)) if self.may_take(lease, *since, now.mono) => self.take(lease, now),
            _ => Request::get(self.object()),
        };
        Some((self.sent(request.verb, now.mono), request))
    }

    fn sent(&mut self, verb: Verb, at: Duration) -> u64 {
        self.last += 1;
        self.asked.insert(self.last, Asked { verb, at, overtaken: false });
        self.last
    }

    fn overtake(&mut self) {
        self.asked.values_mut().for_each(|asked| asked.overtaken = true);
    }

    /// Takes in whether the lease is being watched: what is watched is not looked at besides, until it runs out.
    pub fn watched(&mut self, open: bool, now: Duration) {
        self.watched = open;
        if let Some((lease, since)) = self.seen.as_ref().filter(|_| self.held_since.is_none()) {
            self.next = self.look_again(lease, *since, now);
        }
    }

    /// Takes in how a list or a watch shows the lease.
    pub fn observed(&mut self, lease: Lease, now: Duration) -> Verdict {
        if lease.metadata.name != self.config.name || version(&lease.metadata) <= self.newest {
            return Verdict::Unchanged;
        }
        self.overtake();
        self.took_in(lease, Verb::Get, now, now)
    }

    /// Takes in that a watch shows the lease as deleted; `meta` carries the version of the deletion.
    pub fn vanished(&mut self, meta: &Meta, now: Duration) {
        if meta.name == self.config.name && version(meta) > self.newest {
            self.newest = version(meta);
            self.overtake();
            self.seen = None;
            self.next = now;
        }
    }

    /// Gives the lease back, so that another can take it at once. Not while a renewal is on its way: it must be known
    /// what became of it, or the guard of this write would be wrong.
    pub fn release(&mut self) -> Option<(u64, Request)> {
        if self.is_asking() {
            return None;
        }
        let (lease, _) = self.seen.as_ref().filter(|_| self.held_since.is_some())?;
        let body = json!({
            "metadata": { "resourceVersion": lease.metadata.resource_version },
            "spec": { "holderIdentity": "", "leaseDurationSeconds": 1 },
        });
        self.releasing = true;
        self.held_since = None;
        Some((self.sent(Verb::Patch, Duration::ZERO), Request::patch(self.object(), body)))
    }

    /// Takes in the answer to the request of this number.
    pub fn answer(&mut self, number: u64, answer: Answer, now: Duration) -> Verdict {
        let Some(Asked { verb, at: asked, overtaken }) = self.asked.remove(&number) else {
            return Verdict::Unchanged;
        };
        if self.releasing {
            return Verdict::Released;
        }
        let is_late = self.asked.keys().any(|other| *other > number);
        if (is_late || overtaken) && !matches!(answer, Answer::Done(_)) {
            // What came, or comes, after it tells.
            return Verdict::Unchanged;
        }
        self.next = now + self.config.retry;
        match answer {
            Answer::Done(value) => {
                let lease: Lease = serde_json::from_value(value).unwrap_or_default();
                if overtaken && version(&lease.metadata) < self.newest {
                    return Verdict::Unchanged;
                }
                self.overtake();
                self.took_in(lease, verb, asked, now)
            }
            Answer::Refused(refusal) if refusal.code == 404 && verb == Verb::Get => {
                // No such lease: make it. A missing namespace is told apart by the answer to that.
                self.seen = Some((Lease::default(), now));
                self.next = now;
                Verdict::Unchanged
            }
            Answer::Refused(refusal) if refusal.code == 409 => {
                self.seen = None;
                self.next = now;
                Verdict::Unchanged
            }
            Answer::Refused(refusal) => {
                if verb == Verb::Create {
                    self.seen = None;
                }
                Verdict::Problem(refusal.message)
            }
            Answer::Unknown(what) => {
                self.seen = None;
                Verdict::Problem(what)
            }
        }
    }

    fn took_in(&mut self, lease: Lease, verb: Verb, asked: Duration, now: Duration) -> Verdict {
        let holder = lease.spec.holder_identity.clone().unwrap_or_default();
        let ours = holder == self.config.identity && verb != Verb::Get;
        let unchanged = self.seen.as_ref().is_some_and(|(seen, _)| seen.spec == lease.spec);
        let since = self.seen.as_ref().filter(|_| unchanged).map_or(now, |(_, since)| *since);
        let again = self.look_again(&lease, since, now);
        self.newest = version(&lease.metadata);
        self.seen = Some((lease, since));
        if ours {
            // Valid from when we asked, for the answer may have taken its time.
            let before = self.held_since;
            self.held_since = Some(before.map_or(asked, |known| known.max(asked)));
            self.next = asked + self.config.renew;
            return if before.is_none() { Verdict::Acquired } else { Verdict::Unchanged };
        }
        self.next = again;
        if holder != self.config.identity && self.held_since.take().is_some() {
            return Verdict::Lost;
        }
        if holder.is_empty() || holder == self.config.identity {
            Verdict::Unchanged
        } else {
            Verdict::HeldBy(holder)
        }
    }

    fn may_take(&self, lease: &Lease, since: Duration, now: Duration) -> bool {
        let holder = lease.spec.holder_identity.as_deref().unwrap_or_default();
        holder.is_empty() || holder == self.config.identity || now >= since + duration(lease)
    }

    /// When a lease is looked at again that is not ours.
    fn look_again(&self, lease: &Lease, since: Duration, now: Duration) -> Duration {
        if self.may_take(lease, since, now) {
            now
        } else if self.watched {
            since + duration(lease)
        } else {
            now + self.config.retry
        }
    }

    fn take(&self, lease: &Lease, now: Now) -> Request {
        let renews = lease.spec.holder_identity.as_deref() == Some(&self.config.identity);
        let micro = micro_time(now.wall);
        let mut spec = json!({
            "holderIdentity": self.config.identity,
            "leaseDurationSeconds": self.config.duration.as_secs(),
            "renewTime": micro,
        });
        if !renews {
            spec["acquireTime"] = json!(micro);
            spec["leaseTransitions"] = json!(lease.spec.lease_transitions.unwrap_or(-1).saturating_add(1));
        }
        if lease.metadata.name.is_empty() {
            let body = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": { "name": self.config.name, "namespace": self.config.namespace }, "spec": spec,
            });
            return Request::create(self.object(), body);
        }
        let body =
            json!({ "metadata": { "resourceVersion": lease.metadata.resource_version }, "spec": spec });
        Request::patch(self.object(), body)
    }

    fn object(&self) -> ObjectRef {
        ObjectRef::new(Resource::Leases, &self.config.namespace, &self.config.name)
    }
}

fn version(meta: &Meta) -> u64 {
    meta.resource_version.number().unwrap_or(0)
}

fn duration(lease: &Lease) -> Duration {
    Duration::from_secs(u64::try_from(lease.spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0))
}

/// A time as Kubernetes' MicroTime wants it: with exactly six digits after the second.
pub fn micro_time(at: Timestamp) -> Value {
    json!(at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}
