//! The commands of `berth` that people run.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::Scene;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Ended {
    /// What it printed, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Scene {
    /// Runs a command of `berth` in this namespace, as a person with a kubeconfig.
    pub fn berth(&self, arguments: &[&str]) -> Ended {
        self.berth_with(arguments, "")
    }

    /// [`Self::berth`] with something on standard input.
    pub fn berth_with(&self, arguments: &[&str], input: &str) -> Ended {
        use std::io::Write;
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
        command.args(arguments).arg(format!("--namespace={}", self.namespace));
        command.env("KUBECONFIG", self.plane.cluster.kubeconfig());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
