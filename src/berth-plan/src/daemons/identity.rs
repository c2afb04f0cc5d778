//! The name of a daemon pod, and how one is built (B5.3).
//!
//! The name is a function of the set's uid, the node and a slot number, so the API server itself refuses a second pod of
//! a slot, whatever a stale cache, a lost answer or a second leader makes us try (docs/adr/0003-daemon-pod-names.md).

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::condition::ConditionReason;
use berth_api::{Kind, NodeDaemonSet, ObjectRef, Pod, Resource, Revision, Surface, Uid};
use serde_json::{Map, Value, json};

use crate::daemons::node_fit;
use crate::hash::{base27, fnv1a_64};
use crate::observation::Observation;
use crate::plan::{Act, Action, Unit};
use crate::pod::{self, Desired};
use crate::reason::{Reason, Waiting};
use crate::revisions;

/// Longest part of the set's name that a pod's name repeats: with a dash and the digits it stays a DNS label of 63.
const PREFIX: usize = 50;
/// How many slots after the one that is used are read afresh where that is needed: with surge a pod may be in the second one, and
/// in the third if one that was let go held the first.
const FURTHER: u32 = 2;
/// Digits of the hash, base 27: 57 bits.
const DIGITS: usize = 12;

/// Label with the generation of the template that a native pod was made from.
const GENERATION_LABEL: &str = "pod-template-generation";

/// The generation of the template of a native set, which the API server counts in an annotation (B12). On a custom set such
/// an annotation is only a left-over of a manifest that was copied.
fn generation(observation: &Observation<NodeDaemonSet>) -> Option<String> {
    if observation.key.surface != Surface::Apps {
        return None;
    }
    let text = observation.set.metadata.annotations.get("deprecated.daemonset.template.generation")?;
    text.parse::<i64>().ok().map(|generation| generation.to_string())
}

/// Whether the pod was made from the present template: its revision records it (`labels` are those of all revisions that
/// do; upstream merges them and relabels pods, B8.6), or on a native set its template generation says so (B6.2; what
/// kubernetes' own conformance tests rest on, B12.1).
pub fn is_current(observation: &Observation<NodeDaemonSet>, pod: &Pod, labels: &[&str]) -> bool {
    labels.iter().any(|label| pod::is_current(pod, label)) || {
        let made = pod.metadata.labels.get(GENERATION_LABEL);
        made.is_some() && made == generation(observation).as_ref()
    }
}

/// The name of the pod of `slot` (0, 1, ...) on `node`.
pub fn pod_name(set: &str, uid: &Uid, node: &str, slot: u32) -> String {
    // The parts cannot run into each other: neither a uid nor a node name holds a slash.
    let hash = fnv1a_64(format!("{uid}/{node}/{slot}").as_bytes());
    format!("{}{}", pod_prefix(set), base27(hash, DIGITS))
}

/// What the names of all pods that are made for a set begin with.
pub fn pod_prefix(set: &str) -> String {
    let mut prefix: String = set.chars().take(PREFIX).collect();
    prefix.truncate(prefix.trim_end_matches(['-', '.']).len());
    prefix + "-"
}

/// Creates a pod for `node` in its lowest free slot. A slot further on is used only after each earlier one was read afresh
/// and is really held by the very pod that was seen there (one that was let go, say), so a stale view cannot make a twin. As
/// long as the view may be from before our time (an API server may answer a list with the past), the slots after it are read
/// afresh too, and must be as they were seen. Where the answer to an earlier creation never came, that very name is tried again.
///
/// On custom sets a pod of ours that has ended and is about to vanish is waited for, so that the first slot is the only one in use
/// wherever no stranger holds it. On native sets it is not waited for, but all pods of the node that have ended (`over`) are read
/// live too: none of them may have gone, for then another pod may have come in its place.
///
/// # Errors
/// What is waited for, or what is wrong.
pub fn create(
    observation: &Observation<NodeDaemonSet>,
    (node, over): (&str, &[&Pod]),
    revision: &Revision,
    why: Reason,
) -> Result<Unit, Waiting> {
    let set = &observation.set;
    let no_template =
        || Waiting::Invalid { message: format!("revision {} holds no pod template", revision.metadata.name) };
    let template = observation.templates.of(revision).ok_or_else(no_template)?;
    let in_doubt = why.slot().and_then(|slot| observation.memory.unknown_create(slot, observation.now.mono));
    let mut unit: Unit = vec![];
    let name = match in_doubt.filter(|name| observation.pod(name).is_none()) {
        Some(name) => name.to_owned(),
        None => free_name(observation, &set.metadata.uid, node, &mut unit)?,
    };
    if observation.key.surface == Surface::Apps {
        for pod in over {
            let object = pod::object(pod);
            if !unit.iter().any(|action| action.act.object() == &object) {
                unit.push(still_held(pod, &set.metadata.uid));
            }
        }
    }
    let (_, body) = body(observation, node, revision, &template, name.clone());
    let object = ObjectRef::new(Resource::Pods, &observation.key.namespace, name);
    unit.push(Action { act: Act::Create { object, body }, why });
    Ok(unit)
}

