//! The shipped engine against a model of a cluster, in simulated time: random histories and chosen ones, with everything
//! going wrong that can go wrong between an operator and its API server.
//!
//! `BERTH_SEEDS=1000000` runs more histories; `BERTH_SEED=17` runs one again and tells its whole story.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and the model is test code through and through"
)]

mod changes;
mod conditions;
mod daemon_churn;
mod daemon_histories;
mod exhaustive;
mod forecasts;
mod forgetting;
mod matrix;
mod ordinal_histories;
mod ordinal_matrix;
mod pauses;
mod refusals;
mod rollback;
mod search;
mod seeds;
mod stopping;
mod writes;
