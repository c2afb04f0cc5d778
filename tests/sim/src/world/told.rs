//! When it is judged whether a status reports the obstacles of its set (X12).

use std::time::Duration;

use super::{Happening, World};
use crate::api_server::object;
use crate::invariants::obstacles;

/// After what happened it is judged this much later, when caches have caught up in calm weather.
const SOON: Duration = Duration::from_millis(100);
/// It is judged again this much later as long as something is wrong.
const AGAIN: Duration = Duration::from_millis(250);
/// An operator has this long after its start, or after it took the lease.
const NEW: Duration = Duration::from_secs(5);
/// A request that takes longer keeps its owner busy.
const LONG: Duration = Duration::from_secs(1);

impl World {
    /// Has it judged soon.
    pub(super) fn judge_soon(&mut self) {
        if self.invariants.rules.told && !self.judge_due {
            self.judge_due = true;
            self.later(SOON, Happening::Judge);
        }
    }

    pub(super) fn judge_what_is_told(&mut self) {
        self.judge_due = false;
        let rules = self.invariants.rules;
        let mut again = false;
        for of in obstacles::sets(&self.server) {
            let acting = self.acting().filter(|(operator, _)| {
                let waits = &self.operators[*operator].in_flight;
                let version = self.server.get(&of).map(|set| object::text(set, "/metadata/resourceVersion"));
                let engine = self.operators[*operator].engine.as_ref();
                let shown =
                    engine.and_then(|e| e.stores().view(&of).meta).map(|m| m.resource_version.0.as_str());
                shown == version
                    && !waits.values().any(|(key, since)| key.object() == of && self.clock > *since + LONG)
            });
            match self.invariants.obstacles.judge(rules, &self.server, &of, acting, self.clock) {
                Ok(soon) => again |= soon,
                Err(broken) => self.fail(&broken),
            }
        }
        if again {
            self.judge_due = true;
            self.later(AGAIN, Happening::Judge);
        }
    }

    /// The operator that acts, and in which life, if there is one that has had its time and sees what there is.
    fn acting(&self) -> Option<(usize, u64)> {
        let leads = |o: &super::Operator| o.engine.as_ref().is_some_and(berth_engine::Engine::leads);
        let mut all = self.operators.iter().enumerate().filter(|(_, o)| leads(o));
        let (number, o) = all.next().filter(|_| all.next().is_none())?;
        let ready = !o.is_paused() && self.clock >= o.acts_since + NEW && self.sees_all(number);
        ready.then_some((number, o.incarnation))
    }
}
