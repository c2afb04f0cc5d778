//! Takeover and hand-back: what kube-controller-manager began Berth goes on with, and the other way round, and no pod notices.
//!
//! Each test has a control plane of its own, because kube-controller-manager is restarted in it, without its controllers of
//! StatefulSets and DaemonSets and with them. Berth runs as the ServiceAccount of `deploy/`, with the rights of `rbac.yaml`
//! and `apps.yaml` and no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod and_back;
mod at_rest;
mod bare;
mod in_flight;
mod in_motion;
mod numbers;
mod rival;
mod to_custom;
