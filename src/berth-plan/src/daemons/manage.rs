//! Which nodes get a pod, and which pods go, apart from rollouts (B4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use berth_api::{Kind, Node, NodeDaemonSet, Pod, Revision, Surface};

use super::identity;
use super::work::Work;
use crate::daemons::node_fit::{self, Verdict};
use crate::observation::Observation;
use crate::plan::{Action, Plan};
use crate::pod;
use crate::reason::{Reason, Slot, Waiting};
use crate::revisions;
use crate::workload;
use crate::workload::adoption::Members;

/// For how many nodes a plan says that a pod of an earlier set is waited for.
const TOLD: usize = 5;

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
    /// Pods that have ended and are being deleted.
    pub over: Vec<&'a Pod>,
}

impl<'a> Place<'a> {
    /// Whether there is nothing to be made and nothing to be taken away: by far the most common case.
    fn is_in_order(&self) -> bool {
        match (&self.verdict, self.pods.as_slice()) {
            (Verdict::Run | Verdict::Keep(_), [only]) => {
                self.is_reached_by(only) && !only.metadata.is_terminating() && !pod::is_terminal(only)
            }
            (Verdict::Keep(_) | Verdict::Leave(_), []) => true,
            _ => false,
        }
    }

    /// Whether a pod is on the node, or may still get there: where new pods are kept off, one that has no node yet never will (D10).
    pub fn is_reached_by(&self, pod: &Pod) -> bool {
        self.verdict.runs() || !pod.spec.node_name.is_empty()
    }

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
        node_fit::of(&observation.set, observation.gates).map_err(|e| format!("spec.template.spec: {e}"))?;
    let mut places: BTreeMap<&str, Place<'_>> = observation
        .nodes
        .values()
        .map(|node| {
            let verdict = node_fit::verdict(&placement, node);
            let place = Place { node: Some(node.as_ref()), verdict, pods: vec![], over: vec![] };
            (node.metadata.name.as_str(), place)
        })
        .collect();
    for pod in pods {
        let Some(node) = node_fit::node_of(pod) else { continue };
        if pod::is_terminal(pod) && pod.metadata.is_terminating() {
            if let Some(place) = places.get_mut(node) {
                place.over.push(pod);
            }
            continue;
        }
        let gone = || Place {
            node: None,
            verdict: Verdict::Leave("it does not exist".to_owned()),
            pods: vec![],
            over: vec![],
        };
        places.entry(node).or_insert_with(gone).pods.push(pod);
    }
    for place in places.values_mut().filter(|place| place.pods.len() > 1) {
        place.pods.sort_by(|a, b| {
            let order =
                |p: &'a Pod| (p.spec.node_name.is_empty(), p.metadata.creation_timestamp, &p.metadata.name);
            order(a).cmp(&order(b))
        });
    }
    Ok(places)
}

/// The running pods beside which a node gets no new one, by the node that they are on or meant for: those that cannot be adopted or
/// released, as that is taken back (`kept`), and on custom sets those of an earlier set of this name. Whatever the uid of the set, it is at most
/// one daemon pod on a node. Native sets make it at once beside one of an earlier set, as upstream.
pub fn occupants<'a>(
    observation: &Observation<NodeDaemonSet>,
    pods: &Members<'a, Pod>,
    kept: &[Action],
) -> BTreeMap<&'a str, &'a Pod> {
    let uid = &observation.set.metadata.uid;
    let kept: BTreeSet<&str> = kept.iter().map(|action| action.act.object().name.as_str()).collect();
    let is_kept = |p: &&Pod| kept.contains(p.metadata.name.as_str());
    let is_of_earlier_set = |p: &&Pod| {
        observation.key.surface == Surface::Berth
            && workload::is_of_another_incarnation(&observation.key, uid, &p.metadata)
    };
    let changed = pods.adopt.iter().chain(&pods.release).map(|p| &***p).filter(is_kept);
    changed
        .chain(pods.foreign.iter().map(|p| &***p).filter(is_of_earlier_set))
        .filter(|p| !pod::is_terminal(p))
        .filter_map(|p| Some((node_fit::node_of(p)?, p)))
        .collect()
}

