//! The identity of a pod: its name, its labels, its host name and its volumes (A3).

use berth_api::{OrdinalSet, Pod, Revision};
use serde_json::{Map, Value, json};

use crate::claims;
use crate::observation::Observation;
use crate::plan::{Act, Action, Guard};
use crate::pod::{self, Desired};
use crate::reason::Reason;
pub use crate::replica::{ordinal, pod_name};
use crate::revisions;

/// Label with the pod's name.
pub const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
/// Label with the pod's ordinal.
pub const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// Creates the pod of `ordinal` at `revision`; `None` when the revision holds no template.
pub fn create(
    observation: &Observation<OrdinalSet>,
    ordinal: i64,
    revision: &Revision,
    why: Reason,
) -> Option<Action> {
    let set = &observation.set;
    let template = observation.templates.of(revision)?;
    let name = pod_name(&observation.key.name, ordinal);
    let mut spec = Map::new();
    spec.insert("hostname".to_owned(), json!(name));
    // Without a Service the subdomain of the template goes too (A3.7).
    spec.insert("subdomain".to_owned(), json!(set.spec.service_name));
    let volumes = claims::volumes(set, ordinal, &template);
    if !volumes.is_empty() {
        spec.insert("volumes".to_owned(), Value::Array(volumes));
    }
    let (object, body) = pod::build(&Desired {
        namespace: &observation.key.namespace,
        name: name.clone(),
        owner: observation.reference(),
        template: &template,
        revision: revisions::label(berth_api::Kind::Ordinal, revision),
        labels: vec![(NAME_LABEL.to_owned(), name), (INDEX_LABEL.to_owned(), ordinal.to_string())],
        annotations: vec![],
        spec,
    });
    Some(Action { act: Act::Create { object, body }, why })
}

/// Mends the labels that say who a pod is (A3.8); `None` when they are right. The index label is mended along with the
/// name label, as upstream does.
pub fn mend(pod: &Pod, ordinal: i64) -> Option<Action> {
    let name = &pod.metadata.name;
    if pod.metadata.labels.get(NAME_LABEL) == Some(name) {
        return None;
    }
    let body = json!({ "metadata": { "labels": { NAME_LABEL: name, INDEX_LABEL: ordinal.to_string() } } });
    Some(Action {
        act: Act::Patch {
            object: pod::object(pod),
            guard: Guard::version(&pod.metadata),
            body,
            status: false,
        },
        why: Reason::IdentityLost,
    })
}
