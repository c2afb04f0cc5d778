//! `berth why -w`: looks again whenever something changes.

use std::io::IsTerminal;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{FuturesUnordered, SelectAll};
use kube::Client;
use kube::core::WatchEvent;
use serde_json::Value;

use super::{Format, report, text};
use crate::api::{Key, Resource};
use crate::cli::Failure;
use crate::cli::facts::Facts;
use crate::cli::output::{self, Paint};

/// Changes that come together are told together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Ages on a terminal are brought up to date this often, and a watch that has ended is begun anew.
const AGES: Duration = Duration::from_secs(5);

/// Shows the report until somebody stops it: on a terminal in place, otherwise each time that it reads differently.
pub(super) async fn watch(client: &Client, key: &Key, format: Format) -> Result<u8, Failure> {
    let in_place = format == Format::Text && std::io::stdout().is_terminal();
    let mut shown = String::new();
    loop {
        let facts = Facts::read(client, key).await.map_err(|e| Failure::other(e.to_string()))?;
        let Some(report) = report::report(&facts, key, Some(client)).await else {
            return if shown.is_empty() {
                Err(super::missing(key))
            } else {
                Err(Failure::other("it is gone"))
            };
        };
        // An age alone is no change.
        let stable = match format {
            Format::Text => text::render(&report, None, Paint::standard()),
            Format::Json => serde_json::to_string(&report).unwrap_or_default(),
        };
        if in_place {
            let now = text::render(&report, Some(facts.now.wall), Paint::standard());
            output::print(&format!("\x1b[H\x1b[2J{now}"))?;
        } else if stable != shown {
            output::print(&match format {
                Format::Text => {
                    let gap = if shown.is_empty() { "" } else { "\n" };
                    format!("{gap}{}", text::render(&report, Some(facts.now.wall), Paint::standard()))
                }
                Format::Json => format!("{stable}\n"),
            })?;
        }
        shown = stable;
        tokio::select! {
            () = changed(client, key, &facts) => {}
            _ = tokio::signal::ctrl_c() => return Ok(0),
        }
    }
}

/// Resolves when something was changed since `facts` were read, or ages are old.
async fn changed(client: &Client, key: &Key, facts: &Facts) {
    let version =
        |resource: Resource| facts.versions.iter().find(|(r, _)| *r == resource).map(|(_, v)| v.clone());
    let set = facts.set(key).and_then(|s| s["metadata"]["resourceVersion"].as_str()).map(str::to_owned);
    let watched = [
        (Resource::Pods, version(Resource::Pods)),
        (Resource::Claims, version(Resource::Claims)),
        (key.resource(), set),
    ];
    let opening: FuturesUnordered<_> = watched
        .into_iter()
        .filter_map(|(resource, version)| {
            let uri = format!("{}?watch=1&resourceVersion={}", resource.path(&key.namespace), version?);
            let request = http::Request::get(uri).body(vec![]).ok()?;
            let client = client.clone();
            Some(async move { client.request_events::<Value>(request).await })
        })
        .collect();
    let streams = opening.filter_map(|stream| async move { stream.ok().map(Box::pin) }).collect::<Vec<_>>();
    let events = async {
        let mut all: SelectAll<_> = futures::stream::select_all(streams.await);
        loop {
            match all.next().await {
                Some(Ok(WatchEvent::Bookmark(_))) => {}
                Some(Ok(_)) => return tokio::time::sleep(TOGETHER).await,
                // A watch that breaks or cannot be had: looking again now and then will do.
                Some(Err(_)) | None => return tokio::time::sleep(AGES).await,
            }
        }
    };
    let _ = tokio::time::timeout(AGES, events).await;
}
