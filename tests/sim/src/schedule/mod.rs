//! A random history as a value: the cluster, who runs in it, what people do and when. It is drawn from one number, and can be
//! cut down step by step.

mod draw;
mod run;
mod specs;
mod steps;

use std::collections::BTreeSet;
use std::time::Duration;

use berth_plan::feature_gates::Gates;

use crate::world::{Delivery, Fate, Limits, Listing, Tenure, Weather};

pub use specs::Drawn;
pub use steps::Step;

/// See the module.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The number that it was drawn from; chance in the world comes from it too.
    pub seed: u64,
    /// The sets.
    pub sets: Vec<Drawn>,
    /// The feature gates of the operators.
    pub gates: Gates,
    /// How many requests the operators may send, where that is a limit.
    pub limits: Option<Limits>,
    /// For how long they hold their lease, where that is not what is shipped.
    pub lease: Option<Tenure>,
    /// Whether controllers of other groups have sets of the same kinds and names, with pods of their own.
    pub namesakes: bool,
    /// What goes wrong.
    pub weather: Weather,
    /// How many nodes there are at first.
    pub nodes: usize,
    /// How many operators run.
    pub operators: usize,
    /// Whether they elect a leader; else all of them act.
    pub elects: bool,
    /// Whether others than operators take pods away or make them unready.
    pub disturbed: bool,
    /// Whether the sets settle before the next step. The outcome then does not depend on time, and is compared with that of a calm
    /// run.
    pub patient: bool,
    /// What people and nodes do, and how long after the step before.
    pub steps: Vec<(Duration, Step)>,
    /// Faults that do not happen.
    pub muted: BTreeSet<u64>,
    /// What becomes of one request about a set, counted from 0, whatever the weather.
    pub fate: Option<(u64, Fate)>,
    /// What becomes of one batch of watch events, counted from 0, whatever the weather.
    pub delivery: Option<(u64, Delivery)>,
    /// What becomes of one page of a list, counted from 0, whatever the weather.
    pub listing: Option<(u64, Listing)>,
}

impl Schedule {
    /// Whether a list may show what is no longer so.
    fn sees_the_past(&self) -> bool {
        self.weather.past > 0 || matches!(self.listing, Some((_, Listing::Past(_))))
    }
}
