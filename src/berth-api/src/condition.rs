//! Conditions: the types and the reasons that Berth reports, all of them.

use jiff::Timestamp;
#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A condition as it stands in a status. Types that are not Berth's are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// What is reported: Ready, Reconciling, Stalled, Available or Progressing; others may add their own.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The generation that this was found for.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// When `status` changed last, to the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>")
    )]
    pub last_transition_time: Option<Timestamp>,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// The condition types that Berth sets. `Ready`, `Reconciling` and `Stalled` are what kstatus reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConditionType {
    /// Everything that the spec asks for is there, up to date and available.
    Ready,
    /// There is work under way.
    Reconciling,
    /// Something is in the way that will not clear up by itself; retries go on all the same.
    Stalled,
    /// As many pods are available as a rollout must leave: what `kubectl wait --for=condition=Available` reads.
    Available,
    /// Pods come and go as they should, or all is done; False once something is in the way, Unknown while paused. On a native
    /// set it is upstream's own: a set with the strategy Recreate is between its old and its new pods.
    Progressing,
}

/// The reasons that Berth gives in conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionReason {
    /// All is as the spec says.
    Settled,
    /// Pods are being created, deleted or waited for.
    Progressing,
    /// The rollout stands still because `spec.paused` is true.
    Paused,
    /// Nothing has moved for `progressDeadlineSeconds`.
    ProgressDeadlineExceeded,
    /// Enough pods are available.
    MinimumPodsAvailable,
    /// Too few pods are available.
    MinimumPodsUnavailable,
    /// The owner is being deleted.
    Terminating,
    /// The API server refused to create a pod or a claim.
    FailedCreate,
    /// The API server refused to delete a pod.
    FailedDelete,
    /// The API server refused to change an object.
    FailedUpdate,
    /// A name that is needed is held by an object that is not ours.
    NameTaken,
    /// The spec cannot be carried out as it stands.
    InvalidSpec,
    /// Nothing is in the way.
    Clear,
    /// Upstream's own: old pods go, or new ones are yet to come.
    RecreateInProgress,
    /// Upstream's own: all pods are new.
    RecreateCompleted,
}

impl std::fmt::Display for ConditionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::fmt::Display for ConditionReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
