//! Object metadata, as far as Berth reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The uid of one incarnation of an object. Empty for an object that was never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub String);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resourceVersion as the API server wrote it. Two of the same resource compare by number (KEP-5504); one that is no
/// number compares with nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceVersion(pub String);

impl ResourceVersion {
    /// The version as a number, or `None` when it is empty or not a decimal number.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Group and version of the owner, such as `berth.dev/v1`.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the namespace of the object.
    pub name: String,
    /// The incarnation of the owner.
    pub uid: Uid,
    /// Whether this owner manages the object; at most one owner of an object does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether a foreground deletion of the owner waits for this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

impl OwnerReference {
    /// Whether this is the reference of the managing owner.
    pub fn is_controller(&self) -> bool {
        self.controller == Some(true)
    }
}

/// The part of `metadata` that Berth reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name, unique in its namespace and resource.
    pub name: String,
    /// Namespace; empty for cluster-wide objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The incarnation.
    pub uid: Uid,
    /// The version of this incarnation.
    pub resource_version: ResourceVersion,
    /// Counts changes of the spec, from 1.
    pub generation: i64,
    /// When the object was stored first, to the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion was asked for (plus the grace period); set means that it is on its way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Owners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// What must be taken off before the object goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// When kube-controller-manager wrote the status last, to the second, as far as `managedFields` tell. Of a StatefulSet or
    /// DaemonSet only its own controller of that kind does (F1).
    #[serde(rename = "managedFields", deserialize_with = "written_by_upstream", skip_serializing)]
    pub upstream_wrote: Option<Timestamp>,
}

fn written_by_upstream<'de, D: serde::Deserializer<'de>>(fields: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Entry {
        manager: String,
        subresource: String,
        time: Option<Timestamp>,
    }
    let entries = Option::<Vec<Entry>>::deserialize(fields)?.unwrap_or_default();
    let theirs = |e: &Entry| e.manager == "kube-controller-manager" && e.subresource == "status";
    Ok(entries.into_iter().filter(theirs).filter_map(|e| e.time).max())
}

impl Meta {
    /// Whether the object is being deleted.
    pub fn is_terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// The reference of the managing owner, if there is one.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|r| r.is_controller())
    }

    /// Whether the managing owner is the incarnation `uid`.
    pub fn is_controlled_by(&self, uid: &Uid) -> bool {
        self.controller().is_some_and(|r| &r.uid == uid)
    }

    /// Whether the two differ in nothing but the resourceVersion.
    pub fn is_same_but_version(&self, other: &Self) -> bool {
        let Meta {
            name,
            namespace,
            uid,
            resource_version: _,
            generation,
            creation_timestamp,
            deletion_timestamp,
            labels,
            annotations,
            owner_references,
            finalizers,
            // Who wrote last says nothing by itself either.
            upstream_wrote: _,
        } = self;
        (name, namespace, uid) == (&other.name, &other.namespace, &other.uid)
            && *generation == other.generation
            && *creation_timestamp == other.creation_timestamp
            && *deletion_timestamp == other.deletion_timestamp
            && (labels, annotations) == (&other.labels, &other.annotations)
            && (owner_references, finalizers) == (&other.owner_references, &other.finalizers)
    }

    /// `namespace/name`, or the name alone for cluster-wide objects.
    pub fn display_name(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

/// Namespace and name.
pub type Name = (String, String);
/// Objects by namespace and name.
pub type Objects<T> = Arc<BTreeMap<Name, Arc<T>>>;

/// An object that has metadata and was read from the API server.
pub trait Object: Clone + PartialEq {
    /// The metadata.
    fn meta(&self) -> &Meta;
    /// Whether the two differ in nothing but the resourceVersion, which says nothing by itself.
    fn is_same_but_version(&self, other: &Self) -> bool;
    /// What stands in the cache for an object that could not be read: its metadata and why. It counts as present.
    fn unreadable(meta: Meta, error: String) -> Self;
}

/// Implements [`Object`] for a struct with the fields `metadata`, `unreadable`, and those that are named.
macro_rules! object {
    ($type:ty: $($field:ident),*) => {
        impl $crate::meta::Object for $type {
            fn meta(&self) -> &$crate::meta::Meta {
                &self.metadata
            }
            fn is_same_but_version(&self, other: &Self) -> bool {
                let Self { metadata, unreadable, $($field),* } = self;
                metadata.is_same_but_version(&other.metadata)
                    && unreadable == &other.unreadable
                    $(&& $field == &other.$field)*
            }
            fn unreadable(metadata: $crate::meta::Meta, error: String) -> Self {
                Self { metadata, unreadable: Some(error), ..Default::default() }
            }
        }
    };
}
pub(crate) use object;
