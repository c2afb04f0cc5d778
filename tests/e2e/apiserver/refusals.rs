//! What the API server refuses before the operator ever sees it: the manifests in `tests/manifests`.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::support::plane::project;
use crate::support::{Plane, Scene};

/// How many kubectl run side by side: each spends most of its time with itself.
const SIDE_BY_SIDE: usize = 4;

#[test]
fn bad_manifests_are_refused_by_the_field_that_is_wrong() {
    let plane = Plane::shared();
    let manifests = files(&project("tests/manifests/bad"));
    assert!(manifests.len() >= 15);
    let problems = each(&manifests, |path| {
        let text = fs::read_to_string(path).unwrap();
        let expected =
            text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect("an expectation");
        let answer = plane
            .cluster
            .kubectl_output(&["apply", "--namespace=default", "-f", path.to_str().unwrap()])
            .unwrap();
        if answer.status.success() {
            return Some("was accepted".to_owned());
        }
        (!answer.stderr.contains(expected)).then(|| format!("expected {expected:?}, got {}", answer.stderr))
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_cannot_be_changed_is_refused_when_it_is_changed() {
    let scene = namespace("transitions");
    let directories = files(&project("tests/manifests/transitions"));
    let problems = each(&directories, |directory| {
        let apply = |file: &str| {
            let file = directory.join(file);
            let arguments = ["apply", "--namespace=transitions", "-f", file.to_str().unwrap()];
            scene.plane.cluster.kubectl_output(&arguments).unwrap()
        };
        let before = apply("before.yaml");
        if !before.status.success() {
            return Some(format!("before.yaml was refused: {}", before.stderr));
        }
        let text = fs::read_to_string(directory.join("after.yaml")).unwrap();
        let expected =
            text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect("an expectation");
        let after = apply("after.yaml");
        if after.status.success() {
            return Some("was accepted".to_owned());
        }
        (!after.stderr.contains(expected)).then(|| format!("expected {expected:?}, got {}", after.stderr))
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn good_manifests_are_accepted() {
    let scene = namespace("good");
    let problems = each(&files(&project("tests/manifests/good")), |path| {
        let arguments = ["apply", "--namespace=good", "-f", path.to_str().unwrap()];
        let answer = scene.plane.cluster.kubectl_output(&arguments).unwrap();
        (!answer.status.success()).then_some(answer.stderr)
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A namespace without an operator.
fn namespace(name: &str) -> Scene {
    Scene::begin(Plane::shared(), name, name, "")
}

/// The entries of a directory, by name.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What is wrong with each, the name in front.
fn each(paths: &[PathBuf], problem: impl Fn(&Path) -> Option<String> + Sync) -> Vec<String> {
    let problem = &problem;
    thread::scope(|scope| {
        let workers: Vec<_> = paths
            .chunks(paths.len().div_ceil(SIDE_BY_SIDE))
            .map(|chunk| {
                scope.spawn(move || {
                    let problems = chunk.iter().map(|path| (path, problem(path)));
                    problems
                        .filter_map(|(path, problem)| Some(format!("{}: {}", path.display(), problem?)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}
