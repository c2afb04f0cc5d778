//! What one pod of an ordinal set needs of its claims.

use berth_api::ordinal_set::Retention;
use berth_api::{Claim, ObjectRef, OrdinalSet, Pod, Resource, Template};
use serde_json::{Map, Value, json};

use super::owners::{self, Owners, is_left_over, is_made_by};
use crate::notice::Event;
use crate::observation::Observation;
use crate::plan::{Act, Action, Guard, Pace, Part, Plan, Stage, Unit};
use crate::reason::{Reason, Waiting};
use crate::workload::{self, adoption};

/// What is to be done about the claims of one pod.
#[derive(Debug, Default)]
pub struct Need {
    /// Claims that must be made, before the pod.
    pub create: Vec<Action>,
    /// Claims whose owners must be mended.
    pub mend: Vec<Action>,
    /// Why the pod cannot be made now.
    pub blocked: Option<Waiting>,
    /// What people are told.
    pub notices: Vec<Event>,
}

/// The name of a claim template; empty when it has none.
fn template_name(template: &Template) -> &str {
    template.0.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// The name of the claim that the pod `<set>-<ordinal>` has from a template (A4.1).
pub fn name(template: &Template, set: &str, ordinal: i64) -> String {
    format!("{}-{set}-{ordinal}", template_name(template))
}

/// Volume and claim names of one ordinal, in the order of the templates.
pub fn names(set: &OrdinalSet, ordinal: i64) -> Vec<(String, String)> {
    let owner = &set.metadata.name;
    set.spec
        .volume_claim_templates
        .iter()
        .map(|t| (template_name(t).to_owned(), name(t, owner, ordinal)))
        .collect()
}

/// The volumes of a pod: those of the claim templates, then those of the pod template that they do not replace (A4.3).
pub fn volumes(set: &OrdinalSet, ordinal: i64, template: &Value) -> Vec<Value> {
    let claims = names(set, ordinal);
    let own = template.pointer("/spec/volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    let replaced = |v: &Value| claims.iter().any(|(volume, _)| v["name"] == json!(volume));
    let from_claims = claims
        .iter()
        .map(|(volume, claim)| json!({ "name": volume, "persistentVolumeClaim": { "claimName": claim } }));
    from_claims.chain(own.iter().filter(|v| !replaced(v)).cloned()).collect()
}

pub(super) fn owners<'a>(
    observation: &'a Observation<OrdinalSet>,
    pod_name: &'a str,
    pod: Option<&'a Pod>,
    condemned: bool,
) -> Owners<'a> {
    let (when_deleted, when_scaled) = observation.set.spec.retention();
    Owners {
        key: &observation.key,
        set: &observation.set.metadata.uid,
        pod: pod_name,
        pod_uid: pod.map(|p| &p.metadata.uid),
        when_deleted,
        when_scaled,
        condemned,
    }
}

/// What a pod that is about to be made needs: its claims, made with the right owner at once; nothing while a claim is on
/// its way out or belongs to an earlier pod (A4.5, A4.6, A5.12, S4, S5).
pub fn for_new_pod(observation: &Observation<OrdinalSet>, ordinal: i64, pod_name: &str) -> Need {
    let owners = owners(observation, pod_name, None, false);
    let mut need = Need::default();
    for template in &observation.set.spec.volume_claim_templates {
        let claim_name = name(template, &observation.key.name, ordinal);
        let object = ObjectRef::new(Resource::Claims, &observation.key.namespace, &claim_name);
        match observation.claims.get(&claim_name) {
            None => need.create.push(create(observation, template, object, &owners, pod_name)),
            Some(claim) if claim.metadata.is_terminating() => {
                need.notices.push(being_deleted(observation, pod_name, &object));
                let because = format!("it is being deleted, and pod {pod_name} needs a new one");
                need.blocked.get_or_insert(Waiting::Claim { claim: object, because });
            }
            Some(claim) if owners.is_of_earlier_set(&claim.metadata) => {
                let because = "it goes with the earlier set of this name, then a new one is made".to_owned();
                need.blocked.get_or_insert(Waiting::Claim { claim: object, because });
            }
            // Whatever the policy says now, the garbage collector takes it (A5.14).
            Some(claim) if is_left_over(&claim.metadata, pod_name, None) => {
                let because = format!("it goes with the earlier pod {pod_name}, then a new one is made");
                need.blocked.get_or_insert(Waiting::Claim { claim: object, because });
            }
            Some(claim) if is_tied_later(observation, claim) => {}
            Some(claim) => need.mend.extend(mend(&owners, claim)),
        }
    }
    need
}

