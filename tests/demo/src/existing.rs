//! A cluster that was there before, reached with the user's own kubectl. What the lesson does to it is undone when this process
//! ends, by a small shell process that waits for exactly that.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use berth_cluster::Janitor;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::{build, kubectl, operator};

/// Where the lesson puts its objects.
pub const NAMESPACE: &str = "berth-demo";

/// An existing cluster.
#[derive(Debug)]
pub struct Existing {
    context: String,
    dir: PathBuf,
    janitor: Janitor,
}

impl Existing {
    /// Makes a private directory and starts waiting for the end.
    pub fn begin(context: &str) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("berth-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&dir).map_err(Error::file("create", &dir))?;
        let dir = dir.canonicalize().map_err(Error::file("resolve", &dir))?;
        let janitor = Janitor::start(&dir, include_str!("existing.stop.sh"))?;
        Ok(Self { context: context.to_owned(), dir, janitor })
    }

    /// The context of the user's kubeconfig.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The directory of the lesson's files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What names the cluster and the lesson's namespace, for kubectl and for berth.
    pub fn flags(&self) -> [String; 2] {
        [format!("--context={}", self.context), format!("--namespace={NAMESPACE}")]
    }

    /// Runs kubectl in the lesson's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        kubectl::run(&addressed(&self.flags(), arguments))
    }

    /// Runs kubectl without a namespace of our choice.
    pub fn kubectl_anywhere(&self, arguments: &[&str]) -> Result<String> {
        kubectl::run(&addressed(&[format!("--context={}", self.context)], arguments))
    }

    /// The objects of a file, as `kind/name`: all that it has, and those that are there.
    pub fn objects(&self, file: &str) -> Result<(Vec<String>, Vec<String>)> {
        let names = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let all = self.kubectl_anywhere(&["create", "--dry-run=client", "--output=name", "-f", file])?;
        let found = self.kubectl_anywhere(&["get", "--ignore-not-found", "--output=name", "-f", file])?;
        Ok((names(all), names(found)))
    }

    /// Whether an object without a namespace is there.
    pub fn has(&self, kind: &str, name: &str) -> Result<bool> {
        let found = self.kubectl_anywhere(&["get", kind, name, "--ignore-not-found", "--output=name"])?;
        Ok(!found.trim().is_empty())
    }

    /// A kubectl command in the lesson's namespace.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(addressed(&self.flags(), arguments));
        command
    }

    /// Has a kubectl command run at the end, however this process ends. Call it before what is to be undone.
    pub fn at_end(&self, arguments: &[&str]) -> Result<()> {
        let path = self.dir.join("undo");
        let context = format!("--context={}", self.context);
        let mut words = vec!["kubectl", &context];
        words.extend(arguments);
        let line = kubectl::shell(&words) + "\n";
        let file = File::options().append(true).create(true).mode(0o600).open(&path);
        let mut file = file.map_err(Error::file("open", &path))?;
        file.write_all(line.as_bytes()).map_err(Error::file("write", &path))
    }

    /// A copy of a file of the repository with the lines that `keep` wants. Returns its path.
    pub fn rewritten(&self, file: &str, keep: impl Fn(&str) -> bool) -> Result<String> {
        let from = build::repository().join(file);
        let text = fs::read_to_string(&from).map_err(Error::file("read", &from))?;
        let lines: Vec<&str> = text.lines().filter(|line| keep(line)).collect();
        let path = self.dir.join("rewritten.yaml");
        write(&path, &(lines.join("\n") + "\n"))?;
        Ok(path.display().to_string())
    }

    /// A kubeconfig with a token of the operator's ServiceAccount, the address being that of the user's context.
    pub fn operator_kubeconfig(&self) -> Result<PathBuf> {
        let token = self.kubectl_anywhere(&[
            "create",
            "token",
            operator::NAME,
            &format!("--namespace={}", operator::NAMESPACE),
            // An hour is short for whoever keeps the lesson; some clusters give less than they are asked for.
            "--duration=24h",
        ])?;
        let view =
            self.kubectl_anywhere(&["config", "view", "--minify", "--flatten", "--raw", "--output=json"])?;
        let view: Value = serde_json::from_str(&view)?;
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "berth",
            "clusters": [{"name": "berth", "cluster": view.pointer("/clusters/0/cluster")}],
            "users": [{"name": "berth", "user": {"token": token.trim()}}],
            "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": "berth"}}],
        });
        let path = self.dir.join("operator.kubeconfig");
        write(&path, &format!("{config:#}\n"))?;
        Ok(path)
    }

    /// Leaves everything as it is. Returns the script that undoes it.
    pub fn keep(mut self) -> Result<PathBuf> {
        self.janitor.keep()?;
        Ok(self.dir.join("stop"))
    }
}

impl Drop for Existing {
    fn drop(&mut self) {
        self.janitor.finish();
    }
}

/// The words of a kubectl command. Flags come first: what follows a `--` is meant for a program in a container.
fn addressed<'a>(flags: &'a [String], arguments: &[&'a str]) -> Vec<&'a str> {
    flags.iter().map(String::as_str).chain(arguments.iter().copied()).collect()
}

/// Writes a file that only its owner can read.
fn write(path: &Path, text: &str) -> Result<()> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = file.map_err(Error::file("create", path))?;
    file.write_all(text.as_bytes()).map_err(Error::file("write", path))
}

/// The last lines of a file.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_container_gets_no_flags_of_kubectl() {
        let flags = ["--context=kind-kind".to_owned(), format!("--namespace={NAMESPACE}")];
        let words = addressed(&flags, &["exec", "client", "--", "hostname"]);
        assert_eq!(words.last(), Some(&"hostname"));
        assert!(words.iter().position(|word| *word == "--").is_some_and(|at| at > flags.len()));
    }
}
