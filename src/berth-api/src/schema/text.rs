//! Descriptions: `kubectl explain` shows them, and `kubectl apply` stores the whole CRD in an annotation of 256 KiB.

use serde_json::{Map, Value};

/// A description is given a further sentence until it is this long; a first sentence may be no more than "Optional."
const ENOUGH: usize = 45;

/// Cuts the description of a native type's field to what is worth its room.
pub fn shorten(node: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = node.get_mut("description") {
        *text = gist(text);
    }
}

/// Joins the lines of each paragraph.
pub fn unwrap_lines(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The first sentence of the first paragraph, and the next where that is very short. Links are left out.
fn gist(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = without_links(paragraph);
    let mut gist = String::new();
    for sentence in sentences(&paragraph) {
        if gist.len() >= ENOUGH {
            break;
        }
        if !gist.is_empty() {
            gist.push(' ');
        }
        gist.push_str(sentence);
    }
    gist
}

/// Leaves out every `More info: <link>`.
fn without_links(text: &str) -> String {
    let mut parts = text.split("More info:");
    let mut kept = parts.next().unwrap_or_default().trim_end().to_owned();
    for part in parts {
        // The first word after the colon is the link; a sentence may follow it.
        if let Some((_, rest)) = part.trim_start().split_once(' ') {
            kept.push(' ');
            kept.push_str(rest.trim());
        }
    }
    kept
}

/// Splits where a full stop is followed by a space and a word that begins in upper case or with a quotation mark.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (dot, _) in text.match_indices(". ") {
        let word = text[start..dot].rsplit([' ', '(']).next().unwrap_or_default();
        let next = text[dot + 2..].chars().next();
        let ends = next.is_some_and(|c| c.is_uppercase() || "\"'`".contains(c));
        if ends && !["e.g", "i.e", "etc", "vs", "Ex"].contains(&word) {
            sentences.push(text[start..=dot].trim());
            start = dot + 1;
        }
    }
    let rest = text[start..].trim();
    if !rest.is_empty() {
        sentences.push(rest);
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_is_enough_unless_it_is_short() {
        let long = "Arguments are passed on to the container, e.g. A and B. Cannot be updated. More info: https://x.y";
        assert_eq!(gist(long), "Arguments are passed on to the container, e.g. A and B.");
        assert_eq!(
            gist("Image pull policy. One of Always, Never. More info: https://x"),
            "Image pull policy. One of Always, Never."
        );
        assert_eq!(
            gist("Image name. More info: https://x This is optional."),
            "Image name. This is optional."
        );
        assert_eq!(gist("No full stop\n\nMore"), "No full stop");
        assert_eq!(gist(""), "");
    }
}
