//! The verbs, with their preconditions.

use berth_api::request::{Answer, Refusal, Request, Verb};
use berth_api::{ObjectRef, Resource, Surface};
use serde_json::{Value, json};

use super::admission::{denied, namespace_terminating};
use super::{ApiServer, bump, defaulted, object, refusal};

/// What keeps a claim while a pod uses it.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// What keeps an owner until its dependents are gone.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Letters of a name that the API server makes up.
const GENERATED: usize = 5;
/// What keeps an owner until its dependents are let go.
pub const ORPHAN: &str = "orphan";

impl ApiServer {
    /// Carries out a request.
    pub fn handle(&mut self, request: &Request) -> Answer {
        if let Some(refused) = self.roles.against(request).or_else(|| self.policy_against(request)) {
            return Answer::Refused(refused);
        }
        // Nobody reads events, so they are taken and dropped.
        if request.object.resource == Resource::Events {
            return Answer::Done(request.body.clone());
        }
        if request.dry_run {
            if self.admission.namespace_terminating {
                return Answer::Refused(namespace_terminating());
            }
            let mut stored = request.body.clone();
            stored["template"] = defaulted(&stored["template"]);
            return Answer::Done(stored);
        }
        let done = match request.verb {
            Verb::Get => self.get(&request.object).cloned().ok_or_else(|| not_found(&request.object)),
            Verb::Create => self.create(&request.object, &request.body),
            Verb::Patch => self.patch(request),
            Verb::Update => Err(refusal(405, "MethodNotAllowed", "the model has no update")),
            Verb::Delete => self.delete(&request.object, &request.body),
        };
        match done {
            Ok(value) => Answer::Done(value),
            Err(refused) => Answer::Refused(refused),
        }
    }

