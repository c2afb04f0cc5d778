//! The same observation on either surface: where the two differ, tables say so.

use std::sync::Arc;

use berth_api::Surface;
use serde_json::Value;

use super::{Set, observe, plan};
use crate::fixture::writes;
use crate::observation::Observation;

/// Both surfaces.
pub const BOTH: [Surface; 2] = [Surface::Berth, Surface::Apps];

/// The observation as it is on a surface: the owner is of its kind there, and so are the references to it.
pub fn on(surface: Surface, mut observation: Observation<Set>) -> Observation<Set> {
    observation.key.surface = surface;
    let owner = observation.key.resource();
    let mend = |references: &mut Vec<berth_api::OwnerReference>| {
        for reference in references.iter_mut().filter(|r| r.uid.0 == "set-uid") {
            reference.api_version = owner.api_version().to_owned();
            reference.kind = owner.kind().to_owned();
        }
    };
    for pod in &mut observation.pods {
        mend(&mut Arc::make_mut(pod).metadata.owner_references);
    }
    for revision in &mut observation.revisions {
        mend(&mut Arc::make_mut(revision).metadata.owner_references);
    }
    observation
}

/// What a plan writes on a surface.
pub fn written(surface: Surface, spec: Value, pods: &[(i64, &str, Value)]) -> Vec<String> {
    writes(&plan(&on(surface, observe(spec, pods))))
}

/// Compares what is written on both surfaces: `(berth, apps)`.
pub fn check_both(name: &str, spec: &Value, pods: &[(i64, &str, Value)], expected: (&[&str], &[&str])) {
    for (surface, expected) in BOTH.into_iter().zip([expected.0, expected.1]) {
        let plan = plan(&on(surface, observe(spec.clone(), pods)));
        assert_eq!(writes(&plan), expected, "{name} on {surface:?}:\n{plan}");
    }
}
