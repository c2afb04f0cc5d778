//! Rollout revisions: which one is current, which is next, how they are recorded, named, numbered and kept.

pub mod data;
pub mod plan;

pub use plan::{History, RevisionPlan, history, label, plan, prefix};

#[cfg(test)]
mod tests;
