//! Controller revisions: the recorded pod templates.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta::{Meta, object};

/// A recorded revision of a set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Revision {
    /// Metadata.
    pub metadata: Meta,
    /// What was recorded; see the `revisions` module for its form. Immutable.
    pub data: Value,
    /// Counts up with each roll and rollback, from 1.
    pub revision: i64,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(Revision: data, revision);
