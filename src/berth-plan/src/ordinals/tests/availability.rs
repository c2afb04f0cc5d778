//! `minReadySeconds`: who waits for them, and when the set is looked at again (A6.1 step 6, A9.7, A2.8).

use std::time::Duration;

use serde_json::{Value, json};

use super::surface::{BOTH, check_both, on};
use super::{observe, ok, plan, v2};
use crate::fixture::{self, writes};

/// Ready, for so many seconds.
fn ready_for(seconds: i64) -> Value {
    json!({ "status": { "conditions": [{
        "type": "Ready", "status": "True", "lastTransitionTime": fixture::ago(seconds) }] } })
}

fn spec(policy: &str, replicas: i64) -> Value {
    json!({ "minReadySeconds": 30, "podManagementPolicy": policy, "replicas": replicas })
}

#[test]
fn in_order_the_next_pod_waits_until_the_one_before_is_available() {
    for (seconds, expected) in
        [(0, &[][..]), (29, &[]), (30, &["create Pod web-1"]), (60, &["create Pod web-1"])]
    {
        let pods = [(0, "v1", ready_for(seconds))];
        check_both(&format!("{seconds} s"), &spec("OrderedReady", 2), &pods, (expected, expected));
        let at_once: &[&str] = &["create Pod web-1"];
        check_both(&format!("{seconds} s, in parallel"), &spec("Parallel", 2), &pods, (at_once, at_once));
    }
}

#[test]
fn in_order_a_condemned_pod_waits_until_those_below_are_available() {
    let of = |low: i64, high: i64| [(0, "v1", ready_for(low)), (1, "v1", ready_for(high))];
    let gone: &[&str] = &["delete Pod web-1"];
    check_both("both available", &spec("OrderedReady", 1), &of(60, 60), (gone, gone));
    check_both("the lower one is young", &spec("OrderedReady", 1), &of(5, 60), (&[], &[]));
    // It is the lowest that is not available: nothing below it is endangered.
    check_both("itself young", &spec("OrderedReady", 1), &of(60, 5), (gone, gone));
    check_both("in parallel", &spec("Parallel", 1), &of(5, 5), (gone, gone));
}

#[test]
fn a_rollout_waits_until_what_it_has_replaced_is_available() {
    for policy in ["OrderedReady", "Parallel"] {
        let spec = v2(spec(policy, 2));
        let next: &[&str] = &["delete Pod web-0"];
        for (seconds, expected) in [(10, &[][..]), (30, next)] {
            let pods = [(0, "v1", ready_for(600)), (1, "v2", ready_for(seconds))];
            check_both(&format!("{policy}, {seconds} s"), &spec, &pods, (expected, expected));
        }
    }
}

#[test]
fn the_set_is_looked_at_again_when_the_first_pod_becomes_available() {
    for surface in BOTH {
        let again = |pods: &[(i64, &str, Value)]| {
            let plan = plan(&on(surface, observe(spec("Parallel", 3), pods)));
            (writes(&plan).len(), plan.recheck_after)
        };
        let young = |n: i64, seconds: i64| (n, "v1", ready_for(seconds));
        assert_eq!(again(&[young(0, 20), young(1, 25), young(2, 1)]), (0, Some(Duration::from_secs(5))));
        assert_eq!(again(&[young(0, 60), young(1, 60), young(2, 60)]), (0, None), "all are available");
        let unready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } });
        assert_eq!(
            again(&[young(0, 60), young(1, 60), (2, "v1", unready)]),
            (0, None),
            "time does not help it"
        );
    }
}

#[test]
fn the_seconds_are_those_of_the_present_spec() {
    let pods = [(0, "v1", ready_for(40)), (1, "v1", ready_for(40))];
    for (seconds, available) in [(30, 2), (3600, 0), (0, 2)] {
        let mut set = spec("Parallel", 2);
        set["minReadySeconds"] = json!(seconds);
        let plan = plan(&observe(set, &pods));
        let changes = plan.status().cloned().unwrap_or_default();
        let said = changes["availableReplicas"].as_i64().unwrap_or_default();
        assert_eq!(said, available, "{seconds} s");
    }
}

#[test]
fn on_delete_does_not_wait_for_what_it_does_not_do() {
    let on_delete = |mut spec: Value| {
        spec["updateStrategy"] = json!({ "type": "OnDelete", "rollingUpdate": null });
        v2(spec)
    };
    let pods = [(0, "v1", ready_for(5)), (1, "v1", ok())];
    check_both("nothing", &on_delete(spec("OrderedReady", 2)), &pods, (&[], &[]));
}

#[test]
fn a_clock_that_was_set_back_delays_nothing_for_longer_than_min_ready_seconds() {
    let plan = plan(&observe(spec("OrderedReady", 2), &[(0, "v1", ready_for(-3600))]));
    assert_eq!(plan.recheck_after, Some(Duration::from_secs(30)), "it may be set right at any time: {plan}");
}
