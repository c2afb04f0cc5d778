//! A copy of the sources to put defects into, with a target directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::defect::{Defect, project};

/// Schedules that each defect gets unless `BERTH_SEEDS` says otherwise.
const SCHEDULES: &str = "3000";
/// The tests of the simulator, cheapest first.
const TESTS: [&str; 3] = ["random_schedules", "each_fault", ""];
/// What the simulator prints before the invariant that was broken, and before the seed.
const BROKEN: &str = "broken: ";

/// What the simulator has found.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Something.
    Found {
        /// The invariant, or the test.
        by: String,
        /// The seed or the plan; empty if it is a test of something chosen.
        at: String,
    },
    /// Nothing.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub struct Workshop {
    root: PathBuf,
}

impl Workshop {
    /// Copies the sources.
    ///
    /// # Errors
    /// A sentence, when that fails.
    pub fn open() -> Result<Self, String> {
        let workshop = Workshop { root: project().join("target/defects") };
        workshop.copy()?;
        Ok(workshop)
    }

    fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// Brings the copy up to date; files that are the same stay untouched, so that little is built anew.
    fn copy(&self) -> Result<(), String> {
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(project());
        let output = succeed(&mut list)?;
        for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (project().join(name), self.tree().join(name));
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|present| present == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(at(folder))?;
            }
            fs::write(&to, bytes).map_err(at(&to))?;
        }
        Ok(())
    }

    /// Does something with a defect in place.
    ///
    /// # Errors
    /// A sentence, when the patch does not apply, or what is done fails.
    pub fn with(
        &self,
        defect: &Defect,
        act: impl Fn(&Self) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        let apply = |reverse: bool| {
            let mut git = Command::new("git");
            git.args(["apply", "-C1"]).args(reverse.then_some("--reverse")).arg(&defect.patch);
            // Not inside another repository, where it would look at that one.
            git.current_dir(self.tree()).env("GIT_CEILING_DIRECTORIES", &self.root);
            succeed(&mut git).map_err(|e| format!("{}: {e}", defect.name))
        };
        apply(false)?;
        let outcome = act(self).map_err(|e| format!("{}: {e}", defect.name));
        apply(true)?;
        outcome
    }

    /// Runs the simulator until something is found.
    ///
    /// # Errors
    /// A sentence, when it cannot be built.
    pub fn simulate(&self) -> Result<Outcome, String> {
        succeed(self.cargo().arg("--no-run"))?;
        for test in TESTS {
            let output =
                self.cargo().args(["--", test, "--nocapture"]).output().map_err(|e| e.to_string())?;
            if !output.status.success() {
                let all = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
                return Ok(found(&all, test));
            }
        }
        Ok(Outcome::Nothing)
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["test", "--locked", "--package", "berth", "--test", "model"]).current_dir(self.tree());
        cargo.env("CARGO_TARGET_DIR", self.root.join("build")).env("BERTH_SHRINK", "0");
        if std::env::var_os("BERTH_SEEDS").is_none() {
            cargo.env("BERTH_SEEDS", SCHEDULES);
        }
        cargo
    }

    /// Writes a file beside the copy.
    ///
    /// # Errors
    /// A sentence, when that fails.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(at(&path))
    }
}

/// What the output of a failed test says.
fn found(output: &str, test: &str) -> Outcome {
    let line = output.lines().find_map(|line| line.strip_prefix(BROKEN));
    let (by, at) = line
        .and_then(|line| line.split_once(" by "))
        .unwrap_or((if test.is_empty() { "a test" } else { test }, ""));
    Outcome::Found { by: by.to_owned(), at: at.to_owned() }
}

fn succeed(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = words.lines().rev().take(20).collect();
    Err(format!("{command:?} failed:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n")))
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}
