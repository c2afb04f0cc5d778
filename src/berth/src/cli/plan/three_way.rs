//! The three-way merge of `kubectl apply`.

use serde_json::{Map, Value};

/// The merge patch of `kubectl apply`: what the manifest says, without what was applied before and is no longer said.
pub(super) fn three_way(applied: Option<&Value>, manifest: &Value, present: &Value) -> Value {
    let mut patch = Map::new();
    changes(manifest, present, &mut patch);
    if let Some(applied) = applied {
        removals(applied, manifest, &mut patch);
    }
    Value::Object(patch)
}

fn changes(manifest: &Value, present: &Value, patch: &mut Map<String, Value>) {
    for (name, wanted) in manifest.as_object().into_iter().flatten().filter(|(name, _)| *name != "status") {
        match (wanted, present.get(name)) {
            (wanted, Some(present)) if wanted == present => {}
            (Value::Object(_), Some(present)) if present.is_object() => {
                let mut below = Map::new();
                changes(wanted, present, &mut below);
                if !below.is_empty() {
                    patch.insert(name.clone(), Value::Object(below));
                }
            }
            (Value::Null, None) => {}
            (wanted, _) => {
                patch.insert(name.clone(), wanted.clone());
            }
        }
    }
}

fn removals(applied: &Value, manifest: &Value, patch: &mut Map<String, Value>) {
    for (name, before) in applied.as_object().into_iter().flatten().filter(|(name, _)| *name != "status") {
        match manifest.get(name) {
            None => {
                patch.insert(name.clone(), Value::Null);
            }
            Some(wanted) if wanted.is_object() && before.is_object() => {
                let mut below = match patch.remove(name) {
                    Some(Value::Object(below)) => below,
                    Some(whole) => {
                        patch.insert(name.clone(), whole);
                        continue;
                    }
                    None => Map::new(),
                };
                removals(before, wanted, &mut below);
                if !below.is_empty() {
                    patch.insert(name.clone(), Value::Object(below));
                }
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_apply_changes_what_is_said_and_removes_what_is_said_no_longer() {
        let applied = json!({ "spec": { "replicas": 3, "paused": true, "a": { "b": 1, "c": 2 } } });
        let present =
            json!({ "spec": { "replicas": 5, "paused": true, "a": { "b": 1, "c": 2 }, "of": "others" } });
        let manifest = json!({ "spec": { "replicas": 3, "a": { "b": 1 }, "list": [1] }, "status": {} });
        let patch = three_way(Some(&applied), &manifest, &present);
        let expected = json!({ "spec": { "replicas": 3, "paused": null, "a": { "c": null }, "list": [1] } });
        assert_eq!(patch, expected);
        assert_eq!(three_way(None, &present, &present), json!({}));
    }
}
