//! What decides is testable without I/O: the sources of the planners and of the engine name no client, no runtime, no clock, no
//! log, no randomness and no map whose order is random.

use std::path::{Path, PathBuf};

/// Words that have no place in pure code.
const FORBIDDEN: [&str; 10] = [
    "kube::",
    "tokio",
    "tracing::",
    "std::env",
    "std::fs",
    "std::net",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "HashMap",
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "fixture");
        if is_test {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_planners_and_the_engine_do_no_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> =
        ["src", "../berth-plan/src"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    assert!(files.len() > 50, "the crates were found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let found = FORBIDDEN.iter().find(|word| line.contains(*word));
            assert_eq!(found, None, "{}: {line}", file.display());
        }
    }
}
