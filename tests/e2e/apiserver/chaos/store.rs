//! The history of etcd itself, by a watch of its own: what the checker reads through the API server is compared with it, so that
//! nothing is judged on a history with holes.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::chronicle::{Change, Entry};
use crate::support::read::{name, text};

/// A commit: the plural of the resource and the name of the object, the revision of the store, and whether it was removed.
type Commit = (String, String, u64, bool);

/// See the module.
pub struct Store {
    commits: Arc<Mutex<Vec<Commit>>>,
    connection: UnixStream,
}

impl Store {
    /// Watches all objects of a namespace from now on. etcd speaks JSON over HTTP too; to a client of version 1.0 it sends a line
    /// for each answer.
    pub fn watch(socket: &Path, namespace: &'static str) -> Self {
        let mut connection = UnixStream::connect(socket).unwrap();
        let (key, range_end) = (STANDARD.encode("/registry/"), STANDARD.encode("/registry0"));
        let body = json!({ "create_request": { "key": key, "range_end": range_end } }).to_string();
        write!(connection, "POST /v3/watch HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
        let status = lines.next().unwrap_or_default();
        assert!(status.contains(" 200 "), "etcd: {status}");
        let mut answers = lines.skip_while(|line| !line.is_empty()).skip(1);
        let created = answers.next().unwrap_or_default();
        assert!(created.contains("\"created\":true"), "etcd: {created}");
        let commits = Arc::new(Mutex::new(vec![]));
        let written = Arc::clone(&commits);
        thread::spawn(move || {
            for line in answers {
                let answer: Value = serde_json::from_str(&line).unwrap();
                let events = answer["result"]["events"].as_array().into_iter().flatten();
                written.lock().unwrap().extend(events.filter_map(|event| commit(event, namespace)));
            }
        });
        Self { commits, connection }
    }

    /// Whether the entries of a resource are all that the store has of it, in its order.
    ///
    /// # Errors
    /// The first difference.
    pub fn is_told_by(&self, plural: &str, entries: &[Entry]) -> Result<(), String> {
        let told = entries.iter().filter(|e| !matches!(e.change, Change::Bookmark | Change::Error));
        let told: Vec<(String, u64, bool)> = told
            .map(|entry| {
                let version = text(&entry.object, "/metadata/resourceVersion").parse().unwrap();
                (name(&entry.object).to_owned(), version, entry.change == Change::Deleted)
            })
            .collect();
        let all = self.commits.lock().unwrap();
        let stored = all.iter().filter(|(of, ..)| of == plural);
        let stored: Vec<_> = stored.map(|(_, name, version, gone)| (name.clone(), *version, *gone)).collect();
        let differs = (0..told.len().max(stored.len())).find(|n| told.get(*n) != stored.get(*n));
        differs.map_or(Ok(()), |n| {
            Err(format!("{plural}, commit {n}: the watch tells {:?}, etcd {:?}", told.get(n), stored.get(n)))
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

/// `/registry/<resource>/<namespace>/<name>`, or with the group of a custom resource before the resource.
fn commit(event: &Value, namespace: &str) -> Option<Commit> {
    let key = STANDARD.decode(event["kv"]["key"].as_str()?).ok()?;
    let key = String::from_utf8(key).ok()?;
    let (before, name) = key.rsplit_once('/')?;
    let plural = before.strip_suffix(namespace)?.strip_suffix('/')?.rsplit('/').next()?;
    let revision = event["kv"]["mod_revision"].as_str()?.parse().ok()?;
    Some((plural.to_owned(), name.to_owned(), revision, event["type"] == "DELETE"))
}
