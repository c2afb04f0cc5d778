//! A model of the API server: one resourceVersion for everything, the whole history, and the rules of the real one that a
//! controller can run into.

mod garbage;
pub mod object;
mod verbs;
mod watch;

use std::collections::BTreeMap;

use berth::api::{ObjectRef, Resource};
use berth::core::request::{Refusal, RefusalCause, RefusalDetails};
use jiff::Timestamp;
use serde_json::{Value, json};

/// One commit.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// The object.
    pub object: ObjectRef,
    /// How it is; for a deletion how it was last, with the version of the deletion.
    pub value: Value,
    /// Whether it was removed.
    pub removed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct ApiServer {
    objects: BTreeMap<ObjectRef, Value>,
    by_uid: BTreeMap<String, ObjectRef>,
    history: BTreeMap<Resource, Vec<Change>>,
    version: u64,
    compacted: u64,
    uids: u64,
    pages: BTreeMap<String, watch::Rest>,
    /// The wall clock, kept up to date by the world.
    pub now: Timestamp,
    /// How many pods there may be; more are refused as a ResourceQuota does.
    pub pod_quota: Option<usize>,
    /// Whether the namespaces are being deleted, so that nothing can be created.
    pub namespace_terminating: bool,
}

impl ApiServer {
    /// An empty one.
    pub fn new(now: Timestamp) -> Self {
        ApiServer {
            objects: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            history: BTreeMap::new(),
            version: 100,
            compacted: 0,
            uids: 0,
            pages: BTreeMap::new(),
            now,
            pod_quota: None,
            namespace_terminating: false,
        }
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    pub fn get(&self, object: &ObjectRef) -> Option<&Value> {
        self.objects.get(object)
    }

    /// All objects of a resource, by namespace and name.
    pub fn all(&self, resource: Resource) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.objects.iter().filter(move |(object, _)| object.resource == resource)
    }

    /// The object with this uid.
    pub fn by_uid(&self, uid: &str) -> Option<(&ObjectRef, &Value)> {
        self.objects.get_key_value(self.by_uid.get(uid)?)
    }

    /// The objects of a resource that the owner with this uid manages.
    pub fn managed(&self, resource: Resource, owner: &str) -> Vec<&Value> {
        let ours = |v: &Value| object::controller(v).is_some_and(|r| r["uid"] == owner);
        self.all(resource).map(|(_, v)| v).filter(|v| ours(v)).collect()
    }

    /// How an object was at `version`, and all it has been since; `None` stands for its absence.
    pub fn since(&self, object: &ObjectRef, version: u64) -> Vec<Option<&Value>> {
        let mut views = vec![None];
        for change in self.history.get(&object.resource).into_iter().flatten().filter(|c| &c.object == object)
        {
            let view = (!change.removed).then_some(&change.value);
            if change.version <= version {
                views[0] = view;
            } else {
                views.push(view);
            }
        }
        views
    }

    /// Changes an object without any precondition, as other components of a cluster do. Whether anything changed.
    pub fn edit(&mut self, object: &ObjectRef, change: impl FnOnce(&mut Value)) -> bool {
        let Some(before) = self.objects.get(object) else { return false };
        let mut after = before.clone();
        change(&mut after);
        self.replace(object, after)
    }

    /// Stores a changed object, unless it has not changed; it goes when it was only held by finalizers.
    fn replace(&mut self, object: &ObjectRef, mut after: Value) -> bool {
        let Some(before) = self.objects.get(object) else { return false };
        if *before == after {
            return false;
        }
        let counts = matches!(object.resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_));
        if counts && before["spec"] != after["spec"] {
            bump(&mut after);
        }
        let held = !object::entries(&after, "/metadata/finalizers").is_empty();
        let graceful = after["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) > 0;
        if object::is_terminating(&after) && !held && !graceful {
            self.remove(object);
        } else {
            self.store(object, after);
        }
        true
    }

    fn store(&mut self, object: &ObjectRef, mut value: Value) {
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.by_uid.insert(object::uid(&value).to_owned(), object.clone());
        self.objects.insert(object.clone(), value.clone());
        self.record(object, value, false);
    }

    fn remove(&mut self, object: &ObjectRef) {
        let Some(mut value) = self.objects.remove(object) else { return };
        self.by_uid.remove(object::uid(&value));
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.record(object, value, true);
    }

    fn record(&mut self, object: &ObjectRef, value: Value, removed: bool) {
        let change = Change { version: self.version, object: object.clone(), value, removed };
        self.history.entry(object.resource).or_default().push(change);
    }
}

/// Counts a change of the spec.
fn bump(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    object["metadata"]["generation"] = json!(generation + 1);
}

/// A refusal as the API server words it.
pub fn refusal(code: u16, reason: &str, message: &str) -> Refusal {
    Refusal {
        code,
        reason: reason.to_owned(),
        message: message.to_owned(),
        details: RefusalDetails::default(),
    }
}

/// The refusal of a namespace that is being deleted.
fn namespace_terminating() -> Refusal {
    let cause = RefusalCause { reason: "NamespaceTerminating".to_owned(), ..RefusalCause::default() };
    let mut refusal =
        refusal(403, "Forbidden", "unable to create new content: the namespace is being terminated");
    refusal.details.causes.push(cause);
    refusal
}
