//! The work on one owner: observe, plan, and run the plan.

mod answers;
pub(crate) mod owners;
pub mod queue;
pub mod run;
pub mod status_throttle;

use std::collections::BTreeSet;
use std::time::Duration;

use berth_api::{Key, Kind, Meta, Resource};
use berth_plan::memory::Memory;
use berth_plan::plan::{Action, Part, Plan};
use berth_plan::reason::{Slot, Waiting};
use berth_plan::time::Now;
use berth_plan::{daemons, ordinals};
use berth_plan::{pod, workload};

use super::{Engine, Purpose};
use crate::send::outbox::{Class, Party};
use crate::telemetry::counters::Outcome;
use crate::watch::store::Change;
use crate::watch::stores::Changed;
use crate::work::owners::{Active, basis};
use crate::work::run::{Ended, Run, UnitId};

/// From how many pods and nodes on a set is big.
const BIG: usize = 200;
/// How long a big set rests after a plan, for each pod and node that was looked at. Looking at one takes about a twentieth of
/// this, and so a set of whatever size keeps at most a twentieth of a core busy.
const REST_PER_OBJECT: Duration = Duration::from_micros(25);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_millis(50);

impl Engine {
    /// Works on owners as long as there are workers.
    pub(crate) fn work(&mut self, now: Now) {
        if self.leading_since.is_none() {
            return;
        }
        while self.queue.running() < self.config.workers {
            let Some(key) = self.queue.pop(now.mono) else { return };
            // At the end each owner is looked at once more, and no one again: another leads as soon as the lease is given back.
            if self.stopping && !self.closing.contains(&key) {
                self.queue.done(&key);
                continue;
            }
            self.tally.queued.add(self.queue.turn(&key).unwrap_or_default().waited);
            if let Err(outcome) = self.begin(&key, now) {
                self.tally.round(key.resource(), outcome);
                self.queue.done(&key);
            }
        }
    }

    /// Plans for one owner and starts what the plan says. `Err` when there is nothing to run, and why.
    fn begin(&mut self, key: &Key, now: Now) -> Result<(), Outcome> {
        if !Self::required(key).into_iter().all(|resource| self.is_fresh(resource)) {
            return Err(Outcome::Unfilled);
        }
        let Some(owner) = self.stores.owner(key).cloned() else {
            self.forget(key);
            return Err(Outcome::Gone);
        };
        if self.pending.blocks(key) {
            return Err(Outcome::Waiting);
        }
        self.observe_owner(key, &owner);
        let Some((mut plan, looked_at)) = self.measured_plan(key, now) else { return Err(Outcome::Gone) };
        self.plans += 1;
        if !self.stopping {
            self.rest(key, looked_at, now);
        }
        self.remember_waits(key, &plan);
        self.notify(key, std::mem::take(&mut plan.notices), now);
        if let Some(delay) = plan.recheck_after {
            self.queue.add_at(key.clone(), now.mono + delay);
        }
        if self.stopping {
            plan.stages.retain(|stage| matches!(stage.part, Part::Record | Part::Status));
        }
        self.defer_status(key, &mut plan, now);
        if plan.stages.is_empty() {
            self.closing.remove(key);
            let backs_off = plan.waiting.iter().any(|waiting| matches!(waiting, Waiting::Backoff { .. }));
            return Err(if backs_off { Outcome::Paused } else { Outcome::Unchanged });
        }
        let run = Run::new(plan.stages);
        let (basis, last) = (basis(&owner), self.stopping);
        let active =
            Active { run, stale: false, refused: false, acted: false, number: self.plans, basis, last };
        self.active.insert(key.clone(), active);
        self.advance_run(key, now);
        Ok(())
    }

    /// Takes note of the owner that is planned for.
    fn observe_owner(&mut self, key: &Key, owner: &Meta) {
        let paused = self.stores.is_paused(key);
        // Another set of this name, though it was never seen that there was none.
        if self.memory.get(key).is_some_and(|memory| memory.uid() != &owner.uid) {
            let closes = self.closing.contains(key);
            self.forget(key);
            if closes {
                self.closing.insert(key.clone());
            }
        }
        let memory = self.memory.entry(key.clone()).or_default();
        memory.observe_owner(owner);
        if !paused {
            memory.clear_paused_revisions();
        }
    }

