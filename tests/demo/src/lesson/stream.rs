//! A program in the client's container that goes on beside the lesson, and what it prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::ask::CLIENT;
use crate::error::{Error, Result};
use crate::place::Place;

/// The program ends soon after it is told to.
const ENDED: Duration = Duration::from_secs(30);

/// A running program. Its script is to end when the file `/tmp/stop` is there.
#[derive(Debug)]
pub(super) struct Stream {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Stream {
    /// Starts a shell script in the client's container.
    pub(super) fn start(place: &Place, script: &str) -> Result<Self> {
        let script = format!("rm -f /tmp/stop; {script}");
        let mut command = berth_cluster::bound(&place.command(&["exec", CLIENT, "--", "sh", "-c", &script]));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(Error::run("kubectl"))?;
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, lines, seen: vec![] })
    }

    /// All lines so far.
    pub(super) fn lines(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Tells the program to end, and returns all that it has printed.
    pub(super) fn finish(mut self, place: &Place) -> Result<Vec<String>> {
        place.kubectl(&["exec", CLIENT, "--", "touch", "/tmp/stop"])?;
        let deadline = Instant::now() + ENDED;
        loop {
            match self.lines.recv_timeout(Duration::from_secs(1)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(std::mem::take(&mut self.seen))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Waiting closes its input, which ends it.
        let _ = self.child.wait();
    }
}
