//! From the API server's JSON to cached objects. What cannot be read is kept as present, with the reason.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::engine::stores::Item;
use crate::api::meta::Object;
use crate::api::{Meta, Resource};

/// Reads one object of a list or of a watch event; `None` for resources that are not watched.
pub fn item(resource: Resource, json: &str) -> Option<Item> {
    Some(match resource {
        Resource::Pods => Item::Pod(object(json)),
        Resource::Claims => Item::Claim(object(json)),
        Resource::Revisions => Item::Revision(object(json)),
        Resource::Nodes => Item::Node(object(json)),
        Resource::OrdinalSets(surface) => Item::OrdinalSet(surface, object(json)),
        Resource::DaemonSets(surface) => Item::DaemonSet(surface, object(json)),
        Resource::Leases => Item::Lease(serde_json::from_str(json).ok()?),
        Resource::Events | Resource::PodTemplates => return None,
    })
}

fn object<T: Object + DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_else(|error| T::unreadable(meta(json), error.to_string()))
}

/// The metadata of an object, as much of it as can be read.
pub fn meta(json: &str) -> Meta {
    #[derive(serde::Deserialize)]
    struct OnlyMeta {
        metadata: Meta,
    }
    if let Ok(object) = serde_json::from_str::<OnlyMeta>(json) {
        return object.metadata;
    }
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let text = |name: &str| value["metadata"][name].as_str().unwrap_or_default().to_owned();
    Meta {
        name: text("name"),
        namespace: text("namespace"),
        uid: crate::api::Uid(text("uid")),
        resource_version: crate::api::ResourceVersion(text("resourceVersion")),
        ..Meta::default()
    }
}
