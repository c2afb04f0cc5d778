use std::time::Duration;

use serde_json::json;

use crate::core::classify::{self, Failure};
use crate::core::request::{Answer, Refusal};

fn refusal(code: u16, reason: &str, details: serde_json::Value) -> Refusal {
    serde_json::from_value(json!({ "code": code, "reason": reason, "message": "why", "details": details }))
        .unwrap()
}

#[test]
fn every_refusal_has_a_class() {
    let none = || json!({});
    let ending = json!({ "causes": [{ "reason": "NamespaceTerminating" }] });
    for (code, reason, details, expected) in [
        (409, "Conflict", none(), "stale"),
        (404, "NotFound", none(), "stale"),
        (410, "Expired", none(), "stale"),
        (409, "AlreadyExists", none(), "exists"),
        (403, "Forbidden", ending, "namespace"),
        (403, "Forbidden", none(), "rejected"),
        (400, "BadRequest", none(), "rejected"),
        (401, "Unauthorized", none(), "rejected"),
        (422, "Invalid", none(), "rejected"),
        (429, "TooManyRequests", none(), "busy"),
        (429, "TooManyRequests", json!({ "retryAfterSeconds": 7 }), "busy for 7s"),
        (500, "InternalError", none(), "busy"),
        (503, "ServiceUnavailable", none(), "busy"),
        (504, "Timeout", none(), "unknown"),
    ] {
        let class = match classify::refusal(&refusal(code, reason, details)) {
            Failure::Stale => "stale".to_owned(),
            Failure::Exists => "exists".to_owned(),
            Failure::NamespaceTerminating => "namespace".to_owned(),
            Failure::Rejected(refusal) => {
                assert_eq!(refusal.message, "why", "the API server's own words are kept");
                "rejected".to_owned()
            }
            Failure::Busy { wait: None, .. } => "busy".to_owned(),
            Failure::Busy { wait: Some(wait), .. } => format!("busy for {wait:?}"),
            Failure::Unknown(_) => "unknown".to_owned(),
        };
        assert_eq!(class, expected, "{code} {reason}");
    }
    let lost = classify::answer(Answer::Unknown("no answer".to_owned()));
    assert_eq!(lost, Err(Failure::Unknown("no answer".to_owned())), "it may have been done");
}

#[test]
fn refusals_are_tried_again_ever_more_rarely_and_never_given_up() {
    let mut memory = crate::core::memory::Memory::default();
    let object = crate::api::ObjectRef::new(crate::api::Resource::Pods, "ns", "web-0");
    let mut now = Duration::from_secs(100);
    let mut pauses = vec![];
    for _ in 0..12 {
        let reason = crate::api::status::ConditionReason::FailedCreate;
        memory.refuse(reason, object.clone(), "quota".to_owned(), None, true, now);
        let pause = memory.held(now).unwrap();
        pauses.push(pause.as_secs());
        now += pause;
        assert_eq!(memory.held(now), None, "then it is tried");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    memory.succeed();
    let busy = Some(Duration::from_secs(7));
    let reason = crate::api::status::ConditionReason::FailedCreate;
    memory.refuse(reason, object, "slow down".to_owned(), busy, false, now);
    assert_eq!(memory.held(now), busy, "at least as long as the API server asks for");
    assert!(!memory.refused.unwrap().reported, "a busy API server is no news about the set");
}
