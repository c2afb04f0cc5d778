//! What slows requests down, or keeps them from being answered, for as long as it lasts.

use std::time::Duration;

use berth_api::request::{Answer, Request};

use super::{Fate, Happening, Sent, World};
use crate::api_server::Pattern;
use crate::invariants::obstacles::Outcome;

/// What becomes of requests that fit a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// They never arrive, and their sender learns that when its time is up.
    Hangs,
    /// They take so long, for a webhook that is asked does not answer. A sender whose time is up first gets no answer.
    Slow(Duration),
    /// They are done, and the answer is lost.
    AnswerLost,
}

/// How many requests an operator may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests per second over time.
    pub qps: u32,
    /// Requests at once.
    pub burst: u32,
    /// Requests in flight at the same time.
    pub in_flight: usize,
}

impl Limits {
    /// So many that nothing ever waits for its turn.
    pub fn roomy() -> Self {
        Limits { qps: 1000, burst: 1000, in_flight: 100 }
    }

    /// Those of `berth run` without flags.
    pub fn shipped() -> Self {
        Limits { qps: 100, burst: 200, in_flight: 64 }
    }
}

impl World {
    /// From now on this becomes of requests that fit.
    pub fn trouble(&mut self, pattern: Pattern, trouble: Trouble) {
        self.troubles.push((pattern, trouble));
    }

    /// What becomes of a request, if it is in trouble.
    pub(super) fn trouble_of(&self, request: &Request) -> Option<Trouble> {
        self.troubles.iter().find(|(pattern, _)| pattern.fits(request)).map(|(_, trouble)| *trouble)
    }

    /// Sends a request into its trouble.
    pub(super) fn delay(&mut self, sent: Sent, trouble: Trouble) {
        let patience = sent.patience;
        let late = || Answer::Unknown(format!("no answer within {} s", patience.as_secs()));
        match trouble {
            Trouble::Hangs => {
                self.tally("hanging requests");
                self.learns(&sent, &Outcome::Lost);
                self.reply(&sent, patience, late());
            }
            Trouble::Slow(time) if time < patience => {
                self.tally("slow requests");
                self.later(time, Happening::Arrive(Box::new(sent), Fate::Carried));
            }
            Trouble::Slow(time) => {
                self.tally("slow requests");
                self.learns(&sent, &Outcome::Lost);
                self.reply(&sent, patience, late());
                self.later(time, Happening::Arrive(Box::new(sent), Fate::AnswerLost));
            }
            Trouble::AnswerLost => {
                self.tally("answers lost for a while");
                self.broken(&sent);
                let delay = self.random.between(self.weather.request);
                self.later(delay, Happening::Arrive(Box::new(sent), Fate::AnswerLost));
            }
        }
    }
}
