//! Whether the matrix is a product: any two options that can occur together meet often enough to be tried.

use std::collections::BTreeMap;

use berth_api::{Kind, Surface};
use berth_sim::schedule::{Drawn, Schedule, Step};
use berth_sim::world::NAMESPACE;
use serde_json::Value;

/// How many schedules are drawn.
const SCHEDULES: u64 = 10_000;
/// In how many of them each pair meets at least.
const LEAST: u64 = 20;

/// An option, and what was drawn for it.
type Choice = (&'static str, String);

/// What was drawn for a set, and for the world that it is in.
fn choices(schedule: &Schedule, drawn: &Drawn) -> Vec<Choice> {
    let spec = &drawn.spec;
    let strategy = &spec["updateStrategy"];
    let or = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
    let parameters = if strategy["rollingUpdate"].is_object() { "with" } else { "without" };
    let steps = |of: &dyn Fn(&Step) -> bool| schedule.steps.iter().any(|(_, step)| of(step)).to_string();
    let tenure = schedule.lease.map_or(0, |tenure| tenure.duration.as_secs());
    let place = match schedule.sets.as_slice() {
        [_] => "alone",
        [a, b] if a.namespace != b.namespace => "a namesake in another namespace",
        [a, b] if a.surface != b.surface => "one of the other surface",
        _ => "one of the same surface",
    };
    let mut choices = vec![
        ("surface", format!("{:?}", drawn.surface)),
        ("strategy", or(&strategy["type"], "RollingUpdate")),
        ("parameters", parameters.to_owned()),
        ("paused", spec["paused"].to_string()),
        ("deadline", spec["progressDeadlineSeconds"].to_string()),
        ("minReady", spec["minReadySeconds"].to_string()),
        ("history", spec["revisionHistoryLimit"].to_string()),
        ("replaces broken", format!("{:?}", drawn.replaces_broken)),
        ("gate Recreate", schedule.gates.recreate.to_string()),
        ("gate maxUnavailable", schedule.gates.max_unavailable.to_string()),
        ("gate comparison", schedule.gates.comparison.to_string()),
        ("few requests", schedule.limits.is_some().to_string()),
        ("operators", schedule.operators.to_string()),
        ("elects", schedule.elects.to_string()),
        ("lease", tenure.to_string()),
        ("disturbed", schedule.disturbed.to_string()),
        ("patient", schedule.patient.to_string()),
        ("namesakes", schedule.namesakes.to_string()),
        ("beside it", place.to_owned()),
        ("lists of the past", (schedule.weather.past > 0).to_string()),
        ("replaced", steps(&|step| matches!(step, Step::Replace(..)))),
    ];
    choices.extend(match drawn.kind {
        Kind::Ordinal => vec![
            ("policy", or(&spec["podManagementPolicy"], "")),
            ("budget", strategy["rollingUpdate"]["maxUnavailable"].to_string()),
            ("partition", strategy["rollingUpdate"]["partition"].to_string()),
            ("whenDeleted", spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"].to_string()),
            ("whenScaled", spec["persistentVolumeClaimRetentionPolicy"]["whenScaled"].to_string()),
            ("claims", spec["volumeClaimTemplates"].as_array().map_or(0, Vec::len).to_string()),
            ("start", spec["ordinals"]["start"].to_string()),
            ("replicas", spec["replicas"].to_string()),
        ],
        Kind::Daemon => vec![
            ("surge", strategy["rollingUpdate"]["maxSurge"].to_string()),
            ("budget", strategy["rollingUpdate"]["maxUnavailable"].to_string()),
            ("selector", spec["template"]["spec"]["nodeSelector"].to_string()),
            ("tolerations", spec["template"]["spec"]["tolerations"][0]["key"].to_string()),
        ],
    });
    choices
}

/// Whether two choices exclude each other, and why there is no such set or no such world.
fn excluded(kind: Kind, a: &Choice, b: &Choice) -> bool {
    let is = |what: &str, value: &str| {
        [a, b].into_iter().any(|(name, chosen)| *name == what && (value == "*" || chosen == value))
    };
    let not =
        |what: &str, value: &str| [a, b].into_iter().any(|(name, chosen)| *name == what && chosen != value);
    // Native objects have no such fields.
    is("surface", "Apps") && (is("paused", "true") || is("deadline", "30"))
        // Only rolling updates of ordinal sets take parameters, and only daemons may keep them beside OnDelete.
        || kind == Kind::Ordinal && is("parameters", "with") && not("strategy", "RollingUpdate")
        || is("parameters", "without") && (not("budget", "null") || not("partition", "null") || not("surge", "null"))
        || is("parameters", "with") && (is("budget", "null") || is("partition", "null"))
        || kind == Kind::Ordinal && not("strategy", "RollingUpdate") && (not("budget", "null") || not("partition", "null"))
        || is("budget", "null") && not("partition", "null")
        || is("partition", "null") && not("budget", "null")
        // A surge is instead of a budget.
        || kind == Kind::Daemon && (is("budget", "0") && is("surge", "null") || not("budget", "0") && not("surge", "null"))
        // Who elects nobody holds no lease, and elections are among several.
        || is("elects", "false") && not("lease", "0")
        || is("operators", "1") && (is("elects", "true") || not("lease", "0"))
        || is("operators", "3") && is("elects", "false")
        // A patient schedule has one operator, no disturbance, no past, and nothing that depends on when it happens.
        || is("patient", "true")
            && (not("operators", "1") || is("elects", "true") || not("lease", "0") || is("disturbed", "true")
                || is("lists of the past", "true") || is("replaced", "true") || is("paused", "true")
                || kind == Kind::Ordinal && is("strategy", "Recreate") && is("gate Recreate", "false"))
        // They are among what disturbs.
        || is("namesakes", "true") && (is("patient", "true") || is("disturbed", "false"))
}

#[test]
fn any_two_options_meet_in_twenty_of_10_000_schedules() {
    let mut pairs: BTreeMap<(bool, Choice, Choice), u64> = BTreeMap::new();
    let mut values: BTreeMap<(bool, &'static str), Vec<String>> = BTreeMap::new();
    for seed in 0..SCHEDULES {
        let schedule = Schedule::draw(seed);
        let mut met: Vec<(bool, Choice, Choice)> = vec![];
        for drawn in &schedule.sets {
            let ordinal = drawn.kind == Kind::Ordinal;
            let choices = choices(&schedule, drawn);
            for (at, a) in choices.iter().enumerate() {
                let known = values.entry((ordinal, a.0)).or_default();
                if !known.contains(&a.1) {
                    known.push(a.1.clone());
                }
                met.extend(choices[at + 1..].iter().map(|b| (ordinal, a.clone(), b.clone())));
            }
        }
        met.sort();
        met.dedup();
        met.into_iter().for_each(|pair| *pairs.entry(pair).or_default() += 1);
    }
    let mut wrong = vec![];
    for ((ordinal, a), all) in &values {
        assert!(all.len() > 1, "{a} is always {all:?}");
        for ((_, b), others) in values.iter().filter(|((other, b), _)| other == ordinal && b != a) {
            for (x, y) in all.iter().flat_map(|x| others.iter().map(move |y| (x, y))) {
                let (first, second) = ((*a, x.clone()), (*b, y.clone()));
                let count = |a: &Choice, b: &Choice| pairs.get(&(*ordinal, a.clone(), b.clone())).copied();
                let met = count(&first, &second).or_else(|| count(&second, &first)).unwrap_or(0);
                let kind = if *ordinal { Kind::Ordinal } else { Kind::Daemon };
                let excluded = excluded(kind, &first, &second);
                if excluded && met > 0 || !excluded && met < LEAST {
                    wrong.push(format!("{kind:?} {first:?} and {second:?} met {met} times ({excluded})"));
                }
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sets_of_one_name_are_drawn_in_two_namespaces() {
    let is_of = |schedule: &Schedule, surface: Surface| {
        let mut sets = schedule.sets.iter().filter(|drawn| drawn.surface == surface);
        let apart = schedule.sets.iter().any(|drawn| drawn.namespace != NAMESPACE);
        apart && sets.next().is_some()
    };
    for surface in [Surface::Berth, Surface::Apps] {
        assert!((0..1_000).any(|seed| is_of(&Schedule::draw(seed), surface)), "{surface:?}");
    }
}
