//! What a revision records, and the bytes it is recorded as. Only this module knows the form.
//!
//! A revision is a set of recorded paths of the owner's spec. Today there is one, `spec.template`, in upstream's form
//! (A7.1): `{"spec":{"template":{"$patch":"replace", ...}}}`. A path that an old revision lacks is not compared.

use serde_json::{Map, Value, json};

use crate::api::Template;

const PATCH: &str = "$patch";

/// What is recorded for a pod template.
pub fn record(template: &Template) -> Value {
    let mut recorded = match &template.0 {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    recorded.insert(PATCH.to_owned(), json!("replace"));
    json!({ "spec": { "template": recorded } })
}

/// The pod template that was recorded, or `None` when `data` is not of this form. Anybody may write a revision, and the API
/// server asks only for some JSON object, so a template of which no pod can be built counts as none.
pub fn template(data: &Value) -> Option<Value> {
    let mut fields = data.get("spec")?.get("template")?.as_object()?.clone();
    fields.remove(PATCH);
    Some(Template(Value::Object(fields))).filter(Template::is_sound).map(|template| template.0)
}

/// Whether `data` records exactly this template. Nothing is copied, for this is asked at every plan.
pub fn records(data: &Value, template: &Template) -> bool {
    let Some(recorded) = data.get("spec").and_then(|s| s.get("template")).and_then(Value::as_object) else {
        return false;
    };
    let Some(wanted) = template.0.as_object() else { return false };
    let extra = usize::from(recorded.contains_key(PATCH));
    recorded.len() == wanted.len() + extra
        && wanted.iter().all(|(name, value)| match (name.as_str(), recorded.get(name)) {
            ("metadata", Some(recorded)) => same_metadata(recorded, value),
            (_, recorded) => recorded == Some(value),
        })
}

/// Tools print `creationTimestamp: null` into templates, and drop it again; that is no change.
fn same_metadata(recorded: &Value, wanted: &Value) -> bool {
    let fields = |value: &'_ Value| -> Option<Vec<(String, Value)>> {
        let fields =
            value.as_object()?.iter().filter(|(name, v)| !(v.is_null() && *name == "creationTimestamp"));
        Some(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    fields(recorded) == fields(wanted)
}

/// JSON as Go writes it (A7.2): keys sorted by byte, no white space, and `<`, `>`, `&`, U+2028 and U+2029 escaped. These
/// five can only stand inside strings, so replacing them in the finished text is exact.
pub fn go_bytes(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out.into_bytes()
}
