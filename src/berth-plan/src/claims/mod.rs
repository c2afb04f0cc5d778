//! Persistent volume claims: which ones a pod needs, and who owns them by the retention policy. Berth never deletes a
//! claim; the garbage collector does, when the owner that the policy names is gone.

pub mod owners;
pub mod plan;
mod settle;

pub use plan::{Need, for_new_pod, for_present_pod, hand_over, name, names, prefix, tie_to_set, volumes};
pub use settle::settle;

#[cfg(test)]
mod tests;
