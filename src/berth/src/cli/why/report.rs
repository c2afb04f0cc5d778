//! What a set is doing now: the plan of the operator, and every pod.

use berth_api::{Key, Kind, ObjectRef, Pod, Resource, Revision};
use berth_plan::daemons::node_fit;
use berth_plan::memory::Memory;
use berth_plan::observation::Observation;
use berth_plan::ordinals::identity;
use berth_plan::plan::{Act, Plan};
use berth_plan::planner::{Planned, Tally};
use berth_plan::pod;
use berth_plan::reason::{Reason, Waiting};
use berth_plan::revisions;
use serde::Serialize;
use serde_json::Value;

use super::diagnose::diagnose;
use super::finding::{self, Cause, Finding};
use super::ports;
use crate::cli::snapshot::Facts;
use crate::cli::{defaults, nodes, rejection};

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    #[serde(skip)]
    pub(super) key: Key,
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    /// How its pods stand.
    pub(super) tally: Tally,
    /// What the status says of itself: a condition's type and message.
    pub(super) condition: String,
    /// What is being written now, each with its reason.
    pub(super) doing: Vec<String>,
    /// What is waited for, as the operator says it.
    pub(super) waiting: Vec<String>,
    /// What is in the way of the set as a whole.
    pub(super) findings: Vec<Finding>,
    /// Its pods.
    pub(super) pods: Vec<PodReport>,
    /// What could not be looked at.
    pub(super) notes: Vec<String>,
}

/// One pod, or a place without one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodReport {
    pub(super) name: String,
    /// Running, Pending, Terminating, ...; empty when there is no pod.
    pub(super) state: String,
    pub(super) ready: bool,
    pub(super) available: bool,
    /// The number of its revision; 0 when that is not known.
    pub(super) revision: i64,
    /// Whether that is the revision of the present template.
    pub(super) updated: bool,
    /// When it was made.
    pub(super) since: Option<jiff::Timestamp>,
    pub(super) node: String,
    /// What is done to it now, or what its next revision waits for.
    pub(super) next: String,
    /// What keeps it from being available.
    pub(super) finding: Option<Finding>,
}

/// How many pods are shown.
const MOST_PODS: usize = 500;

/// The report of a set; `None` when there is no such set. A client, if there is one, answers what a dry run can tell.
pub(super) async fn report(facts: &Facts, key: &Key, client: Option<&kube::Client>) -> Option<Report> {
    let (memory, notes) = match client {
        Some(client) => defaults::ask(client, facts, key).await,
        None => (Memory::default(), vec![]),
    };
    match key.kind {
        Kind::Ordinal => Some(of(facts, &facts.ordinal(key, memory)?, notes)),
        Kind::Daemon => {
            let observation = facts.daemon(key, memory)?;
            let mut report = of(facts, &observation, notes);
            let none =
                nodes::none_matches(&observation).filter(|_| !observation.set.metadata.is_terminating());
            report.findings.extend(none.as_ref().map(finding::of_nodes));
            Some(report)
        }
    }
}

