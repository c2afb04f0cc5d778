//! Controller revisions: the recorded pod templates.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::meta::{Meta, object};

/// A recorded revision of a set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Revision {
    /// Metadata.
    pub metadata: Meta,
    /// What was recorded; see the `revisions` module for its form. Immutable.
    pub data: Json,
    /// Counts up with each roll and rollback, from 1.
    pub revision: i64,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(Revision: data, revision);

/// JSON that is kept as text, with its keys sorted: a tree of values takes 15 to 20 times the memory, and most revisions of a
/// cluster are never looked into.
#[derive(Clone, Debug)]
pub struct Json {
    text: Arc<str>,
    digest: OnceLock<Option<u128>>,
}

impl Json {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value.
    pub fn value(&self) -> Value {
        // It was written by this module, so it can be read.
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// What `digest` makes of the value; it is computed once, so it must be the same function each time.
    pub fn digest(&self, digest: impl FnOnce(&Value) -> Option<u128>) -> Option<u128> {
        *self.digest.get_or_init(|| digest(&self.value()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Default for Json {
    fn default() -> Self {
        Json::from(Value::Null)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Json { text: value.to_string().into(), digest: OnceLock::new() }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Json::from)
    }
}
