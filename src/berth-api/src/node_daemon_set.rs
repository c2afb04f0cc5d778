//! `NodeDaemonSet` and `apps/v1 DaemonSet`: one struct for both surfaces.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::meta::{Meta, object};
use super::ordinal_set::IntOrPercent;
use super::template::Template;
use crate::condition::Condition;
use crate::label_selector::LabelSelector;

/// One pod on every node that fits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeDaemonSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: NodeDaemonSetSpec,
    /// What was found.
    pub status: NodeDaemonSetStatus,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(NodeDaemonSet: spec, status);

/// What is wanted of a node daemon set. Fields, defaults and meaning are those of `apps/v1 DaemonSet`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct NodeDaemonSetSpec {
    /// Which pods belong to the set. It must match the labels of the pod template and cannot be changed.
    pub selector: LabelSelector,
    /// The pod that each fitting node gets. Tolerations that daemons need are filled in.
    #[cfg_attr(feature = "schema", schemars(with = "k8s_openapi::api::core::v1::PodTemplateSpec"))]
    pub template: Template,
    /// How pods get a changed template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<DaemonUpdateStrategy>,
    /// Seconds for which a pod must be ready without a break before it counts as available. Defaults to 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// How many old revisions are kept for a rollback. Defaults to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
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

/// How pods get a changed template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonUpdateStrategy {
    /// RollingUpdate (the default): Berth replaces pods. OnDelete: a pod gets the new template when somebody deletes it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<DaemonUpdateType>,
    /// Parameters of RollingUpdate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<DaemonRollingUpdate>,
}

/// See [`DaemonUpdateStrategy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub enum DaemonUpdateType {
    /// Berth replaces pods.
    RollingUpdate,
    /// People replace pods.
    OnDelete,
}

/// Parameters of a rolling update of a node daemon set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonRollingUpdate {
    /// How many nodes may be without an available pod during the update: a number, or a percentage of the nodes that
    /// should run one (rounded up). Defaults to 1; it must be 0 if `maxSurge` is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// How many nodes may run a second pod during the update: a number, or a percentage of the nodes that should run one
    /// (rounded up). Defaults to 0; if it is more, `maxUnavailable` must be 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrPercent>,
}

/// What was found of a node daemon set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct NodeDaemonSetStatus {
    /// The generation of the spec that this status is about.
    pub observed_generation: i64,
    /// How many nodes should run a pod.
    pub desired_number_scheduled: i32,
    /// How many of these nodes have one.
    pub current_number_scheduled: i32,
    /// How many nodes have one though they should not.
    pub number_misscheduled: i32,
    /// How many nodes that should run a pod have one that is ready.
    pub number_ready: i32,
    /// How many nodes that should run a pod have one that has been ready for `minReadySeconds`.
    pub number_available: i32,
    /// How many nodes that should run a pod have none that is available.
    pub number_unavailable: i32,
    /// How many nodes that should run a pod have one at `updateRevision`.
    pub updated_number_scheduled: i32,
    /// The revision that the set comes from. Not in `apps/v1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_revision: String,
    /// The revision of the present template. Not in `apps/v1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub update_revision: String,
    /// How often the name of a revision was taken by another one.
    #[serde(skip_serializing_if = "is_zero")]
    pub collision_count: i32,
    /// The node selector of the present template, for `kubectl get`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_selector: String,
    /// The images of the present template, for `kubectl get -o wide`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub images: String,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl NodeDaemonSetSpec {
    /// Whether Berth replaces pods when the template changes.
    pub fn rolls(&self) -> bool {
        self.update_strategy.as_ref().and_then(|s| s.type_) != Some(DaemonUpdateType::OnDelete)
    }

    /// The parameters of a rolling update.
    pub fn rolling_update(&self) -> DaemonRollingUpdate {
        self.update_strategy.as_ref().and_then(|s| s.rolling_update.clone()).unwrap_or_default()
    }
}
