//! The plan of the revisions of one owner.

use std::sync::Arc;
use std::time::Duration;

use berth_api::json::go_bytes;
use berth_api::{Kind, ObjectRef, Resource, Revision};
use serde_json::{Map, Value, json};

use crate::hash::{base27, fnv1_32, fnv1a_64, safe_encode};
use crate::observation::Observation;
use crate::plan::{Act, Action, Guard};
use crate::pod::REVISION_LABEL;
use crate::reason::{Reason, Waiting};
use crate::revisions::record::{self, Digest};
use crate::workload::adoption::Members;
use crate::workload::{self, Set};

/// Upstream's label with the hash of a revision.
const HASH_LABEL: &str = "controller.kubernetes.io/hash";
/// The longest name of an owner that a revision's name repeats (A7.4).
const LONGEST_PREFIX: usize = 223;

/// What there is to do about revisions, or which ones count.
#[derive(Debug)]
pub struct RevisionPlan {
    /// A revision to be recorded or renumbered; nothing else is decided until that is seen.
    pub actions: Vec<Action>,
    /// The revision of the present template, once it is recorded.
    pub update: Option<Arc<Revision>>,
    /// What is waited for before more is decided or noted.
    pub waiting: Option<(Waiting, Option<Duration>)>,
    /// The revision that the set comes from: the one that the status names, else the update revision (A7.7).
    pub current: Option<Arc<Revision>>,
    /// How often a name was taken; never less than the status says.
    pub collision_count: i32,
    /// All revisions that record the present template, the update revision among them.
    pub twins: Vec<Arc<Revision>>,
    /// Dry runs that the API server rejected and that are not sent now. Until one is answered it is not known whether the present
    /// template is another, and `update` is the newest revision that is recorded.
    pub undecided: Vec<Action>,
}

/// The value of the revision label on pods of this revision (A3.5, B5.3).
pub fn label(kind: Kind, revision: &Revision) -> &str {
    let name = &revision.metadata.name;
    match kind {
        Kind::Ordinal => name,
        Kind::Daemon => revision.metadata.labels.get(REVISION_LABEL).unwrap_or(name),
    }
}

/// Ours, oldest first: by number, then age, then name (A7.5).
fn sorted<'a>(members: &Members<'a, Revision>) -> Vec<&'a Arc<Revision>> {
    let mut ours = members.ours.clone();
    ours.sort_by_key(|r| (r.revision, r.metadata.creation_timestamp, r.metadata.name.clone()));
    ours
}

/// Decides which revision the present template has: the newest that records it, an older one renumbered (a rollback), or
/// a new one.
pub fn plan<S: Set>(observation: &Observation<S>, members: &Members<'_, Revision>) -> RevisionPlan {
    let set = &observation.set;
    let ours = sorted(members);
    let newest = ours.last().map_or(0, |r| r.revision);
    let named = |name: &str| ours.iter().find(|r| r.metadata.name == name).map(|r| Arc::clone(r));
    let present = Digest::of(set.template());
    let records = |r: &Revision| present.is_some_and(|present| present.is_recorded_by(&r.data));
    let recorded = ours.iter().rev().find(|r| records(r));
    let mut plan = RevisionPlan {
        actions: vec![],
        update: recorded.map(|r| Arc::clone(r)),
        waiting: None,
        current: named(set.current_revision()),
        collision_count: set.collision_count().max(0),
        twins: ours.iter().filter(|r| records(r)).map(|r| Arc::clone(r)).collect(),
        undecided: vec![],
    };
    let in_place = recorded.is_some_and(|revision| revision.revision == newest);
    if let Some(delay) = observation.memory.revision_backoff(observation.now.mono).filter(|_| !in_place) {
        plan.update = None;
        plan.waiting = Some((Waiting::Renumbering { delay }, Some(delay)));
        return plan;
    }
    match recorded {
        Some(_) if in_place => {}
        Some(revision) => {
            plan.update = None;
            let to = newest.saturating_add(1);
            plan.actions.push(Action {
                act: Act::Patch {
                    object: object(revision),
                    guard: Guard::version(&revision.metadata),
                    body: json!({ "revision": to }),
                    status: false,
                },
                why: Reason::Rollback { from: revision.revision, to },
            });
        }
        None => match ours.last().map_or(Likeness::Different, |newest| likeness(observation, newest)) {
            Likeness::Same(note) => {
                plan.update = ours.last().map(|newest| Arc::clone(newest));
                // Optional: while the API server rejects it, the pods do not wait for it.
                plan.waiting = backed_off(observation, &note);
                plan.actions = if plan.waiting.is_some() { vec![] } else { note };
            }
            // As long as the API server does not say whether the template is another, no revision is recorded for it, and the
            // pods are kept as the newest one asks.
            Likeness::Unknown(actions) => match backed_off(observation, &actions) {
                Some(waiting) => {
                    // Unless it was recorded, and that is not seen yet or was deleted: then nothing is made from an earlier template.
                    let recorded = set.recorded_revision();
                    let newest = ours.last().filter(|r| recorded.is_empty() || r.metadata.name == recorded);
                    plan.update = newest.map(|newest| Arc::clone(newest));
                    plan.waiting = Some(waiting);
                    plan.undecided = actions;
                }
                None => plan.actions = actions,
            },
            Likeness::Different => plan.create(observation, newest.saturating_add(1)),
        },
    }
    plan.current = plan.current.or_else(|| plan.update.clone());
    plan.twins.extend(plan.update.clone());
    plan
}

