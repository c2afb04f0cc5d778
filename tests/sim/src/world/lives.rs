//! The lives of operators: how they start, end, are killed and paused.

use std::time::Duration;

use berth_engine::election::lease;
use berth_engine::{Engine, Input};
use jiff::SignedDuration;

use super::{Happening, NAMESPACE, World, tell};

/// For how long a lease is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tenure {
    /// How long it is valid after its last renewal.
    pub duration: Duration,
    /// When its holder gives up.
    pub deadline: Duration,
    /// When its holder renews it.
    pub renew: Duration,
    /// When who failed tries again.
    pub retry: Duration,
}

/// How long an operator that is asked to end has, as its Deployment says.
const GRACE: Duration = Duration::from_secs(30);
/// How long an operator is down after a crash.
const DOWN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(20));

impl World {
    pub(super) fn start_operator(&mut self, operator: usize) {
        tell!(self, "operator {operator} starts");
        let o = &mut self.operators[operator];
        o.incarnation += 1;
        o.acts_since = self.clock;
        o.replaced = false;
        let identity = o.identity(operator, o.incarnation);
        let tenure = self.lease;
        o.config.lease = identity.map(|name| {
            let usual = lease::Config::new(NAMESPACE, "berth", &name);
            tenure.map_or(usual.clone(), |Tenure { duration, deadline, renew, retry }| lease::Config {
                duration,
                deadline,
                renew,
                retry,
                ..usual
            })
        });
        o.engine = Some(Engine::new(o.config.clone()));
        self.step(operator, vec![]);
    }

    /// Ends an operator at once; all that it knew is lost. Requests on their way may still arrive.
    pub fn crash(&mut self, operator: usize) {
        tell!(self, "operator {operator} crashes");
        if self.operators[operator].engine.is_some() {
            self.clear(operator);
            self.start_later(operator);
        }
    }

    /// Nothing is left of an operator.
    pub(super) fn clear(&mut self, operator: usize) {
        let o = &mut self.operators[operator];
        o.engine = None;
        o.incarnation += 1;
        o.sessions.clear();
        o.frozen.clear();
        o.in_flight.clear();
        o.bases.clear();
        (o.tick, o.backlog) = (None, None);
        self.invariants.forget(operator);
    }

    pub(super) fn start_later(&mut self, operator: usize) {
        let down = self.random.between(DOWN);
        self.later(down, Happening::Start { operator });
    }

    /// Asks an operator to end, as SIGTERM does.
    pub fn terminate(&mut self, operator: usize) {
        tell!(self, "operator {operator} is asked to end");
        self.step(operator, vec![Input::Stop]);
    }

    /// Replaces an operator, as a rollout of its Deployment does: it is asked to end, is killed if it takes too long, and another
    /// begins.
    pub fn replace_operator(&mut self, operator: usize) {
        let o = &mut self.operators[operator];
        if o.engine.is_none() || o.replaced {
            return;
        }
        o.replaced = true;
        let incarnation = o.incarnation;
        self.tally("operators replaced");
        self.later(GRACE, Happening::Kill { operator, incarnation });
        self.terminate(operator);
    }

    pub(super) fn kill(&mut self, operator: usize, incarnation: u64) {
        if self.operators[operator].incarnation == incarnation {
            self.tally("operators that had to be killed");
            self.crash(operator);
        }
    }

    /// Stops a process for a while: it takes in nothing, its clock goes on, and what it was about to send may leave only when it
    /// goes on.
    pub fn pause(&mut self, operator: usize, time: Duration) {
        let o = &mut self.operators[operator];
        if o.engine.is_none() || o.is_paused() {
            return;
        }
        o.backlog = Some(vec![]);
        let incarnation = o.incarnation;
        tell!(self, "operator {operator} is paused for {time:?}");
        self.tally("pauses");
        self.hold_back(operator, incarnation, time);
        self.later(time, Happening::Resume { operator, incarnation });
    }

    pub(super) fn resume(&mut self, operator: usize, incarnation: u64) {
        let o = &mut self.operators[operator];
        if o.incarnation != incarnation {
            return;
        }
        let Some(mut backlog) = o.backlog.take() else { return };
        tell!(self, "operator {operator} goes on");
        // Timers and sockets are ready at the same time; nobody knows which is looked at first.
        if self.random.chance(500) {
            backlog.insert(0, Input::Tick);
            self.step(operator, backlog);
        } else {
            self.step(operator, vec![Input::Tick]);
            self.inputs(operator, incarnation, backlog);
        }
    }

    /// The wall clock of an operator's machine jumps.
    pub fn jump(&mut self, operator: usize, seconds: i64) {
        tell!(self, "the clock of operator {operator} jumps by {seconds} s");
        self.tally("clock jumps");
        self.operators[operator].skew += SignedDuration::from_secs(seconds);
    }
}