/// What a plan knows before it looks at the nodes one by one.
#[derive(Clone, Debug)]
pub struct Aim<'a> {
    /// The revision that the set comes from.
    pub current: &'a Arc<Revision>,
    /// The revision that pods should have.
    pub update: &'a Arc<Revision>,
    /// The label of pods that are made at that revision.
    pub label: &'a str,
    /// The labels of all revisions that record the same template.
    pub labels: &'a [&'a str],
    /// How many nodes should run a pod.
    pub desired: i64,
    /// How a rollout makes room.
    pub room: Room,
    /// Whether new pods come before old ones go.
    pub surges: bool,
    /// Whether it is not known if the template is another than that of the update revision.
    pub undecided: bool,
    /// See [`occupants`].
    pub occupants: BTreeMap<&'a str, &'a Pod>,
    /// What was observed.
    pub observation: &'a Observation<NodeDaemonSet>,
}

/// How a rollout makes room for new pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Old pods go first; so many nodes may be without an available pod.
    Unavailable(i64),
    /// New pods come first; so many nodes may run two.
    Surge(i64),
}

impl Aim<'_> {
    /// Whether the pod is at another revision than it should be.
    pub fn is_outdated(&self, pod: &Pod) -> bool {
        !identity::is_current(self.observation, pod, self.labels)
    }

    /// The revision at which a missing pod of `node` is made. While the set is paused, a pod comes back at the revision that it
    /// had, and a new node gets the current one.
    pub fn for_new_pod(&self, node: &str, place: &Place<'_>) -> &Arc<Revision> {
        let observation = self.observation;
        if !observation.set.spec.paused {
            return self.update;
        }
        let leaving = place.pods.last().map(|pod| pod::revision(pod));
        let had = leaving.or_else(|| observation.memory.paused_revision(&Slot::Node(node.to_owned())));
        let labelled = |r: &&Arc<Revision>| Some(revisions::label(Kind::Daemon, r)) == had;
        let recorded = observation.revisions.iter().find(labelled);
        recorded.unwrap_or(self.current)
    }

    /// Whether the next pod of `node` comes at the revision that this one has.
    fn comes_back(&self, node: &str, place: &Place<'_>, pod: &Pod) -> bool {
        match self.observation.set.spec.paused {
            true => revisions::label(Kind::Daemon, self.for_new_pod(node, place)) == pod::revision(pod),
            false => !self.is_outdated(pod),
        }
    }
}

/// Makes missing pods and removes those that should not be there.
pub fn keep(
    observation: &Observation<NodeDaemonSet>,
    places: &BTreeMap<&str, Place<'_>>,
    aim: &Aim<'_>,
    plan: &mut Plan,
) {
    let (mut work, mut held) = (Work::new(observation), 0);
    for (name, place) in places.iter().filter(|(_, place)| !place.is_in_order()) {
        let slot = Slot::Node((*name).to_owned());
        // With surge a pod that is on its way out does not keep its successor waiting (B4.2b).
        let empty = if aim.surges { place.live().next().is_none() } else { place.pods.is_empty() };
        match &place.verdict {
            Verdict::Run if empty => match aim.occupants.get(name) {
                Some(occupant) => {
                    plan.waiting.extend((held < TOLD).then(|| occupied(observation, name, occupant)));
                    held += 1;
                }
                None => {
                    let revision = aim.for_new_pod(name, place);
                    let why = Reason::Missing { slot, revision: revision.metadata.name.clone() };
                    work.create(observation, (name, &place.over), revision, why, plan);
                }
            },
            Verdict::Run | Verdict::Keep(_) => settle(observation, (name, place), aim, plan, &mut work),
            // Pods bound to a node that is gone are left to the pod garbage collector (B4.5).
            Verdict::Leave(because) => work.delete.extend(
                place.live().filter(|p| place.node.is_some() || p.spec.node_name.is_empty()).map(|p| {
                    let slot = slot.clone();
                    let why = match place.node {
                        Some(_) => Reason::NodeUnfit { slot, because: because.clone() },
                        None => Reason::NodeGone { slot },
                    };
                    vec![pod::delete(p, why)]
                }),
            ),
        }
    }
    work.finish(observation, plan);
}

/// What is waited for on a node where a pod runs that keeps a new one off.
fn occupied(observation: &Observation<NodeDaemonSet>, node: &str, occupant: &Pod) -> Waiting {
    let (kind, name) = (observation.key.resource().kind(), &observation.key.name);
    let uid = &observation.set.metadata.uid;
    if occupant.metadata.controller().is_none_or(|owner| owner.uid == *uid) {
        let because = format!("its adoption or release is taken back, and node {node} gets no pod beside it");
        return Waiting::PodLeaving { object: pod::object(occupant), because };
    }
    let state = match occupant.metadata.is_terminating() {
        true => "is being deleted",
        false => "is left to the garbage collector",
    };
    let because =
        format!("pod of an earlier {kind} {name} {state}; node {node} gets a new one when it is gone");
    Waiting::PodLeaving { object: pod::object(occupant), because }
}

