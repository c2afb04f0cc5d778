//! Node daemon sets: which nodes run a pod, and how a rollout moves over them.

pub mod identity;
pub mod manage;
pub mod node_fit;
pub mod plan;
pub mod rollout;
pub mod status;
pub mod work;

use berth_api::{Kind, NodeDaemonSet};
use serde_json::Value;

use crate::observation::Observation;
use crate::plan::Plan;
use crate::planner::{Planned, Tally};
use crate::workload;

pub use plan::plan;

workload::set!(NodeDaemonSet, Kind::Daemon, |_: &NodeDaemonSet, template: &Value| template.clone());
workload::set_status!(berth_api::node_daemon_set::NodeDaemonSetStatus);

impl Planned for NodeDaemonSet {
    fn plan(observation: &Observation<Self>) -> Plan {
        plan(observation)
    }

    fn tally(observation: &Observation<Self>) -> Tally {
        status::tally(observation)
    }

    fn unused_claims(_: &Observation<Self>) -> Vec<String> {
        vec![]
    }
}

#[cfg(test)]
mod tests;
