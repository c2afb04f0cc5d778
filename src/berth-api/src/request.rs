//! Requests to the API server and its answers, as values.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ObjectRef;

/// What is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Verb {
    /// Read one object from the newest state.
    Get,
    /// Create by name.
    Create,
    /// Change by JSON merge patch.
    Patch,
    /// Replace, guarded by the resourceVersion in the body.
    Update,
    /// Delete, guarded by the preconditions in the body.
    Delete,
}

/// A request. It carries its preconditions in its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is asked.
    pub verb: Verb,
    /// Of which object.
    pub object: ObjectRef,
    /// Whether the status subresource is meant.
    pub status: bool,
    /// Whether nothing is to be stored: the API server only answers what it would store.
    pub dry_run: bool,
    /// The body; null for [`Verb::Get`].
    pub body: Value,
}

impl Request {
    /// Asks for the newest state of an object.
    pub fn get(object: ObjectRef) -> Self {
        Request { verb: Verb::Get, object, status: false, dry_run: false, body: Value::Null }
    }

    /// Creates an object by name.
    pub fn create(object: ObjectRef, body: Value) -> Self {
        Request { verb: Verb::Create, object, status: false, dry_run: false, body }
    }

    /// Changes an object by JSON merge patch.
    pub fn patch(object: ObjectRef, body: Value) -> Self {
        Request { verb: Verb::Patch, object, status: false, dry_run: false, body }
    }

    /// Deletes an object, guarded by the preconditions in `body`.
    pub fn delete(object: ObjectRef, body: Value) -> Self {
        Request { verb: Verb::Delete, object, status: false, dry_run: false, body }
    }

    /// Whether this changes anything.
    pub fn is_write(&self) -> bool {
        self.verb != Verb::Get && !self.dry_run
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was done; the object, or a `Status` for some deletes.
    Done(Value),
    /// The API server refused.
    Refused(Refusal),
    /// Nobody knows: the connection broke or the answer did not come in time. It may have been done, or be done later.
    Unknown(String),
}

/// A `metav1.Status` of a failure, as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// One word, such as AlreadyExists.
    pub reason: String,
    /// The API server's own sentence.
    pub message: String,
    /// Details.
    pub details: RefusalDetails,
}

/// See [`Refusal`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RefusalDetails {
    /// Why, item by item.
    pub causes: Vec<RefusalCause>,
    /// Seconds to wait before the next try; 0 if not said.
    pub retry_after_seconds: u32,
}

/// See [`RefusalDetails`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefusalCause {
    /// One word, such as NamespaceTerminating.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// The field that it is about.
    pub field: String,
}
