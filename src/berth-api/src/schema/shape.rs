//! From the JSON Schema that schemars writes to the structural schema that the API server takes.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// Makes one node structural; its children are visited by the caller.
///
/// Nothing is `nullable` here: where a null is not allowed, the API server drops it before it stores an object, as it
/// does for native types, so an empty `tolerations:` is accepted and is not kept. Server-side apply is stricter and
/// refuses it; the table of extras allows the one null that tools print, in `creationTimestamp`.
/// A `default` that serde implies is dropped too: defaults are chosen one by one, in the table of extras.
pub fn structural(schema: &mut Schema) {
    let Some(node) = schema.as_object_mut() else { return };
    unwrap_option(node);
    merge_variants(node);
    for key in ["title", "nullable", "default"] {
        node.remove(key);
    }
    if let Some(Value::String(text)) = node.get_mut("description") {
        *text = super::text::unwrap_lines(text);
    }
}

/// `Option<T>` of a type that is not a plain scalar or object comes as `anyOf: [T, null]`: becomes `T`.
fn unwrap_option(node: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = node.get("anyOf") else { return };
    let [Value::Object(inner), null] = variants.as_slice() else { return };
    if null.get("enum") != Some(&json!([null])) {
        return;
    }
    let inner = inner.clone();
    node.remove("anyOf");
    for (key, value) in inner {
        // The description of the field, if it has one, says more than that of its type.
        node.entry(key).or_insert(value);
    }
}

/// An enum whose variants have doc comments comes as `oneOf` with one string each: becomes one `enum`.
fn merge_variants(node: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = node.get("oneOf") else { return };
    let names: Option<Vec<Value>> =
        variants.iter().map(|v| v.get("enum")?.as_array()?.first().cloned()).collect();
    if let Some(names) = names {
        node.remove("oneOf");
        node.insert("type".to_owned(), json!("string"));
        node.insert("enum".to_owned(), Value::Array(names));
    }
}

/// Visits every schema below `node`, but not `node` itself.
pub fn children(node: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(node) = node.as_object_mut() else { return };
    let mut below: Vec<&mut Value> = Vec::new();
    for (key, value) in node.iter_mut() {
        match key.as_str() {
            "properties" => below.extend(value.as_object_mut().into_iter().flat_map(|p| p.values_mut())),
            "items" | "additionalProperties" => below.push(value),
            _ => {}
        }
    }
    for child in below {
        if let Some(object) = child.as_object_mut() {
            visit(object);
        }
        children(child, visit);
    }
}

/// The schema at a path such as `spec.template.spec.containers[].env`; `[]` steps into the items of a list, `{}` into
/// the values of a map. The empty path is the root.
pub fn at<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let mut node = root;
    for step in path.split('.').filter(|s| !s.is_empty()) {
        let name = step.trim_end_matches(['[', ']', '{', '}']);
        node = node.get_mut("properties")?.get_mut(name)?;
        if step.ends_with("[]") {
            node = node.get_mut("items")?;
        } else if step.ends_with("{}") {
            node = node.get_mut("additionalProperties")?;
        }
    }
    node.as_object_mut()
}
