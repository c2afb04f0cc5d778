//! What is known about sets: read from a live cluster, or from a directory of YAML.

use std::collections::BTreeMap;
use std::path::Path;

use berth_api::object;
use berth_api::{Key, Kind, ObjectRef, Resource, Surface};
use berth_engine::watch::stores::Stores;
use berth_plan::feature_gates::Gates;
use berth_plan::memory::Memory;
use berth_plan::observation::Observation;
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::Value;

use super::Failure;
use crate::client::reader::{self, LookError};

/// All resources that may be read.
pub(super) const ALL: [Resource; 8] = [
    Resource::Pods,
    Resource::Claims,
    Resource::Revisions,
    Resource::Nodes,
    Resource::OrdinalSets(Surface::Berth),
    Resource::DaemonSets(Surface::Berth),
    Resource::OrdinalSets(Surface::Apps),
    Resource::DaemonSets(Surface::Apps),
];

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The objects, as the operator's caches would hold them.
    pub(super) stores: Stores,
    /// The same in full.
    pub(super) raw: BTreeMap<ObjectRef, Value>,
    /// Events of the namespace, the oldest first.
    pub(super) events: Vec<Value>,
    /// What could not be read, one sentence each.
    pub(super) missing: Vec<String>,
    /// When.
    pub(super) now: Now,
    /// The versions that the lists were read at.
    pub(super) versions: Vec<(Resource, String)>,
    /// The gates of the operator.
    gates: Gates,
}

impl Facts {
    /// Nothing yet, for an operator with these gates.
    pub(super) fn new(gates: Gates) -> Self {
        Facts {
            stores: Stores::default(),
            raw: BTreeMap::new(),
            events: vec![],
            missing: vec![],
            now: now(),
            versions: vec![],
            gates,
        }
    }

    /// The same, looked at now.
    pub(super) fn refresh(&mut self) {
        self.now = now();
    }

    /// Everything about `key` in a live cluster. Nodes may be out of reach, which matters to daemons only.
    pub(super) async fn read(client: &kube::Client, key: &Key, gates: Gates) -> Result<Self, LookError> {
        let mut facts = Facts::new(gates);
        let namespace = &key.namespace;
        let object = key.object();
        let set = reader::read(client, &object);
        let pods = reader::list(client, Resource::Pods, namespace, "");
        let revisions = reader::list(client, Resource::Revisions, namespace, "");
        let claims = reader::list(client, Resource::Claims, namespace, "");
        let nodes = reader::list(client, Resource::Nodes, "", "");
        let events = reader::list(client, Resource::Events, namespace, "");
        let (set, pods, revisions, claims, nodes, events) =
            futures::join!(set, pods, revisions, claims, nodes, events);
        if let Some(set) = set? {
            facts.put(key.resource(), set);
        }
        facts.take(Resource::Pods, pods?);
        facts.take(Resource::Revisions, revisions?);
        match claims {
            Ok(claims) => facts.take(Resource::Claims, claims),
            Err(error) if key.kind == Kind::Daemon => facts.missing.push(error.to_string()),
            Err(error) => return Err(error),
        }
        match nodes {
            Ok(nodes) => facts.take(Resource::Nodes, nodes),
            Err(error) if key.kind == Kind::Ordinal => facts.missing.push(error.to_string()),
            Err(error) => return Err(error),
        }
        match events {
            Ok((events, version)) => {
                facts.versions.push((Resource::Events, version));
                facts.events = events;
            }
            Err(error) => facts.missing.push(error.to_string()),
        }
        facts.events.sort_by_cached_key(event_time);
        Ok(facts)
    }

    /// Everything in the YAML and JSON files of a directory. An object without a namespace is in `namespace`.
    pub(super) fn from_directory(directory: &Path, namespace: &str, gates: Gates) -> Result<Self, Failure> {
        let unreadable = |e: std::io::Error| Failure::usage(format!("--from {}: {e}", directory.display()));
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .map_err(unreadable)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|k| e == *k)))
            .collect();
        files.sort();
        let mut facts = Facts::new(gates);
        for file in files {
            for document in super::manifest::read(&file)? {
                facts.add(document, namespace);
            }
        }
        facts.events.sort_by_cached_key(event_time);
        Ok(facts)
    }

    /// Adds an object of any kind; what is not needed is left out.
    pub(super) fn add(&mut self, mut object: Value, namespace: &str) {
        if object["kind"] == "Event" {
            self.events.push(object);
            return;
        }
        let Some(resource) = resource_of(&object) else { return };
        if resource.is_namespaced() && object["metadata"]["namespace"].as_str().unwrap_or_default().is_empty()
        {
            object["metadata"]["namespace"] = Value::from(namespace);
        }
        self.put(resource, object);
    }

    fn take(&mut self, resource: Resource, (objects, version): (Vec<Value>, String)) {
        self.versions.push((resource, version));
        for object in objects {
            self.put(resource, object);
        }
    }

    /// Puts an object in place of what is there under its name.
    pub(super) fn put(&mut self, resource: Resource, object: Value) {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let of = ObjectRef::new(resource, text("namespace"), text("name"));
        if let Some(old) = self.raw.get(&of) {
            let meta = object::meta(&old.to_string());
            self.stores.remove(resource, &meta);
        }
        if let Some(item) = object::item(resource, &object.to_string()) {
            self.stores.put(item);
        }
        self.raw.insert(of, object);
    }

    /// The sets that are there, of both kinds and on both surfaces.
    pub(super) fn keys(&self) -> Vec<Key> {
        [Surface::Berth, Surface::Apps].into_iter().flat_map(|surface| self.stores.keys(surface)).collect()
    }

    /// The set in full.
    pub(super) fn set(&self, key: &Key) -> Option<&Value> {
        self.raw.get(&key.object())
    }

    /// What the operator would see of an ordinal set, once it has led for a while.
    pub(super) fn ordinal(&self, key: &Key, memory: Memory) -> Option<Observation<berth_api::OrdinalSet>> {
        self.stores.observe_ordinal(key, memory.established(), self.gates, self.now)
    }

    /// What the operator would see of a node daemon set, once it has led for a while.
    pub(super) fn daemon(&self, key: &Key, memory: Memory) -> Option<Observation<berth_api::NodeDaemonSet>> {
        self.stores.observe_daemon(key, memory.established(), self.gates, self.now)
    }
}

fn now() -> Now {
    // Some start, long enough ago that nothing is measured from before it.
    Now { wall: Timestamp::now(), mono: std::time::Duration::from_secs(1_000_000) }
}

/// When an event happened last.
pub(super) fn event_time(event: &Value) -> String {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(text)
        .unwrap_or_default()
}

/// The resource of an object, by its `apiVersion` and `kind`; `None` for what Berth does not read.
pub(super) fn resource_of(object: &Value) -> Option<Resource> {
    ALL.into_iter().find(|r| object["apiVersion"] == r.api_version() && object["kind"] == r.kind())
}

/// The set that an object is; `None` for any other object.
pub(super) fn key_of(object: &Value, namespace: &str) -> Option<Key> {
    let (surface, kind) = match resource_of(object)? {
        Resource::OrdinalSets(surface) => (surface, Kind::Ordinal),
        Resource::DaemonSets(surface) => (surface, Kind::Daemon),
        _ => return None,
    };
    let own = object["metadata"]["namespace"].as_str().filter(|n| !n.is_empty());
    Some(Key::new(surface, kind, own.unwrap_or(namespace), object["metadata"]["name"].as_str()?))
}
