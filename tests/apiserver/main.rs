//! The operator as people run it, against a real control plane.
//!
//! Every test has a namespace, an operator process and a ServiceAccount of its own. The account is bound to the ClusterRole
//! that `deploy/rbac.yaml` ships, and to nothing else, so a right that is missing there fails a test here; and the API server's
//! audit log can be counted by user. What disturbs others (installing and removing the custom resources) has a control
//! plane of its own, in `as_shipped`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod as_shipped;
mod command_line;
mod counted;
mod daemon_placement;
mod daemon_rollout;
mod daemon_status;
mod leadership;
mod ordinal_claims;
mod ordinal_pods;
mod ordinal_rollout;
mod ordinal_status;
mod ownership;
mod refusals;
mod trouble;
