//! Which nodes get a pod, and which pods go, apart from rollouts (B4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::identity;
use super::placement::{self, Verdict};
use crate::api::{Kind, Node, NodeDaemonSet, Pod, Revision};
use crate::core::observation::Observation;
use crate::core::plan::{Pace, Part, Plan, Unit};
use crate::core::pod;
use crate::core::reason::{Reason, Slot, Waiting};
use crate::revisions;

/// How many pods one plan makes, and how many it deletes, at most (B5.1).
pub const BURST: usize = 250;

/// A node with what matters for one set.
#[derive(Debug)]
pub struct Place<'a> {
    /// The node; `None` for one that pods name but that does not exist.
    pub node: Option<&'a Node>,
    /// What it means for the template.
    pub verdict: Verdict,
    /// The pods of the set that are on it or meant for it, the one that stays first: bound before unbound, then the
    /// oldest, then by name (B4.3). Pods that have ended and are being deleted are left out (B4.1).
    pub pods: Vec<&'a Pod>,
}

impl<'a> Place<'a> {
    /// Pods that are not being deleted.
    pub fn live(&self) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().copied().filter(|p| !p.metadata.is_terminating())
    }
}

/// All nodes, and those that pods name, by name.
pub fn places<'a>(
    observation: &'a Observation<NodeDaemonSet>,
    pods: impl Iterator<Item = &'a Pod>,
) -> Result<BTreeMap<&'a str, Place<'a>>, String> {
    let placement =
        observation.set.spec.template.placement().map_err(|e| format!("spec.template.spec: {e}"))?;
    let mut places: BTreeMap<&str, Place<'_>> = observation
        .nodes
        .values()
        .map(|node| {
            let verdict = placement::verdict(&placement, node);
            (node.metadata.name.as_str(), Place { node: Some(node.as_ref()), verdict, pods: vec![] })
        })
        .collect();
    for pod in pods {
        if pod::is_terminal(pod) && pod.metadata.is_terminating() {
            continue;
        }
        let Some(node) = placement::node_of(pod) else { continue };
        let gone =
            || Place { node: None, verdict: Verdict::Leave("it does not exist".to_owned()), pods: vec![] };
        places.entry(node).or_insert_with(gone).pods.push(pod);
    }
    for place in places.values_mut() {
        place.pods.sort_by(|a, b| {
            let order =
                |p: &'a Pod| (p.spec.node_name.is_empty(), p.metadata.creation_timestamp, &p.metadata.name);
            order(a).cmp(&order(b))
        });
    }
    Ok(places)
}

/// Makes missing pods and removes those that should not be there.
pub fn keep(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    update: &Arc<Revision>,
    plan: &mut Plan,
) {
    let (mut create, mut delete): (Vec<Unit>, Vec<Unit>) = (vec![], vec![]);
    for (name, place) in places {
        let slot = || Slot::Node((*name).to_owned());
        match &place.verdict {
            Verdict::Run if place.pods.is_empty() => {
                if create.len() >= BURST {
                    continue;
                }
                let why = Reason::Missing { slot: slot(), revision: update.metadata.name.clone() };
                match identity::create(observation, name, update, why) {
                    Some(unit) => create.push(unit),
                    None => plan.waiting.push(Waiting::Invalid {
                        message: format!("revision {} holds no pod template", update.metadata.name),
                    }),
                }
            }
            Verdict::Run | Verdict::Keep(_) => settle(observation, place, slot(), update, plan, &mut delete),
            // Pods bound to a node that is gone are left to the pod garbage collector (B4.5).
            Verdict::Leave(because) => delete.extend(
                place.live().filter(|p| place.node.is_some() || p.spec.node_name.is_empty()).map(|p| {
                    let why = match place.node {
                        Some(_) => Reason::NodeUnfit { slot: slot(), because: because.clone() },
                        None => Reason::NodeGone { slot: slot() },
                    };
                    vec![pod::delete(p, why)]
                }),
            ),
        }
    }
    delete.truncate(BURST);
    plan.stage(Part::Pods, Pace::Together, delete);
    plan.stage(Part::Pods, Pace::SlowStart, create);
}

/// On a node that may have a pod: ended pods are replaced, with a growing pause for those that fail (B4.4), and of several
/// one stays.
fn settle(
    observation: &Observation<NodeDaemonSet>,
    place: &Place<'_>,
    slot: Slot,
    update: &Revision,
    plan: &mut Plan,
    delete: &mut Vec<Unit>,
) {
    let mut survivor: Option<&Pod> = None;
    for pod in place.live() {
        if pod::is_terminal(pod) {
            // A pause is for a pod that would fail again just as it did.
            let same =
                pod.status.phase == "Failed" && pod::is_current(pod, revisions::label(Kind::Daemon, update));
            match observation.memory.replacement_held(&slot, observation.now.mono).filter(|_| same) {
                Some(delay) => {
                    plan.recheck(delay);
                    plan.waiting.push(Waiting::FailedPod { slot: slot.clone(), delay });
                }
                None => {
                    let (phase, detail) = (pod.status.phase.clone(), pod::describe(pod));
                    delete.push(vec![pod::delete(pod, Reason::Ended { slot: slot.clone(), phase, detail })]);
                }
            }
        } else if let Some(survivor) = survivor {
            let survivor = survivor.metadata.name.clone();
            delete.push(vec![pod::delete(pod, Reason::Duplicate { slot: slot.clone(), survivor })]);
        } else {
            survivor = Some(pod);
        }
    }
}
