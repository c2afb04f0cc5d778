//! Berth: ordinal sets and node daemon sets for Kubernetes.
//!
//! This crate is the program: [`client`] speaks HTTP, [`operator`] runs the engine on tokio, [`cli`] is the command line. What they run is in
//! three crates below it: `berth-api`, the wire types; `berth-plan`, the planners, which are pure; `berth-engine`, the state
//! machine that carries their plans out.

/// The version of this build: what `BERTH_VERSION` said when it was made, as a release says it, else the package's.
pub const VERSION: &str = match option_env!("BERTH_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

pub mod cli;
pub mod client;
pub mod operator;

#[cfg(test)]
mod sources;