    /// Creates an object by name; without one it gets a name that begins as `metadata.generateName` says.
    pub fn create(&mut self, object: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let named;
        let object = if object.name.is_empty() {
            named = ObjectRef { name: self.generate(object, body)?, ..object.clone() };
            &named
        } else {
            object
        };
        if self.get(object).is_some() {
            return Err(refusal(409, "AlreadyExists", &format!("{object} already exists")));
        }
        let mut value = body.clone();
        self.admit(object, &mut value)?;
        self.uids += 1;
        let stamp = Value::String(self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let metadata = &mut value["metadata"];
        metadata["name"] = json!(object.name);
        if object.resource.is_namespaced() {
            metadata["namespace"] = json!(object.namespace);
        }
        metadata["uid"] = json!(format!("uid-{}", self.uids));
        metadata["creationTimestamp"] = stamp;
        // Not every resource counts changes of its spec.
        if matches!(object.resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_) | Resource::Pods) {
            metadata["generation"] = json!(1);
        }
        // A status cannot be created; pods begin as Pending.
        match object.resource {
            Resource::Pods => value["status"] = json!({ "phase": "Pending" }),
            Resource::Claims => {
                object::add_finalizer(&mut value, CLAIM_PROTECTION);
                value["status"] = json!({ "phase": "Pending" });
            }
            // A default of the definitions.
            Resource::OrdinalSets(Surface::Berth) | Resource::DaemonSets(Surface::Berth) => {
                value["status"] = json!({ "observedGeneration": -1 });
            }
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) => value["status"] = json!({}),
            _ => {}
        }
        self.store(object, value);
        Ok(self.get(object).cloned().unwrap_or_default())
    }

    /// A name that nobody has; kube-apiserver draws five letters, and the model counts, so that a history can be repeated.
    fn generate(&self, object: &ObjectRef, body: &Value) -> Result<String, Refusal> {
        let base = object::text(body, "/metadata/generateName");
        if base.is_empty() {
            return Err(refusal(
                422,
                "Invalid",
                "metadata.name: Required value: name or generateName is required",
            ));
        }
        let name = |number: u64| format!("{base}{}", berth_plan::hash::base27(number, GENERATED));
        let free = |name: &String| self.get(&ObjectRef { name: name.clone(), ..object.clone() }).is_none();
        Ok((self.uids..).map(name).find(free).unwrap_or_default())
    }

    fn patch(&mut self, request: &Request) -> Result<Value, Refusal> {
        let object = &request.object;
        let before = self.get(object).ok_or_else(|| not_found(object))?;
        if request.status && self.admission.refuses_status {
            return Err(denied());
        }
        let wanted = &request.body["metadata"];
        if wanted["resourceVersion"].is_string()
            && wanted["resourceVersion"] != before["metadata"]["resourceVersion"]
        {
            return Err(conflict(object));
        }
        // The version is compared first; a wrong uid alone is a change of an immutable field. With the status of a custom
        // resource the metadata is not looked at at all: there the version alone guards.
        let custom = Resource::OrdinalSets(Surface::Berth) == object.resource
            || Resource::DaemonSets(Surface::Berth) == object.resource;
        let looked_at = !(request.status && custom);
        if looked_at && wanted["uid"].is_string() && wanted["uid"] != before["metadata"]["uid"] {
            return Err(refusal(422, "Invalid", "metadata.uid: Invalid value: field is immutable"));
        }
        let mut after = before.clone();
        if request.status {
            after["status"] = before["status"].clone();
            object::merge(&mut after["status"], &request.body["status"]);
        } else {
            object::merge(&mut after, &request.body);
            if matches!(object.resource, Resource::OrdinalSets(_) | Resource::DaemonSets(_) | Resource::Pods)
            {
                after["status"] = before["status"].clone();
            }
        }
        self.revert(object.resource, before, &mut after);
        if object::owners(&after).iter().filter(|r| r["controller"] == json!(true)).count() > 1 {
            return Err(refusal(422, "Invalid", "metadata.ownerReferences: only one may be the controller"));
        }
        if object.resource == Resource::Revisions && before["data"] != after["data"] {
            return Err(refusal(422, "Invalid", "data: field is immutable"));
        }
        let finalizers = |v: &Value| object::entries(v, "/metadata/finalizers").to_vec();
        let held = finalizers(before);
        if object::is_terminating(before) && finalizers(&after).iter().any(|f| !held.contains(f)) {
            let why = "metadata.finalizers: no new finalizers can be added if the object is being deleted";
            return Err(refusal(422, "Invalid", why));
        }
        // What goes by this, for nothing holds it any more, is answered as it was last.
        let last = if object::is_terminating(&after) { after.clone() } else { Value::Null };
        self.replace(object, after);
        Ok(self.get(object).cloned().unwrap_or(last))
    }

    /// Deletes an object, with the preconditions, the grace period and the propagation in `options`.
    pub fn delete(&mut self, object: &ObjectRef, options: &Value) -> Result<Value, Refusal> {
        let before = self.get(object).ok_or_else(|| not_found(object))?;
        let wanted = &options["preconditions"];
        for (given, present) in [("uid", "uid"), ("resourceVersion", "resourceVersion")] {
            if wanted[given].is_string() && wanted[given] != before["metadata"][present] {
                return Err(conflict(object));
            }
        }
        let mut after = before.clone();
        propagate(&mut after, options["propagationPolicy"].as_str());
        let grace = match object.resource {
            // Nobody has to be asked for a pod that never ran or has ended.
            Resource::Pods
                if object::text(before, "/spec/nodeName").is_empty() || object::is_terminal(before) =>
            {
                0
            }
            Resource::Pods => {
                let own = before["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
                options["gracePeriodSeconds"].as_u64().unwrap_or(own)
            }
            _ => 0,
        };
        // The deletion of a pod can only be made shorter; of all else people may still change what becomes of the dependents.
        let running = before["metadata"]["deletionGracePeriodSeconds"].as_u64();
        let graceful = object.resource == Resource::Pods;
        if object::is_terminating(before) && graceful && running.is_none_or(|left| grace >= left) {
            return Ok(before.clone());
        }
        if !object::is_terminating(before) {
            let at = self.now + jiff::SignedDuration::from_secs(grace as i64);
            after["metadata"]["deletionTimestamp"] = json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            bump(&mut after);
        }
        after["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        self.replace(object, after);
        if let Some(left) = self.get(object) {
            return Ok(left.clone());
        }
        // Of these the object is answered as it was last, of others only that it is gone.
        let told = matches!(object.resource, Resource::Pods | Resource::Claims);
        let last = self.history.get(&object.resource).and_then(|changes| changes.last()).filter(|_| told);
        let gone = json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" });
        Ok(last.map_or(gone, |change| Value::clone(&change.value)))
    }
}

/// Notes in the finalizers what is to become of the dependents; where nothing is said, what was said earlier stays.
fn propagate(object: &mut Value, policy: Option<&str>) {
    let wanted = match policy {
        Some("Foreground") => Some(FOREGROUND),
        Some("Orphan") => Some(ORPHAN),
        Some(_) => None,
        None => return,
    };
    for name in [FOREGROUND, ORPHAN].into_iter().filter(|name| Some(*name) != wanted) {
        if object::has_finalizer(object, name) {
            object::remove_finalizer(object, name);
        }
    }
    wanted.into_iter().for_each(|name| object::add_finalizer(object, name));
}

fn not_found(object: &ObjectRef) -> Refusal {
    refusal(404, "NotFound", &format!("{object} not found"))
}

fn conflict(object: &ObjectRef) -> Refusal {
    refusal(409, "Conflict", &format!("Operation cannot be fulfilled on {object}: a precondition failed"))
}
