//! The program that is demonstrated: built as it ships, not linked into this one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// Builds the binary `berth` with the profile and the target directory of this program, cargo's progress being visible.
pub fn operator() -> Result<PathBuf> {
    let own = env::current_exe().map_err(Error::run("this program"))?;
    let directory = own.parent().unwrap_or(Path::new("."));
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package=berth", "--bin=berth", "--profile", profile]).current_dir(repository());
    // What `cargo run` says about this package; build scripts that look at it would run again, and all that depends on them.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|mark| text.starts_with(mark))
        {
            command.env_remove(&name);
        }
    }
    if let Some(target) = directory.parent() {
        command.arg("--target-dir").arg(target);
    }
    let mut build = berth_cluster::bound(&command).spawn().map_err(Error::run("cargo"))?;
    // Waiting would close its input, and so end it.
    let tied = build.stdin.take();
    let status = build.wait().map_err(Error::run("cargo"))?;
    drop(tied);
    if !status.success() {
        return Err(Error::Missing(format!("the program berth could not be built ({status})")));
    }
    Ok(directory.join("berth"))
}

/// The repository that this program was built from.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// A file or directory of the repository, as an argument of kubectl.
pub fn in_repository(path: &str) -> String {
    repository().join(path).display().to_string()
}