impl RevisionPlan {
    /// The labels of pods that were made from the present template.
    pub fn labels(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.twins.iter().map(move |revision| label(kind, revision))
    }

    /// Records the present template under this number.
    fn create<S: Set>(&mut self, observation: &Observation<S>, number: i64) {
        let (collisions, body) = match new_revision(observation, self.collision_count, number) {
            Named::Known(revision) => return self.update = Some(revision),
            Named::New(collisions, body) => (collisions, body),
        };
        // A name was taken: that is counted in the status before the next name is used, so the count is never lost.
        if collisions != std::mem::replace(&mut self.collision_count, collisions) {
            return;
        }
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let object = ObjectRef::new(Resource::Revisions, &observation.key.namespace, name);
        self.actions.push(Action { act: Act::Create { object, body }, why: Reason::NewTemplate });
    }
}

/// Annotation of a revision: the hash of another template that means the same, as the API server said once (A7.5).
const MEANS_THE_SAME: &str = "berth.dev/means-the-same";

/// Whether the present template means the same as a recorded one.
enum Likeness {
    /// The API server defaults both to the same; that is still to be noted, if anything is to be done.
    Same(Vec<Action>),
    /// It does not, or refuses one of them.
    Different,
    /// It must be asked first.
    Unknown(Vec<Action>),
}

/// What is waited for while one of these dry runs is not sent because the API server rejected it.
fn backed_off<S: Set>(
    observation: &Observation<S>,
    dry_runs: &[Action],
) -> Option<(Waiting, Option<Duration>)> {
    let rejections = &observation.memory.rejections;
    let (delay, rejection) =
        dry_runs.iter().find_map(|action| rejections.back_off(action, dry_runs, observation.now.mono))?;
    let (object, message) = (Some(rejection.object.clone()), rejection.message.clone());
    Some((Waiting::Backoff { object, message }, Some(delay)))
}

/// Compares the present template with a recorded one as the API server would default them: what serialisation or a newer
/// API adds is no change, and neither is a default that somebody writes down, or that kube-controller-manager recorded
/// for a StatefulSet of the same manifest (A7.5).
fn likeness<S: Set>(observation: &Observation<S>, recorded: &Revision) -> Likeness {
    let set = &observation.set;
    let newest = recorded;
    let Some(recorded) = record::template(&newest.data) else { return Likeness::Different };
    let hash = base27(fnv1a_64(&go_bytes(&set.template().0)), 12);
    if newest.metadata.annotations.get(MEANS_THE_SAME) == Some(&hash) {
        return Likeness::Same(vec![]);
    }
    let templates = [set.complete(&set.template().0), set.complete(&recorded)];
    let known = templates.each_ref().map(|template| observation.memory.defaulted(template));
    // Templates that mean the same are allowed, or denied, alike: the one that is allowed after the other was denied is another.
    if matches!(known, [Some(Some(_)), None]) && observation.memory.is_denied(&templates[1]) {
        return Likeness::Different;
    }
    let [Some(present), Some(recorded)] = known else {
        let asked = templates.into_iter().zip(known).filter(|(_, known)| known.is_none());
        let name = observation.key.derived_name(".dry-run");
        let object = ObjectRef::new(Resource::PodTemplates, &observation.key.namespace, name);
        return Likeness::Unknown(
            asked
                .map(|(template, _)| Action {
                    act: Act::Default { object: object.clone(), template },
                    why: Reason::DefaultsMayDiffer,
                })
                .collect(),
        );
    };
    if present.is_none() || present != recorded {
        return Likeness::Different;
    }
    // What the API server said is noted at the revision, so that no later process has to ask again.
    Likeness::Same(vec![Action {
        act: Act::Patch {
            object: object(newest),
            guard: Guard::version(&newest.metadata),
            body: json!({ "metadata": { "annotations": { MEANS_THE_SAME: hash } } }),
            status: false,
        },
        why: Reason::SameInDefaults,
    }])
}

