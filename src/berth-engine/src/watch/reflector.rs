//! List and watch of one resource, as a state machine. It sees bookmarks and the resourceVersion of lists, which kube's
//! `watcher` hides, and it lists at the newest state only, never at resourceVersion 0 (kubernetes/kubernetes#59848).

use std::time::Duration;

use berth_plan::memory::backoff::Backoff;

/// Pauses after a list or a watch that failed.
const RETRY: Backoff = Backoff { first: Duration::from_secs(1), last: Duration::from_secs(10) };

/// What is to be asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A page of the list; empty `token` asks for the first page of the newest state.
    List {
        /// Continue token.
        token: String,
    },
    /// All changes after a version, with bookmarks.
    Watch {
        /// The version.
        version: u64,
    },
}

/// Where the machine stands.
#[derive(Clone, Debug, PartialEq)]
enum Phase<T> {
    /// Wants to list, not before some time.
    Idle { not_before: Duration },
    /// A list is on its way.
    Listing { started: Duration, items: Vec<T>, token: String, asked: bool },
    /// A watch is running, or to be started at some time.
    Watching { version: u64, not_before: Duration, asked: bool },
}

/// See the module. `T` is one item of a list.
#[derive(Clone, Debug)]
pub struct Reflector<T> {
    phase: Phase<T>,
    failures: u32,
    /// How often in a row a watch could not begin where a list had ended, with nothing seen in between.
    expirations: u32,
    /// Counts lists and watches, so that an answer to an earlier one is told apart.
    session: u64,
    /// When the list that the cache rests on was begun.
    listed: Option<Duration>,
    /// What was wrong last, in one line.
    problem: Option<String>,
}

impl<T> Default for Reflector<T> {
    fn default() -> Self {
        let phase = Phase::Idle { not_before: Duration::ZERO };
        Reflector { phase, failures: 0, expirations: 0, session: 0, listed: None, problem: None }
    }
}

/// A list that has come in whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole<T> {
    /// Its items.
    pub items: Vec<T>,
    /// The version that it was read at.
    pub version: u64,
    /// When it was begun.
    pub started: Duration,
}

impl<T> Reflector<T> {
    /// What is to be asked now, if anything, and as which session.
    pub fn ask(&mut self, now: Duration) -> Option<(u64, Ask)> {
        if let Phase::Idle { not_before } = self.phase {
            if now < not_before {
                return None;
            }
            self.phase = Phase::Listing { started: now, items: vec![], token: String::new(), asked: false };
        }
        let ask = match &mut self.phase {
            Phase::Idle { .. } => None,
            Phase::Listing { token, asked, .. } => {
                (!std::mem::replace(asked, true)).then(|| Ask::List { token: token.clone() })
            }
            Phase::Watching { version, not_before, asked } => {
                let due = now >= *not_before && !*asked;
                *asked |= due;
                due.then_some(Ask::Watch { version: *version })
            }
        };
        ask.map(|ask| {
            self.session += 1;
            (self.session, ask)
        })
    }

    /// Whether an answer belongs to what was asked last.
    pub fn is_current(&self, session: u64) -> bool {
        self.session == session
    }

    /// Takes in a page. Returns the whole list when this was the last page.
    pub fn page(&mut self, page: Vec<T>, next: String, version: u64) -> Option<Whole<T>> {
        let Phase::Listing { items, token, asked, started } = &mut self.phase else { return None };
        items.extend(page);
        if !next.is_empty() {
            *token = next;
            *asked = false;
            return None;
        }
        let whole = Whole { items: std::mem::take(items), version, started: *started };
        self.phase = Phase::Watching { version, not_before: Duration::ZERO, asked: false };
        Some(whole)
    }

    /// Takes in that the cache has been brought up to a list that was begun at `started`.
    pub fn taken(&mut self, started: Duration) {
        self.listed = Some(started);
        self.failures = 0;
        self.problem = None;
    }

    /// Takes in that the server has taken the watch on: what kept an earlier one from running is over. The pauses go on
    /// growing until something comes of it.
    pub fn opened(&mut self) {
        self.problem = None;
    }

    /// Takes in that an event or a bookmark brought the cache to `version`.
    pub fn advance(&mut self, to: u64) {
        (self.failures, self.expirations) = (0, 0);
        if let Phase::Watching { version, .. } = &mut self.phase {
            *version = to.max(*version);
        }
    }

    /// Takes in that the watch has ended as watches do. A server that ends every watch at once is not asked without pause.
    pub fn ended(&mut self, now: Duration) {
        let pause = self.pause();
        if let Phase::Watching { not_before, asked, .. } = &mut self.phase {
            *not_before = if self.failures == 0 { now } else { now + pause };
            *asked = false;
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Takes in that the version is too old to be watched from: list anew. A server that says so of each list is not asked without pause.
    pub fn expired(&mut self, now: Duration) {
        let again = self.failures.max(self.expirations);
        let not_before = if again == 0 { now } else { now + RETRY.pause(again) };
        self.failures = self.failures.saturating_add(1);
        self.expirations = self.expirations.saturating_add(1);
        self.phase = Phase::Idle { not_before };
    }

    /// Takes in that a list or a watch failed, or that a list was not taken into the cache: that one is asked for again, for whoever
    /// waits for it (a new leader) waits for ever otherwise.
    pub fn failed(&mut self, problem: String, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(problem);
        let at = now + self.pause();
        match &mut self.phase {
            Phase::Watching { not_before, asked, .. } if *asked => {
                *not_before = at;
                *asked = false;
            }
            phase => *phase = Phase::Idle { not_before: at },
        }
    }

    /// Lists anew at the next opportunity; what is on its way is ignored.
    pub fn relist(&mut self, now: Duration) {
        self.session += 1;
        self.phase = Phase::Idle { not_before: now };
    }

    /// Whether a list is on its way.
    pub fn is_listing(&self) -> bool {
        matches!(self.phase, Phase::Listing { .. })
    }

    /// When the list that the cache rests on was begun; `None` before the first.
    pub fn listed(&self) -> Option<Duration> {
        self.listed
    }

    /// What is wrong, if something is.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// When [`Self::ask`] has something next, if that is only a matter of time.
    pub fn next_at(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Idle { not_before } | Phase::Watching { not_before, asked: false, .. } => {
                Some(*not_before)
            }
            _ => None,
        }
    }

    fn pause(&self) -> Duration {
        RETRY.pause(self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_watch_is_no_problem_any_more_once_one_is_open() {
        let now = Duration::from_secs(1);
        let mut reflector = Reflector::<()>::default();
        reflector.ask(now);
        reflector.page(vec![], String::new(), 7);
        reflector.taken(now);
        assert!(matches!(reflector.ask(now), Some((_, Ask::Watch { version: 7 }))));
        reflector.failed("storage is (re)initializing".to_owned(), now);
        assert!(reflector.problem().is_some());
        assert!(reflector.ask(now + RETRY.first).is_some());
        reflector.opened();
        assert_eq!(reflector.problem(), None);
    }
}
