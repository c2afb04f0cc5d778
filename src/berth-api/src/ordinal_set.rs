//! `OrdinalSet` and `apps/v1 StatefulSet`: one struct for both surfaces.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::meta::{Meta, object};
use super::template::Template;
use crate::condition::Condition;
use crate::label_selector::LabelSelector;

/// A set of pods with stable names, stable storage and an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrdinalSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: OrdinalSetSpec,
    /// What was found.
    pub status: OrdinalSetStatus,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(OrdinalSet: spec, status);

/// What is wanted of an ordinal set. Fields, defaults and meaning are those of `apps/v1 StatefulSet`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct OrdinalSetSpec {
    /// How many pods there should be. Defaults to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which pods belong to the set. It must match the labels of the pod template and cannot be changed.
    pub selector: LabelSelector,
    /// The pod that each ordinal gets. Host name, subdomain and the volumes of the claim templates are filled in.
    #[cfg_attr(feature = "schema", schemars(with = "k8s_openapi::api::core::v1::PodTemplateSpec"))]
    pub template: Template,
    /// Claims that each pod gets, named `<template>-<set>-<ordinal>`. Cannot be changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Vec<k8s_openapi::api::core::v1::PersistentVolumeClaim>")
    )]
    pub volume_claim_templates: Vec<Template>,
    /// Name of the headless Service that gives the pods their DNS names. Cannot be changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Whether pods are made and removed one after the other (OrderedReady, the default) or all at once (Parallel).
    /// Cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_management_policy: Option<PodManagementPolicy>,
    /// How pods get a changed template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<OrdinalUpdateStrategy>,
    /// How many old revisions are kept for a rollback. Defaults to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// Seconds for which a pod must be ready without a break before it counts as available. Defaults to 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// What happens to claims when the set is deleted or scaled down. Defaults to keeping them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_retention_policy: Option<RetentionPolicy>,
    /// Where the ordinals begin. Defaults to 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinals: Option<Ordinals>,
    /// While true, rollouts stand still: pods keep their revisions, and new ones get the current revision. Scaling and repair
    /// go on. Defaults to false.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Seconds without progress after which the set is reported as stalled. Nothing else happens then. Unset means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
}

fn is_zero(n: &i32) -> bool {
    *n == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// See [`OrdinalSetSpec::pod_management_policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub enum PodManagementPolicy {
    /// One after the other: a pod is made when all before it are available, and removed when all after it are gone.
    OrderedReady,
    /// All at once.
    Parallel,
}

/// How pods get a changed template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct OrdinalUpdateStrategy {
    /// RollingUpdate (the default): Berth replaces pods, highest ordinal first. OnDelete: a pod gets the new template when
    /// somebody deletes it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<OrdinalUpdateType>,
    /// Parameters of RollingUpdate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<OrdinalRollingUpdate>,
}

/// See [`OrdinalUpdateStrategy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub enum OrdinalUpdateType {
    /// Berth replaces pods.
    RollingUpdate,
    /// People replace pods.
    OnDelete,
    /// All old pods go before the first new one comes (of a StatefulSet alpha in Kubernetes 1.37, behind its gate).
    Recreate,
}

/// Parameters of a rolling update of an ordinal set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct OrdinalRollingUpdate {
    /// Pods whose index (ordinal minus `ordinals.start`) is below this keep the old template. Defaults to 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// How many pods may be unavailable during the update: a number, or a percentage of `replicas` (rounded down, but at
    /// least 1). Defaults to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
}

/// A count, or a percentage of another count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// A count.
    Int(i32),
    /// A percentage such as `25%`.
    Percent(String),
}

/// Where the ordinals begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(default)]
pub struct Ordinals {
    /// The lowest ordinal. Defaults to 0.
    pub start: i32,
}

/// What happens to the claims of a set. A claim that is to be deleted is deleted by the garbage collector, never by Berth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RetentionPolicy {
    /// When the set is deleted. Defaults to Retain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_deleted: Option<Retention>,
    /// When the pod's ordinal is scaled away. Defaults to Retain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_scaled: Option<Retention>,
}

/// See [`RetentionPolicy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub enum Retention {
    /// The claim stays.
    #[default]
    Retain,
    /// The claim goes.
    Delete,
}

/// What was found of an ordinal set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct OrdinalSetStatus {
    /// The generation of the spec that this status is about.
    pub observed_generation: i64,
    /// How many pods exist.
    pub replicas: i32,
    /// How many pods run and are ready.
    pub ready_replicas: i32,
    /// How many pods have been ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// How many pods are at `currentRevision` and are not being deleted.
    pub current_replicas: i32,
    /// How many pods are at `updateRevision` and are not being deleted.
    pub updated_replicas: i32,
    /// The revision that the set comes from.
    pub current_revision: String,
    /// The revision of the present template.
    pub update_revision: String,
    /// How often the name of a revision was taken by another one.
    pub collision_count: i32,
    /// The selector as a string, for the scale subresource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label_selector: String,
    /// The images of the present template, for `kubectl get -o wide`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub images: String,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl OrdinalSetSpec {
    /// How many pods are wanted; 0 or more.
    pub fn wanted(&self) -> i64 {
        i64::from(self.replicas.unwrap_or(1).max(0))
    }

    /// The lowest ordinal; 0 or more.
    pub fn start(&self) -> i64 {
        self.ordinals.as_ref().map_or(0, |o| i64::from(o.start.max(0)))
    }

    /// One above the highest ordinal. Both bounds are 32-bit, so this never overflows.
    pub fn end(&self) -> i64 {
        self.start() + self.wanted()
    }

    /// Whether pods are made and removed one after the other.
    pub fn is_ordered(&self) -> bool {
        self.pod_management_policy != Some(PodManagementPolicy::Parallel)
    }

    /// The update strategy with upstream's defaults: `rollingUpdate` is filled in only where the type was left out
    /// (A9.2, C1).
    pub fn strategy(&self) -> OrdinalUpdateStrategy {
        let mut strategy = self.update_strategy.clone().unwrap_or_default();
        if strategy.type_.is_none() {
            strategy.type_ = Some(OrdinalUpdateType::RollingUpdate);
            strategy.rolling_update.get_or_insert_default();
        }
        strategy
    }

    /// What happens to claims at deletion and at scale-down (A5.1).
    pub fn retention(&self) -> (Retention, Retention) {
        let policy = self.persistent_volume_claim_retention_policy.clone().unwrap_or_default();
        (policy.when_deleted.unwrap_or_default(), policy.when_scaled.unwrap_or_default())
    }
}