/// What the names of all revisions of an owner begin with.
pub fn prefix(owner: &str) -> String {
    owner.chars().take(LONGEST_PREFIX).chain(['-']).collect()
}

/// What comes of looking for a name.
enum Named {
    /// An object of that name records the same template already, and nobody else manages it (A7.6, B8.5).
    Known(Arc<Revision>),
    /// How many names were taken so far, and the body of a new revision.
    New(i32, Value),
}

/// A new revision, under the first name that no other object holds.
fn new_revision<S: Set>(observation: &Observation<S>, mut collisions: i32, number: i64) -> Named {
    let set = &observation.set;
    let data = record::record(set.template());
    let mut bytes = go_bytes(&data);
    let length = bytes.len();
    let prefix = prefix(&observation.key.name);
    let (suffix, name) = loop {
        bytes.truncate(length);
        bytes.extend(collisions.to_string().bytes());
        let suffix = safe_encode(&fnv1_32(&bytes).to_string());
        let name = format!("{prefix}{suffix}");
        let holder = observation.revisions.iter().find(|r| r.metadata.name == name);
        let Some(holder) = holder.filter(|_| collisions < i32::MAX) else { break (suffix, name) };
        let others = holder.metadata.controller().is_some_and(|r| r.uid != set.meta().uid);
        if !others && !holder.metadata.is_terminating() && record::records(&holder.data, set.template()) {
            return Named::Known(Arc::clone(holder));
        }
        collisions += 1;
    };
    let mut labels: Map<String, Value> = match set.template().0.pointer("/metadata/labels") {
        Some(Value::Object(labels)) => labels.clone(),
        _ => Map::new(),
    };
    let hash_label = if S::KIND == Kind::Ordinal { HASH_LABEL } else { REVISION_LABEL };
    labels.insert(hash_label.to_owned(), json!(suffix));
    let mut metadata = json!({
        "name": name,
        "namespace": observation.key.namespace,
        "labels": labels,
        "ownerReferences": [workload::reference(&observation.key, &set.meta().uid)],
    });
    if !set.meta().annotations.is_empty() {
        metadata["annotations"] = json!(set.meta().annotations);
    }
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "data": data, "revision": number,
    });
    Named::New(collisions, body)
}

pub(super) fn object(revision: &Revision) -> ObjectRef {
    ObjectRef::new(Resource::Revisions, &revision.metadata.namespace, &revision.metadata.name)
}

/// What keeps an old revision from being removed.
#[derive(Clone, Debug, Default)]
pub struct History<'a> {
    /// Names of revisions that the status names or that count now.
    pub live_names: Vec<&'a str>,
    /// Revision labels that pods carry.
    pub live_labels: Vec<&'a str>,
}

/// Removes the oldest revisions beyond `revisionHistoryLimit` that nothing refers to. Live ones do not count against the
/// limit of an ordinal set (A7.8) but do count against that of a node daemon set (B8.7).
pub fn history<S: Set>(
    observation: &Observation<S>,
    members: &Members<'_, Revision>,
    live: &History<'_>,
) -> Vec<Action> {
    let Ok(limit) = usize::try_from(observation.set.history_limit()) else { return vec![] };
    if observation.set.meta().is_terminating() {
        return vec![];
    }
    let ours = sorted(members);
    if ours.len() <= limit {
        return vec![];
    }
    // The one that records the present template is live even before the status names it: a rollback renumbers it first.
    let recorded = ours.iter().rev().find(|r| record::records(&r.data, observation.set.template()));
    let is_live = |r: &Revision| {
        recorded.is_some_and(|present| present.metadata.name == r.metadata.name)
            || live.live_names.contains(&r.metadata.name.as_str())
            || live.live_labels.contains(&label(S::KIND, r))
    };
    let dead: Vec<_> = ours.iter().filter(|r| !is_live(r) && !r.metadata.is_terminating()).collect();
    let counted = if S::KIND == Kind::Ordinal { dead.len() } else { ours.len().saturating_sub(1) };
    let surplus = counted.saturating_sub(limit).min(dead.len());
    dead.into_iter()
        .take(surplus)
        .map(|revision| Action {
            act: Act::Delete { object: object(revision), guard: Guard::incarnation(&revision.metadata) },
            why: Reason::HistoryLimit,
        })
        .collect()
}
