//! What the model reads and changes in the JSON of an object.

use serde_json::{Map, Value, json};

/// What a JSON pointer leads to. `Value::pointer` does the same and makes two strings for each step; this is asked millions of times.
pub fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(object, |value, step| match value {
        Value::Object(fields) if step.contains('~') => fields.get(&step.replace("~1", "/")),
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts a value where a JSON pointer leads to, or takes away what is there.
pub fn put(object: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, field)) = pointer.rsplit_once('/') else { return };
    let field = field.replace("~1", "/");
    let mut inner = object;
    for step in parent.split('/').skip(1) {
        inner = &mut inner[step];
    }
    match (value, inner.as_object_mut()) {
        (Some(value), _) => inner[field.as_str()] = value,
        (None, Some(fields)) => {
            fields.remove(&field);
        }
        (None, None) => {}
    }
}

/// A string in an object; empty if it is not there.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The incarnation.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The namespace.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// Whether the object is on its way out.
pub fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// The entries of an array; none if it is not there.
pub fn entries<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The owner references.
pub fn owners(object: &Value) -> &[Value] {
    entries(object, "/metadata/ownerReferences")
}

/// The reference of the managing owner.
pub fn controller(object: &Value) -> Option<&Value> {
    owners(object).iter().find(|r| r["controller"] == json!(true))
}

/// Whether the object has this finalizer.
pub fn has_finalizer(object: &Value, name: &str) -> bool {
    entries(object, "/metadata/finalizers").iter().any(|f| f == name)
}

/// Takes out of the metadata what is empty: the API server does not store that.
pub fn tidy(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| {
            let empty =
                value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
            !(empty || value.is_null())
        });
    }
}

/// Adds a finalizer.
pub fn add_finalizer(object: &mut Value, name: &str) {
    if !has_finalizer(object, name) {
        let mut all = entries(object, "/metadata/finalizers").to_vec();
        all.push(json!(name));
        object["metadata"]["finalizers"] = Value::Array(all);
    }
}

/// Takes a finalizer off.
pub fn remove_finalizer(object: &mut Value, name: &str) {
    let left: Vec<Value> =
        entries(object, "/metadata/finalizers").iter().filter(|f| *f != name).cloned().collect();
    object["metadata"]["finalizers"] = Value::Array(left);
}

/// Whether a toleration covers a taint, as kube-scheduler says; `Lt` and `Gt` only where they are switched on.
pub fn tolerates(toleration: &Value, taint: &Value, compares: bool) -> bool {
    let (given, wanted) = (|field| text(taint, field), |field| text(toleration, field));
    let fits = |field| wanted(field).is_empty() || wanted(field) == given(field);
    let numbers = || Some((given("/value").parse::<i64>().ok()?, wanted("/value").parse::<i64>().ok()?));
    fits("/effect")
        && fits("/key")
        && match wanted("/operator") {
            "" | "Equal" => given("/value") == wanted("/value"),
            "Exists" => true,
            "Lt" if compares => numbers().is_some_and(|(taint, bound)| taint < bound),
            "Gt" if compares => numbers().is_some_and(|(taint, bound)| taint > bound),
            _ => false,
        }
}

/// Whether a pod has ended.
pub fn is_terminal(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    entries(object, "/status/conditions").iter().find(|c| c["type"] == kind)
}

/// Whether a condition is true.
pub fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|c| c["status"] == "True")
}

/// Whether a pod runs, is ready and is not being deleted.
pub fn is_serving(pod: &Value) -> bool {
    text(pod, "/status/phase") == "Running" && holds(pod, "Ready") && !is_terminating(pod)
}

/// The image of a pod, or of a template.
pub fn image(object: &Value) -> &str {
    text(object, "/spec/containers/0/image")
}

/// JSON merge patch (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            if let Some(fields) = target.as_object_mut() {
                fields.remove(key);
            }
        } else {
            merge(&mut target[key.as_str()], value);
        }
    }
}