/// Whether a claim that this set has not made gets its owner only once a pod of this set uses it, and not before: the creation of the
/// pod may be refused for long, and the claim of an earlier set must not go with this one for that.
fn is_tied_later(observation: &Observation<OrdinalSet>, claim: &Claim) -> bool {
    let set = &observation.set.metadata.uid;
    let (when_deleted, _) = observation.set.spec.retention();
    let known =
        is_made_by(&claim.metadata, set) || claim.metadata.owner_references.iter().any(|r| &r.uid == set);
    when_deleted == Retention::Delete && !known
}

/// What a present pod needs: claims that it lost while it waits to run (A4.5), and the owners of those it has.
pub fn for_present_pod(
    observation: &Observation<OrdinalSet>,
    ordinal: i64,
    pod: &Pod,
    condemned: bool,
) -> Need {
    let pod_name = pod.metadata.name.as_str();
    let owners = owners(observation, pod_name, Some(pod), condemned);
    let waits_to_run = pod.status.phase == "Pending" && !pod.metadata.is_terminating() && !condemned;
    let mut need = Need::default();
    for template in &observation.set.spec.volume_claim_templates {
        let claim_name = name(template, &observation.key.name, ordinal);
        let object = ObjectRef::new(Resource::Claims, &observation.key.namespace, &claim_name);
        match observation.claims.get(&claim_name) {
            None if waits_to_run => {
                need.create.push(create(observation, template, object, &owners, pod_name))
            }
            None => {}
            Some(claim) if claim.metadata.is_terminating() && waits_to_run => {
                need.notices.push(being_deleted(observation, pod_name, &object));
                let because = format!("it is being deleted while pod {pod_name} waits for it");
                need.blocked.get_or_insert(Waiting::Claim { claim: object, because });
            }
            Some(claim) if claim.metadata.is_terminating() => {}
            Some(claim) => {
                if owners.is_ignored_for(&claim.metadata) {
                    need.notices.push(conflicting(&object));
                }
                need.mend.extend(mend(&owners, claim));
            }
        }
    }
    need
}

/// Upstream's event for a pod that cannot be made because its claim is being deleted (A4.6).
fn being_deleted(observation: &Observation<OrdinalSet>, pod_name: &str, claim: &ObjectRef) -> Event {
    let (kind, set) = (observation.key.resource().kind(), &observation.key.name);
    let message =
        format!("Create Pod {pod_name} in {kind} {set} failed error: pvc {} is being deleted", claim.name);
    Event::warning("FailedCreate", message, Some(claim.clone()))
}

/// Upstream's event for a claim that somebody else manages, in its words (A5.8).
fn conflicting(claim: &ObjectRef) -> Event {
    let message = format!(
        "PersistentVolumeClaim {} has a conflicting OwnerReference that acts as a manging controller, the retention policy is \
         ignored for this claim",
        claim.name
    );
    Event::warning("ConflictingController", message, Some(claim.clone()))
}

pub(super) fn mend(owners: &Owners<'_>, claim: &Claim) -> Option<Action> {
    let references = owners.mend(claim)?;
    let meta = &claim.metadata;
    Some(Action {
        act: Act::Patch {
            object: ObjectRef::new(Resource::Claims, &meta.namespace, &meta.name),
            guard: Guard::version(meta),
            body: workload::references(&references),
            status: false,
        },
        why: Reason::Retention,
    })
}

/// Changes the owners of claims that go with a pod, or would: no pod goes before that is done (A5.10). Returns the other changes, for
/// [`tie_to_set`].
///
/// Before the set becomes an owner it is read live: when it is deleted and its claims are to stay, the
/// garbage collector takes its references off, and one that was put on again by a view from before that would have the data
/// deleted. A claim that is seen without its reference for that reason is seen after the deletion of the set, and so the read shows
/// that; one whose reference is still to be taken off has another version by then.
#[must_use]
pub fn hand_over(observation: &Observation<OrdinalSet>, mends: Vec<Unit>, plan: &mut Plan) -> Vec<Unit> {
    let is_pod = |reference: &Value| reference["kind"] == "Pod";
    let goes_with_pod = |unit: &Unit| {
        unit.iter().any(|action| {
            let Act::Patch { object, body, .. } = &action.act else { return true };
            let before = observation.claims.get(&object.name);
            let before =
                before.is_none_or(|claim| claim.metadata.owner_references.iter().any(|r| r.kind == "Pod"));
            let after = body["metadata"]["ownerReferences"].as_array();
            before || after.is_none_or(|references| references.iter().any(is_pod))
        })
    };
    let (first, others): (Vec<Unit>, Vec<Unit>) = mends.into_iter().partition(goes_with_pod);
    if gets_set(observation, &first) {
        plan.stage(Part::Claims, Pace::OneByOne, vec![vec![adoption::owner_is_there(observation)]]);
    }
    plan.stage(Part::Claims, Pace::SlowStart, first);
    others
}

