//! The shipped engine against a model of a cluster, in simulated time: what the histories and the searches of this package
//! share. [`api_server`] is the model of the API server, [`world`] the rest of the cluster, [`invariants`] the judges,
//! [`schedule`] what happens, and [`instant`] a cluster in which everything happens at once, to count what that costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and the model is test code through and through"
)]
#![allow(missing_docs, reason = "test code")]

pub mod api_server;
pub mod explore;
pub mod instant;
pub mod invariants;
pub mod outcome;
pub mod random;
pub mod schedule;
pub mod world;
