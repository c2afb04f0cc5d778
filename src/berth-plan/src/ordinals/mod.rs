//! Ordinal sets: which ordinals exist, in which order pods come and go, and how a rollout moves through them.

pub mod identity;
pub mod plan;
pub mod replicas;
pub mod rollout;
pub mod status;

pub use plan::plan;

#[cfg(test)]
mod tests;