/// Changes the owners of claims that only say what becomes of the claim with the set: where the API server rejects that, or takes it
/// back, the pods do not wait for it. For the live read see [`hand_over`].
pub fn tie_to_set(observation: &Observation<OrdinalSet>, others: Vec<Unit>, plan: &mut Plan) {
    let (ties, unties): (Vec<Unit>, Vec<Unit>) =
        others.into_iter().partition(|unit| gets_set(observation, std::slice::from_ref(unit)));
    untie(unties, plan);
    if !ties.is_empty() {
        let read = vec![vec![adoption::owner_is_there(observation)]];
        plan.stages.push(Stage::new(Part::Claims, Pace::OneByOne, read).independent());
        plan.stages.push(Stage::new(Part::Claims, Pace::SlowStart, ties).independent().following());
    }
}

/// Takes owners off claims that would take their data along. That comes first, whatever else is planned, and a failure in it stops
/// nothing.
pub(super) fn untie(units: Vec<Unit>, plan: &mut Plan) {
    if units.is_empty() {
        return;
    }
    match plan.stages.iter_mut().find(|stage| stage.part == Part::Untie) {
        Some(stage) => stage.units.extend(units),
        None => plan.stages.insert(0, Stage::new(Part::Untie, Pace::Together, units).independent()),
    }
}

/// Whether the set becomes, or stays, an owner of one of the claims.
fn gets_set(observation: &Observation<OrdinalSet>, mends: &[Unit]) -> bool {
    let set = json!(observation.set.metadata.uid);
    mends.iter().flatten().any(|action| {
        let Act::Patch { body, .. } = &action.act else { return false };
        let references = body["metadata"]["ownerReferences"].as_array();
        references.is_some_and(|all| all.iter().any(|reference| reference["uid"] == set))
    })
}

/// The whole template, with its name and namespace replaced, the labels of `matchLabels` laid over its own (A4.2), the owner that the
/// policy asks for, so that no second write is needed, and on custom sets the uid of the set.
fn create(
    observation: &Observation<OrdinalSet>,
    template: &Template,
    object: ObjectRef,
    owners: &Owners<'_>,
    pod_name: &str,
) -> Action {
    let mut body = match &template.0 {
        Value::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    body.insert("apiVersion".to_owned(), json!("v1"));
    body.insert("kind".to_owned(), json!("PersistentVolumeClaim"));
    body.remove("status");
    let mut metadata = match body.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    metadata.insert("name".to_owned(), json!(object.name));
    metadata.insert("namespace".to_owned(), json!(object.namespace));
    metadata.remove("creationTimestamp");
    let selector = &observation.set.spec.selector.match_labels;
    if !selector.is_empty() {
        let mut labels = match metadata.remove("labels") {
            Some(Value::Object(labels)) => labels,
            _ => Map::new(),
        };
        labels.extend(selector.iter().map(|(key, value)| (key.clone(), json!(value))));
        metadata.insert("labels".to_owned(), Value::Object(labels));
    }
    if let Some(reference) = owners.wanted() {
        let mut references = match metadata.remove("ownerReferences") {
            Some(Value::Array(references)) => references,
            _ => vec![],
        };
        references.push(json!(reference));
        metadata.insert("ownerReferences".to_owned(), Value::Array(references));
    }
    if owners::marks(observation.key.surface) {
        let mut annotations = match metadata.remove("annotations") {
            Some(Value::Object(annotations)) => annotations,
            _ => Map::new(),
        };
        annotations.insert(owners::SET_UID.to_owned(), json!(observation.set.metadata.uid));
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
    body.insert("metadata".to_owned(), Value::Object(metadata));
    Action {
        act: Act::Create { object, body: Value::Object(body) },
        why: Reason::ClaimNeeded { pod: pod_name.to_owned() },
    }
}

/// What the names of all claims of one template begin with.
pub fn prefix(template: &Template, set: &str) -> String {
    format!("{}-{set}-", template_name(template))
}
