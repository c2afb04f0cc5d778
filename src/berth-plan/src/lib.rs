//! The decisions of Berth: a planner is a pure function from one immutable observation to a plan, and the same plan is what
//! is executed, printed, explained and tested.
//!
//! No client, no clock, no log, no randomness. Time comes in as [`time::Now`]; what is to be done goes out as a
//! [`plan::Plan`].
//!
//! Comments name rules by codes: those with A, B, C or F are rows of `docs/parity.md`, which compares Berth with upstream; those with
//! S, D or X are invariants of `docs/proof.md`.

pub mod claims;
pub mod daemons;
pub mod feature_gates;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod forecast;
pub mod hash;
pub mod images;
pub mod memory;
pub mod notice;
pub mod observation;
pub mod ordinals;
pub mod plan;
pub mod planner;
pub mod pod;
pub mod reason;
pub mod replica;
pub mod revisions;
pub mod time;
pub mod workload;

#[cfg(test)]
mod tests;
