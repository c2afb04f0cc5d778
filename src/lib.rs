//! Berth: ordinal sets and node daemon sets for Kubernetes.
//!
//! The heart is pure: a planner is a function from one immutable observation to a plan, and the same plan is what is
//! executed, printed, explained and tested.
//!
//! * [`api`]: wire types.
//! * [`core`]: the pure world; plans, caches, the queue, the ledger of pending writes, and the engine that ties them together.
//! * [`ordinals`], [`daemons`], [`claims`], [`revisions`]: the four planners.
//! * [`shell`]: everything that talks to the world.
//! * [`cli`]: the command line.

/// The version of this build: what `BERTH_VERSION` said when it was made, as a release says it, else the package's.
pub const VERSION: &str = match option_env!("BERTH_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

pub mod api;
pub mod claims;
pub mod cli;
pub mod core;
pub mod daemons;
pub mod ordinals;
pub mod revisions;
pub mod shell;
