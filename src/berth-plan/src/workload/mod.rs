//! The owner, as planners of both kinds see it, and what belongs to whom.

pub mod adoption;
pub mod backoff;
pub mod conditions;
pub mod deadline;
pub mod finish;

use berth_api::condition::Condition;
use berth_api::meta::Object;
use berth_api::{Key, Kind, LabelSelector, Meta, OwnerReference, Resource, Surface, Template, Uid};
use serde::Serialize;
use serde_json::{Value, json};

/// What ordinal sets and node daemon sets have in common.
pub trait Set: Object + serde::Serialize {
    /// Which of the two it is.
    const KIND: Kind;
    /// The selector of its pods.
    fn selector(&self) -> &LabelSelector;
    /// The pod template.
    fn template(&self) -> &Template;
    /// A template with what its pods get besides, so that it is valid by itself.
    fn complete(&self, template: &Value) -> Value;
    /// How many old revisions are kept; negative keeps all (C1.15). 10 unless set.
    fn history_limit(&self) -> i64;
    /// How often the name of a revision was taken, as the status says.
    fn collision_count(&self) -> i32;
    /// The name of the current revision, as the status says; empty at first.
    fn current_revision(&self) -> &str;
    /// The name of the revision of the present template, as the status says; empty where it is about an earlier one, or names none.
    fn recorded_revision(&self) -> &str;
    /// Seconds of readiness before a pod is available.
    fn min_ready_seconds(&self) -> i64;
    /// Whether rollouts stand still. Native kinds have no such field.
    fn is_paused(&self) -> bool;
    /// Seconds without progress after which the owner counts as stalled, at least 1; `None` for never.
    fn progress_deadline(&self) -> Option<i64>;
    /// Why it could not be read, if so.
    fn unreadable(&self) -> Option<&str>;
}

/// What is the same for both kinds, as they have the same fields.
macro_rules! set {
    ($type:ty, $kind:expr, $complete:expr) => {
        impl $crate::workload::Set for $type {
            const KIND: berth_api::Kind = $kind;
            fn selector(&self) -> &berth_api::LabelSelector {
                &self.spec.selector
            }
            fn template(&self) -> &berth_api::Template {
                &self.spec.template
            }
            fn complete(&self, template: &serde_json::Value) -> serde_json::Value {
                $complete(self, template)
            }
            fn history_limit(&self) -> i64 {
                i64::from(self.spec.revision_history_limit.unwrap_or(10))
            }
            fn collision_count(&self) -> i32 {
                self.status.collision_count
            }
            fn current_revision(&self) -> &str {
                &self.status.current_revision
            }
            fn recorded_revision(&self) -> &str {
                let observed = self.status.observed_generation == self.metadata.generation;
                if observed { &self.status.update_revision } else { "" }
            }
            fn min_ready_seconds(&self) -> i64 {
                i64::from(self.spec.min_ready_seconds.max(0))
            }
            fn is_paused(&self) -> bool {
                self.spec.paused
            }
            fn progress_deadline(&self) -> Option<i64> {
                self.spec.progress_deadline_seconds.map(|seconds| i64::from(seconds.max(1)))
            }
            fn unreadable(&self) -> Option<&str> {
                self.unreadable.as_deref()
            }
        }
    };
}
pub(crate) use set;

/// A status of either kind.
pub trait SetStatus: Clone + PartialEq + Serialize {
    /// The conditions, of Berth and of others.
    fn conditions(&self) -> &[Condition];
    /// Replaces all conditions.
    fn set_conditions(&mut self, conditions: Vec<Condition>);
    /// Which generation the status is about.
    fn observed_generation(&self) -> i64;
    /// Says which generation the status is about.
    fn set_observed_generation(&mut self, generation: i64);
    /// The names of the current and of the update revision.
    fn revisions(&self) -> [&str; 2];
    /// How often the name of a revision was taken.
    fn collisions(&self) -> i32;
}

/// What is the same for both kinds, as they have the same fields.
macro_rules! set_status {
    ($type:ty) => {
        impl $crate::workload::SetStatus for $type {
            fn conditions(&self) -> &[berth_api::condition::Condition] {
                &self.conditions
            }
            fn set_conditions(&mut self, conditions: Vec<berth_api::condition::Condition>) {
                self.conditions = conditions;
            }
            fn observed_generation(&self) -> i64 {
                self.observed_generation
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = generation;
            }
            fn revisions(&self) -> [&str; 2] {
                [&self.current_revision, &self.update_revision]
            }
            fn collisions(&self) -> i32 {
                self.collision_count
            }
        }
    };
}
pub(crate) use set_status;

/// The reference that makes an owner the managing owner of an object (upstream's `NewControllerRef`).
pub fn reference(key: &Key, uid: &Uid) -> OwnerReference {
    let resource = key.resource();
    OwnerReference {
        api_version: resource.api_version().to_owned(),
        kind: resource.kind().to_owned(),
        name: key.name.clone(),
        uid: uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The owner of ours that `reference` names, if it names one: kinds are compared with their group, so that a StatefulSet
/// of another API group is not taken for one of `apps`.
pub fn key_of(reference: &OwnerReference, namespace: &str) -> Option<Key> {
    for surface in [Surface::Berth, Surface::Apps] {
        for kind in [Kind::Ordinal, Kind::Daemon] {
            let key = Key::new(surface, kind, namespace, &reference.name);
            if names_kind(reference, key.resource()) {
                return Some(key);
            }
        }
    }
    None
}

/// Whether a reference names an owner of this kind, in whatever version of its API group.
fn names_kind(reference: &OwnerReference, resource: Resource) -> bool {
    fn group(version: &str) -> &str {
        version.split_once('/').map_or("", |(group, _)| group)
    }
    reference.kind == resource.kind() && group(&reference.api_version) == group(resource.api_version())
}

/// Whether an object of the owner's namespace is managed by another incarnation of the owner `key`: by a set of the same kind, API
/// group and name with another uid than `uid`. That set was deleted, and the garbage collector takes the object.
pub fn is_of_another_incarnation(key: &Key, uid: &Uid, object: &Meta) -> bool {
    object.controller().is_some_and(|r| &r.uid != uid && r.name == key.name && names_kind(r, key.resource()))
}

/// Owner references as JSON for a merge patch, which replaces the whole list.
pub fn references(references: &[OwnerReference]) -> Value {
    json!({ "metadata": { "ownerReferences": references } })
}

/// The references of `meta` with ours added at the end.
pub fn with_reference(meta: &Meta, ours: OwnerReference) -> Vec<OwnerReference> {
    meta.owner_references.iter().cloned().chain([ours]).collect()
}

/// The references of `meta` without those to the incarnation `uid`.
pub fn without_reference(meta: &Meta, uid: &Uid) -> Vec<OwnerReference> {
    meta.owner_references.iter().filter(|r| &r.uid != uid).cloned().collect()
}