/// On a node that may have a pod: ended pods are replaced, with a growing pause for those that fail (B4.4), and of several
/// one stays; with surge one of each revision, until the new one is available or the old one is of no use (B4.2b). On native sets
/// the successor of a pod that has ended is made in the next slot, before that is deleted (B4.4, docs/adr/0003).
fn settle(
    observation: &Observation<NodeDaemonSet>,
    (node, place): (&str, &Place<'_>),
    aim: &Aim<'_>,
    plan: &mut Plan,
    work: &mut Work<'_>,
) {
    let slot = &Slot::Node(node.to_owned());
    let (ended, running): (Vec<&Pod>, Vec<&Pod>) = place.live().partition(|p| pod::is_terminal(p));
    let mut due: Vec<&Pod> = vec![];
    for pod in &ended {
        // A pause is for a pod that would fail again just as it did.
        let same = pod.status.phase == "Failed" && aim.comes_back(node, place, pod);
        match observation.memory.failed_pod_backoff(slot, observation.now.mono).filter(|_| same) {
            Some(delay) => {
                plan.recheck(delay);
                plan.waiting.push(Waiting::FailedPod { slot: slot.clone(), delay });
            }
            None => due.push(pod),
        }
    }
    // Without surge one that is being deleted and still runs is waited for.
    let vacant = running.is_empty() && (aim.surges || place.pods.iter().all(|p| pod::is_terminal(p)));
    // A second one would pile up, and a third, where the API server rejects the deletion.
    let rejected = |pod: &&Pod| {
        let why = Reason::Ended { slot: slot.clone(), phase: String::new(), detail: String::new() };
        observation.memory.rejections.of(&pod::delete(pod, why).act).is_some()
    };
    let all_go = due.len() == 1 && ended.len() == 1 && !due.iter().any(rejected);
    if observation.key.surface == Surface::Apps && place.verdict.runs() && vacant && all_go {
        if work.is_full(observation) {
            return;
        }
        let revision = aim.for_new_pod(node, place);
        let why = Reason::Missing { slot: slot.clone(), revision: revision.metadata.name.clone() };
        let over: Vec<&Pod> = ended.iter().chain(&place.over).copied().collect();
        let unit = work.unit(observation, (node, &over), revision, why, plan);
        work.succeed.extend(unit);
    }
    let delete = &mut work.delete;
    for pod in due {
        let (phase, detail) = (pod.status.phase.clone(), pod::describe(pod));
        delete.push(vec![pod::delete(pod, Reason::Ended { slot: slot.clone(), phase, detail })]);
    }
    let keep_each_revision = aim.surges;
    let min_ready = i64::from(observation.set.spec.min_ready_seconds);
    let available = |pod: &Pod| pod::is_available(pod, min_ready, observation.now.wall);
    let mut running = running;
    if let Verdict::Keep(because) = &place.verdict {
        // Made a moment before the node was tainted, it will never start, and would use up the budget for ever (D10).
        for pod in running.extract_if(.., |pod| pod.spec.node_name.is_empty()) {
            let (slot, because) = (slot.clone(), because.clone());
            delete.push(vec![pod::delete_as_it_is(pod, Reason::NodeUnfit { slot, because })]);
        }
    }
    if keep_each_revision {
        // A rollout that was overtaken by the next one leaves two old pods: the one that serves stays, however young (D5).
        running.sort_by_key(|pod| !available(pod));
    } else if observation.key.surface == Surface::Berth {
        // Pods that were adopted may be older and at another template: to keep those would be to replace each of them at once.
        running.sort_by_key(|pod| (!available(pod), aim.is_outdated(pod)));
    }
    let mut survivors: Vec<&Pod> = vec![];
    for pod in running {
        let rival =
            survivors.iter().find(|s| !keep_each_revision || aim.is_outdated(s) == aim.is_outdated(pod));
        match rival {
            Some(rival) => {
                let survivor = rival.metadata.name.clone();
                delete.push(vec![pod::delete(pod, Reason::Duplicate { slot: slot.clone(), survivor })]);
            }
            None => survivors.push(pod),
        }
    }
    let old = survivors.iter().find(|p| aim.is_outdated(p));
    let new = survivors.iter().find(|p| !aim.is_outdated(p));
    if let (Some(old), Some(new)) = (old, new)
        && (!pod::is_ready(old) || available(new))
    {
        delete.push(vec![pod::replace(old, slot.clone(), aim.label, !pod::is_ready(old))]);
    }
}