/// When the creation of a pod of this name was rejected last, for those for which it was.
pub fn rejected(observation: &Observation<NodeDaemonSet>) -> BTreeMap<&str, Duration> {
    let creations = observation
        .memory
        .rejections
        .iter()
        .filter(|r| r.reason == ConditionReason::FailedCreate && r.object.resource == Resource::Pods);
    creations.map(|r| (r.object.name.as_str(), r.tried)).collect()
}

/// When the creation of a pod on `node` was rejected last; `None` if none of those in `rejected` was made there.
pub fn last_rejection(
    observation: &Observation<NodeDaemonSet>,
    rejected: &BTreeMap<&str, Duration>,
    node: &str,
) -> Option<Duration> {
    if rejected.is_empty() {
        return None;
    }
    possible_names(observation, node).filter_map(|name| rejected.get(name.as_str())).max().copied()
}

/// The names that a pod on `node` may have.
pub fn possible_names(observation: &Observation<NodeDaemonSet>, node: &str) -> impl Iterator<Item = String> {
    let uid = &observation.set.metadata.uid;
    (0..=FURTHER).map(move |slot| pod_name(&observation.key.name, uid, node, slot))
}

/// The first name that nobody holds, and what must be read afresh before it is used.
fn free_name(
    observation: &Observation<NodeDaemonSet>,
    uid: &Uid,
    node: &str,
    unit: &mut Unit,
) -> Result<String, Waiting> {
    let name = |slot| pod_name(&observation.key.name, uid, node, slot);
    let mut slot = 0;
    while let Some(holder) = observation.pod(&name(slot)) {
        if holder.metadata.is_controlled_by(uid) {
            if holder.unreadable.is_some() {
                let (pod, because) = (name(slot), pod::describe(holder));
                return Err(Waiting::PodNotAvailable { pod, because });
            }
            let vanishes = holder.metadata.is_terminating() && holder.metadata.finalizers.is_empty();
            let waits = observation.key.surface == Surface::Berth;
            if waits && pod::is_terminal(holder) && vanishes {
                return Err(Waiting::PodTerminating { pod: name(slot) });
            }
        }
        unit.push(still_held(holder, uid));
        slot += 1;
    }
    if !observation.memory.caught_up {
        unit.extend((slot + 1..=slot + FURTHER).map(name).map(|further| match observation.pod(&further) {
            Some(holder) => still_held(holder, uid),
            None => {
                let object = ObjectRef::new(Resource::Pods, &observation.key.namespace, further);
                Action { act: Act::ConfirmAbsent { object }, why: Reason::NameUnseen }
            }
        }));
    }
    Ok(name(slot))
}

/// Makes sure that a pod which has one of our names is there.
fn still_held(holder: &Pod, ours: &Uid) -> Action {
    // A pod that was let go may have been taken back by another leader: then it serves the node.
    let not_of = if holder.metadata.is_controlled_by(ours) { Uid::default() } else { ours.clone() };
    let uid = holder.metadata.uid.clone();
    let act = Act::Confirm { object: pod::object(holder), uid, generation: None, live: false, not_of };
    Action { act, why: Reason::NameHeld }
}

fn body(
    observation: &Observation<NodeDaemonSet>,
    node: &str,
    revision: &Revision,
    template: &Value,
    name: String,
) -> (ObjectRef, Value) {
    let host_network = template.pointer("/spec/hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    let mut affinity = template.pointer("/spec/affinity").cloned().unwrap_or_else(|| json!({}));
    if !affinity["nodeAffinity"].is_object() {
        affinity["nodeAffinity"] = json!({});
    }
    affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({
        "nodeSelectorTerms": [{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }] }],
    });
    let mut spec = Map::new();
    spec.insert("affinity".to_owned(), affinity);
    spec.insert("tolerations".to_owned(), Value::Array(node_fit::tolerations(template, host_network)));
    let annotations = match observation.key.surface {
        // The cluster autoscaler knows daemon pods by the kind of their owner, or by this.
        Surface::Berth => {
            vec![("cluster-autoscaler.kubernetes.io/daemonset-pod".to_owned(), "true".to_owned())]
        }
        Surface::Apps => vec![],
    };
    pod::build(&Desired {
        namespace: &observation.key.namespace,
        name,
        owner: observation.reference(),
        template,
        revision: revisions::label(Kind::Daemon, revision),
        // It counts for the template of the set, so a pod that is made from an earlier one does not carry it.
        labels: generation(observation)
            .filter(|_| revisions::record::records(&revision.data, &observation.set.spec.template))
            .map(|generation| (GENERATION_LABEL.to_owned(), generation))
            .into_iter()
            .collect(),
        annotations,
        spec,
    })
}
