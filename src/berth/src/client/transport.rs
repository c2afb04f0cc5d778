//! Carries requests to the API server and answers back.

use std::time::Duration;

use berth_api::request::{Answer, Refusal, RefusalCause, RefusalDetails, Request, Verb};
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

/// How long an answer may take. After that it is not known whether the request was done.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer that is not the API server's own is repeated, in characters.
const REPEATED: usize = 200;
/// The reason that kube gives to a refusal that is no `metav1.Status`.
const NO_STATUS: &str = "Failed to parse error data";

/// Sends one request. An answer that has not come in whole within `timeout` is [`Answer::Unknown`].
pub async fn send(client: &Client, request: &Request, timeout: Duration) -> Answer {
    let http = match encode(request) {
        Ok(http) => http,
        Err(error) => {
            return Answer::Refused(Refusal { code: 400, message: error.to_string(), ..Refusal::default() });
        }
    };
    match tokio::time::timeout(timeout, exchange(client, http)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Unknown(format!("no answer within {} s", timeout.as_secs_f64())),
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
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
    let json = text(CONTENT_TYPE).is_some_and(|type_| type_.starts_with("application/json"));
    refused(head.status, &body, json, retry_after)
}

/// What a refused request was answered. Only the API server knows that nothing was done: a proxy or a load balancer that says 502
/// may have handed the request on before it lost sight of it.
fn refused(code: http::StatusCode, body: &[u8], json: bool, retry_after: Option<u32>) -> Answer {
    let said = serde_json::from_slice::<Value>(body);
    let status = said.as_ref().ok().filter(|said| said["kind"] == "Status");
    let status = status.and_then(|said| kube::core::Status::deserialize(said).ok());
    let mut refusal = match status {
        Some(status) => refusal(status),
        None if json && said.is_err() => {
            return Answer::Unknown(format!("{code}, and the answer breaks off"));
        }
        None => {
            let message = foreign(code.as_u16(), &String::from_utf8_lossy(body));
            if is_of_a_proxy(code.as_u16(), retry_after) {
                return Answer::Unknown(message);
            }
            Refusal { message, ..Refusal::default() }
        }
    };
    refusal.code = code.as_u16();
    if refusal.message.is_empty() {
        refusal.message = code.to_string();
    }
    let seconds = &mut refusal.details.retry_after_seconds;
    *seconds = (*seconds).max(retry_after.unwrap_or(0));
    Answer::Refused(refusal)
}

/// Whether an answer that is no `Status` leaves it open what became of the request. Who says when to try again has not begun.
fn is_of_a_proxy(code: u16, retry_after: Option<u32>) -> bool {
    code >= 500 && retry_after.is_none()
}

/// An answer that is no `Status`, in one line: the title of a page, or the beginning of a text.
fn foreign(code: u16, text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|from| Some(&text[from..from + lower[from..].find("</title>")?]));
    let line = title.unwrap_or(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut message: String = line.chars().take(REPEATED).collect();
    if message.len() < line.len() {
        message.push_str("...");
    }
    let name = http::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |code| code.to_string());
    match message.as_str() {
        "" => name,
        // As priority and fairness words it.
        _ if code == 429 => message,
        _ if name.contains(&message) => format!("{name} (not from the API server)"),
        _ => format!("{name}: {message}"),
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
    let managed = matches!(request.verb, Verb::Create | Verb::Patch | Verb::Update);
    let dry = request.dry_run && request.verb != Verb::Get;
    let parameters = [managed.then_some("fieldManager=berth"), dry.then_some("dryRun=All")];
    let query = parameters.into_iter().flatten().collect::<Vec<_>>().join("&");
    if !query.is_empty() {
        path = format!("{path}?{query}");
    }
    let mut http = http::Request::builder().method(method).uri(path).header(ACCEPT, "application/json");
    if let Some(content_type) = content_type {
        http = http.header(CONTENT_TYPE, content_type);
    }
    // The bytes of a recorded revision must be those that Go would write, and they are as good for any other body.
    let body = if request.verb != Verb::Get { berth_api::json::go_bytes(&request.body) } else { vec![] };
    http.body(body)
}

/// What an error of the client says about the request.
pub fn failure(error: kube::Error) -> Answer {
    match error {
        kube::Error::Api(status) if status.reason == NO_STATUS => {
            let message = foreign(status.code, &status.message);
            if is_of_a_proxy(status.code, None) {
                return Answer::Unknown(message);
            }
            Answer::Refused(Refusal { code: status.code, message, ..Refusal::default() })
        }
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
mod tests;
