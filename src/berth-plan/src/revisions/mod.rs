//! Rollout revisions: which one is current, which is next, how they are recorded, named, numbered and kept.

pub mod plan;
pub mod record;
mod twins;

pub use plan::{History, RevisionPlan, history, label, plan, prefix};
pub use twins::{Merge, merge};

#[cfg(test)]
mod tests;
