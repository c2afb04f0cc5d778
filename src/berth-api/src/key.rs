//! Which resources there are, and how an object and an owner are named.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The API surface that an owner lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// The custom resources of `berth.dev/v1`.
    Berth,
    /// The native kinds of `apps/v1`.
    Apps,
}

impl Surface {
    /// Group and version, as in a manifest's `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Surface::Berth => "berth.dev/v1",
            Surface::Apps => "apps/v1",
        }
    }
}

/// The two kinds of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Pods with stable names, storage and order.
    Ordinal,
    /// One pod on each fitting node.
    Daemon,
}

/// A resource that Berth reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// Pods.
    Pods,
    /// Persistent volume claims.
    Claims,
    /// Controller revisions.
    Revisions,
    /// Nodes.
    Nodes,
    /// Ordinal sets of a surface (`ordinalsets.berth.dev` or `statefulsets.apps`).
    OrdinalSets(Surface),
    /// Node daemon sets of a surface (`nodedaemonsets.berth.dev` or `daemonsets.apps`).
    DaemonSets(Surface),
    /// Leases.
    Leases,
    /// Events of the core group.
    Events,
    /// Pod templates: only ever sent as a dry run, to have the API server validate and default one.
    PodTemplates,
}

impl Resource {
    /// Group and version.
    pub fn api_version(self) -> &'static str {
        match self {
            Resource::Pods
            | Resource::Claims
            | Resource::Nodes
            | Resource::Events
            | Resource::PodTemplates => "v1",
            Resource::Revisions => "apps/v1",
            Resource::OrdinalSets(s) | Resource::DaemonSets(s) => s.api_version(),
            Resource::Leases => "coordination.k8s.io/v1",
        }
    }

    /// The kind of one object.
    pub fn kind(self) -> &'static str {
        match self {
            Resource::Pods => "Pod",
            Resource::Claims => "PersistentVolumeClaim",
            Resource::Revisions => "ControllerRevision",
            Resource::Nodes => "Node",
            Resource::OrdinalSets(Surface::Berth) => "OrdinalSet",
            Resource::OrdinalSets(Surface::Apps) => "StatefulSet",
            Resource::DaemonSets(Surface::Berth) => "NodeDaemonSet",
            Resource::DaemonSets(Surface::Apps) => "DaemonSet",
            Resource::Leases => "Lease",
            Resource::Events => "Event",
            Resource::PodTemplates => "PodTemplate",
        }
    }

    /// The name in paths and in roles.
    pub fn plural(self) -> &'static str {
        match self {
            Resource::Pods => "pods",
            Resource::Claims => "persistentvolumeclaims",
            Resource::Revisions => "controllerrevisions",
            Resource::Nodes => "nodes",
            Resource::OrdinalSets(Surface::Berth) => "ordinalsets",
            Resource::OrdinalSets(Surface::Apps) => "statefulsets",
            Resource::DaemonSets(Surface::Berth) => "nodedaemonsets",
            Resource::DaemonSets(Surface::Apps) => "daemonsets",
            Resource::Leases => "leases",
            Resource::Events => "events",
            Resource::PodTemplates => "podtemplates",
        }
    }

    /// Whether objects live in a namespace.
    pub fn is_namespaced(self) -> bool {
        self != Resource::Nodes
    }

    /// The URL path of the collection, in `namespace` unless that is empty (then of the whole cluster).
    pub fn path(self, namespace: &str) -> String {
        let version = self.api_version();
        let root = if version.contains('/') { "/apis" } else { "/api" };
        if namespace.is_empty() || !self.is_namespaced() {
            format!("{root}/{version}/{}", self.plural())
        } else {
            format!("{root}/{version}/namespaces/{namespace}/{}", self.plural())
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural())?;
        match self.api_version().split_once('/') {
            Some((group, _)) => write!(f, ".{group}"),
            None => Ok(()),
        }
    }
}

/// Names one object, whatever its incarnation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// Names the object `namespace/name` of a resource.
    pub fn new(resource: Resource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        ObjectRef { resource, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.resource {
            Resource::Claims => "claim".to_owned(),
            Resource::Revisions => "revision".to_owned(),
            other => other.kind().to_lowercase(),
        };
        if self.namespace.is_empty() {
            write!(f, "{kind} {}", self.name)
        } else {
            write!(f, "{kind} {}/{}", self.namespace, self.name)
        }
    }
}

/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// Names one owner: the unit of work. Plans for one key never run at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The API surface that it lives on.
    pub surface: Surface,
    /// Ordinal set or node daemon set.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of an owner.
    pub fn new(surface: Surface, kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Key { surface, kind, namespace: namespace.into(), name: name.into() }
    }

    /// The resource that the owner belongs to.
    pub fn resource(&self) -> Resource {
        match self.kind {
            Kind::Ordinal => Resource::OrdinalSets(self.surface),
            Kind::Daemon => Resource::DaemonSets(self.surface),
        }
    }

    /// The owner as an object.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(self.resource(), &self.namespace, &self.name)
    }

    /// The name of an object that belongs to the owner: as much of its name as fits, and `suffix`. The name of a native set may be as
    /// long as a name can be.
    pub fn derived_name(&self, suffix: &str) -> String {
        let start: String = self.name.chars().take(LONGEST_NAME.saturating_sub(suffix.len())).collect();
        format!("{}{suffix}", start.trim_end_matches(['-', '.']))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.resource().kind().to_lowercase(), self.namespace, self.name)
    }
}
