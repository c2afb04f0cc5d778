//! Manifests: YAML or JSON, several documents, lists.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::Failure;

/// The objects of a file, or of standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let shown = path.display().to_string();
    let text = if shown == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
    parse(&text).map_err(|e| Failure::usage(format!("{shown}: {e}")))
}

/// The objects of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())?;
    let mut objects = vec![];
    for document in documents {
        flatten(document, &mut objects)?;
    }
    Ok(objects)
}

/// Takes lists apart and checks that all else is an object.
fn flatten(document: Value, objects: &mut Vec<Value>) -> Result<(), String> {
    if document.is_null() {
        return Ok(());
    }
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if version.is_empty() || kind.is_empty() {
        return Err("it is no Kubernetes object: apiVersion and kind are needed".to_owned());
    }
    if let Some(items) = document["items"].as_array().filter(|_| kind.ends_with("List")) {
        for item in items {
            let mut item = item.clone();
            // The items of a typed list need not say what they are.
            if item["kind"].is_null() {
                item["kind"] = Value::from(kind.trim_end_matches("List"));
                item["apiVersion"] = Value::from(version.as_str());
            }
            flatten(item, objects)?;
        }
        return Ok(());
    }
    if document["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        return Err(format!("{kind}: metadata.name is needed"));
    }
    objects.push(document);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_are_taken_apart() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: PodList\n\
                    items:\n- metadata: {name: b}\n- {apiVersion: v1, kind: Node, metadata: {name: c}}\n";
        let names: Vec<String> = parse(text)
            .unwrap()
            .iter()
            .map(|o| format!("{} {}", o["kind"].as_str().unwrap(), o["metadata"]["name"].as_str().unwrap()))
            .collect();
        assert_eq!(names, ["Pod a", "Pod b", "Node c"]);
        for wrong in ["a: [", "just text", "kind: Pod", "apiVersion: v1\nkind: Pod\n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
