//! Pods that have ended are replaced, ever more slowly (S16).

use std::time::Duration;

use berth_api::OrdinalSet;
use serde_json::{Value, json};

use super::surface::{BOTH, on};
use super::{observe, ok, plan, v2};
use crate::fixture::{failed, pod, terminating, writes};
use crate::memory::Memory;
use crate::reason::{Slot, Waiting};

const SLOT: Slot = Slot::Ordinal(0);

/// 1 s, doubled each time, up to 15 minutes; half an hour without a failure forgets it.
#[test]
fn the_pause_doubles_to_fifteen_minutes_and_is_forgotten_after_thirty() {
    let mut memory = Memory::default();
    let mut now = Duration::from_secs(1000);
    let pause =
        |memory: &Memory, now: Duration| memory.failed_pod_backoff(&SLOT, now).map_or(0, |d| d.as_secs());
    assert_eq!(pause(&memory, now), 0, "the first goes at once");
    let mut pauses = vec![];
    for _ in 0..12 {
        memory.record_failed_pod(SLOT, now);
        let next = pause(&memory, now);
        pauses.push(next);
        assert_eq!(
            pause(&memory, now + Duration::from_millis(next * 1000 - 1)),
            0,
            "less than a second is left"
        );
        assert!(memory.failed_pod_backoff(&SLOT, now + Duration::from_millis(next * 1000 - 1)).is_some());
        now += Duration::from_secs(next);
        assert_eq!(memory.failed_pod_backoff(&SLOT, now), None);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert_eq!(memory.failed_pod_backoff(&Slot::Ordinal(1), now), None, "each ordinal has its own");

    let after = |quiet: u64| {
        let mut memory = memory.clone();
        // `now` is a pause of 900 s after the last replacement.
        let then = now + Duration::from_secs(quiet - 900);
        memory.record_failed_pod(SLOT, then);
        pause(&memory, then)
    };
    assert_eq!(after(1799), 900);
    assert_eq!(after(1800), 1, "forgotten");
}

/// What is held is one ordinal. In order the others wait behind it, as they would for any pod.
#[test]
fn a_pause_holds_one_ordinal() {
    let pods = [(0, "v1", failed()), (1, "v1", failed()), (2, "v1", ok())];
    for surface in BOTH {
        for (policy, held, expected) in [
            ("OrderedReady", None, &["delete Pod web-0"][..]),
            ("OrderedReady", Some(0), &[]),
            ("OrderedReady", Some(1), &["delete Pod web-0"]),
            ("Parallel", None, &["delete Pod web-0", "delete Pod web-1"]),
            ("Parallel", Some(0), &["delete Pod web-1"]),
        ] {
            let mut observation = on(surface, observe(json!({ "podManagementPolicy": policy }), &pods));
            if let Some(ordinal) = held {
                observation.memory.record_failed_pod(Slot::Ordinal(ordinal), observation.now.mono);
            }
            let plan = plan(&observation);
            assert_eq!(writes(&plan), expected, "{policy}, {held:?} is held, on {surface:?}:\n{plan}");
            if expected.is_empty() {
                assert_eq!(plan.recheck_after, Some(Duration::from_secs(1)));
                let named = plan.waiting.iter().any(|w| matches!(w, Waiting::FailedPod { slot: SLOT, .. }));
                assert!(named, "{plan}");
            }
        }
    }
}

/// The pause is for what would come back the same: another template is tried at once.
#[test]
fn a_pod_that_would_come_back_changed_is_not_held() {
    let held = |spec: Value| {
        let mut observation = observe(spec, &[(0, "v1", failed())]);
        observation.memory.record_failed_pod(SLOT, observation.now.mono);
        writes(&plan(&observation))
    };
    assert_eq!(held(json!({})), Vec::<String>::new());
    assert_eq!(held(v2(json!({}))), ["delete Pod web-0"]);
    let parted = json!({ "updateStrategy": { "rollingUpdate": { "partition": 1 } } });
    assert_eq!(held(v2(parted)), Vec::<String>::new(), "below the partition it comes back as it was");
}

#[test]
fn an_ended_pod_is_deleted_once_and_its_successor_waits_until_it_is_gone() {
    let mut gone = failed();
    gone["metadata"] = terminating()["metadata"].clone();
    for surface in BOTH {
        for phase in ["Failed", "Succeeded"] {
            gone["status"]["phase"] = json!(phase);
            let observation = on(surface, observe(json!({}), &[(0, "v1", gone.clone()), (1, "v1", ok())]));
            assert_eq!(writes(&plan(&observation)), Vec::<String>::new(), "{phase} on {surface:?}");
        }
    }
}

/// The revision that two thousand million pods below the partition should be at holds no template.
#[test]
fn a_revision_without_a_template_costs_no_more_than_what_exists() {
    let rolling = json!({ "rollingUpdate": { "partition": 2_000_000_000 } });
    let spec =
        json!({ "replicas": 2_000_000_000, "podManagementPolicy": "Parallel", "updateStrategy": rolling });
    let mut observation = super::observe(super::v2(spec), &[]);
    let mut empty = (*observation.revisions[0]).clone();
    empty.data = json!({}).into();
    observation.revisions[0] = std::sync::Arc::new(empty);
    let plan = super::plan(&observation);
    let invalid = plan.waiting.iter().filter(|w| matches!(w, Waiting::Invalid { .. })).count();
    assert_eq!(invalid, 1, "{plan}");

    // Those from the partition on are made.
    let rolling = json!({ "rollingUpdate": { "partition": 600 } });
    let spec = json!({ "replicas": 1000, "podManagementPolicy": "Parallel", "updateStrategy": rolling });
    let mut observation = super::observe(super::v2(spec), &[]);
    let mut empty = (*observation.revisions[0]).clone();
    empty.data = json!({}).into();
    observation.revisions[0] = std::sync::Arc::new(empty);
    let plan = super::plan(&observation);
    assert_eq!(writes(&plan).len(), 400, "{plan}");

    // And those that are there below it are looked after.
    observation.pods = vec![pod::<OrdinalSet>("web-300", "v1", failed())];
    let plan = super::plan(&observation);
    assert!(writes(&plan).contains(&"delete Pod web-300".to_owned()), "{plan}");
}
