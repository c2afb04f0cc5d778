//! No two files of a crate below the program import each other, not by way of others either: a reader can begin at the bottom.

use std::collections::{BTreeMap, BTreeSet};

use super::sources;

/// A module: the names from the root of its crate.
type Module = Vec<String>;

/// The module of a file below `src` of its crate; `None` for files of tests.
fn module(file: &str) -> Option<Module> {
    let mut parts: Module = file.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if parts.iter().any(|part| ["tests", "fixture", "stub", "sources"].contains(&part.as_str())) {
        return None;
    }
    parts.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
    Some(parts)
}

/// The code of a file: no comments, and no tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that a tree of imports names: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return paths.push(format!("{prefix}{}", path.trim()));
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut from) = (0, 0);
    let body = rest.rsplit_once('}').map_or(rest, |(body, _)| body);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &body[from..at], paths);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !body[from..].trim().is_empty() {
        expand(&prefix, &body[from..], paths);
    }
}

/// All paths in the code of a file, as they are written.
fn paths(code: &str) -> Vec<String> {
    let mut paths = vec![];
    for statement in code.split(';') {
        let import = statement.find("use ").filter(|at| {
            let before = statement[..*at].trim_end();
            before.is_empty() || before.ends_with(['}', ')', ']']) || before.ends_with("pub")
        });
        if let Some(at) = import {
            expand("", &statement[at + 4..], &mut paths);
        }
    }
    let words = code.split(|c: char| !c.is_alphanumeric() && !['_', ':'].contains(&c));
    // What ends in two colons begins a tree, which is read above.
    paths.extend(words.filter(|word| word.contains("::") && !word.ends_with("::")).map(str::to_owned));
    paths
}

/// The module that a path written in `module` leads to, if it is one of `all`.
fn target(module: &Module, path: &str, all: &BTreeSet<Module>) -> Option<Module> {
    let mut parts: Module = path.split("::").map(|part| part.trim().to_owned()).collect();
    let mut base = module.clone();
    let first = parts.first()?.clone();
    match first.as_str() {
        "crate" => base.clear(),
        "self" | "super" => {}
        // A path of another crate, or one from a module below.
        child => {
            base.push(child.to_owned());
            if !all.contains(&base) {
                return None;
            }
        }
    }
    parts.remove(0);
    if first == "super" {
        base.pop();
    }
    while parts.first().is_some_and(|part| part == "super") {
        base.pop();
        parts.remove(0);
    }
    base.extend(parts);
    while !all.contains(&base) {
        base.pop()?;
    }
    Some(base)
}

/// What is left when every file is taken out that imports none of those that are left, or that none of those imports.
fn circles(mut imports: BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    loop {
        let all: BTreeSet<Module> = imports.keys().cloned().collect();
        imports.values_mut().for_each(|of| of.retain(|module| all.contains(module)));
        let imported: BTreeSet<Module> = imports.values().flatten().cloned().collect();
        imports.retain(|module, of| !of.is_empty() && imported.contains(module));
        if imports.len() == all.len() {
            return imports;
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let sources = sources();
    for name in ["berth-api", "berth-plan", "berth-engine"] {
        let folder = format!("src/{name}/src/");
        let files: BTreeMap<Module, String> = sources
            .iter()
            .filter_map(|(path, text)| Some((module(path.strip_prefix(&folder)?)?, code(text))))
            .collect();
        assert!(files.len() > 10, "{name} was found");
        let all: BTreeSet<Module> = files.keys().cloned().collect();
        let imports = files.iter().map(|(module, code)| {
            let paths = paths(code);
            let targets = paths.iter().filter_map(|path| target(module, path, &all));
            (module.clone(), targets.filter(|target| target != module).collect())
        });
        let circles = circles(imports.collect());
        assert!(circles.is_empty(), "in {name} these import each other:\n{circles:#?}");
    }
}

#[test]
fn a_circle_is_seen() {
    let all: BTreeSet<Module> = ["", "a", "a::b", "c"]
        .map(|path| path.split("::").filter(|p| !p.is_empty()).map(str::to_owned).collect())
        .into();
    let at = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let code = "use super::{x::Y, c};\nuse crate::a::b::{self, T};\nfn f() { crate::c::go() }";
    let found: BTreeSet<Module> =
        paths(code).iter().filter_map(|path| target(&at("a"), path, &all)).collect();
    assert_eq!(found, BTreeSet::from([vec![], at("c"), at("a::b")]));
    let imports = BTreeMap::from([
        (at("a"), BTreeSet::from([at("c")])),
        (at("c"), BTreeSet::from([at("a")])),
        (at("a::b"), BTreeSet::from([at("c")])),
    ]);
    assert_eq!(circles(imports).len(), 2);
}
