//! Node daemon sets: which nodes run a pod, and how a rollout moves over them.

pub mod identity;
pub mod placement;
pub mod plan;
pub mod presence;
pub mod rollout;
pub mod status;
pub mod work;

pub use plan::plan;

#[cfg(test)]
mod tests;
