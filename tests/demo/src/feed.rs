//! Watches the cluster as `kubectl get --watch` does: every change arrives, in order, with nothing missed between two looks.

use std::io::{BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::place::Place;
use crate::world::{Kind, Seen};

/// The watches; they end with this value.
#[derive(Debug)]
pub struct Feed {
    receiver: Receiver<Result<Seen, String>>,
    watches: Vec<Child>,
}

/// Starts watching.
pub fn start(place: &Place) -> Result<Feed> {
    let (sender, receiver) = mpsc::channel();
    let mut feed = Feed { receiver, watches: vec![] };
    for kind in Kind::ALL {
        let watch =
            place.command(&["get", kind.resource(), "--watch", "--output-watch-events", "--output=json"]);
        let mut command = berth_cluster::bound(&watch);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(Error::run("kubectl"))?;
        let output = child.stdout.take();
        feed.watches.push(child);
        let sender = sender.clone();
        if let Some(output) = output {
            thread::spawn(move || carry(kind, output, &sender));
        }
    }
    Ok(feed)
}

/// Carries what one watch prints until it ends, or until nobody listens any more.
fn carry(kind: Kind, output: impl Read, sender: &Sender<Result<Seen, String>>) {
    for event in serde_json::Deserializer::from_reader(BufReader::new(output)).into_iter::<Value>() {
        let Ok(mut event) = event else { break };
        let gone = event["type"] == "DELETED";
        let seen = Seen { kind, at: Timestamp::now(), gone, object: event["object"].take() };
        if sender.send(Ok(seen)).is_err() {
            return;
        }
    }
    let _ = sender.send(Err(format!("the watch of {} ended", kind.resource())));
}

impl Feed {
    /// What was seen next, if anything was within `patience`.
    pub fn next(&self, patience: Duration) -> Result<Option<Seen>> {
        match self.receiver.recv_timeout(patience) {
            Ok(Ok(seen)) => Ok(Some(seen)),
            Ok(Err(ended)) => Err(Error::Missing(ended)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Missing("all watches ended".to_owned())),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for watch in &mut self.watches {
            // Waiting closes its input, which ends it.
            let _ = watch.wait();
        }
    }
}
