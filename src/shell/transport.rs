//! Carries requests to the API server and answers back.

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use kube::Client;
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
    match tokio::time::timeout(TIMEOUT, client.request_text(http)).await {
        Ok(Ok(text)) => match serde_json::from_str::<Value>(&text) {
            Ok(value) => Answer::Done(value),
            Err(error) => Answer::Unknown(format!("the answer is no JSON: {error}")),
        },
        Ok(Err(error)) => failure(error),
        Err(_) => Answer::Unknown(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
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
