//! `berth why -w`: looks again whenever something changes.

use std::io::IsTerminal;
use std::time::Duration;

use berth_api::{Key, Resource};
use berth_plan::feature_gates::Gates;
use futures::StreamExt;
use futures::stream::{FuturesUnordered, SelectAll};
use kube::Client;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::Instant;

use super::report::{self, Report};
use super::{Format, text};
use crate::cli::output::{self, Paint};
use crate::cli::snapshot::Facts;
use crate::cli::why::terminal_frame::{self, Size};
use crate::cli::{Failure, program};
use crate::client::reader::LookError;

/// Changes that come together are told together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Nothing is read again sooner than this, however much happens in the namespace.
const READ_APART: Duration = Duration::from_secs(1);
/// Ages are brought up to date this often, and so is what depends on the time, such as a deadline. It is also when an API server that
/// did not answer is asked again.
const AGES: Duration = Duration::from_secs(5);
/// Everything is read again after this: nodes are not watched, for there may be thousands.
const READ_AGAIN: Duration = Duration::from_secs(30);
/// The exit code of who was interrupted, as a shell tells it of other programs.
const INTERRUPTED: u8 = 130;

/// Shows the report until somebody stops it: on a terminal in place, otherwise each time that it reads differently.
pub(super) async fn watch(client: &Client, key: &Key, gates: Gates, format: Format) -> Result<u8, Failure> {
    let mut view = View::new(format);
    tokio::select! {
        ended = follow(client, key, gates, &mut view) => ended,
        // Heeded from the first moment on, also while something is read.
        _ = tokio::signal::ctrl_c() => {
            // After the ^C that a terminal shows.
            if view.in_place {
                output::print("\n")?;
            }
            Ok(INTERRUPTED)
        }
    }
}

async fn follow(client: &Client, key: &Key, gates: Gates, view: &mut View) -> Result<u8, Failure> {
    let mut known: Option<Facts> = None;
    loop {
        let asked = Instant::now();
        match Facts::read(client, key, gates).await {
            Ok(facts) if is_same(&facts, known.as_ref(), key) => {
                known = Some(facts);
                view.trouble.clear();
            }
            Ok(_) if known.is_none() => return Err(super::missing(key)),
            Ok(_) => {
                let (kind, namespace) = (key.resource().kind(), &key.namespace);
                return Err(Failure::other(format!("{kind} {namespace}/{} was deleted", key.name)));
            }
            Err(error) if known.is_none() || !passes(&error) => {
                return Err(Failure::other(error.to_string()));
            }
            Err(error) => view.suffer(&error),
        }
        let Some(facts) = &mut known else { continue };
        if !view.show(facts, key, client).await? {
            return Ok(0);
        }
        // After trouble there is no watch to be had: the API server is asked again.
        let (troubled, begun) = (!view.trouble.is_empty(), Instant::now());
        let read_at = asked + if troubled { AGES } else { READ_AGAIN };
        let mut change = std::pin::pin!(changed(client, key, versions(facts, key), begun));
        loop {
            tokio::select! {
                () = &mut change, if !troubled => break,
                () = tokio::time::sleep_until(read_at) => break,
                () = tokio::time::sleep(AGES) => {}
                () = resized() => {}
            }
            facts.refresh();
            if !view.show(facts, key, client).await? {
                return Ok(0);
            }
        }
    }
}

/// Whether the set is there, and is the one that was known before. Another of its name is not looked at in its place.
fn is_same(facts: &Facts, known: Option<&Facts>, key: &Key) -> bool {
    let uid = |facts: &Facts| facts.set(key).map(|set| set["metadata"]["uid"].clone());
    let found = uid(facts);
    found.is_some() && known.is_none_or(|known| uid(known) == found)
}

/// Whether it may pass by itself. A refusal stays one.
fn passes(error: &LookError) -> bool {
    matches!(error.code(), 0 | 429 | 500..)
}

/// What is shown, and how.
struct View {
    format: Format,
    /// On a terminal, each report is drawn over the one before.
    in_place: bool,
    /// What is on the screen.
    drawn: String,
    /// What was told last, without ages: an age alone is no change.
    told: String,
    /// Why nothing newer can be read; empty when it can.
    trouble: String,
}

