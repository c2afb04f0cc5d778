//! Ordinal sets: which ordinals exist, in which order pods come and go, and how a rollout moves through them.

pub mod identity;
pub mod plan;
pub mod replicas;
pub mod rollout;
pub mod scale;
pub mod status;
pub mod target;

use std::collections::BTreeSet;

use berth_api::{Claim, Kind, OrdinalSet};
use serde_json::Value;

use crate::claims;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::planner::{Planned, Tally};
use crate::workload;

pub use plan::plan;

workload::set!(OrdinalSet, Kind::Ordinal, |set: &OrdinalSet, template: &Value| {
    let mut template = template.clone();
    let volumes = claims::volumes(set, set.spec.start(), &template);
    if !volumes.is_empty() {
        template["spec"]["volumes"] = Value::Array(volumes);
    }
    template
});
workload::set_status!(berth_api::ordinal_set::OrdinalSetStatus);

impl Planned for OrdinalSet {
    fn plan(observation: &Observation<Self>) -> Plan {
        plan(observation)
    }

    fn tally(observation: &Observation<Self>) -> Tally {
        status::tally(observation)
    }

    fn unused_claims(observation: &Observation<Self>) -> Vec<String> {
        let set = &observation.set;
        let spec = &set.spec;
        // Only ordinals that are there are looked at, never all that are wanted.
        let is_used = |name: &str| {
            spec.volume_claim_templates.iter().any(|template| {
                let ordinal = name.strip_prefix(&claims::prefix(template, &observation.key.name));
                let ordinal = ordinal.and_then(|o| o.parse::<i64>().ok());
                ordinal.is_some_and(|o| (spec.start()..spec.end()).contains(&o))
            })
        };
        let ordinals = |claim: &Claim| {
            spec.volume_claim_templates.iter().any(|template| {
                let prefix = claims::prefix(template, &observation.key.name);
                claim.metadata.name.strip_prefix(&prefix).is_some_and(|o| o.parse::<i32>().is_ok())
            })
        };
        let names: BTreeSet<&String> =
            observation.claims.iter().filter(|(_, c)| ordinals(c)).map(|(name, _)| name).collect();
        names.into_iter().filter(|name| !is_used(name)).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
