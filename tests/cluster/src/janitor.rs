//! Nothing outlives the owner of a cluster, however it ends.
//!
//! Before anything else starts, a small shell process starts that reads from a pipe whose other end only we hold. The kernel
//! closes our end when we end, be it by return, panic, Ctrl-C or SIGKILL; then the janitor runs the script `stop` in the directory
//! that it looks after. No signal handler and no `unsafe` is needed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::{Error, Result, directory};

/// Ignores the signals that a terminal sends to everybody, waits for the end of its input, and stops the cluster.
const WATCH: &str = r#"trap '' HUP INT TERM
while read -r line; do [ "$line" = keep ] && exit 0; done
exec sh "$1""#;

/// The process that cleans up after us.
#[derive(Debug)]
pub struct Janitor {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Janitor {
    /// Writes `script` into `dir` as `stop` and starts waiting.
    ///
    /// # Errors
    /// When the file cannot be written or there is no shell.
    pub fn start(dir: &Path, script: &str) -> Result<Self> {
        let stop = dir.join("stop");
        directory::write(&stop, 0o700, script)?;
        let mut child = Command::new("sh")
            .args(["-c", WATCH, "janitor"])
            .arg(&stop)
            .stdin(Stdio::piped())
            // Not ours: who reads our output to its end must not wait for the janitor.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Error::run("sh"))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Leaves everything as it is: from now on only the script ends it.
    ///
    /// # Errors
    /// When the janitor has ended already.
    pub fn keep(&mut self) -> Result<()> {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.write_all(b"keep\n").map_err(Error::run("janitor"))?;
        }
        self.child.wait().map_err(Error::run("janitor"))?;
        Ok(())
    }

    /// Tells the janitor to start cleaning up; does not wait.
    pub(crate) fn release(&mut self) {
        self.pipe = None;
    }

    /// Has the janitor clean up, and waits for it.
    pub fn finish(&mut self) {
        self.release();
        let _ = self.child.wait();
    }

    /// Whether the janitor has finished.
    pub(crate) fn finished(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}
