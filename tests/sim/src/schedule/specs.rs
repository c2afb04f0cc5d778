//! Sets from the whole matrix of policies: each option is drawn by itself, so that any two that can occur together do.

use berth_api::{Kind, ObjectRef, Surface};
use serde_json::{Value, json};

use crate::random::Random;
use crate::world::{NAMESPACE, NEIGHBOUR, set_in};

/// A set of a schedule.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Its kind.
    pub kind: Kind,
    /// Its surface.
    pub surface: Surface,
    /// Where it is.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What the annotation says that asks for the replacement of broken pods.
    pub replaces_broken: Option<&'static str>,
    /// Its spec.
    pub spec: Value,
}

impl Drawn {
    /// A set that has the usual name of its kind.
    pub fn usual(kind: Kind, surface: Surface, spec: Value) -> Self {
        let name = if kind == Kind::Ordinal { "web" } else { "agent" };
        Drawn { kind, surface, namespace: NAMESPACE, name, replaces_broken: Some("true"), spec }
    }

    /// As an object.
    pub fn object(&self) -> ObjectRef {
        set_in(self.namespace, self.kind, self.surface, self.name)
    }

    /// Whether the API server takes a strategy that operators do not know: a native set that is recreated where that is switched off.
    pub fn is_gated(&self, recreate: bool) -> bool {
        self.surface == Surface::Apps && self.spec["updateStrategy"]["type"] == "Recreate" && !recreate
    }
}

/// The sets of a schedule: one of them, or two beside each other that differ in their kind, their surface or their namespace.
pub fn sets(random: &mut Random) -> Vec<Drawn> {
    let first = any(kind(random), surface(random), random);
    let second = match random.below(10) {
        0 => Some(any(other(first.kind), first.surface, random)),
        1 => Some(any(other(first.kind), surface(random), random)),
        // Of one name in two namespaces.
        2 => Some(Drawn { namespace: NEIGHBOUR, ..any(first.kind, surface(random), random) }),
        // Of one kind beside each other; the name of one begins as that of the other.
        3 => {
            let name = if first.kind == Kind::Ordinal { "web-1" } else { "agent-b" };
            Some(Drawn { name, ..any(first.kind, surface(random), random) })
        }
        _ => None,
    };
    std::iter::once(first).chain(second).collect()
}

fn kind(random: &mut Random) -> Kind {
    if random.chance(550) { Kind::Ordinal } else { Kind::Daemon }
}

fn other(kind: Kind) -> Kind {
    if kind == Kind::Ordinal { Kind::Daemon } else { Kind::Ordinal }
}

fn surface(random: &mut Random) -> Surface {
    if random.chance(350) { Surface::Apps } else { Surface::Berth }
}

fn any(kind: Kind, surface: Surface, random: &mut Random) -> Drawn {
    let mut spec = match kind {
        Kind::Ordinal => ordinals(random),
        Kind::Daemon => daemons(random),
    };
    // Native objects have no such fields.
    let (paused, deadline) = (random.chance(150), random.chance(300));
    if surface == Surface::Berth {
        if paused {
            spec["paused"] = json!(true);
        }
        if deadline {
            spec["progressDeadlineSeconds"] = json!(30);
        }
    }
    let replaces_broken = *random.pick(&[None, Some("true"), Some("false")]);
    Drawn { replaces_broken, ..Drawn::usual(kind, surface, spec) }
}

fn ordinals(random: &mut Random) -> Value {
    let mut either = |a: &'static str, b: &'static str| if random.chance(500) { a } else { b };
    let policy = either("OrderedReady", "Parallel");
    let (deleted, scaled) = (either("Delete", "Retain"), either("Delete", "Retain"));
    let budget = random.pick(&[json!(1), json!(2), json!("50%")]).clone();
    let parameters = json!({ "partition": random.below(2), "maxUnavailable": budget });
    // Others take no parameters.
    let strategy = match random.below(8) {
        0 => json!({ "type": "OnDelete" }),
        1 => json!({ "type": "Recreate" }),
        2 => json!({ "type": "RollingUpdate" }),
        _ => json!({ "rollingUpdate": parameters }),
    };
    let claims = ["data", "logs"].into_iter().take(*random.pick(&[0, 1, 1, 2]));
    let claims: Vec<Value> = claims.map(|name| json!({ "metadata": { "name": name }, "spec": {} })).collect();
    json!({
        "replicas": 1 + random.below(4),
        "podManagementPolicy": policy,
        "updateStrategy": strategy,
        "minReadySeconds": *random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": random.below(3),
        "ordinals": { "start": *random.pick(&[0, 0, 2]) },
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": deleted, "whenScaled": scaled },
        "volumeClaimTemplates": claims,
    })
}

fn daemons(random: &mut Random) -> Value {
    let budget = random.pick(&[json!(1), json!("25%"), json!("50%")]).clone();
    let parameters = match random.below(3) {
        0 => json!({ "maxUnavailable": 0, "maxSurge": budget }),
        _ => json!({ "maxUnavailable": budget }),
    };
    // Parameters that are left over are taken and not read.
    let strategy = match random.below(8) {
        0 => json!({ "type": "OnDelete" }),
        1 => json!({ "type": "OnDelete", "rollingUpdate": parameters }),
        2 => json!({ "type": "RollingUpdate" }),
        _ => json!({ "rollingUpdate": parameters }),
    };
    let selector = if random.chance(300) { json!({ "disk": "ssd" }) } else { Value::Null };
    let tolerations = match random.below(6) {
        0 => json!([{ "key": "reserved", "operator": "Exists" }]),
        1 | 2 => json!([{ "key": "level", "operator": "Gt", "value": "5" }]),
        _ => Value::Null,
    };
    json!({
        "updateStrategy": strategy,
        "minReadySeconds": *random.pick(&[0, 0, 4]),
        "revisionHistoryLimit": random.below(3),
        "template": { "spec": { "nodeSelector": selector, "tolerations": tolerations } },
    })
}
