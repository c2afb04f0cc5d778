//! Everything that happened to the pods of a namespace, in order: a watch misses nothing, where looking now and then would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::plane::{Plane, runtime};
use super::read::{self, Kind};

/// How long the API server may take until it can watch a kind.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Between two tries.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Change {
    /// It is new, or was there when the chronicle began.
    Added,
    /// It is another than before.
    Modified,
    /// It is gone.
    Deleted,
    /// Nothing: how far the watch has come.
    Bookmark,
    /// The watch broke off.
    Error,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// What.
    #[serde(rename = "type")]
    pub change: Change,
    /// The object afterwards, or the last that there was of it.
    pub object: Value,
}

/// The objects of one kind at one moment, by name.
pub type State = BTreeMap<String, Value>;

/// A watch that is written down.
pub struct Chronicle {
    entries: Arc<Mutex<Vec<Entry>>>,
    watch: JoinHandle<()>,
}

impl Chronicle {
    /// Begins with what is there now.
    pub fn begin(plane: &Plane, kind: Kind, namespace: &str) -> Self {
        let entries = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&entries);
        let client = plane.client.clone();
        let path = format!("{}?watch=1&timeoutSeconds=900", kind.path(namespace));
        let watch = runtime().spawn(async move {
            let began = Instant::now();
            let lines = loop {
                let request = http::Request::get(path.as_str()).body(Vec::new()).unwrap();
                match client.request_stream(request).await {
                    Ok(lines) => break lines,
                    // The API server is not ready to watch a kind whose definition has just been installed.
                    Err(kube::Error::Api(status)) if status.code == 429 && began.elapsed() < READY_WITHIN => {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    Err(error) => panic!("GET {path}: {error}"),
                }
            };
            let mut lines = std::pin::pin!(futures::AsyncBufReadExt::lines(lines));
            while let Some(Ok(line)) = lines.next().await {
                written.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { entries, watch }
    }

    /// All so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// The state after each entry, with the entry that led to it.
    pub fn states(&self) -> Vec<(Entry, State)> {
        let mut state = State::new();
        let mut states = vec![];
        for entry in self.entries() {
            let name = read::name(&entry.object).to_owned();
            match entry.change {
                Change::Deleted => drop(state.remove(&name)),
                _ => drop(state.insert(name, entry.object.clone())),
            }
            states.push((entry, state.clone()));
        }
        states
    }

    /// The names in the order in which they were created.
    pub fn created(&self) -> Vec<String> {
        let entries = self.entries();
        let added = entries.iter().filter(|e| e.change == Change::Added);
        added.map(|e| read::name(&e.object).to_owned()).collect()
    }

    /// The names in the order in which their deletion was asked for.
    pub fn deleted(&self) -> Vec<String> {
        let mut seen = vec![];
        let mut names = vec![];
        for entry in self.entries() {
            let leaves = entry.object["metadata"].get("deletionTimestamp").is_some();
            let uid = read::uid(&entry.object).to_owned();
            if (leaves || entry.change == Change::Deleted) && !seen.contains(&uid) {
                seen.push(uid);
                names.push(read::name(&entry.object).to_owned());
            }
        }
        names
    }

    /// How many of `wanted` pods were missing or not ready at the worst moment after all of them had been ready.
    pub fn most_unavailable(&self, wanted: usize) -> usize {
        let states = self.states();
        let ready = |state: &State| state.values().filter(|pod| read::is_ready(pod)).count();
        let from = states.iter().position(|(_, state)| ready(state) == wanted).unwrap();
        states[from..].iter().map(|(_, state)| wanted.saturating_sub(ready(state))).max().unwrap_or(0)
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
