//! The pauses of rejected requests.

use std::time::Duration;

use berth_api::{ObjectRef, Resource};
use serde_json::Value;

use crate::memory::rejections::Rejections;
use crate::plan::{Act, Action, Guard};
use crate::reason::{Reason, Slot};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pod(ordinal: i64) -> ObjectRef {
    ObjectRef::new(Resource::Pods, "ns", format!("web-{ordinal}"))
}

fn create(ordinal: i64) -> Action {
    let why = Reason::Missing { slot: Slot::Ordinal(ordinal), revision: "v1".to_owned() };
    Action { act: Act::Create { object: pod(ordinal), body: Value::Null }, why }
}

fn delete(ordinal: i64) -> Action {
    let guard = Guard { uid: berth_api::Uid("u".to_owned()), resource_version: None };
    let why = Reason::Condemned { slot: Slot::Ordinal(ordinal) };
    Action { act: Act::Delete { object: pod(ordinal), guard }, why }
}

/// How many seconds an action by itself is held.
fn held(rejections: &Rejections, action: &Action, now: Duration) -> Option<u64> {
    rejections.back_off(action, std::slice::from_ref(action), now).map(|(delay, _)| delay.as_secs())
}

#[test]
fn each_request_has_a_pause_that_doubles() {
    let (mut rejections, mut now, mut pauses) = (Rejections::default(), at(100), vec![]);
    for _ in 0..12 {
        rejections.record(&delete(0), "no", None, true, now);
        let pause = held(&rejections, &delete(0), now).unwrap();
        pauses.push(pause);
        now += at(pause);
        assert_eq!(held(&rejections, &delete(0), now), None, "then it is tried");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert_eq!(held(&rejections, &delete(1), now), None, "that of another object is not held");
    rejections.record(&delete(1), "no", None, true, now);
    assert_eq!(held(&rejections, &delete(1), now), Some(1), "it has a pause of its own");
    rejections.clear(&delete(0));
    assert!(rejections.of(&delete(0).act).is_none() && rejections.of(&delete(1).act).is_some());
    rejections.record(&delete(0), "slow down", Some(at(7)), false, now);
    assert_eq!(held(&rejections, &delete(0), now), Some(7), "at least as long as the API server asks for");
    assert!(!rejections.of(&delete(0).act).unwrap().reported, "the last answer counts");
}

/// A quota of pods alone: the claim of the next one is made, which says nothing about pods.
#[test]
fn a_claim_that_is_made_does_not_end_the_pause_of_pods() {
    let mut rejections = Rejections::default();
    rejections.record(&create(0), "quota", None, true, at(100));
    let why = Reason::ClaimNeeded { pod: "web-1".to_owned() };
    let object = ObjectRef::new(Resource::Claims, "ns", "data-web-1");
    rejections.clear(&Action { act: Act::Create { object, body: Value::Null }, why });
    assert_eq!(held(&rejections, &create(2), at(100)), Some(1));
    rejections.clear(&create(1));
    assert_eq!(held(&rejections, &create(2), at(100)), None);
}

#[test]
fn two_rejected_requests_do_not_take_turns() {
    let (mut rejections, mut sent) = (Rejections::default(), 0);
    for millisecond in 0..10_000 {
        let now = Duration::from_millis(millisecond);
        for action in [delete(0), delete(1)] {
            if held(&rejections, &action, now).is_none() {
                rejections.record(&action, "no", None, true, now);
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 2 * 4, "at 0, 1, 3 and 7 s each");
}

#[test]
fn a_rejected_creation_holds_the_others_but_not_a_new_gap() {
    let mut rejections = Rejections::default();
    // A batch: its answers count once.
    for ordinal in 4..8 {
        rejections.record(&create(ordinal), "exceeded quota", None, true, at(10));
    }
    assert_eq!(held(&rejections, &create(8), at(10)), Some(1), "most likely it would be rejected too");
    assert_eq!(held(&rejections, &delete(4), at(10)), None, "a deletion is another request");
    rejections.record(&create(8), "exceeded quota", None, true, at(11));
    assert_eq!(held(&rejections, &create(9), at(11)), Some(1), "each has one try");
    rejections.record(&create(4), "exceeded quota", None, true, at(12));
    assert_eq!(held(&rejections, &create(9), at(12)), Some(2), "then ever more rarely");
    let at = |seconds: u64| at(seconds + 1);
    rejections.vacate(Slot::Ordinal(1));
    assert_eq!(held(&rejections, &create(1), at(11)), None, "a pod that is lost comes back at once");
    rejections.record(&create(1), "exceeded quota", None, true, at(11));
    assert_eq!(held(&rejections, &create(1), at(11)), Some(1), "once");
    rejections.vacate(Slot::Ordinal(2));
    rejections.clear(&create(2));
    assert_eq!(held(&rejections, &create(9), at(11)), None, "there is room again");
    assert_eq!(held(&rejections, &create(4), at(11)), Some(2), "what was rejected keeps its pause");
    rejections.retry_now();
    assert_eq!(held(&rejections, &create(4), at(11)), None, "a changed spec may be the cure");
    assert!(rejections.of(&create(4).act).is_some_and(|known| known.reported), "until it is tried it stands");
}

#[test]
fn a_read_without_an_answer_is_repeated_after_a_pause() {
    let read = Action { act: Act::ConfirmAbsent { object: pod(0) }, why: Reason::NameUnseen };
    let mut rejections = Rejections::default();
    rejections.postpone(&read, "no answer within 30 s", at(10));
    assert_eq!(held(&rejections, &read, at(10)), Some(1));
    assert!(!rejections.of(&read.act).unwrap().reported);
    rejections.record(&read, "forbidden", None, true, at(20));
    rejections.postpone(&read, "no answer within 30 s", at(50));
    assert!(rejections.of(&read.act).unwrap().reported, "what was answered last stands");
}

#[test]
fn a_pause_is_of_an_incarnation() {
    let mut rejections = Rejections::default();
    rejections.record(&delete(0), "no", None, true, at(10));
    let mut next = delete(0);
    if let Act::Delete { guard, .. } = &mut next.act {
        guard.uid = berth_api::Uid("another".to_owned());
    }
    assert_eq!(held(&rejections, &next, at(10)), None, "nothing was rejected about this one");
}

#[test]
fn a_replica_that_is_tried_at_once_leaves_the_others_their_pause() {
    let mut rejections = Rejections::default();
    for seconds in [0, 2, 4, 8] {
        rejections.record(&create(4), "no", None, true, at(100 + seconds));
    }
    let before = held(&rejections, &create(5), at(109));
    for ordinal in 6..9 {
        rejections.vacate(Slot::Ordinal(ordinal));
        rejections.record(&create(ordinal), "no", None, true, at(109));
    }
    assert_eq!(held(&rejections, &create(5), at(109)), before);
}

/// A namespace that ends refuses each of them, and so does an API server that is unwell.
#[test]
fn a_lost_replica_waits_where_the_api_server_does_nothing() {
    let mut rejections = Rejections::default();
    rejections.record(&create(4), "", Some(at(30)), false, at(100));
    rejections.vacate(Slot::Ordinal(5));
    assert_eq!(held(&rejections, &create(5), at(101)), Some(29));
}

#[test]
fn what_was_not_tried_again_is_not_forgotten_by_the_next_rejection() {
    let mut rejections = Rejections::default();
    rejections.record(&delete(0), "no", None, true, at(5000));
    rejections.retry_now();
    rejections.record(&delete(1), "no", None, true, at(5001));
    assert!(rejections.of(&delete(0).act).is_some(), "until it is tried it stands");
    rejections.record(&delete(1), "no", None, true, at(6900));
    assert!(rejections.of(&delete(0).act).is_none(), "half an hour later it says nothing any more");
}

/// The same request meets the same state again and again: it is no conflict.
#[test]
fn a_conflict_with_nothing_newer_is_a_rejection() {
    let patch = |version: &str| {
        let guard = Guard {
            uid: berth_api::Uid("u".to_owned()),
            resource_version: Some(berth_api::ResourceVersion(version.to_owned())),
        };
        Action {
            act: Act::Patch { object: pod(0), guard, body: Value::Null, status: false },
            why: Reason::Orphan,
        }
    };
    let mut rejections = Rejections::default();
    for version in ["1", "2", "3", "4", "4"] {
        rejections.conflict(&patch(version), "it was modified", at(10));
        assert_eq!(held(&rejections, &patch(version), at(10)), None, "a newer view is tried at once");
    }
    rejections.conflict(&patch("4"), "it was modified", at(10));
    assert_eq!(held(&rejections, &patch("4"), at(10)), Some(1));
    assert!(!rejections.of(&patch("4").act).unwrap().reported, "a conflict is no news about the set");
    rejections.conflict(&patch("4"), "it was modified", at(11));
    assert_eq!(held(&rejections, &patch("4"), at(11)), Some(2));
    rejections.clear(&patch("4"));
    rejections.conflict(&patch("4"), "it was modified", at(20));
    assert_eq!(held(&rejections, &patch("4"), at(20)), None);
}

#[test]
fn a_busy_api_server_says_nothing_about_what_is_taken_back() {
    let mut rejections = Rejections::default();
    rejections.take_back(&delete(0), "taken back", at(10));
    rejections.record(&delete(0), "busy", None, false, at(20));
    assert!(rejections.of(&delete(0).act).unwrap().taken_back);
    rejections.record(&delete(0), "no", None, true, at(30));
    assert!(!rejections.of(&delete(0).act).unwrap().taken_back);
}

/// One 503 among the answers of a quota.
#[test]
fn a_lost_replica_is_tried_at_once_though_the_api_server_was_busy() {
    let mut rejections = Rejections::default();
    for (n, seconds) in [0, 2, 4, 8, 16, 32].into_iter().enumerate() {
        rejections.record(&create(4), "exceeded quota", None, n < 5, at(100 + seconds));
    }
    rejections.vacate(Slot::Ordinal(2));
    assert_eq!(held(&rejections, &create(2), at(133)), None);
}

/// What was not done five seconds later is not done.
#[test]
fn a_request_that_a_busy_api_server_does_not_do_holds_no_budget_for_long() {
    let mut rejections = Rejections::default();
    for seconds in [0, 2, 4, 8, 16] {
        rejections.record(&delete(0), "timed out", None, false, at(100 + seconds));
    }
    let unit = [delete(0)];
    assert!(!rejections.is_refused(&unit, at(117)) && rejections.is_refused(&unit, at(122)));
}
