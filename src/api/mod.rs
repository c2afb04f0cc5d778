//! Wire types: what Berth reads from the API server, and nothing that decides.
//!
//! The types of native objects are slim: they name only the fields that a decision or a message needs, so a watch of
//! ten thousand pods costs little memory, and a field that they do not name can never be written back by accident.
//! Pod and claim templates stay raw JSON ([`Template`]): they are hashed, compared and written as they came.

pub mod claim;
pub mod crd;
pub mod identity;
pub mod lease;
pub mod meta;
pub mod node;
pub mod node_daemon_set;
pub mod ordinal_set;
pub mod pod;
pub mod revision;
pub mod schema;
pub mod selector;
pub mod status;
pub mod template;

pub use claim::Claim;
pub use identity::{Key, Kind, ObjectRef, Resource, Surface};
pub use lease::Lease;
pub use meta::{Meta, OwnerReference, ResourceVersion, Uid};
pub use node::Node;
pub use node_daemon_set::NodeDaemonSet;
pub use ordinal_set::OrdinalSet;
pub use pod::Pod;
pub use revision::{Json, Revision};
pub use selector::LabelSelector;
pub use template::Template;
