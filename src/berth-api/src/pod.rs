//! Pods, as far as Berth reads them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::meta::{Meta, object};
use super::node::NodeSelector;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: Meta,
    /// The part of the spec that decisions need.
    pub spec: PodSpec,
    /// The part of the status that decisions and messages need.
    pub status: PodStatus,
    /// Why the object could not be read, if it could not.
    #[serde(skip)]
    pub unreadable: Option<String>,
}
object!(Pod: spec, status);

/// See [`Pod`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The node that the pod is bound to; empty while it is not scheduled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// Affinity: only the required node affinity is read (a daemon pod names its node there).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Volumes: only those that use a claim matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// See [`PodSpec::affinity`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// Node affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
}

/// See [`PodSpec::affinity`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinity {
    /// Terms of which one must hold for the pod to be scheduled.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Option::is_none"
    )]
    pub required: Option<NodeSelector>,
}

/// A volume of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Name, unique in the pod.
    pub name: String,
    /// The claim that it uses, if it uses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimVolume>,
}

/// See [`Volume`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimVolume {
    /// Name of the claim, in the pod's namespace.
    pub claim_name: String,
}

/// See [`Pod`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Pending, Running, Succeeded, Failed or Unknown; empty right after creation.
    pub phase: String,
    /// Why the pod is in this phase, in one word (such as Evicted).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PodCondition>,
    /// What the containers are doing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// What the init containers are doing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// A condition of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodCondition {
    /// Ready, PodScheduled, ...
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When `status` changed last, to the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}

/// What a container is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The container.
    pub name: String,
    /// The image that it was asked to run.
    pub image: String,
    /// Whether it passes its readiness probe.
    pub ready: bool,
    /// Its state now.
    pub state: ContainerState,
    /// How it ended before.
    pub last_state: ContainerState,
}

/// See [`ContainerStatus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// Set while it waits to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<ContainerWait>,
    /// Set once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<ContainerEnd>,
}

/// Why a container waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerWait {
    /// One word, such as ImagePullBackOff.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerEnd {
    /// Exit code; 0 is success.
    pub exit_code: i32,
    /// One word, such as Error or OOMKilled.
    pub reason: String,
}
