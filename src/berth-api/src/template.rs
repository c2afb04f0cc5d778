//! Templates of pods and claims, kept as the JSON they came as.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta::Meta;
use super::node::{NodeSelector, Toleration};

/// A pod or claim template: raw JSON that is hashed, compared and written as it is; typed views are only read from, so
/// a field that this binary does not know survives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub Value);

impl Template {
    /// The labels, annotations and name of the template; empty when they cannot be read.
    pub fn metadata(&self) -> Meta {
        self.0.get("metadata").and_then(|m| Meta::deserialize(m).ok()).unwrap_or_default()
    }

    /// Whether a pod can be built of this pod template: it is an object whose `spec`, if there is one, is an object too, and
    /// those of its fields that are read have the types that Kubernetes allows.
    pub fn is_sound(&self) -> bool {
        let spec = self.0.get("spec");
        self.0.is_object() && spec.is_none_or(Value::is_object) && self.placement().is_ok()
    }

    /// The fields of a pod template that decide on which nodes its pods may run.
    ///
    /// # Errors
    /// When one of these fields has a type that Kubernetes does not allow.
    pub fn placement(&self) -> Result<Placement, serde_json::Error> {
        match self.0.get("spec") {
            Some(spec) => Placement::deserialize(spec),
            None => Ok(Placement::default()),
        }
    }
}

/// What a pod template says about nodes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Placement {
    /// The only node that will do, if named.
    pub node_name: String,
    /// Labels that the node must have.
    pub node_selector: std::collections::BTreeMap<String, String>,
    /// Affinity; only required node affinity matters here.
    pub affinity: Option<super::pod::Affinity>,
    /// Taints that are tolerated.
    pub tolerations: Vec<Toleration>,
    /// Whether the pod uses the node's network (then it also tolerates a node whose network is not up).
    pub host_network: bool,
    /// Whether the operators `Lt` and `Gt` of tolerations count; the template does not say, a feature gate does.
    #[serde(skip)]
    pub compares: bool,
}

impl Placement {
    /// The terms of the required node affinity, if there are any.
    pub fn required_affinity(&self) -> Option<&NodeSelector> {
        self.affinity.as_ref()?.node_affinity.as_ref()?.required.as_ref()
    }
}
