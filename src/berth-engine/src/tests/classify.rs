use std::time::Duration;

use berth_api::request::{Answer, Refusal};
use serde_json::json;

use crate::send::classify::{self, Failure};

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
            Failure::Stale(_) => "stale".to_owned(),
            Failure::Exists(_) => "exists".to_owned(),
            Failure::NamespaceTerminating => "namespace".to_owned(),
            Failure::Rejected(refusal) => {
                assert_eq!(refusal.message, "why", "the API server's own words are kept");
                "rejected".to_owned()
            }
            Failure::Busy { wait: None, .. } => "busy".to_owned(),
            Failure::Busy { wait: Some(wait), .. } => format!("busy for {wait:?}"),
            Failure::Unknown(_) => "unknown".to_owned(),
            Failure::TakenBack => "taken back".to_owned(),
        };
        assert_eq!(class, expected, "{code} {reason}");
    }
    let lost = classify::answer(Answer::Unknown("no answer".to_owned()));
    assert_eq!(lost, Err(Failure::Unknown("no answer".to_owned())), "it may have been done");
}

#[test]
fn only_an_answer_about_the_server_holds_everything() {
    let wait = || json!({ "retryAfterSeconds": 7 });
    let seven = Some(Duration::from_secs(7));
    let budget = json!({ "retryAfterSeconds": 10, "causes": [{ "reason": "DisruptionBudget" }] });
    for (code, message, details, expected) in [
        (429, "Too many requests, please try again later.", wait(), seven),
        (503, "the server is currently unable to handle the request", wait(), seven),
        (429, "slow down", json!({ "retryAfterSeconds": 900 }), Some(Duration::from_secs(60))),
        (429, "Too many requests", json!({}), None),
        (500, "etcdserver: leader changed", wait(), None),
        (429, "Cannot evict pod as it would violate the pod's disruption budget.", budget, None),
        (429, "admission webhook \"limits.example.com\" denied the request: not now", wait(), None),
        (503, "failed calling webhook \"limits.example.com\": no endpoints", wait(), None),
    ] {
        let answer = Refusal { message: message.to_owned(), ..refusal(code, "", details) };
        assert_eq!(classify::server_pause(&answer), expected, "{code} {message}");
    }
}

/// Policies and webhooks answer with the codes of an invalid template too, and say nothing about it.
#[test]
fn only_the_api_server_itself_says_that_a_template_is_invalid() {
    let cause = |field: &str| json!({ "causes": [{ "field": field }] });
    let said = |code, reason, message: &str, details| Refusal {
        message: message.to_owned(),
        ..refusal(code, reason, details)
    };
    let none = || json!({});
    for (expected, refusal) in [
        (true, said(422, "Invalid", "", cause("template.spec.containers[0].image"))),
        (
            true,
            said(
                400,
                "BadRequest",
                "PodTemplate in version \"v1\" cannot be handled as a PodTemplate: json: no",
                none(),
            ),
        ),
        (false, said(422, "Invalid", "", cause("metadata.name"))),
        (false, said(422, "Invalid", "ValidatingAdmissionPolicy 'labels' denied request: no", cause(""))),
        (false, said(422, "Invalid", "", none())),
        (false, said(400, "", "admission webhook \"w\" denied the request without explanation", none())),
        (false, said(400, "BadRequest", "admission webhook \"w\" does not support dry run", none())),
        (false, said(403, "Forbidden", "", cause("template"))),
    ] {
        assert_eq!(classify::is_invalid_template(&refusal), expected, "{refusal:?}");
        assert_eq!(classify::is_denied(&refusal), refusal.message.contains("denied"), "{refusal:?}");
    }
}
