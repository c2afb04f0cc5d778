//! Tables of the machines.

mod broken_objects;
mod classify;
mod electing;
mod event_recorder;
mod expectations;
mod holders;
mod lease;
mod lost_events;
mod outbox;
mod planners;
mod purity;
mod queue;
mod readiness;
mod recall;
mod reflector;
mod relisting;
mod run;
mod status_throttle;
mod store;
mod successor;
mod triggers;

use berth_api::{Key, Kind, Surface};
use berth_plan::feature_gates::Gates;

use crate::Config;

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
