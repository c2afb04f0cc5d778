//! Whether a status reports the obstacles of a set (X12). `Stalled` is true exactly while one of these holds:
//!
//! | | |
//! | --- | --- |
//! | refused | the last answer to a wanted request was a refusal other than 409, 429, 5xx or a namespace that ends |
//! | taken back | a change was accepted and stored nothing, or another client undoes it again and again |
//! | name | a wanted name is held by a foreign object that is not being deleted |
//! | spec | the spec cannot be carried out |
//! | rival | another controller serves the set |
//! | deadline | `progressDeadlineSeconds` has passed |
//!
//! Where it cannot be told from outside whether a row holds, nothing is said: a refused request whose circumstances have changed since
//! may not be wanted any more.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::{Refusal, Request, Verb};
use berth_api::{ObjectRef, Resource};
use serde_json::Value;

use super::{Rules, acts::owner_of, daemons, ordinals};
use crate::api_server::{ApiServer, Change, object};

/// How long a status may report nothing, or what is no longer so.
const BOUND: Duration = Duration::from_secs(2);
/// After this what was refused and has not been tried again is not wanted any more: the longest pause is 300 s.
const FORGOTTEN: Duration = Duration::from_secs(400);
/// How long the outcome of a request may be in doubt: until the last broken connection is noticed, and it was read.
const IN_DOUBT: Duration = Duration::from_secs(65);
/// So many writes of a status in `LATELY` make the next one wait for its turn.
const MANY_STATUSES: usize = 8;
const LATELY: Duration = Duration::from_secs(45);
/// A change that was made more often than this within that time is undone by another client.
const UNDONE_TIMES: usize = 3;
const UNDONE: Duration = Duration::from_secs(1000);
/// Ordinals whose names are checked.
const MOST: i64 = 50;

/// A request whose last answer is an obstacle.
#[derive(Clone, Debug)]
struct Refused {
    at: Duration,
    /// The set's generation, and what of it had changed then.
    generation: i64,
    changes: u64,
    /// Which life of which operator sent it.
    by: (usize, u64),
    /// The slot that a pod was to be made for.
    node: String,
    why: String,
    /// It is no longer known whether it is an obstacle.
    unsure: bool,
}

/// What is known of one set.
#[derive(Debug, Default)]
struct Known {
    refused: BTreeMap<(Verb, ObjectRef, bool), Refused>,
    /// Until then the outcome of a request is in doubt, or the API server has asked for a rest.
    excused: Duration,
    /// Whether the last write of the status did not go well.
    status_lost: bool,
    /// When its status was written lately.
    statuses: Vec<Duration>,
    /// Since when the status has reported otherwise.
    wrong_since: Option<Duration>,
    /// Counts what changes of its pods, claims and revisions.
    changes: u64,
    /// When each change was made lately: one that was made often is undone by another client, which cannot be told from here.
    patches: BTreeMap<(ObjectRef, String), Vec<Duration>>,
}

/// What ought to be the case.
#[derive(Clone, Debug, PartialEq)]
pub enum Ought {
    /// `Stalled` is true, and why.
    Stalled(String),
    /// It is not.
    Clear,
    /// Nobody can tell.
    Either,
}

