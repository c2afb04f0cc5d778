//! Carries requests to the API server and answers back.

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use crate::core::request::{Answer, Refusal, RefusalCause, RefusalDetails, Request, Verb};

/// How long an answer may take. After that nobody knows whether the request was done.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends one request.
pub async fn send(client: &Client, request: &Request) -> Answer {
    let http = match encode(request) {
        Ok(http) => http,
        Err(error) => {
            return Answer::Refused(Refusal { code: 400, message: error.to_string(), ..Refusal::default() });
        }
    };
    match tokio::time::timeout(TIMEOUT, exchange(client, http)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Unknown(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

async fn exchange(client: &Client, http: http::Request<Vec<u8>>) -> Answer {
    let response = match client.send(http.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => return failure(error),
    };
    let (head, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Answer::Unknown(with_sources(&error)),
    };
    if head.status.is_success() {
        return match serde_json::from_slice::<Value>(&body) {
            Ok(value) => Answer::Done(value),
            Err(error) => Answer::Unknown(format!("the answer is no JSON: {error}")),
        };
    }
    // A busy API server says how long to wait in a header alone, with a body that is no `Status`.
    let retry_after = head.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    Answer::Refused(refused(head.status, &body, retry_after))
}

/// What a refused request was answered.
fn refused(status: http::StatusCode, body: &[u8], retry_after: Option<u32>) -> Refusal {
    let mut refusal = match serde_json::from_slice::<kube::core::Status>(body) {
        Ok(status) => refusal(status),
        Err(_) => Refusal { message: String::from_utf8_lossy(body).trim().to_owned(), ..Refusal::default() },
    };
    refusal.code = status.as_u16();
    if refusal.message.is_empty() {
        refusal.message = status.to_string();
    }
    let seconds = &mut refusal.details.retry_after_seconds;
    *seconds = (*seconds).max(retry_after.unwrap_or(0));
    refusal
}

/// The HTTP request.
fn encode(request: &Request) -> Result<http::Request<Vec<u8>>, http::Error> {
    let object = &request.object;
    let collection = object.resource.path(&object.namespace);
    let (method, named, content_type) = match request.verb {
        Verb::Get => (Method::GET, true, None),
        Verb::Create => (Method::POST, false, Some("application/json")),
        Verb::Patch => (Method::PATCH, true, Some("application/merge-patch+json")),
        Verb::Update => (Method::PUT, true, Some("application/json")),
        Verb::Delete => (Method::DELETE, true, Some("application/json")),
    };
    let mut path = collection;
    if named {
        path = format!("{path}/{}", object.name);
    }
    if request.status {
        path.push_str("/status");
    }
    if matches!(request.verb, Verb::Create | Verb::Patch | Verb::Update) {
        path.push_str("?fieldManager=berth");
        path.push_str(if request.dry_run { "&dryRun=All" } else { "" });
    }
    let mut http = http::Request::builder().method(method).uri(path).header(ACCEPT, "application/json");
    if let Some(content_type) = content_type {
        http = http.header(CONTENT_TYPE, content_type);
    }
    // The bytes of a recorded revision must be those that Go would write, and they are as good for any other body.
    let body =
        if request.verb != Verb::Get { crate::revisions::data::go_bytes(&request.body) } else { vec![] };
    http.body(body)
}

/// What an error of the client says about the request.
pub fn failure(error: kube::Error) -> Answer {
    match error {
        kube::Error::Api(status) => Answer::Refused(refusal(*status)),
        // Nothing was sent.
        kube::Error::Auth(error) => {
            Answer::Refused(Refusal { code: 401, message: error.to_string(), ..Refusal::default() })
        }
        other => Answer::Unknown(with_sources(&other)),
    }
}

/// A `metav1.Status`, as far as it is used.
pub fn refusal(status: kube::core::Status) -> Refusal {
    let cause = |c: kube::core::response::StatusCause| RefusalCause {
        reason: c.reason,
        message: c.message,
        field: c.field,
    };
    let details = status.details.map(|details| RefusalDetails {
        causes: details.causes.into_iter().map(cause).collect(),
        retry_after_seconds: details.retry_after_seconds,
    });
    Refusal {
        code: status.code,
        reason: status.reason,
        message: status.message,
        details: details.unwrap_or_default(),
    }
}

/// An error with everything that led to it, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::refused;

    #[test]
    fn a_refusal_is_read_whatever_its_form() {
        // As priority and fairness words it.
        let busy =
            refused(StatusCode::TOO_MANY_REQUESTS, b"Too many requests, please try again later.\n", Some(7));
        assert_eq!((busy.code, busy.details.retry_after_seconds), (429, 7));
        assert_eq!(busy.message, "Too many requests, please try again later.");
        let body = br#"{"kind":"Status","status":"Failure","reason":"Forbidden","message":"exceeded quota","code":403}"#;
        let quota = refused(StatusCode::FORBIDDEN, body, None);
        assert_eq!(
            (quota.code, quota.reason.as_str(), quota.message.as_str()),
            (403, "Forbidden", "exceeded quota")
        );
        let empty = refused(StatusCode::BAD_GATEWAY, b"", None);
        assert_eq!((empty.code, empty.message.as_str()), (502, "502 Bad Gateway"));
    }
}