    /// Takes the status out of a plan while it is not due; its owner is planned for again when it is.
    fn defer_status(&mut self, key: &Key, plan: &mut Plan, now: Now) {
        self.status_held.remove(key);
        let Some(changes) = plan.status() else {
            if let Some(throttle) = self.paces.get_mut(key) {
                throttle.unchanged();
            }
            return;
        };
        let due = self.paces.entry(key.clone()).or_default().due(changes, now.mono);
        if due > now.mono && !self.stopping {
            plan.stages.retain(|stage| stage.part != Part::Status);
            self.status_held.insert(key.clone());
            self.queue.add_at(key.clone(), due);
        }
    }

    /// The plan for an owner, from what the caches show now; `None` when there is no such owner.
    pub fn plan(&self, key: &Key, now: Now) -> Option<Plan> {
        self.measured_plan(key, now).map(|(plan, _)| plan)
    }

    /// The plan for an owner, and how many pods and nodes it looked at.
    fn measured_plan(&self, key: &Key, now: Now) -> Option<(Plan, usize)> {
        let mut memory = self.memory.get(key).cloned().unwrap_or_default();
        memory.caught_up = self.is_caught_up();
        Some(match key.kind {
            Kind::Ordinal => {
                let observation = self.stores.observe_ordinal(key, memory, self.config.gates, now)?;
                (ordinals::plan(&observation), observation.pods.len())
            }
            Kind::Daemon => {
                let observation = self.stores.observe_daemon(key, memory, self.config.gates, now)?;
                (daemons::plan(&observation), observation.pods.len() + observation.nodes.len())
            }
        })
    }

    /// Lets an owner rest after a plan that looked at so many objects, so that a burst of events about a big set costs a few
    /// plans and not one each. A small set does not rest, and nothing that is due waits longer than [`LONGEST_REST`].
    fn rest(&mut self, key: &Key, looked_at: usize, now: Now) {
        let pause = REST_PER_OBJECT.saturating_mul(u32::try_from(looked_at).unwrap_or(u32::MAX));
        if looked_at >= BIG {
            self.queue.rest(key, now.mono + pause.min(LONGEST_REST));
        }
    }

    /// Takes back what was not sent yet of the plan of an owner that has changed since, or at the end.
    pub(crate) fn recall(&mut self, key: &Key, now: Now) {
        let Some(active) = self.active.get_mut(key) else { return };
        active.run.stop();
        for id in self.outbox.withdraw(key) {
            if let Some(Purpose::Act { unit, .. }) = self.purposes.remove(&id) {
                active.run.ended(unit, Ended::Failed);
            }
        }
        self.advance_run(key, now);
    }

    /// Whether the owner of a run is no longer as its plan saw it.
    pub(crate) fn is_overtaken(&self, key: &Key) -> bool {
        let owner = self.stores.owner(key).map(basis);
        self.active.get(key).is_some_and(|active| owner.as_ref() != Some(&active.basis))
    }

    /// Stops the run of an owner that was changed or deleted since: what is in flight ends, and nothing more of this plan is begun.
    pub(crate) fn stop_outdated(&mut self, key: &Key) {
        let owner = self.stores.owner(key).map(basis);
        if let Some(active) = self.active.get_mut(key).filter(|active| owner.as_ref() != Some(&active.basis))
        {
            active.run.stop();
        }
    }

    /// Starts what the run of an owner wants started, and ends the run when it is done.
    pub(crate) fn advance_run(&mut self, key: &Key, now: Now) {
        self.stop_outdated(key);
        let Some(active) = self.active.get_mut(key) else { return };
        let started = active.run.start();
        active.acted |= !started.is_empty();
        for (unit, action) in started {
            self.submit(key, unit, action, now);
        }
        let Some(active) = self.active.get(key).filter(|a| a.run.is_done()) else { return };
        let (stale, acted, last) = (active.stale, active.acted, active.last);
        let outcome = match (stale, active.refused) {
            _ if !acted => Outcome::Unchanged,
            (true, _) => Outcome::Stale,
            (false, true) => Outcome::Refused,
            (false, false) => Outcome::Written,
        };
        self.active.remove(key);
        let began = self.queue.turn(key).unwrap_or_default().began;
        self.tally.round(key.resource(), outcome);
        self.tally.writing.entry(key.resource()).or_default().add(now.mono.saturating_sub(began));
        self.queue.done(key);
        if stale {
            self.queue.retry(key.clone(), now.mono);
        } else {
            if last {
                self.closing.remove(key);
            }
            self.queue.succeed(key);
            if acted && !self.stopping {
                self.queue.add(key.clone());
            }
        }
    }

