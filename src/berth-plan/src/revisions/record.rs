//! What a revision records, and the bytes it is recorded as. Only this module knows the form.
//!
//! A revision is a set of recorded paths of the owner's spec. Today there is one, `spec.template`, in upstream's form
//! (A7.1): `{"spec":{"template":{"$patch":"replace", ...}}}`. A path that an old revision lacks is not compared.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use berth_api::{Json, Revision, Template};
use serde_json::{Map, Value, json};

use crate::hash::fnv1a_128;

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
pub fn template(data: &Json) -> Option<Value> {
    let mut data = data.value();
    let Value::Object(mut fields) = data.get_mut("spec")?.get_mut("template")?.take() else { return None };
    fields.remove(PATCH);
    Some(Template(Value::Object(fields))).filter(Template::is_sound).map(|template| template.0)
}

/// What two templates are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// Of a template; `None` if it is no object.
    pub fn of(template: &Template) -> Option<Self> {
        digest(&template.0).map(Digest)
    }

    /// Whether `data` records the template that this is of. Only hashes are compared, for this is asked at every plan.
    pub fn is_recorded_by(self, data: &Json) -> bool {
        data.digest(|data| digest(data.get("spec")?.get("template")?)) == Some(self.0)
    }
}

/// Whether `data` records exactly this template.
pub fn records(data: &Json, template: &Template) -> bool {
    Digest::of(template).is_some_and(|digest| digest.is_recorded_by(data))
}

/// The hash of a template without what is no part of it: the instruction to replace, and the `creationTimestamp: null` that tools
/// print into templates and drop again.
fn digest(template: &Value) -> Option<u128> {
    let mut fields = template.as_object()?.clone();
    fields.remove(PATCH);
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata")
        && metadata.get("creationTimestamp").is_some_and(Value::is_null)
    {
        metadata.remove("creationTimestamp");
    }
    Some(fnv1a_128(Value::Object(fields).to_string().as_bytes()))
}

/// Recorded templates that were read for one plan: each is parsed once, however many pods are made from it.
#[derive(Clone, Debug, Default)]
pub struct Templates(RefCell<BTreeMap<String, Option<Arc<Value>>>>);

impl Templates {
    /// The template that a revision records; see [`template`].
    pub fn of(&self, revision: &Revision) -> Option<Arc<Value>> {
        let mut read = self.0.borrow_mut();
        let name = &revision.metadata.name;
        if !read.contains_key(name) {
            read.insert(name.clone(), template(&revision.data).map(Arc::new));
        }
        read.get(name).cloned().flatten()
    }
}
