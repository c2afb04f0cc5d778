//! Everything that talks to the world: the API server, the clock, signals, the log. It decides nothing.

pub mod connection;
pub mod look;
pub mod operator;
pub mod serve;
pub mod telemetry;
pub mod transport;
pub mod watch;
