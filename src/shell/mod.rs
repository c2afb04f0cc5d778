//! Everything that talks to the world: the API server, the clock, signals, the log. It decides nothing.

pub mod connection;
mod figures;
pub mod look;
pub mod metrics;
pub mod operator;
pub mod serve;
#[cfg(test)]
mod stub;
pub mod telemetry;
pub mod transport;
pub mod watch;
