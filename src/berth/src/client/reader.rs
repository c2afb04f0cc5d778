//! Looks at a live cluster by plain lists, for commands that run once: the same objects, read the same way, as the operator
//! sees them in its caches.

use berth_api::request::{Answer, Refusal, Request};
use berth_api::{ObjectRef, Resource};
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

use super::transport;
use crate::client::list_watch;

/// Objects a page.
const PAGE: u32 = 500;

/// Why something could not be read or asked.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The API server refused.
    #[error("{what}: {}", .refusal.message)]
    Refused {
        /// What was attempted.
        what: String,
        /// What it said.
        refusal: Refusal,
    },
    /// No answer came, or none that could be read.
    #[error("{what}: {message}")]
    Unknown {
        /// What was attempted.
        what: String,
        /// What went wrong.
        message: String,
    },
}

impl LookError {
    /// The HTTP status code of a refusal; 0 when no answer came.
    pub fn code(&self) -> u16 {
        self.refusal().map_or(0, |refusal| refusal.code)
    }

    /// What the API server said when it refused; `None` when no answer came.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            LookError::Refused { refusal, .. } => Some(refusal),
            LookError::Unknown { .. } => None,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    metadata: Value,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

/// All objects of a collection, each with its `apiVersion` and `kind`, and the version of the list. `query` is further
/// parameters of the URL, such as a field selector, already escaped.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn list(
    client: &Client,
    resource: Resource,
    namespace: &str,
    query: &str,
) -> Result<(Vec<Value>, String), LookError> {
    let what = || format!("list {resource}");
    let (mut all, mut token) = (vec![], String::new());
    loop {
        let mut uri = format!("{}?limit={PAGE}{query}", resource.path(namespace));
        if !token.is_empty() {
            uri = format!("{uri}&continue={}", list_watch::percent_encode(&token));
        }
        let value = get(client, &uri, &what()).await?;
        let page: Page = serde_json::from_value(value)
            .map_err(|e| LookError::Unknown { what: what(), message: e.to_string() })?;
        for mut item in page.items.unwrap_or_default() {
            item["apiVersion"] = Value::from(resource.api_version());
            item["kind"] = Value::from(resource.kind());
            all.push(item);
        }
        token = page.metadata["continue"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            let version = page.metadata["resourceVersion"].as_str().unwrap_or_default().to_owned();
            return Ok((all, version));
        }
    }
}

/// One object; `None` when there is none.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn read(client: &Client, object: &ObjectRef) -> Result<Option<Value>, LookError> {
    match ask(client, &Request::get(object.clone()), &format!("read {object}")).await {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a request of the engine's kind; `what` says what is attempted.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn ask(client: &Client, request: &Request, what: &str) -> Result<Value, LookError> {
    answer(transport::send(client, request, transport::TIMEOUT).await, what)
}

/// Sends any request.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn send(client: &Client, request: http::Request<Vec<u8>>, what: &str) -> Result<Value, LookError> {
    let sent = tokio::time::timeout(transport::TIMEOUT, client.request_text(request)).await;
    let answered = match sent {
        Ok(Ok(text)) => match serde_json::from_str(&text) {
            Ok(value) => Answer::Done(value),
            Err(error) => Answer::Unknown(format!("the answer is no JSON: {error}")),
        },
        Ok(Err(error)) => transport::failure(error),
        Err(_) => Answer::Unknown(format!("no answer within {} s", transport::TIMEOUT.as_secs())),
    };
    answer(answered, what)
}

async fn get(client: &Client, uri: &str, what: &str) -> Result<Value, LookError> {
    let request = http::Request::get(uri).header(http::header::ACCEPT, "application/json").body(vec![]);
    let request =
        request.map_err(|e| LookError::Unknown { what: what.to_owned(), message: e.to_string() })?;
    send(client, request, what).await
}

fn answer(answer: Answer, what: &str) -> Result<Value, LookError> {
    let what = what.to_owned();
    match answer {
        Answer::Done(value) => Ok(value),
        Answer::Refused(refusal) => Err(LookError::Refused { what, refusal }),
        Answer::Unknown(message) => Err(LookError::Unknown { what, message }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::stub;

    #[tokio::test]
    async fn a_list_is_read_to_its_last_page() {
        let address = stub::serve(|seen| {
            let last = seen.line.contains("&continue=a%2Fb%3D");
            let (name, token) = if last { ("two", "") } else { ("one", "a/b=") };
            let page = json!({
                "metadata": { "resourceVersion": "5", "continue": token },
                "items": [{ "metadata": { "name": name } }],
            });
            Some(stub::answer("200 OK", &page.to_string()))
        })
        .await;
        let (all, version) = list(&stub::client(address), Resource::Pods, "ns", "").await.unwrap();
        let names: Vec<_> = all.iter().filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
        assert_eq!((names, version.as_str()), (vec!["one", "two"], "5"));
    }
}