    /// Queues the request of an action.
    pub(crate) fn submit(&mut self, key: &Key, unit: UnitId, action: Action, now: Now) {
        let class = match (action.act.writes_status(), action.act.is_write()) {
            (true, _) => {
                self.paces.entry(key.clone()).or_default().wrote(now.mono);
                Class::Status
            }
            (false, true) => Class::Work,
            (false, false) => Class::Read,
        };
        let request = action.act.request();
        let purpose = Purpose::Act { key: key.clone(), unit, action: Box::new(action) };
        self.push(class, Party::from(key), request, purpose);
    }

    /// Whether the cache of a resource was filled after we began to lead.
    fn is_fresh(&self, resource: Resource) -> bool {
        let listed = self.reflectors.get(&resource).and_then(|r| r.listed());
        listed.zip(self.leading_since).is_some_and(|(listed, since)| listed >= since)
    }

    /// Whether the cache of pods has got as far as a write of this term, so that it lacks nothing from before the term. A list alone
    /// does not tell, for an API server that does not keep its word may give one of the past.
    fn is_caught_up(&self) -> bool {
        self.first_written.is_some_and(|version| self.stores.seen(Resource::Pods) >= version)
    }

    fn remember_waits(&mut self, key: &Key, plan: &Plan) {
        let awaited: BTreeSet<_> = plan.waiting.iter().filter_map(|w| w.awaits().cloned()).collect();
        self.awaiting.retain(|object, keys| {
            if !awaited.contains(object) {
                keys.remove(key);
            }
            !keys.is_empty()
        });
        for object in awaited {
            self.awaiting.entry(object).or_default().insert(key.clone());
        }
    }

    /// Remembers that a pod is gone: its replica may be filled at once, and while its owner is paused it comes back as it was.
    pub(crate) fn pod_gone(&mut self, changed: &Changed) {
        let Changed::Pod(Change { old: Some(old), new }) = changed else { return };
        if new.as_ref().is_some_and(|new| new.metadata.uid == old.metadata.uid) {
            return;
        }
        let Some(reference) = old.metadata.controller() else { return };
        let Some(key) = workload::key_of(reference, &old.metadata.namespace) else { return };
        // A pod of an earlier set of this name says nothing about this one.
        let Some(owner) = self.stores.owner(&key).filter(|owner| owner.uid == reference.uid).cloned() else {
            return;
        };
        let paused = self.stores.is_paused(&key);
        if !paused && !self.memory.contains_key(&key) {
            return;
        }
        let slot = match key.kind {
            Kind::Ordinal => ordinals::identity::ordinal(&key.name, &old.metadata.name).map(Slot::Ordinal),
            Kind::Daemon => daemons::node_fit::node_of(old).map(|node| Slot::Node(node.to_owned())),
        };
        if let Some(slot) = slot.filter(|slot| self.stores.wants(&key, slot)) {
            // A standby has planned for nothing yet, and is to know it when it leads.
            let memory = self.memory.entry(key).or_insert_with(|| Memory::of(&owner));
            memory.pod_gone(slot, pod::revision(old), paused);
        }
    }

    /// Forgets an owner that is gone, but not what was written for it: the next one of that name may come before that is seen (X1).
    pub(crate) fn forget(&mut self, key: &Key) {
        if let Some(memory) = self.memory.remove(key) {
            self.book.forget(memory.uid());
        }
        self.told.remove(key);
        self.closing.remove(key);
        self.paces.remove(key);
        self.status_held.remove(key);
        self.queue.forget(key);
        self.awaiting.retain(|_, keys| {
            keys.remove(key);
            !keys.is_empty()
        });
    }
}
