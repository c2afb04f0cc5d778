//! What stands between a request and the store: quotas, policies, webhooks, a namespace that is being deleted.

use berth_api::request::{Refusal, RefusalCause};
use berth_api::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::policy::Policy;
use super::{ApiServer, object, refusal};

/// What is refused or changed on its way in.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// How many pods there may be; more are refused as a ResourceQuota does.
    pub pod_quota: Option<usize>,
    /// How many claims there may be.
    pub claim_quota: Option<usize>,
    /// Whether the namespaces are being deleted, so that nothing can be created.
    pub namespace_terminating: bool,
    /// Whether a policy refuses every new pod.
    pub refuses_pods: bool,
    /// Whether a policy refuses every status of a set.
    pub refuses_status: bool,
    /// Whether a webhook takes the labels off every new pod.
    pub strips_labels: bool,
    /// Whether a webhook adds an annotation, a container and a toleration to every new pod, as service meshes do.
    pub mutates_pods: bool,
    /// What is refused as long as it stands; the first that fits speaks.
    pub policies: Vec<Policy>,
    /// Webhooks that take a change back: of objects of this resource, what this JSON pointer leads to stays as it is. The change is
    /// accepted, and stores nothing.
    pub reverts: Vec<(Resource, &'static str)>,
}

impl ApiServer {
    /// Takes back what webhooks do not let anybody change.
    pub(super) fn revert(&self, resource: Resource, before: &Value, after: &mut Value) {
        for (_, pointer) in self.admission.reverts.iter().filter(|(of, _)| *of == resource) {
            object::put(after, pointer, object::at(before, pointer).cloned());
        }
    }

    /// Lets a new object in, perhaps changed.
    pub(super) fn admit(&self, object: &ObjectRef, value: &mut Value) -> Result<(), Refusal> {
        let admission = &self.admission;
        if admission.namespace_terminating && object.resource.is_namespaced() {
            return Err(namespace_terminating());
        }
        if object.resource == Resource::Claims {
            let claims = self.all(Resource::Claims).count();
            let full = admission.claim_quota.is_some_and(|quota| claims >= quota);
            return if full { Err(exceeded("persistentvolumeclaims")) } else { Ok(()) };
        }
        if object.resource != Resource::Pods {
            return Ok(());
        }
        if admission.mutates_pods {
            mutate(value);
        }
        if admission.strips_labels {
            value["metadata"]["labels"] = json!({});
        }
        if admission.refuses_pods {
            return Err(denied());
        }
        let pods = self.all(Resource::Pods).count();
        if admission.pod_quota.is_some_and(|quota| pods >= quota) {
            return Err(exceeded("pods"));
        }
        Ok(())
    }
}

/// The refusal of a ResourceQuota.
fn exceeded(what: &str) -> Refusal {
    refusal(403, "Forbidden", &format!("exceeded quota: {what}"))
}

/// The refusal of a policy.
pub fn denied() -> Refusal {
    refusal(403, "Forbidden", "admission webhook \"policy\" denied the request")
}

fn mutate(pod: &mut Value) {
    pod["metadata"]["annotations"]["mesh.example.com/injected"] = json!("true");
    let mut containers = object::entries(pod, "/spec/containers").to_vec();
    containers.push(json!({ "name": "proxy", "image": "proxy:1" }));
    pod["spec"]["containers"] = json!(containers);
    let mut tolerations = object::entries(pod, "/spec/tolerations").to_vec();
    tolerations.push(json!({ "key": "mesh.example.com/starting", "operator": "Exists" }));
    pod["spec"]["tolerations"] = json!(tolerations);
}

/// The refusal of a namespace that is being deleted.
pub(super) fn namespace_terminating() -> Refusal {
    let cause = RefusalCause { reason: "NamespaceTerminating".to_owned(), ..RefusalCause::default() };
    let mut refusal =
        refusal(403, "Forbidden", "unable to create new content: the namespace is being terminated");
    refusal.details.causes.push(cause);
    refusal
}
