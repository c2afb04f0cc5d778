//! Tables of the machines.

mod apply;
mod broken_objects;
mod cache;
mod classify;
mod condition;
mod deadline;
mod electing;
mod events;
mod first_look;
mod holders;
mod lease;
mod limiter;
mod lost_events;
mod memory;
mod pace;
mod paused;
mod pending;
mod planners;
mod purity;
mod queue;
mod readiness;
mod recall;
mod reflect;
mod rejections;
mod relisting;
mod successor;
mod triggers;

use crate::api::{Key, Kind, Surface};
use crate::core::engine::Config;
use crate::core::gates::Gates;

/// An owner of this name.
fn key(name: &str) -> Key {
    Key::new(Surface::Berth, Kind::Ordinal, "ns", name)
}

/// So many milliseconds.
fn ms(milliseconds: u64) -> std::time::Duration {
    std::time::Duration::from_millis(milliseconds)
}

/// An engine of the custom kinds that leads at once, for all namespaces.
fn config() -> Config {
    Config {
        surfaces: vec![Surface::Berth],
        namespace: String::new(),
        workers: 1,
        qps: 100,
        burst: 100,
        in_flight: 10,
        lease: None,
        component: "berth".to_owned(),
        gates: Gates::default(),
    }
}
