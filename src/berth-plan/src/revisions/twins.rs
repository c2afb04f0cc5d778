//! Several revisions of a native DaemonSet that record the present template (B8.6): another version of Kubernetes, or a restored
//! backup, has left them. Upstream keeps the newest, gives pods its label, and deletes the others; no pod restarts.

use std::sync::Arc;

use berth_api::{Kind, NodeDaemonSet, Pod, Revision, Surface};
use serde_json::json;

use super::plan::{RevisionPlan, label, object};
use crate::observation::Observation;
use crate::plan::{Act, Action, Guard, Unit};
use crate::pod::{self, REVISION_LABEL};
use crate::reason::Reason;
use crate::revisions::record;
use crate::workload::adoption;

/// What leaves one revision of the present template.
#[derive(Debug, Default)]
pub struct Merge {
    /// Pods of the others get the label of the one that is kept.
    pub relabel: Vec<Unit>,
    /// Once that is seen, the others are deleted.
    pub delete: Vec<Action>,
}

/// See [`Merge`]. `pods` are the set's own. Pods at any other template keep their label: upstream relabels those too, and so takes
/// them for updated. Nothing for custom sets, whose pods may carry the label of any revision that records the template.
pub fn merge(observation: &Observation<NodeDaemonSet>, decided: &RevisionPlan, pods: &[&Arc<Pod>]) -> Merge {
    let (Surface::Apps, Some(kept)) = (observation.key.surface, &decided.update) else {
        return Merge::default();
    };
    let name = &kept.metadata.name;
    let is_twin = |r: &&Arc<Revision>| {
        &r.metadata.name != name
            && !r.metadata.is_terminating()
            && record::records(&r.data, &observation.set.spec.template)
    };
    let twins: Vec<&Arc<Revision>> = decided.twins.iter().filter(is_twin).collect();
    if twins.is_empty() {
        return Merge::default();
    }
    let (to, why) = (label(Kind::Daemon, kept), Reason::TwinRevision { kept: name.clone() });
    let at_twin = |pod: &Pod| {
        let is_at = |label: &str| pod::is_current(pod, label);
        !is_at(to) && twins.iter().any(|twin| is_at(label(Kind::Daemon, twin)))
    };
    let relabel: Vec<Unit> = pods
        .iter()
        .filter(|pod| at_twin(pod))
        .map(|pod| {
            let body = json!({ "metadata": { "labels": { REVISION_LABEL: to } } });
            let (object, guard) = (pod::object(pod), Guard::version(&pod.metadata));
            vec![Action { act: Act::Patch { object, guard, body, status: false }, why: why.clone() }]
        })
        .collect();
    if !relabel.is_empty() {
        return Merge { relabel, delete: vec![] };
    }
    let delete = twins.iter().map(|twin| {
        let (object, guard) = (object(twin), Guard::incarnation(&twin.metadata));
        Action { act: Act::Delete { object, guard }, why: why.clone() }
    });
    // It is done even when an earlier part failed, so it has a look of its own.
    let look = (!observation.memory.owner_confirmed).then(|| adoption::owner_is_there(observation));
    Merge { relabel: vec![], delete: look.into_iter().chain(delete).collect() }
}
