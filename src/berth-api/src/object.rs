//! From the API server's JSON to cached objects. What cannot be read is kept as present, with the reason.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::meta::Object;
use crate::{
    Claim, Lease, Meta, Node, NodeDaemonSet, ObjectRef, OrdinalSet, Pod, Resource, Revision, Surface,
};

/// One object of any resource that is cached.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A pod.
    Pod(Pod),
    /// A claim.
    Claim(Claim),
    /// A revision.
    Revision(Revision),
    /// A node.
    Node(Node),
    /// An ordinal set of a surface.
    OrdinalSet(Surface, OrdinalSet),
    /// A node daemon set of a surface.
    DaemonSet(Surface, NodeDaemonSet),
    /// The lease of the election, which is not cached: the election has its own view of it.
    Lease(Lease),
}

impl Item {
    /// The object and why it could not be read, if so.
    pub fn unreadable(&self) -> Option<(ObjectRef, &str)> {
        fn of<'a, T: Object>(
            r: Resource,
            object: &T,
            why: &'a Option<String>,
        ) -> Option<(ObjectRef, &'a str)> {
            let meta = object.meta();
            why.as_deref().map(|why| (ObjectRef::new(r, &meta.namespace, &meta.name), why))
        }
        match self {
            Item::Pod(o) => of(Resource::Pods, o, &o.unreadable),
            Item::Claim(o) => of(Resource::Claims, o, &o.unreadable),
            Item::Revision(o) => of(Resource::Revisions, o, &o.unreadable),
            Item::Node(o) => of(Resource::Nodes, o, &o.unreadable),
            Item::OrdinalSet(s, o) => of(Resource::OrdinalSets(*s), o, &o.unreadable),
            Item::DaemonSet(s, o) => of(Resource::DaemonSets(*s), o, &o.unreadable),
            Item::Lease(_) => None,
        }
    }
}

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
        uid: crate::Uid(text("uid")),
        resource_version: crate::ResourceVersion(text("resourceVersion")),
        ..Meta::default()
    }
}