impl View {
    fn new(format: Format) -> Self {
        let able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let in_place = format == Format::Text && able && std::io::stdout().is_terminal();
        View { format, in_place, drawn: String::new(), told: String::new(), trouble: String::new() }
    }

    /// What is shown is not the newest. Where nothing is drawn over, it is told once.
    fn suffer(&mut self, error: &LookError) {
        if !self.in_place && self.trouble.is_empty() {
            eprintln!("{}: {error}; trying again", program());
        }
        self.trouble = error.to_string();
    }

    /// Shows a report; false when nobody reads any more.
    async fn show(&mut self, facts: &Facts, key: &Key, client: &Client) -> Result<bool, Failure> {
        match report::report(facts, key, Some(client)).await {
            Some(report) if self.in_place => self.draw(&report, facts),
            Some(report) => self.tell(&report, facts),
            None => Ok(true),
        }
    }

    fn draw(&mut self, report: &Report, facts: &Facts) -> Result<bool, Failure> {
        let (paint, size) = (Paint::standard(), Size::of_terminal());
        let mut now = text::render(report, Some(facts.now.wall), paint);
        if !self.trouble.is_empty() {
            now = format!("{}\n{now}", paint.bad(&format!("not the newest: {}; trying again", self.trouble)));
        }
        let next = terminal_frame::fit(&now, size);
        let read = output::tell(&terminal_frame::over(&self.drawn, &next, size))?;
        self.drawn = next;
        Ok(read)
    }

    fn tell(&mut self, report: &Report, facts: &Facts) -> Result<bool, Failure> {
        let text = |now| text::render(report, now, Paint::standard());
        let stable = match self.format {
            Format::Text => text(None),
            Format::Json => serde_json::to_string(report).unwrap_or_default(),
        };
        if stable == self.told {
            return Ok(true);
        }
        let gap = if self.told.is_empty() { "" } else { "\n" };
        let read = output::tell(&match self.format {
            Format::Text => format!("{gap}{}", text(Some(facts.now.wall))),
            Format::Json => format!("{stable}\n"),
        })?;
        self.told = stable;
        Ok(read)
    }
}

/// What is watched, and from which version on.
fn versions(facts: &Facts, key: &Key) -> Vec<(Resource, String)> {
    let lists = facts
        .versions
        .iter()
        .filter(|(r, _)| [Resource::Pods, Resource::Claims, Resource::Events].contains(r));
    let set = facts.set(key).and_then(|set| set["metadata"]["resourceVersion"].as_str());
    lists.cloned().chain(set.map(|version| (key.resource(), version.to_owned()))).collect()
}

/// Resolves when something was changed since these versions, which were read before `begun`.
async fn changed(client: &Client, key: &Key, versions: Vec<(Resource, String)>, begun: Instant) {
    let opening: FuturesUnordered<_> = versions
        .into_iter()
        .filter_map(|(resource, version)| {
            let uri = format!("{}?watch=1&resourceVersion={}", resource.path(&key.namespace), version);
            let request = http::Request::get(uri).body(vec![]).ok()?;
            let client = client.clone();
            Some(async move { client.request_events::<Value>(request).await })
        })
        .collect();
    let streams = opening.filter_map(|stream| async move { stream.ok().map(Box::pin) }).collect::<Vec<_>>();
    let mut all: SelectAll<_> = futures::stream::select_all(streams.await);
    loop {
        match all.next().await {
            Some(Ok(WatchEvent::Bookmark(_))) => {}
            Some(Ok(_)) => {
                break tokio::time::sleep_until((begun + READ_APART).max(Instant::now() + TOGETHER)).await;
            }
            Some(Err(_)) => break tokio::time::sleep_until(begun + READ_APART).await,
            // Those that cannot be had, or end as watches do: looking again now and then will do.
            None => break tokio::time::sleep(AGES).await,
        }
    }
}

/// Resolves when the terminal has another size.
async fn resized() {
    #[cfg(unix)]
    if let Ok(mut changes) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change()) {
        changes.recv().await;
        return;
    }
    std::future::pending().await
}
