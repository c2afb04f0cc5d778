//! Wire types: what Berth reads from the API server, and nothing that decides.
//!
//! The types of native objects are slim: they name only the fields that a decision or a message needs, so a watch of
//! ten thousand pods costs little memory, and a field that they do not name can never be written back by accident.
//! Pod and claim templates stay raw JSON ([`Template`]): they are hashed, compared and written as they came.

pub mod claim;
pub mod condition;
#[cfg(feature = "schema")]
pub mod crd;
pub mod int_or_percent;
pub mod json;
pub mod key;
pub mod label_selector;
pub mod lease;
pub mod meta;
pub mod node;
pub mod node_daemon_set;
pub mod object;
pub mod ordinal_set;
pub mod pod;
pub mod request;
pub mod revision;
#[cfg(feature = "schema")]
pub mod schema;
pub mod template;

pub use claim::Claim;
pub use key::{Key, Kind, ObjectRef, Resource, Surface};
pub use label_selector::LabelSelector;
pub use lease::Lease;
pub use meta::{Meta, OwnerReference, ResourceVersion, Uid};
pub use node::Node;
pub use node_daemon_set::NodeDaemonSet;
pub use ordinal_set::OrdinalSet;
pub use pod::Pod;
pub use revision::{Json, Revision};
pub use template::Template;
