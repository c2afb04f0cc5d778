//! What the documents say about the sources is so, and the other way round: each file and function that documents name is there, and
//! each code that a comment names has a row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{root, sources};

/// The documents: everything in `docs` that is text.
fn documents(root: &Path) -> Vec<PathBuf> {
    let files = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = files(root.join("docs")).chain(files(root.join("docs/adr"))).chain([root.join("README.md")]);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// In a line, `file.rs` names a file by the end of its path, and what stands in code right after it a name that is in that file.
fn check_line(line: &str, sources: &BTreeMap<String, String>, named: &mut usize) -> Vec<String> {
    let parts: Vec<&str> = line.split('`').collect();
    let (mut wrong, mut files) = (Vec::new(), Vec::new());
    for [gap, code] in parts.as_chunks::<2>().0 {
        if code.ends_with(".rs") && !code.contains(' ') {
            let end = format!("/{code}");
            files =
                sources.iter().filter(|(path, _)| path.ends_with(&end) || path.as_str() == *code).collect();
            if files.is_empty() {
                wrong.push(format!("no file {code}"));
            }
        } else if [" ", ", ", " and "].contains(gap) && !files.is_empty() {
            let name = code.rsplit("::").next().unwrap_or_default().trim_end_matches("()");
            if !files.iter().any(|(_, text)| has_word(text, name)) {
                wrong.push(format!("no {name} in {}", files[0].0));
            }
            *named += 1;
        } else {
            files.clear();
        }
    }
    wrong
}

#[test]
fn the_files_and_functions_that_documents_name_exist() {
    let root = root();
    let sources = sources();
    let (mut wrong, mut named) = (Vec::new(), 0);
    for document in documents(&root) {
        for (number, line) in std::fs::read_to_string(&document).unwrap().lines().enumerate() {
            let found = check_line(line, &sources, &mut named);
            wrong.extend(
                found.into_iter().map(|what| format!("{}:{}: {what}", document.display(), number + 1)),
            );
        }
    }
    assert!(named > 100, "only {named} names were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a word is the code of a rule: a letter, a number, and perhaps a second number.
fn is_code(word: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    word.strip_prefix(['A', 'B', 'C', 'F', 'S', 'D', 'X'])
        .is_some_and(|rest| rest.split('.').count() <= 2 && rest.split('.').all(is_number))
}

/// The codes in a text.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "(),;:|–".contains(c));
    words.map(|word| word.trim_end_matches('.')).filter(|word| is_code(word))
}

#[test]
fn the_codes_in_comments_have_a_row() {
    let root = root();
    let mut rows = BTreeSet::new();
    for document in ["docs/parity.md", "docs/proof.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for id in text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()) {
            for code in codes(id) {
                rows.insert(code.to_owned());
                // A6 stands for all of A6.1 to A6.4.
                rows.extend(code.split('.').next().map(str::to_owned));
            }
        }
    }
    let (mut wrong, mut named) = (Vec::new(), 0);
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            for code in codes(comment) {
                named += 1;
                if !rows.contains(code) {
                    wrong.push(format!("{path}:{}: {code}", number + 1));
                }
            }
        }
    }
    assert!(named > 100, "only {named} codes were found");
    assert!(wrong.is_empty(), "no row for\n{}", wrong.join("\n"));
}
