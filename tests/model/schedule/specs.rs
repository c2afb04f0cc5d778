//! Specs from the whole matrix of policies.

use berth::api::{Kind, Surface};
use serde_json::{Value, json};

use crate::random::Random;

/// A spec of a set of some kind.
pub fn any(kind: Kind, surface: Surface, random: &mut Random) -> Value {
    match kind {
        Kind::Ordinal => ordinals(surface, random),
        Kind::Daemon => daemons(random),
    }
}

fn ordinals(surface: Surface, random: &mut Random) -> Value {
    let mut either = |a: &'static str, b: &'static str| if random.chance(500) { a } else { b };
    let policy = either("OrderedReady", "Parallel");
    let (deleted, scaled) = (either("Delete", "Retain"), either("Delete", "Retain"));
    let budget = random.pick(&[json!(1), json!(2), json!("50%")]).clone();
    let strategy = match random.below(8) {
        0 => json!({ "type": "OnDelete" }),
        1 => json!({ "type": "RollingUpdate" }),
        2 if surface == Surface::Apps => json!({ "type": "Recreate" }),
        _ => json!({ "rollingUpdate": { "partition": random.below(2), "maxUnavailable": budget } }),
    };
    json!({
        "replicas": 1 + random.below(4),
        "podManagementPolicy": policy,
        "updateStrategy": strategy,
        "minReadySeconds": *random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": random.below(3),
        "ordinals": { "start": *random.pick(&[0, 0, 2]) },
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": deleted, "whenScaled": scaled },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    })
}

fn daemons(random: &mut Random) -> Value {
    let budget = random.pick(&[json!(1), json!("25%"), json!("50%")]).clone();
    let strategy = match random.below(6) {
        0 => json!({ "type": "OnDelete" }),
        1 | 2 => json!({ "rollingUpdate": { "maxUnavailable": 0, "maxSurge": budget } }),
        _ => json!({ "rollingUpdate": { "maxUnavailable": budget } }),
    };
    let selector = if random.chance(300) { json!({ "disk": "ssd" }) } else { Value::Null };
    json!({
        "updateStrategy": strategy,
        "minReadySeconds": *random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": random.below(3),
        "template": { "spec": { "nodeSelector": selector } },
    })
}
