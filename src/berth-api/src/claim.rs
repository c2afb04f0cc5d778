//! Persistent volume claims, as far as Berth reads them.

use serde::{Deserialize, Serialize};

use super::meta::{Meta, object};

/// A persistent volume claim. Its spec is never compared with the template (A4.7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Metadata.
    pub metadata: Meta,
    /// Status.
    pub status: ClaimStatus,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(Claim: status);

/// See [`Claim`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimStatus {
    /// Pending, Bound or Lost.
    pub phase: String,
}
