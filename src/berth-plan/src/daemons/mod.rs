//! Node daemon sets: which nodes run a pod, and how a rollout moves over them.

pub mod identity;
pub mod manage;
pub mod node_fit;
pub mod plan;
pub mod rollout;
pub mod status;
pub mod work;

pub use plan::plan;

#[cfg(test)]
mod tests;
