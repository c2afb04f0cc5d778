//! A patch with a few lines before it that say what it is.
//!
//! `Defect:`, `Like:` and `Found by:` are in each. `# unit:` and `# history:` name the tests that run before the simulator: parts of
//! names of unit tests of what the patch touches, and of histories in `tests/sim`.

use std::fs;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Clone, Debug)]
pub struct Defect {
    /// The name of its file, without the ending.
    pub name: String,
    /// What is wrong.
    pub what: String,
    /// Where that was seen, or what it stands for.
    pub like: String,
    /// Which invariants may find it, or that a test does.
    expected: Vec<String>,
    /// Parts of names of unit tests, and of histories, that run first.
    pub first: [Vec<String>; 2],
    /// The file.
    pub patch: PathBuf,
}

/// The folder of the patches.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The root of the project.
pub fn project() -> PathBuf {
    folder().ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

impl Defect {
    /// All of them, by name.
    ///
    /// # Errors
    /// A sentence, when a patch cannot be read or does not say what it is.
    pub fn all() -> Result<Vec<Self>, String> {
        let entries = fs::read_dir(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut all = paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "patch"))
            .map(|path| Self::read(&path))
            .collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let optional = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let line = |key: &str| {
            optional(key).map(str::to_owned).ok_or_else(|| format!("{}: no line {key}", path.display()))
        };
        let list = |value: &str| value.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>();
        Ok(Defect {
            name: path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            what: line("Defect:")?,
            like: line("Like:")?,
            expected: list(&line("Found by:")?),
            first: ["# unit:", "# history:"].map(|key| optional(key).map(list).unwrap_or_default()),
            patch: path.to_owned(),
        })
    }

    /// Whether one of these (`S7`, or `S12, D12`, `a test`, `a unit test`) is among those that should find it.
    pub fn expects(&self, found: &str) -> bool {
        found.split(',').any(|one| self.expected.iter().any(|expected| expected == one.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn the_patches_apply_to_the_sources_as_they_are_one_after_the_other() -> Result<(), String> {
        let all = Defect::all()?;
        assert!(all.len() >= 20, "{}", all.len());
        let mut series = String::new();
        for defect in &all {
            let patch = fs::read_to_string(&defect.patch).map_err(|e| e.to_string())?;
            let switch = format!("defect::is(\"{}\")", defect.name);
            assert!(patch.contains(&switch), "{} has no switch", defect.name);
            series += &patch;
        }
        let mut check = Command::new("git");
        // A whole line of context suffices: what surrounds a defect may change.
        check.args(["apply", "--check", "-C1", "-"]).current_dir(project()).stdin(Stdio::piped());
        let mut check = check.stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let mut input = check.stdin.take().ok_or("no standard input")?;
        input.write_all(series.as_bytes()).map_err(|e| e.to_string())?;
        drop(input);
        let output = check.wait_with_output().map_err(|e| e.to_string())?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
