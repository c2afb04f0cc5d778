//! What is reported: events, counters, and a snapshot of the engine for metrics and health.

pub mod counters;
pub mod event_recorder;
pub mod snapshot;
