//! Runs the kubectl of the cluster.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::{Binaries, Error, Result};

/// What a kubectl command answered.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// kubectl with one kubeconfig.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kubectl<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) dir: &'a Path,
    pub(crate) kubeconfig: &'a Path,
}

impl Kubectl<'_> {
    /// Runs kubectl with `stdin` as its input, whatever its exit status.
    pub(crate) fn output(&self, arguments: &[&str], stdin: &str) -> Result<Output> {
        let mut child = Command::new(&self.binaries.kubectl)
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig)
            // Another cluster may have had the same port, and answers are cached by port.
            .env("KUBECACHEDIR", self.dir.join("kubectl-cache"))
            .stdin(if stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::run("kubectl"))?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Written beside the reading: kubectl answers before it has read everything.
            scope.spawn(move || {
                if let Some(mut pipe) = pipe {
                    // A kubectl that ends early says so by its exit status.
                    let _ = pipe.write_all(stdin.as_bytes());
                }
            });
            child.wait_with_output()
        });
        let output = output.map_err(Error::run("kubectl"))?;
        Ok(Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs kubectl and returns its standard output; an exit status other than 0 is an error.
    pub(crate) fn run(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        let output = self.output(arguments, stdin)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Error::Kubectl { arguments: arguments.join(" "), stderr: output.stderr.trim().to_owned() })
    }
}
