//! A copy of the sources with all defects in it, each behind its switch, and a target directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::defect::{Defect, project};

/// Schedules that each defect gets at most, unless `BERTH_SEEDS` says otherwise.
const SCHEDULES: &str = "10000";
/// The tests of the simulator: first those that say which seed broke which invariant, then what is quick.
const TESTS: [&[&str]; 3] =
    [&["random_schedules"], &["--skip", "random_schedules", "--skip", "each_fault"], &["each_fault"]];
/// The tests of the library: they are quick as they are, and built sooner so.
const UNIT: [&str; 13] = [
    "--config",
    "profile.dev.package.berth-plan.opt-level=0",
    "--config",
    "profile.dev.package.berth-engine.opt-level=0",
    "--package",
    "berth-api",
    "--package",
    "berth-plan",
    "--package",
    "berth-engine",
    "--package",
    "berth",
    "--lib",
];
/// The simulator.
const MODEL: [&str; 5] = ["--release", "--package", "berth-sim", "--test", "model"];
/// What the simulator prints before the invariant that was broken, and before the seed.
const BROKEN: &str = "broken: ";
/// The module that holds the switch.
const SWITCH: &str = include_str!("../switch.rs");

/// What was found.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Something.
    Found {
        /// The invariant, or that it was a test, or a unit test.
        by: String,
        /// The seed or the plan, or the test.
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
    /// Copies the sources, puts all defects into the copy, and builds the unit tests and the simulator.
    ///
    /// # Errors
    /// A sentence, when a patch does not apply, or the copy cannot be built.
    pub fn open(all: &[Defect]) -> Result<Self, String> {
        let workshop = Workshop { root: project().join("target/defects") };
        let fresh = workshop.root.join("fresh");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(at(&fresh))?;
        }
        let names = sources()?;
        for name in &names {
            if let Ok(bytes) = fs::read(project().join(name)) {
                put(&fresh.join(name), &bytes)?;
            }
        }
        for defect in all {
            let mut git = Command::new("git");
            // Not inside another repository, where it would look at that one.
            git.args(["apply", "-C1"]).arg(&defect.patch).current_dir(&fresh);
            git.env("GIT_CEILING_DIRECTORIES", &workshop.root);
            succeed(&mut git).map_err(|e| format!("{}: {e}", defect.name))?;
        }
        let module = fresh.join("src/berth-api/src/lib.rs");
        let text = fs::read_to_string(&module).map_err(at(&module))?;
        put(&module, format!("{text}\npub mod defect;\n").as_bytes())?;
        put(&fresh.join("src/berth-api/src/defect.rs"), SWITCH.as_bytes())?;
        // What is gone would be built too.
        if workshop.tree().exists() {
            remove_others(&fresh, &workshop.tree())?;
        }
        // What has not changed stays untouched, so that little is built anew.
        for name in names.iter().map(String::as_str).chain(["src/berth-api/src/defect.rs"]) {
            let (from, to) = (fresh.join(name), workshop.tree().join(name));
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|present| present == bytes) {
                continue;
            }
            put(&to, &bytes)?;
        }
        eprintln!("building unit tests and simulator with {} defects in them", all.len());
        succeed(workshop.cargo(&UNIT).arg("--no-run"))?;
        succeed(workshop.cargo(&MODEL).arg("--no-run"))?;
        Ok(workshop)
    }

    fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// Runs all unit tests without any defect, but the one that finds that the switch reads the environment.
    ///
    /// # Errors
    /// A sentence, when they cannot be run.
    pub fn test_units(&self) -> Result<Outcome, String> {
        let mut cargo = self.cargo(&UNIT);
        Ok(run(cargo.args(["--", "--skip", "purity"]).env("BERTH_DEFECT", ""))?.0)
    }

    /// Runs the tests that the patch of a defect names, with that defect, until one finds it.
    ///
    /// # Errors
    /// A sentence, when they cannot be run, or there are none of these names.
    pub fn test(&self, defect: &Defect) -> Result<Outcome, String> {
        for (what, names) in [UNIT.as_slice(), &MODEL].into_iter().zip(&defect.first) {
            if names.is_empty() {
                continue;
            }
            let mut cargo = self.cargo(what);
            let (outcome, output) = run(cargo.arg("--").args(names).env("BERTH_DEFECT", &defect.name))?;
            match outcome {
                Outcome::Nothing if !output.lines().any(|line| line.starts_with("test ")) => {
                    return Err(format!("{}: there is no test {}", defect.name, names.join(", ")));
                }
                Outcome::Nothing => {}
                Outcome::Found { at, .. } if what == UNIT.as_slice() => {
                    return Ok(Outcome::Found { by: "a unit test".to_owned(), at });
                }
                found => return Ok(found),
            }
        }
        Ok(Outcome::Nothing)
    }

    /// Runs the simulator with one defect, or with none where the name is empty, until something is found.
    ///
    /// # Errors
    /// A sentence, when it cannot be run.
    pub fn simulate(&self, defect: &str) -> Result<Outcome, String> {
        for tests in TESTS {
            let mut cargo = self.cargo(&MODEL);
            cargo.args(["--", "--nocapture"]).args(tests).env("BERTH_DEFECT", defect);
            if tests == ["random_schedules"] {
                let given = std::env::var("BERTH_SEEDS");
                cargo.env("BERTH_SEEDS", given.as_deref().unwrap_or(SCHEDULES));
            }
            if let (found @ Outcome::Found { .. }, _) = run(&mut cargo)? {
                return Ok(found);
            }
        }
        Ok(Outcome::Nothing)
    }

    fn cargo(&self, what: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["test", "--locked"]).args(what).current_dir(self.tree());
        cargo.env("CARGO_TARGET_DIR", self.root.join("build")).env("BERTH_SHRINK", "0");
        cargo.env_remove("BERTH_SEEDS");
        cargo
    }

    /// Writes a file beside the copy.
    ///
    /// # Errors
    /// A sentence, when that fails.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        put(&self.root.join(name), text.as_bytes())
    }
}

/// All files of the project.
fn sources() -> Result<Vec<String>, String> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(project());
    let output = succeed(&mut list)?;
    let all = String::from_utf8_lossy(&output.stdout);
    Ok(all.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Removes from `tree` all files that `fresh` does not have.
fn remove_others(fresh: &Path, tree: &Path) -> Result<(), String> {
    for entry in fs::read_dir(tree).map_err(at(tree))?.filter_map(Result::ok) {
        let (path, kept) = (entry.path(), fresh.join(entry.file_name()));
        if path.is_dir() && kept.is_dir() {
            remove_others(&kept, &path)?;
        } else if path.is_dir() {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        } else if !kept.is_file() {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    fs::write(path, bytes).map_err(at(path))
}

/// What tests find, and all that they say.
fn run(cargo: &mut Command) -> Result<(Outcome, String), String> {
    let output = cargo.output().map_err(|e| format!("{cargo:?}: {e}"))?;
    let all = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let outcome = if output.status.success() { Outcome::Nothing } else { found(&all) };
    Ok((outcome, all.into_owned()))
}

/// What the output of a failed test says.
fn found(output: &str) -> Outcome {
    let line = output.lines().find_map(|line| line.strip_prefix(BROKEN));
    let failed = || output.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let (by, at) =
        line.and_then(|line| line.split_once(" by ")).unwrap_or(("a test", failed().unwrap_or_default()));
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
