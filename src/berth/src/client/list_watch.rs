//! Carries lists and watches.

use std::time::Duration;

use berth_api::Resource;
use berth_api::object;
use berth_api::object::Item;
use berth_api::request::{Answer, Refusal};
use berth_engine::{Event, Input};
use futures::StreamExt;
use kube::Client;
use kube::core::WatchEvent;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use super::transport;

/// Objects a page.
const PAGE: u32 = 500;
/// Seconds after which the server ends a watch, so that it is begun anew now and then.
const WATCH_SECONDS: u64 = 290;
/// A watch from which nothing comes for this long, not even a bookmark (one a minute), is dead.
const SILENCE: Duration = Duration::from_secs(150);

#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    #[serde(default)]
    items: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    token: String,
}

/// What is listed or watched.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The resource.
    pub resource: Resource,
    /// In which namespace; empty for all.
    pub namespace: String,
    /// Of this name only; empty for all.
    pub name: String,
}

impl Scope {
    /// The path with the first parameters of the query.
    fn uri(&self, query: &str) -> String {
        let path = self.resource.path(&self.namespace);
        // This is how RBAC knows which one is meant.
        let only = if self.name.is_empty() { "" } else { "&fieldSelector=metadata.name%3D" };
        format!("{path}?{query}{only}{}", percent_encode(&self.name))
    }
}

/// Reads one page of a list, the first from the newest state.
pub async fn list(client: &Client, scope: &Scope, session: u64, token: &str) -> Input {
    let resource = scope.resource;
    let event = |event| Input::Event { resource, session, event };
    let text = match page(client, scope, token).await {
        Ok(text) => text,
        Err(failure) => return event(failure),
    };
    match serde_json::from_str::<Page>(&text) {
        Ok(page) => {
            let raw = page.items.unwrap_or_default();
            let items: Vec<Item> = raw.iter().filter_map(|i| object::item(resource, i.get())).collect();
            let version = page.metadata.resource_version.parse().unwrap_or(0);
            Input::Page { resource, session, items, token: page.metadata.token, version }
        }
        Err(error) => event(Event::Failed(format!("the list cannot be read: {error}"))),
    }
}

/// Reads all objects of a resource from the newest state, page by page, as they are.
///
/// # Errors
/// In one line.
pub async fn read_all(client: &Client, resource: Resource, namespace: &str) -> Result<Vec<Value>, String> {
    let scope = Scope { resource, namespace: namespace.to_owned(), name: String::new() };
    let (mut all, mut token) = (vec![], String::new());
    loop {
        let text = page(client, &scope, &token).await.map_err(|event| match event {
            Event::Failed(what) => what,
            _ => "the list took too long; try again".to_owned(),
        })?;
        let page: Page = serde_json::from_str(&text).map_err(|e| format!("the list cannot be read: {e}"))?;
        for item in page.items.unwrap_or_default() {
            all.push(serde_json::from_str(item.get()).map_err(|e| e.to_string())?);
        }
        token = page.metadata.token;
        if token.is_empty() {
            return Ok(all);
        }
    }
}

/// The text of one page of a list.
async fn page(client: &Client, scope: &Scope, token: &str) -> Result<String, Event> {
    let mut uri = scope.uri(&format!("limit={PAGE}"));
    if !token.is_empty() {
        uri = format!("{uri}&continue={}", percent_encode(token));
    }
    let request = http::Request::get(uri).body(vec![]).map_err(|e| Event::Failed(e.to_string()))?;
    match tokio::time::timeout(transport::TIMEOUT * 2, client.request_text(request)).await {
        Ok(text) => text.map_err(failed),
        Err(_) => Err(Event::Failed("no answer to a list".to_owned())),
    }
}

/// Reads a watch to its end.
pub async fn watch(client: Client, scope: Scope, session: u64, version: u64, inputs: Sender<Input>) {
    let resource = scope.resource;
    let end = match read(&client, &scope, session, version, &inputs).await {
        Ok(()) => Event::Ended,
        Err(event) => event,
    };
    let _ = inputs.send(Input::Event { resource, session, event: end }).await;
}

async fn read(
    client: &Client,
    scope: &Scope,
    session: u64,
    version: u64,
    inputs: &Sender<Input>,
) -> Result<(), Event> {
    let resource = scope.resource;
    let uri = scope.uri(&format!(
        "watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
    ));
    let request = http::Request::get(uri).body(vec![]).map_err(|e| Event::Failed(e.to_string()))?;
    let started =
        tokio::time::timeout(transport::TIMEOUT, client.request_events::<Box<RawValue>>(request)).await;
    let stream = started.map_err(|_| Event::Failed("no answer to a watch".to_owned()))?.map_err(failed)?;
    if inputs.send(Input::Event { resource, session, event: Event::Opened }).await.is_err() {
        return Ok(());
    }
    let mut stream = std::pin::pin!(stream);
    while let Ok(next) = tokio::time::timeout(SILENCE, stream.next()).await {
        let event = match next {
            None => return Ok(()),
            Some(Err(error)) => return Err(failed(error)),
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                object::item(resource, object.get()).map(|item| Event::Put(Box::new(item)))
            }
            Some(Ok(WatchEvent::Deleted(object))) => {
                Some(Event::Deleted(Box::new(object::meta(object.get()))))
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => {
                mark.metadata.resource_version.parse().ok().map(Event::Bookmark)
            }
            Some(Ok(WatchEvent::Error(status))) => return Err(refused(&transport::refusal(*status))),
        };
        if let Some(event) = event
            && inputs.send(Input::Event { resource, session, event }).await.is_err()
        {
            return Ok(());
        }
    }
    Err(Event::Failed(format!("nothing came for {} s", SILENCE.as_secs())))
}

fn failed(error: kube::Error) -> Event {
    match transport::failure(error) {
        Answer::Refused(refusal) => refused(&refusal),
        Answer::Unknown(what) => Event::Failed(what),
        Answer::Done(_) => Event::Ended,
    }
}

fn refused(refusal: &Refusal) -> Event {
    if refusal.code == 410 { Event::Expired } else { Event::Failed(refusal.message.clone()) }
}

/// Escapes a value for a URL. A continue token is base64url, but the API promises no alphabet.
pub fn percent_encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
