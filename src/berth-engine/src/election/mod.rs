//! The election: what its state machine asks, sees and concludes.

pub mod lease;

use berth_api::Resource;
use berth_api::object::Item;
use berth_api::request::Answer;
use berth_plan::time::Now;

use super::{Engine, Event, Note, Output};
use crate::election::lease::Verdict;

impl Engine {
    /// Runs the election.
    pub(crate) fn elect(&mut self, now: Now, outputs: &mut Vec<Output>) {
        let Some(election) = &mut self.election else { return };
        if election.expired(now.mono) || std::mem::take(&mut self.lost) {
            outputs.push(Output::LeaseLost);
            self.leading_since = None;
            return;
        }
        if self.stopping {
            return;
        }
        if let Some((number, request)) = election.ask(now) {
            self.push_lease(number, request);
        }
    }

    /// Takes in the answer to a request of the election.
    pub(crate) fn elected(&mut self, number: u64, answer: Answer, now: Now) {
        if matches!(answer, Answer::Done(_)) {
            self.lease_problem = None;
        }
        let verdict = self.election.as_mut().map(|election| election.answer(number, answer, now.mono));
        self.conclude(verdict, now);
    }

    /// Takes in how a list or a watch shows the lease. A lease that is missing is found so by a read of the election.
    pub(crate) fn lease_seen(&mut self, item: Item, now: Now) {
        let Item::Lease(lease) = item else { return };
        let version = lease.metadata.resource_version.number().unwrap_or(0);
        if let Some(reflector) = self.reflectors.get_mut(&Resource::Leases) {
            reflector.advance(version);
        }
        let verdict = self.election.as_mut().map(|election| election.observed(lease, now.mono));
        self.conclude(verdict, now);
    }

    /// Takes in an event of the watch of the lease, apart from what happens to any watch.
    pub(crate) fn lease_event(&mut self, event: &Event, now: Now) {
        let Some(election) = &mut self.election else { return };
        match event {
            Event::Opened => election.watched(true, now.mono),
            Event::Ended | Event::Expired | Event::Failed(_) => election.watched(false, now.mono),
            Event::Deleted(meta) => election.vanished(meta, now.mono),
            Event::Put(_) | Event::Bookmark(_) => {}
        }
    }

    fn conclude(&mut self, verdict: Option<Verdict>, now: Now) {
        match verdict {
            Some(Verdict::Acquired) => {
                self.leading_since = Some(now.mono);
                self.first_written = None;
                self.following = None;
                self.tally.led += 1;
                self.notes.push(Note::Leading);
                // What was seen before may be older than what the last leader wrote.
                let cached =
                    self.reflectors.iter_mut().filter(|(resource, _)| **resource != Resource::Leases);
                cached.for_each(|(_, reflector)| reflector.relist(now.mono));
            }
            Some(Verdict::HeldBy(leader)) => {
                if self.following.as_ref() != Some(&leader) {
                    self.notes.push(Note::Following { leader: leader.clone() });
                    self.following = Some(leader);
                }
            }
            Some(Verdict::Lost) => self.lost = true,
            Some(Verdict::Problem(problem)) => {
                if self.lease_problem.as_ref() != Some(&problem) {
                    self.notes.push(Note::LeaseProblem { problem: problem.clone() });
                    self.lease_problem = Some(problem);
                }
            }
            Some(Verdict::Unchanged | Verdict::Released) | None => {}
        }
    }
}
