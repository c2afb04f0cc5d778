//! Tables of the machines.

mod apply;
mod broken_objects;
mod cache;
mod classify;
mod condition;
mod deadline;
mod electing;
mod events;
mod lease;
mod limiter;
mod memory;
mod pace;
mod paused;
mod pending;
mod planners;
mod purity;
mod queue;
mod readiness;
mod reflect;
mod relisting;
mod triggers;

use crate::api::{Key, Kind, Surface};

/// An owner of this name.
fn key(name: &str) -> Key {
    Key::new(Surface::Berth, Kind::Ordinal, "ns", name)
}

/// So many milliseconds.
fn ms(milliseconds: u64) -> std::time::Duration {
    std::time::Duration::from_millis(milliseconds)
}
