//! A process that ends with the cluster.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result, directory};

/// Writes the pid before the program starts, so that there is never a process that the janitor does not know.
const REGISTER: &str = r#"echo $$ >"$0" && exec "$@""#;

/// How long a shell may take to write its pid, on a very busy machine.
const REGISTERED: Duration = Duration::from_secs(30);

/// How many lines of a log are shown when its process died.
const LAST_WORDS: usize = 12;

/// A shell that is given `arguments` and then the words of the command, with its environment and its directory.
pub(crate) fn wrapped(arguments: &[impl AsRef<OsStr>], command: &Command) -> Command {
    let mut wrapped = Command::new("sh");
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(current) = command.get_current_dir() {
        wrapped.current_dir(current);
    }
    wrapped
}

/// A process under the cluster's care. Cloning gives another handle to the same process.
#[derive(Debug, Clone)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    pid_file: PathBuf,
    child: Arc<Mutex<Child>>,
}

impl Process {
    /// Starts `command` in a process group of its own, its output in `dir/logs/NAME.log`.
    /// `kind` is the directory of its pid: `plane` (killed at once at the end) or `spawned` (asked first).
    pub(crate) fn start(dir: &Path, kind: &str, name: &str, command: &Command) -> Result<Self> {
        let log = dir.join("logs").join(format!("{name}.log"));
        let pid_file = dir.join("pids").join(kind).join(name);
        let output =
            File::options().create(true).append(true).open(&log).map_err(Error::file("create", &log))?;
        let errors = output.try_clone().map_err(Error::file("open", &log))?;
        let child = wrapped(&[OsStr::new("-c"), OsStr::new(REGISTER), pid_file.as_os_str()], command)
            .env("BERTH_CLUSTER", dir)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::run(command.get_program().to_string_lossy()))?;
        let pid = child.id();
        let process = Self { name: name.to_owned(), pid, log, pid_file, child: Arc::new(Mutex::new(child)) };
        process.wait_registered()?;
        Ok(process)
    }

    /// Waits until its pid is written, or it has ended: a matter of a millisecond.
    fn wait_registered(&self) -> Result<()> {
        let deadline = Instant::now() + REGISTERED;
        let written = || fs::metadata(&self.pid_file).is_ok_and(|file| file.len() > 0);
        while !written() && self.exit_status()?.is_none() {
            if Instant::now() >= deadline {
                let what = format!("{} to start", self.name);
                return Err(Error::Timeout {
                    what,
                    waited: REGISTERED,
                    last: directory::tail(&self.log, LAST_WORDS),
                });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The name that it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that takes its standard output and standard error.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has printed so far.
    pub fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log).map_err(Error::file("read", &self.log))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Asks it to end (SIGTERM). Does nothing to a process that has ended.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Ends it (SIGKILL). Does nothing to a process that has ended.
    pub fn kill(&self) -> Result<()> {
        self.signal("KILL")
    }

    /// Sends a signal by name, without `SIG` (`STOP`, `CONT`, `INT`, …). Does nothing to a process that has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The lock keeps the process from being reaped meanwhile: its pid stays its own.
        let mut child = self.child();
        if child.try_wait().map_err(Error::run(&self.name))?.is_none() {
            let pid = self.pid.to_string();
            let arguments =
                [OsStr::new("-c"), OsStr::new(r#"kill -s "$0" "$1""#), OsStr::new(name), OsStr::new(&pid)];
            Command::new("sh").args(arguments).stderr(Stdio::null()).status().map_err(Error::run("sh"))?;
        }
        Ok(())
    }

    /// Ends it and its process group (SIGKILL), and waits for it. Does nothing to a process that has ended.
    pub(crate) fn end_group(&self) -> Result<()> {
        if self.child().try_wait().map_err(Error::run(&self.name))?.is_none() {
            // Not reaped before the signal is sent: only we do that, and only here or when asked.
            let group = format!("-{}", self.pid);
            let arguments = ["-c", r#"kill -s KILL -- "$0""#, &group];
            Command::new("sh").args(arguments).stderr(Stdio::null()).status().map_err(Error::run("sh"))?;
        }
        self.wait_exit(REGISTERED).map(drop)
    }

    /// How it ended, or `None` while it runs.
    pub fn exit_status(&self) -> Result<Option<ExitStatus>> {
        let status = self.child().try_wait().map_err(Error::run(&self.name))?;
        // Its pid may be given to another process now; its file may be that of the next process of this name.
        if status.is_some()
            && fs::read_to_string(&self.pid_file).is_ok_and(|written| written.trim() == self.pid.to_string())
        {
            let _ = fs::remove_file(&self.pid_file);
        }
        Ok(status)
    }

    /// Waits until it has ended.
    pub fn wait_exit(&self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let what = format!("{} (pid {}) to end", self.name, self.pid);
                return Err(Error::Timeout {
                    what,
                    waited: timeout,
                    last: directory::tail(&self.log, LAST_WORDS),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// An error with its last words if it has ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self.exit_status()? {
            None => Ok(()),
            Some(status) => Err(Error::Died {
                name: self.name.clone(),
                status: status.to_string(),
                log: directory::tail(&self.log, LAST_WORDS),
            }),
        }
    }

    /// Reaps it if it has ended: a zombie would count as alive.
    pub(crate) fn reap(&self) {
        let _ = self.exit_status();
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        // The child is valid whatever a panicking holder of the lock did.
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_used_again_stays_known_to_the_janitor() -> Result<()> {
        let dir = directory::create()?;
        let first = Process::start(&dir, "spawned", "twice", &Command::new("true"))?;
        first.wait_exit(REGISTERED)?;
        let mut sleep = Command::new("sleep");
        sleep.arg("1000");
        let second = Process::start(&dir, "spawned", "twice", &sleep)?;
        first.exit_status()?;
        let known = second.pid_file.exists();
        second.kill()?;
        second.wait_exit(REGISTERED)?;
        let forgotten = !second.pid_file.exists();
        let _ = fs::remove_dir_all(&dir);
        assert!(known && forgotten, "known while it runs: {known}, forgotten afterwards: {forgotten}");
        Ok(())
    }
}
