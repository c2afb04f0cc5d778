//! What happens in each workload.

use std::collections::BTreeSet;
use std::time::Duration;

use berth_api::{Kind, Surface};
use berth_plan::feature_gates::Gates;
use berth_sim::schedule::{Drawn, Schedule, Step};
use berth_sim::world::Weather;
use serde_json::{Value, json};

/// A workload: the sets settle between steps.
fn workload(surface: Surface, kind: Kind, spec: Value, steps: &[Step]) -> Schedule {
    Schedule {
        seed: 1,
        sets: vec![Drawn::usual(kind, surface, spec)],
        gates: Gates { recreate: true, ..Gates::default() },
        limits: None,
        lease: None,
        namesakes: false,
        weather: Weather::calm(),
        nodes: 3,
        operators: 1,
        elects: false,
        disturbed: false,
        patient: true,
        steps: steps.iter().map(|step| (Duration::ZERO, step.clone())).collect(),
        muted: BTreeSet::new(),
        fate: None,
        delivery: None,
        listing: None,
    }
}

/// The same with two operators that elect a leader.
fn elected(workload: Schedule) -> Schedule {
    Schedule { operators: 2, elects: true, ..workload }
}

/// An ordinal set of `replicas` with a claim each.
fn claims(replicas: u64, more: Value) -> Value {
    let mut spec = json!({
        "replicas": replicas,
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
    });
    berth_sim::api_server::object::merge(&mut spec, &more);
    spec
}

/// All of them, with their names.
pub fn all() -> Vec<(&'static str, Schedule)> {
    use Step::{Crash, Disown, Evict, Image, Join, Kill, Leave, Partition, Replace, Retention, Scale, Taint};
    let update = Image(0, "app:2");
    let ordinal = |spec, steps: &[Step]| workload(Surface::Berth, Kind::Ordinal, spec, steps);
    let daemon = |spec, steps: &[Step]| workload(Surface::Berth, Kind::Daemon, spec, steps);
    let native = |kind, spec, steps: &[Step]| workload(Surface::Apps, kind, spec, steps);
    let go = json!({ "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete", "whenScaled": "Delete" } });
    let parallel = json!({ "replicas": 3, "podManagementPolicy": "Parallel" });
    let rolling = |parameters: Value| json!({ "updateStrategy": { "rollingUpdate": parameters } });
    let by_hand = json!({ "updateStrategy": { "type": "OnDelete" } });
    vec![
        (
            "ordered, claims go, update, scale down",
            ordinal(claims(3, go.clone()), &[update.clone(), Scale(1)]),
        ),
        (
            "ordered, claims stay, update, scale up",
            ordinal(claims(2, json!({})), &[update.clone(), Scale(4)]),
        ),
        ("ordered, scale down and up again", ordinal(claims(3, go.clone()), &[Scale(1), Scale(3)])),
        ("parallel, update, scale up", ordinal(parallel.clone(), &[update.clone(), Scale(4)])),
        (
            "parallel, two may be unavailable",
            ordinal(
                claims(
                    4,
                    json!({ "podManagementPolicy": "Parallel", "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } } }),
                ),
                std::slice::from_ref(&update),
            ),
        ),
        (
            "ordered, half may be unavailable",
            ordinal(claims(4, rolling(json!({ "maxUnavailable": "50%" }))), std::slice::from_ref(&update)),
        ),
        (
            "a partition that is lifted",
            ordinal(claims(3, rolling(json!({ "partition": 2 }))), &[update.clone(), Partition(0)]),
        ),
        (
            "ordinals from 2 on",
            ordinal(claims(3, json!({ "ordinals": { "start": 2 } })), &[update.clone(), Scale(1)]),
        ),
        ("update by hand", ordinal(claims(2, by_hand.clone()), &[update.clone(), Kill(0), Kill(1)])),
        (
            "a rolling update without parameters",
            ordinal(
                claims(3, json!({ "updateStrategy": { "type": "RollingUpdate" } })),
                std::slice::from_ref(&update),
            ),
        ),
        (
            "ready for four seconds",
            ordinal(claims(2, json!({ "minReadySeconds": 4 })), std::slice::from_ref(&update)),
        ),
        ("pods are evicted", ordinal(claims(2, json!({})), &[Evict(1), Evict(0), update.clone()])),
        (
            "there and back",
            ordinal(claims(2, json!({ "revisionHistoryLimit": 1 })), &[update.clone(), Image(0, "app:1")]),
        ),
        ("deleted and made again", ordinal(claims(2, go.clone()), &[Replace(0, "Background")])),
        ("orphaned and made again", ordinal(claims(2, json!({})), &[Replace(0, "Orphan"), update.clone()])),
        (
            "another retention, then deleted",
            ordinal(claims(2, json!({})), &[Retention("whenDeleted", "Delete"), Replace(0, "Foreground")]),
        ),
        ("a pod without its owner", ordinal(claims(2, json!({})), &[Disown(1), update.clone()])),
        (
            "native, ordered, update, scale down",
            native(Kind::Ordinal, claims(3, go.clone()), &[update.clone(), Scale(1)]),
        ),
        (
            "native, recreated",
            native(
                Kind::Ordinal,
                claims(3, json!({ "updateStrategy": { "type": "Recreate" } })),
                std::slice::from_ref(&update),
            ),
        ),
        ("daemons, update", daemon(json!({}), std::slice::from_ref(&update))),
        (
            "daemons, half may be unavailable, evicted",
            daemon(rolling(json!({ "maxUnavailable": "50%" })), &[update.clone(), Evict(1)]),
        ),
        (
            "daemons, surge",
            daemon(rolling(json!({ "maxSurge": 1, "maxUnavailable": 0 })), std::slice::from_ref(&update)),
        ),
        ("daemons, by hand", daemon(by_hand, &[update.clone(), Kill(0)])),
        (
            "daemons, nodes come and go",
            daemon(json!({}), &[Leave(2), Join(2), Taint(1, "NoExecute"), Taint(1, "")]),
        ),
        ("native daemons, update", native(Kind::Daemon, json!({}), std::slice::from_ref(&update))),
        (
            "restarted between an update and a scale down",
            ordinal(claims(3, go.clone()), &[update.clone(), Crash(0), Scale(1)]),
        ),
        (
            "daemons, restarted between two updates",
            daemon(json!({}), &[update.clone(), Crash(0), Image(0, "app:3")]),
        ),
        (
            "daemons, surge, restarted between two updates",
            daemon(
                rolling(json!({ "maxSurge": 1, "maxUnavailable": 0 })),
                &[update.clone(), Crash(0), Image(0, "app:3")],
            ),
        ),
        (
            "two operators, ordered, claims go",
            elected(ordinal(claims(3, go.clone()), &[update.clone(), Scale(1)])),
        ),
        (
            "two operators, parallel, two may be unavailable",
            elected(ordinal(
                json!({ "replicas": 4, "podManagementPolicy": "Parallel", "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } } }),
                std::slice::from_ref(&update),
            )),
        ),
        ("two operators, daemons", elected(daemon(json!({}), std::slice::from_ref(&update)))),
        (
            "two operators, daemons, surge",
            elected(daemon(rolling(json!({ "maxSurge": 1, "maxUnavailable": 0 })), &[update])),
        ),
    ]
}