/// What became of a request.
pub enum Outcome<'a> {
    /// It was done, and changed something if it was to.
    Done,
    /// It was accepted and stored nothing.
    TakenBack,
    /// It was refused.
    Refused(&'a Refusal),
    /// Its sender gets no answer.
    Lost,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Obstacles {
    sets: BTreeMap<ObjectRef, Known>,
    /// Counts changes of nodes.
    nodes: u64,
    generations: BTreeMap<ObjectRef, (String, i64)>,
}

impl Obstacles {
    /// Takes in what became of a request for a set.
    pub fn answered(
        &mut self,
        server: &ApiServer,
        owner: &ObjectRef,
        by: (usize, u64),
        request: &Request,
        outcome: &Outcome<'_>,
        now: Duration,
    ) {
        if matches!(request.object.resource, Resource::Leases | Resource::Events) {
            return;
        }
        let changes = self.nodes;
        let known = self.sets.entry(owner.clone()).or_default();
        let changes = known.changes + changes;
        if request.status {
            known.status_lost = !matches!(outcome, Outcome::Done);
            known.statuses.retain(|at| *at + LATELY > now);
            known.statuses.push(now);
            if matches!(outcome, Outcome::Done) {
                // It went well only if the set is as it was seen, so a read of that may not be wanted any more.
                let reads =
                    known.refused.iter_mut().filter(|((verb, of, _), _)| *verb == Verb::Get && of == owner);
                reads.for_each(|(_, refused)| refused.unsure = true);
            }
            return;
        }
        // That a template means the same is noted for convenience: nothing waits for it.
        if request.object.resource == Resource::Revisions
            && request.body["metadata"]["annotations"].is_object()
            && request.verb == Verb::Patch
        {
            return;
        }
        let what = (request.verb, request.object.clone(), request.dry_run);
        let mut doubt = || {
            if let Some(refused) = known.refused.get_mut(&what) {
                refused.unsure = true;
            }
        };
        let (stands, why) = match outcome {
            Outcome::Done => {
                if request.verb == Verb::Patch && !request.dry_run {
                    let mut body = request.body.clone();
                    if let Some(metadata) = body["metadata"].as_object_mut() {
                        metadata.retain(|field, _| field != "resourceVersion" && field != "uid");
                    }
                    known.patches.entry((request.object.clone(), body.to_string())).or_default().push(now);
                }
                (false, String::new())
            }
            Outcome::TakenBack => (true, format!("{:?} {} stored nothing", request.verb, request.object)),
            Outcome::Lost => {
                doubt();
                known.excused = known.excused.max(now + IN_DOUBT);
                return;
            }
            Outcome::Refused(refusal) => {
                let ends = refusal.details.causes.iter().any(|c| c.reason == "NamespaceTerminating");
                if matches!(refusal.code, 404 | 409 | 410 | 429 | 500..) || ends {
                    doubt();
                    let rest = u64::from(refusal.details.retry_after_seconds).max(1) + 1;
                    let rest = if refusal.code == 504 { IN_DOUBT } else { Duration::from_secs(rest) };
                    known.excused = known.excused.max(now + rest);
                    return;
                }
                (true, format!("{:?} {}: {}", request.verb, request.object, refusal.message))
            }
        };
        if !stands {
            known.refused.remove(&what);
            return;
        }
        let generation =
            server.get(owner).and_then(|set| set["metadata"]["generation"].as_i64()).unwrap_or(0);
        let node = daemons::meant_for(&request.body).to_owned();
        known.refused.insert(what, Refused { at: now, generation, changes, by, node, why, unsure: false });
    }

    /// Takes in a commit.
    pub fn committed(&mut self, change: &Change) {
        let of = &change.object;
        match of.resource {
            Resource::Leases | Resource::Events | Resource::PodTemplates => {}
            Resource::OrdinalSets(_) | Resource::DaemonSets(_) => {
                let generation = change.value["metadata"]["generation"].as_i64().unwrap_or(0);
                let now = (object::uid(&change.value).to_owned(), generation);
                let before = self.generations.insert(of.clone(), now.clone());
                if change.removed || before.is_some_and(|(uid, _)| uid != now.0) {
                    self.sets.remove(of);
                }
            }
            Resource::Nodes => self.nodes += 1,
            Resource::Pods | Resource::Revisions if owner_of(&change.value).is_some() => {
                if let Some(known) = owner_of(&change.value).and_then(|owner| self.sets.get_mut(&owner)) {
                    known.changes += 1;
                }
            }
            Resource::Pods | Resource::Revisions | Resource::Claims => {
                self.sets.values_mut().for_each(|known| known.changes += 1);
            }
        }
    }

    /// Judges what the status of a set reports. `acting` is the operator that writes it, and in which life it is; `None` where none
    /// can. `Ok(true)` when it is to be judged again soon.
    pub fn judge(
        &mut self,
        rules: Rules,
        server: &ApiServer,
        of: &ObjectRef,
        acting: Option<(usize, u64)>,
        now: Duration,
    ) -> Result<bool, String> {
        let nodes = self.nodes;
        let known = self.sets.entry(of.clone()).or_default();
        let Some(set) = server.get(of).filter(|set| !object::is_terminating(set)) else {
            known.wrong_since = None;
            return Ok(false);
        };
        known.refused.retain(|(verb, object, _), refused| {
            now < refused.at + FORGOTTEN && may_be_wanted(server, set, *verb, object)
        });
        let ought = match foreign(server, of, set) {
            Ought::Clear => refused(rules, known, nodes, server, set, acting),
            other => other,
        };
        known.patches.values_mut().for_each(|at| at.retain(|at| *at + UNDONE > now));
        known.patches.retain(|_, at| !at.is_empty());
        let is_undone = known.patches.values().any(|at| at.len() > UNDONE_TIMES);
        let told = object::holds(set, "Stalled");
        // A native set that is to be recreated is only reported while the gate is off.
        let native = matches!(of.resource, Resource::OrdinalSets(berth_api::Surface::Apps));
        let gated = rules.gated && native && set["spec"]["updateStrategy"]["type"] == "Recreate";
        let ought = match (spec_is_sound(set) && !gated, ought) {
            (_, _) if has_rival(set) || is_undone => Ought::Either,
            // Nothing is decided before what can be adopted is.
            (true, Ought::Stalled(_)) if is_to_adopt(server, of, set) => Ought::Either,
            (false, _) => Ought::Stalled("the spec cannot be carried out".to_owned()),
            (true, Ought::Clear) if may_be_late(set) => Ought::Either,
            (true, ought) => ought,
        };
        let right = match &ought {
            Ought::Stalled(_) => told,
            Ought::Clear => !told,
            Ought::Either => true,
        };
        if right {
            known.wrong_since = None;
            return Ok(false);
        }
        let busy = known.statuses.iter().filter(|at| **at + LATELY > now).count() >= MANY_STATUSES;
        if acting.is_none() || busy || known.status_lost || now < known.excused {
            known.wrong_since = None;
            return Ok(true);
        }
        let since = *known.wrong_since.get_or_insert(now);
        if now <= since + BOUND {
            return Ok(true);
        }
        let said = set["status"]["conditions"].to_string();
        Err(match ought {
            Ought::Stalled(why) => format!("X12: {of} is not Stalled since {since:?}, though {why}: {said}"),
            _ => format!("X12: {of} is Stalled since {since:?}, and there is no obstacle: {said}"),
        })
    }
}

/// Whether a request may be wanted still: what it was to bring about is not the case yet.
fn may_be_wanted(server: &ApiServer, set: &Value, verb: Verb, of: &ObjectRef) -> bool {
    let present = server.get(of);
    match verb {
        Verb::Create if of.resource == Resource::Pods => present.is_none() && has_place(set, &of.name),
        Verb::Create => present.is_none(),
        Verb::Delete => present.is_some_and(|v| !object::is_terminating(v)),
        Verb::Get => true,
        Verb::Patch | Verb::Update => present.is_some(),
    }
}

/// Whether a pod of this name is within the ordinals of the set; true of daemons.
fn has_place(set: &Value, name: &str) -> bool {
    if set["kind"] != "OrdinalSet" && set["kind"] != "StatefulSet" {
        return true;
    }
    let (spec, ordinal) =
        (ordinals::Spec::of(set), name.rsplit('-').next().and_then(|n| n.parse::<i64>().ok()));
    ordinal.is_some_and(|ordinal| (spec.start..spec.end).contains(&ordinal))
}

/// The rows `refused` and `taken back`.
fn refused(
    rules: Rules,
    known: &Known,
    nodes: u64,
    server: &ApiServer,
    set: &Value,
    acting: Option<(usize, u64)>,
) -> Ought {
    if known.refused.is_empty() {
        return Ought::Clear;
    }
    let generation = set["metadata"]["generation"].as_i64().unwrap_or(0);
    let changes = known.changes + nodes;
    let spec = ordinals::Spec::of(set);
    let certain = |((verb, of, _), refused): &(&(Verb, ObjectRef, bool), &Refused)| {
        let same = refused.changes == changes;
        let stays = *verb == Verb::Create
            && of.resource == Resource::Pods
            && if refused.node.is_empty() {
                !spec.ordered && spec.rolls && !spec.paused
            } else {
                // The node has no pod under another name either.
                let pods = server.managed(Resource::Pods, object::uid(set));
                let node = ObjectRef::new(Resource::Nodes, "", &refused.node);
                pods.iter().all(|pod| daemons::node_of(pod) != refused.node)
                    && server.get(&node).is_some_and(|node| daemons::fits(rules, set, node))
            };
        let uncertain = refused.unsure || refused.generation != generation || Some(refused.by) != acting;
        !uncertain && (same || stays)
    };
    let found = known.refused.iter().find(certain);
    found.map_or(Ought::Either, |(_, refused)| Ought::Stalled(refused.why.clone()))
}

/// The row `name`.
fn foreign(server: &ApiServer, of: &ObjectRef, set: &Value) -> Ought {
    if !matches!(of.resource, Resource::OrdinalSets(_)) {
        return Ought::Clear;
    }
    let spec = ordinals::Spec::of(set);
    let mut below_available = true;
    for ordinal in spec.start..spec.end.min(spec.start + MOST) {
        let holder =
            server.get(&ObjectRef::new(Resource::Pods, &of.namespace, format!("{}-{ordinal}", of.name)));
        let controller = holder.and_then(object::controller);
        let ours = controller.is_some_and(|r| r["uid"] == object::uid(set));
        match holder {
            Some(pod) if !ours => {
                // An earlier set of the name: the garbage collector takes it.
                let earlier = owner_of(pod).is_some_and(|owner| owner == *of);
                let selected =
                    pod["metadata"]["labels"]["app"] == set["spec"]["selector"]["matchLabels"]["app"];
                // One that is not managed is adopted.
                let orphan = controller.is_none() && selected;
                // One that is ours and is not selected is released.
                if !object::is_terminating(pod) && !earlier && !orphan {
                    let sure = (!spec.ordered || below_available)
                        && set["spec"]["updateStrategy"]["type"] != "Recreate";
                    let why = format!("{} is held by a foreign pod", object::name(pod));
                    return if sure { Ought::Stalled(why) } else { Ought::Either };
                }
                if orphan {
                    return Ought::Either;
                }
                below_available = false;
            }
            Some(pod) => {
                below_available &=
                    object::is_serving(pod) && set["spec"]["minReadySeconds"].as_i64().unwrap_or(0) == 0
            }
            None => below_available = false,
        }
    }
    if spec.end > spec.start + MOST { Ought::Either } else { Ought::Clear }
}

/// The row `spec`: as far as worlds have such.
pub fn spec_is_sound(set: &Value) -> bool {
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    let selector = set["spec"]["selector"]["matchLabels"].as_object();
    selector.is_some_and(|s| !s.is_empty() && s.iter().all(|(key, value)| labels[key] == *value))
}

/// The row `deadline`: whether it may hold.
fn may_be_late(set: &Value) -> bool {
    set["spec"]["progressDeadlineSeconds"].is_number()
}

/// Whether there is something that the set may adopt.
fn is_to_adopt(server: &ApiServer, of: &ObjectRef, set: &Value) -> bool {
    let app = object::text(set, "/spec/selector/matchLabels/app");
    [Resource::Pods, Resource::Revisions].into_iter().flat_map(|resource| server.all(resource)).any(
        |(orphan, v)| {
            orphan.namespace == of.namespace
                && object::controller(v).is_none()
                && object::text(v, "/metadata/labels/app") == app
        },
    )
}

/// The row `rival`: whether it may hold. Then nothing is written, the status neither.
fn has_rival(set: &Value) -> bool {
    set["metadata"]["managedFields"].is_array()
}

/// The sets that are judged.
pub fn sets(server: &ApiServer) -> Vec<ObjectRef> {
    use berth_api::Surface::{Apps, Berth};
    let all = [Berth, Apps].map(|surface| [Resource::OrdinalSets(surface), Resource::DaemonSets(surface)]);
    all.into_iter().flatten().flat_map(|r| server.all(r).map(|(of, _)| of.clone())).collect()
}
