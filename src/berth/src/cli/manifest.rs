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
        for (number, item) in items.iter().enumerate() {
            let mut item = item.clone();
            if !item.is_object() {
                return Err(format!("{kind}: items[{number}] is no object"));
            }
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
    use proptest::prelude::*;

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

    #[test]
    fn what_is_no_object_in_a_list_is_named() {
        for item in ["x", "1", "null", "[a]", "true"] {
            let text = format!(
                "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Pod, metadata: {{name: a}}}}\n- {item}\n"
            );
            assert_eq!(parse(&text).unwrap_err(), "List: items[1] is no object");
        }
    }

    #[test]
    fn depth_is_no_way_to_end_the_program() {
        for open in ["[", "{a: ", "- ", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["] {
            assert!(parse(&open.repeat(50_000)).is_err(), "{open}");
        }
    }

    /// Any value, with the names that a manifest has in it.
    fn value() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            Just("apiVersion"),
            Just("kind"),
            Just("metadata"),
            Just("name"),
            Just("items"),
            Just("spec"),
            Just("List"),
            Just("x"),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop_oneof![Just("v1"), Just("List"), Just("PodList"), Just("")].prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((name.clone(), inner), 0..5).prop_map(|all| all
                    .into_iter()
                    .map(|(n, v)| (n.to_owned(), v))
                    .collect::<serde_json::Map<_, _>>()
                    .into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_manifest_is_too_odd(document in value(), items in proptest::collection::vec(value(), 0..4), text in any::<String>()) {
            let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items });
            for one in [&document, &list] {
                for text in [one.to_string(), serde_saphyr::to_string(one).unwrap_or_default()] {
                    for object in parse(&text).unwrap_or_default() {
                        prop_assert!(object["metadata"]["name"].is_string(), "{}", object);
                    }
                }
            }
            let _ = parse(&text);
            let _ = parse(&format!("apiVersion: v1\nkind: List\nitems: {text}"));
        }
    }
}
