//! A model of the API server: one resourceVersion for everything, the whole history, and the rules of the real one that a
//! controller can run into.

mod admission;
mod defaults;
mod garbage;
pub mod object;
mod past;
mod policy;
mod roles;
mod verbs;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_api::object::Item;
use berth_api::request::{Refusal, RefusalDetails};
use berth_api::{ObjectRef, Resource};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use admission::{Admission, denied};
pub use defaults::defaulted;
pub use policy::Pattern;
pub use roles::Roles;

/// One commit.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// The object.
    pub object: ObjectRef,
    /// How it is; for a deletion how it was last, with the version of the deletion.
    pub value: Arc<Value>,
    /// The same as an operator reads it; `None` for what no operator watches.
    pub item: Option<Item>,
    /// Whether it was removed.
    pub removed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct ApiServer {
    objects: BTreeMap<ObjectRef, Arc<Value>>,
    by_uid: BTreeMap<String, ObjectRef>,
    history: BTreeMap<Resource, Vec<Change>>,
    /// Where in the history of its resource the commits to an object are.
    trails: BTreeMap<ObjectRef, Vec<usize>>,
    version: u64,
    compacted: u64,
    uids: u64,
    tokens: u64,
    pages: BTreeMap<String, watch::Rest>,
    /// The wall clock, kept up to date by the world.
    pub now: Timestamp,
    /// What is refused or changed on its way in.
    pub admission: Admission,
    /// What operators may do.
    pub roles: Roles,
}

impl ApiServer {
    /// An empty one.
    pub fn new(now: Timestamp) -> Self {
        ApiServer {
            objects: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            history: BTreeMap::new(),
            trails: BTreeMap::new(),
            version: 100,
            compacted: 0,
            uids: 0,
            tokens: 0,
            pages: BTreeMap::new(),
            now,
            admission: Admission::default(),
            roles: Roles::default(),
        }
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    pub fn get(&self, object: &ObjectRef) -> Option<&Value> {
        self.objects.get(object).map(|value| &**value)
    }

    /// One object, to be kept.
    pub fn shared(&self, object: &ObjectRef) -> Option<Arc<Value>> {
        self.objects.get(object).cloned()
    }

    /// All objects of a resource, by namespace and name.
    pub fn all(&self, resource: Resource) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        let from = ObjectRef::new(resource, "", "");
        let all = self.objects.range(from..).take_while(move |(object, _)| object.resource == resource);
        all.map(|(object, value)| (object, &**value))
    }

    /// The object with this uid.
    pub fn by_uid(&self, uid: &str) -> Option<(&ObjectRef, &Value)> {
        let (object, value) = self.objects.get_key_value(self.by_uid.get(uid)?)?;
        Some((object, value))
    }

    /// The objects of a resource that the owner with this uid manages.
    pub fn managed(&self, resource: Resource, owner: &str) -> Vec<&Value> {
        let ours = |v: &Value| object::controller(v).is_some_and(|r| r["uid"] == owner);
        self.all(resource).map(|(_, v)| v).filter(|v| ours(v)).collect()
    }

    /// Changes an object without any precondition, as other components of a cluster do. Whether anything changed.
    pub fn edit(&mut self, object: &ObjectRef, change: impl FnOnce(&mut Value)) -> bool {
        let Some(before) = self.objects.get(object) else { return false };
        let mut after = Value::clone(before);
        change(&mut after);
        self.replace(object, after)
    }

    /// Stores a changed object, unless it has not changed; it goes when it was only held by finalizers.
    fn replace(&mut self, object: &ObjectRef, mut after: Value) -> bool {
        let Some(before) = self.objects.get(object) else { return false };
        object::tidy(&mut after);
        if **before == after {
            return false;
        }
        let counts =
            matches!(object.resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_) | Resource::Pods);
        // To be bound to a node is no change of a pod's spec.
        let bound =
            object.resource == Resource::Pods && before["spec"]["nodeName"] != after["spec"]["nodeName"];
        if counts && !bound && before["spec"] != after["spec"] {
            bump(&mut after);
        }
        let held = !object::entries(&after, "/metadata/finalizers").is_empty();
        let graceful = after["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) > 0;
        if object::is_terminating(&after) && !held && !graceful {
            self.remove(object, after);
        } else {
            self.store(object, after);
        }
        true
    }

    fn store(&mut self, object: &ObjectRef, mut value: Value) {
        object::tidy(&mut value);
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let value = Arc::new(value);
        self.by_uid.insert(object::uid(&value).to_owned(), object.clone());
        self.objects.insert(object.clone(), Arc::clone(&value));
        self.record(object, value, false);
    }

    fn remove(&mut self, object: &ObjectRef, mut value: Value) {
        self.objects.remove(object);
        self.by_uid.remove(object::uid(&value));
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.record(object, Arc::new(value), true);
    }

    fn record(&mut self, object: &ObjectRef, value: Arc<Value>, removed: bool) {
        let item = berth_api::object::item(object.resource, &value.to_string());
        let change = Change { version: self.version, object: object.clone(), value, item, removed };
        let history = self.history.entry(object.resource).or_default();
        self.trails.entry(object.clone()).or_default().push(history.len());
        history.push(change);
    }
}

/// Counts a change of the spec, where the resource counts them.
fn bump(object: &mut Value) {
    if let Some(generation) = object["metadata"]["generation"].as_i64() {
        object["metadata"]["generation"] = json!(generation + 1);
    }
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