fn of<S: Planned>(facts: &Facts, observation: &Observation<S>, mut notes: Vec<String>) -> Report {
    let key = &observation.key;
    let plan = S::plan(observation);
    let set = facts.set(key).cloned().unwrap_or_default();
    let newest = newest(observation);
    let label = newest.map(|r| revisions::label(key.kind, r).to_owned()).unwrap_or_default();
    let mut pods: Vec<PodReport> = observation
        .pods
        .iter()
        .filter(|p| p.metadata.is_controlled_by(&observation.set.meta().uid))
        .map(|p| of_pod(facts, observation, p, &plan, &label))
        .collect();
    pods.sort_by_key(|p| std::cmp::Reverse(identity::ordinal(&key.name, &p.name).unwrap_or(0)));
    pods.extend(missing(&plan));
    if pods.len() > MOST_PODS {
        notes.push(format!("{} more pods are not shown", pods.len() - MOST_PODS));
        pods.truncate(MOST_PODS);
    }
    let outdated: Vec<String> =
        pods.iter().filter(|p| !p.updated && !p.state.is_empty()).map(|p| p.name.clone()).collect();
    let raw = |name: &String| facts.raw.get(&ObjectRef::new(Resource::Pods, &key.namespace, name));
    let clash = ports::clash(key, &set, outdated.iter().filter_map(raw));
    if let Some(clash) = &clash {
        // The scheduler only says that no node has the port free.
        let unscheduled = |p: &&mut PodReport| {
            p.updated && p.finding.as_ref().is_some_and(|f| f.cause == Cause::NotScheduled)
        };
        pods.iter_mut().filter(unscheduled).for_each(|p| p.finding = Some(clash.clone()));
    }
    let mut findings: Vec<Finding> = vec![];
    findings.extend(rejection::refusal(&set).map(|message| finding::of_refusal(key, &message)));
    findings.extend(plan.waiting.iter().filter_map(|w| match (w, &clash) {
        // A larger surge would only make more pods that are never scheduled.
        (Waiting::Surge { .. }, Some(clash)) => Some(clash.clone()),
        _ => finding::of_waiting(key, w, &outdated),
    }));
    // While it cannot be recorded what the spec asks for, the status as a whole is about an earlier one, and a condition says why.
    let acts = rejection::find(&set, "Stalled").is_some_and(|stalled| {
        stalled["status"] == "True" && rejection::is_present(&set, stalled) == Some(true)
    });
    let observed = set["status"]["observedGeneration"].as_i64();
    let is_behind = observed != set["metadata"]["generation"].as_i64();
    if is_behind && !acts && !observation.set.meta().is_terminating() {
        findings.push(finding::not_observed(key));
    }
    notes.extend(facts.missing.iter().map(|m| format!("not looked at: {m}")));
    let resource = key.resource();
    Report {
        key: key.clone(),
        api_version: resource.api_version(),
        kind: resource.kind(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        tally: S::tally(observation),
        condition: condition(&set),
        doing: doing(&plan),
        waiting: plan.waiting.iter().map(ToString::to_string).collect(),
        findings,
        pods,
        notes,
    }
}

/// The newest revision: that of the present template, once it is recorded.
fn newest<S: Planned>(observation: &Observation<S>) -> Option<&Revision> {
    let uid = &observation.set.meta().uid;
    let ours = observation.revisions.iter().filter(|r| r.metadata.is_controlled_by(uid));
    ours.max_by_key(|r| r.revision).map(|r| &**r)
}

/// Ready, or what else the status says.
fn condition(set: &Value) -> String {
    let says = |type_: &str| {
        let condition = rejection::find(set, type_).filter(|c| c["status"] == "True")?;
        let message = condition["message"].as_str().unwrap_or_default();
        Some(if message.is_empty() { type_.to_owned() } else { format!("{type_}: {message}") })
    };
    says("Stalled").or_else(|| says("Ready")).or_else(|| says("Reconciling")).unwrap_or_default()
}

/// The writes that the operator makes now.
fn doing(plan: &Plan) -> Vec<String> {
    plan.actions()
        .filter(|a| a.act.is_write() && a.why != Reason::StatusChanged)
        .map(ToString::to_string)
        .collect()
}

/// Pods that are made now.
fn missing(plan: &Plan) -> Vec<PodReport> {
    let made = plan
        .actions()
        .filter(|a| matches!(a.act, Act::Create { .. }) && a.act.object().resource == Resource::Pods);
    made.take(MOST_PODS)
        .map(|action| PodReport {
            name: action.act.object().name.clone(),
            state: String::new(),
            ready: false,
            available: false,
            revision: 0,
            updated: true,
            since: None,
            node: String::new(),
            next: format!("is made: {}", action.why),
            finding: None,
        })
        .collect()
}

fn of_pod<S: Planned>(
    facts: &Facts,
    observation: &Observation<S>,
    pod: &Pod,
    plan: &Plan,
    label: &str,
) -> PodReport {
    let key = &observation.key;
    let min_ready = observation.set.min_ready_seconds();
    let revision = pod::revision(pod);
    let recorded = observation.revisions.iter().find(|r| revisions::label(key.kind, r) == revision);
    let updated = pod::is_current(pod, label);
    let acted = plan.actions().find(|a| a.act.object() == &pod::object(pod) && a.act.is_write());
    let next = match acted {
        Some(action) => format!("{}: {}", verb(&action.act), action.why),
        None if updated || pod.metadata.is_terminating() => String::new(),
        None => turn(plan).to_owned(),
    };
    let state = if pod.metadata.is_terminating() { "Terminating" } else { pod.status.phase.as_str() };
    PodReport {
        name: pod.metadata.name.clone(),
        state: if state.is_empty() { "Pending".to_owned() } else { state.to_owned() },
        ready: pod::is_ready(pod) && !pod::is_terminal(pod),
        available: pod::is_available(pod, min_ready, observation.now.wall) && !pod.metadata.is_terminating(),
        revision: recorded.map_or(0, |r| r.revision),
        updated,
        since: pod.metadata.creation_timestamp,
        node: node_fit::node_of(pod).unwrap_or_default().to_owned(),
        next,
        finding: diagnose(facts, key, pod, min_ready),
    }
}

fn verb(act: &Act) -> &'static str {
    match act {
        Act::Delete { .. } => "is deleted",
        _ => "is changed",
    }
}

/// What an old pod waits for.
fn turn(plan: &Plan) -> &'static str {
    let has = |matches: fn(&Waiting) -> bool| plan.waiting.iter().any(matches);
    match () {
        () if has(|w| matches!(w, Waiting::Paused { .. })) => "stays as it is: the rollout is paused",
        () if has(|w| matches!(w, Waiting::OnDelete { .. })) => "stays until somebody deletes it (OnDelete)",
        () if has(|w| matches!(w, Waiting::Budget { .. } | Waiting::Surge { .. })) => {
            "waits for its turn: the budget is used by others"
        }
        () if has(|w| matches!(w, Waiting::WantedRevisionBroken { .. })) => {
            "stays: a pod of the new revision is broken"
        }
        () if has(|w| matches!(w, Waiting::Partition { .. })) => "stays: it is below the partition",
        () => "waits for its turn",
    }
}
