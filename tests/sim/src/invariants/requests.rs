//! What must hold for each request by itself.

use berth_api::request::{Request, Verb};
use berth_api::{ObjectRef, Resource, Surface};
use berth_engine::Engine;
use serde_json::Value;

use super::acts::owner_in;
use super::{Invariants, Rules, daemons, statuses};
use crate::api_server::{ApiServer, Change, object};
use crate::world::{SHARED, Sent, Write};

/// Creations of one identity in a minute by one life of an operator for one spec: eight where pods vanish (X9), and six that fail, 1, 2,
/// 4, ... s after each other (B4.4).
const MOST_CREATIONS: usize = 14;
/// Creations of pods in a minute for one spec of a set, whoever makes them; where several operators act at once, each makes so many.
const MOST_PODS: usize = 90;

type Found = Result<(), String>;

impl Invariants {
    /// Judges a request as it is sent.
    pub fn sent(
        &self,
        server: &ApiServer,
        engine: &Engine,
        operator: usize,
        request: &Request,
        plan: u64,
    ) -> Found {
        let of = &request.object;
        let body = &request.body;
        if request.verb == Verb::Delete {
            if of.resource == Resource::Claims {
                return Err(format!("S3: {of} would be deleted by an operator"));
            }
            if object::text(body, "/preconditions/uid").is_empty() {
                return Err(format!("S2: the deletion of {of} carries no uid"));
            }
            if !body["gracePeriodSeconds"].is_null() {
                return Err(format!("S1: the deletion of {of} has a grace period of its own"));
            }
        }
        let about_a_set = !matches!(of.resource, Resource::Leases | Resource::Events);
        if request.verb == Verb::Patch && about_a_set && object::text(body, "/metadata/uid").is_empty() {
            return Err(format!("S2: the change of {of} carries no uid"));
        }
        if request.status && object::text(body, "/metadata/resourceVersion").is_empty() {
            return Err(format!("S13: the status of {of} is written whatever it is now"));
        }
        // The name is the precondition of a creation: at worst the API server refuses the twin.
        if about_a_set
            && request.is_write()
            && request.verb != Verb::Create
            && let Some(version) = self.acknowledged.get(&(operator, of.clone()))
            && engine.stores().seen(of.resource) < *version
        {
            return Err(format!("X1: {of} is written again before its version {version} was seen"));
        }
        if of.resource == Resource::Pods && request.is_write() {
            self.sees_its_deletions(server, engine, operator, request, plan)?;
        }
        Ok(())
    }

    /// X1: nothing is made or deleted for an owner while an earlier deletion for it cannot be seen, or anything of which nobody
    /// told the operator that it was done.
    fn sees_its_deletions(
        &self,
        server: &ApiServer,
        engine: &Engine,
        operator: usize,
        request: &Request,
        plan: u64,
    ) -> Found {
        let Some(owner) = manager_of(request, server.get(&request.object)) else { return Ok(()) };
        let seen = engine.stores().seen(Resource::Pods);
        for (pod, version, at) in self.in_doubt.get(&(operator, owner.clone())).into_iter().flatten() {
            if *at < plan && seen < *version {
                return Err(format!(
                    "X1: {} is {:?}d at {seen}, and what became of {pod} in doubt was at {version}",
                    request.object, request.verb
                ));
            }
        }
        for (resource, version, at) in self.written.get(&(operator, owner.clone())).into_iter().flatten() {
            let seen = engine.stores().seen(*resource);
            if *at < plan && seen < *version && !self.rules.past {
                return Err(format!(
                    "X1: {} is {:?}d with {resource} at {seen}, before an own write at {version} was seen",
                    request.object, request.verb
                ));
            }
        }
        for (pod, uid, at) in self.removed.get(&(operator, owner)).into_iter().flatten() {
            let view = engine.stores().view(pod);
            if *at < plan && view.meta.is_some_and(|m| m.uid.0 == *uid && !m.is_terminating()) {
                return Err(format!(
                    "X1: {} is {:?}d before the deletion of {pod} was seen",
                    request.object, request.verb
                ));
            }
        }
        Ok(())
    }

    /// A write of an operator to a pod was done before the operator is told that nobody knows.
    pub fn doubt(&mut self, sent: &Sent, before: Option<&Value>, version: u64) {
        let of = &sent.request.object;
        if of.resource == Resource::Pods
            && let Some(owner) = manager_of(&sent.request, before)
        {
            let all = self.in_doubt.entry((sent.operator, owner)).or_default();
            all.push((of.clone(), version, sent.plan));
        }
    }

    /// An operator was told that an object is not there, though it may be.
    pub fn mislead(&mut self, operator: usize, object: &ObjectRef) {
        let doubts = self.in_doubt.iter_mut().filter(|((of, _), _)| *of == operator);
        doubts.for_each(|(_, all)| all.retain(|(of, ..)| of != object));
    }

    /// A write of an operator was done, it knows that, and it made this version.
    pub fn acknowledge(&mut self, sent: &Sent, before: Option<&Value>, version: u64) {
        let of = &sent.request.object;
        self.acknowledged.insert((sent.operator, of.clone()), version);
        if sent.request.verb != Verb::Delete
            && matches!(of.resource, Resource::Pods | Resource::Revisions)
            && let Some(owner) = manager_of(&sent.request, before)
        {
            self.written.entry((sent.operator, owner)).or_default().push((of.resource, version, sent.plan));
        }
        let owner = before.and_then(object::controller).map(|r| object::text(r, "/uid").to_owned());
        if sent.request.verb == Verb::Delete
            && of.resource == Resource::Pods
            && let (Some(owner), Some(pod)) = (owner, before)
        {
            let all = self.removed.entry((sent.operator, owner)).or_default();
            all.push((of.clone(), object::uid(pod).to_owned(), sent.plan));
        }
    }

    /// S11, S3: before an object is taken over, or a claim is tied to the set, the set is looked at afresh, and was there then.
    pub fn adopts_after_a_look(&self, server: &ApiServer, sent: &Sent) -> Found {
        let request = &sent.request;
        let of = &request.object;
        let adopts = matches!(of.resource, Resource::Pods | Resource::Revisions | Resource::Claims);
        if request.verb != Verb::Patch || !adopts {
            return Ok(());
        }
        let (Some(owner), Some(reference)) =
            (owner_in(&of.namespace, &request.body), object::controller(&request.body))
        else {
            return Ok(());
        };
        // A claim may change from its pod to the set.
        let tied = |r: &Value| {
            if of.resource == Resource::Claims {
                r["uid"] == reference["uid"]
            } else {
                r["controller"] == true
            }
        };
        let Some(before) = server.get(of).filter(|v| !object::owners(v).iter().any(tied)) else {
            return Ok(());
        };
        if object::is_terminating(before) && of.resource != Resource::Claims {
            return Err(format!("S11: {of} is taken over though it is being deleted"));
        }
        let seen = self.confirmed.get(&(sent.operator, sent.plan, owner)).and_then(Option::as_deref);
        if !sent.given_up && seen != reference["uid"].as_str() {
            return Err(format!("S11: {of} is taken over without a fresh look at the set"));
        }
        Ok(())
    }
}

/// The uid of the owner that a request is about: that of the pod as it is, else as it will be.
fn manager_of(request: &Request, before: Option<&Value>) -> Option<String> {
    let controller = before.and_then(object::controller).or_else(|| object::controller(&request.body))?;
    Some(object::text(controller, "/uid").to_owned())
}

/// S11: nobody writes to what somebody else manages, and did since its sender looked.
pub fn hands_off(known: &Invariants, server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    let Some(before) = server.get(&request.object).filter(|_| request.is_write()) else { return Ok(()) };
    let since = sent.seen(request.object.resource);
    let elsewhere = |v: &Value| object::controller(v).is_some_and(|r| r["kind"] == "ReplicaSet");
    let managed =
        elsewhere(before) && server.since(&request.object, since).into_iter().flatten().all(elsewhere);
    if managed || known.foreign.contains(object::uid(before)) {
        return Err(format!("S11: {} is not ours", request.object));
    }
    Ok(())
}

/// S9: what a revision that the sender saw records is not recorded again.
pub fn recorded_once(server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    if request.verb != Verb::Create || request.object.resource != Resource::Revisions {
        return Ok(());
    }
    let Some(owner) = object::controller(&request.body) else { return Ok(()) };
    let seen = sent.seen(Resource::Revisions);
    let twin = server.at(Resource::Revisions, seen).into_values().find(|change| {
        let ours = object::controller(&change.value).is_some_and(|r| r["uid"] == owner["uid"]);
        let same = change.value["data"] == request.body["data"];
        // It may have gone before the plan was made.
        let went = server.later(Resource::Revisions, seen).iter().any(|c| c.object == change.object);
        ours && !object::is_terminating(&change.value) && same && !went
    });
    twin.map_or(Ok(()), |twin| Err(format!("S9: {} records what {} does", request.object, twin.object)))
}

/// S11: references to owners of other kinds stay, and a pod is let go only if the set that managed it does not select it.
pub fn keeps_references(server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    let Some(before) = server.get(&request.object).filter(|_| request.verb == Verb::Patch) else {
        return Ok(());
    };
    let Some(after) = request.body["metadata"]["ownerReferences"].as_array() else { return Ok(()) };
    let lost = object::owners(before).iter().find(|r| r["uid"] == SHARED && !after.contains(r));
    if let Some(lost) = lost {
        return Err(format!("S11: {} loses its owner {}", request.object, lost["name"]));
    }
    let (Some(controller), Some(of)) =
        (object::controller(before), owner_in(&request.object.namespace, before))
    else {
        return Ok(());
    };
    if request.object.resource != Resource::Pods || after.iter().any(|r| r["uid"] == controller["uid"]) {
        return Ok(());
    }
    let seen = |resource| sent.seen(resource);
    let pods: Vec<&Value> =
        server.since(&request.object, seen(Resource::Pods)).into_iter().flatten().collect();
    let deselected = |set: &Value| {
        let label = &set["spec"]["selector"]["matchLabels"]["app"];
        set["metadata"]["uid"] != controller["uid"]
            || pods.iter().any(|p| p["metadata"]["labels"]["app"] != *label)
    };
    let sets = server.since(&of, seen(of.resource));
    if !sets.iter().any(|set| set.is_none_or(deselected)) {
        return Err(format!("S11: {} is let go though it is selected", request.object));
    }
    Ok(())
}

/// S2, S11: a pod that nobody manages is deleted only by who saw it as that of a set, or could have.
pub fn deletes_its_own(server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    let pod = server.get(&request.object).filter(|_| request.verb == Verb::Delete);
    let Some(pod) =
        pod.filter(|p| request.object.resource == Resource::Pods && object::controller(p).is_none())
    else {
        return Ok(());
    };
    let seen = sent.seen(Resource::Pods);
    let mut views = server.since(&request.object, seen).into_iter().flatten();
    if !views.any(|v| object::uid(v) == object::uid(pod) && owner_in(&request.object.namespace, v).is_some())
    {
        return Err(format!("S2, S11: {} is nobody's, and deleted", request.object));
    }
    Ok(())
}

/// S9: a revision goes only when enough others are left, and while no pod is at it.
pub fn keeps_history(server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    if request.verb != Verb::Delete || request.object.resource != Resource::Revisions {
        return Ok(());
    }
    let Some(revision) = server.get(&request.object) else { return Ok(()) };
    let (Some(owner), Some(of)) =
        (object::controller(revision), owner_in(&request.object.namespace, revision))
    else {
        return Ok(());
    };
    let seen = |resource| sent.seen(resource);
    let limits = server.since(&of, seen(of.resource)).into_iter().flatten();
    let limit = limits.filter_map(|set| set["spec"]["revisionHistoryLimit"].as_u64()).min().unwrap_or(10);
    // The garbage collector takes them all when the set is gone, or is only kept until they are: then what the sender saw counts.
    let uid = object::text(owner, "/uid");
    let set = server.get(&of).filter(|set| object::uid(set) == uid);
    let there = if set.is_some_and(|set| !object::has_finalizer(set, "foregroundDeletion")) {
        server.managed(Resource::Revisions, uid).len()
    } else {
        let then = server.at(Resource::Revisions, seen(Resource::Revisions));
        let ours = |change: &&&Change| object::controller(&change.value).is_some_and(|r| r["uid"] == uid);
        then.values().filter(ours).count()
    };
    let left = (there as u64).saturating_sub(1);
    if left < limit && !has_a_newer_twin(server, &of, uid, revision) {
        return Err(format!("S9: {} goes, and {left} are left of {limit}", request.object));
    }
    let label = object::text(revision, "/metadata/labels/controller-revision-hash");
    let at = |pod: &Value| {
        let ours = object::controller(pod).is_some_and(|r| r["uid"] == owner["uid"]);
        let hash = object::text(pod, "/metadata/labels/controller-revision-hash");
        ours && (hash == label || hash == object::name(revision))
    };
    let then = server.at(Resource::Pods, seen(Resource::Pods));
    let still = |of: &ObjectRef, uid: &str| server.get(of).is_some_and(|v| object::uid(v) == uid && at(v));
    let used = then.iter().find(|(of, change)| at(&change.value) && still(of, object::uid(&change.value)));
    used.map_or(Ok(()), |(pod, _)| Err(format!("S9: {} goes, and {pod} is at it", request.object)))
}

/// S9: of the revisions that nothing refers to the oldest go, as their sender saw them.
pub fn oldest_first(known: &Invariants, server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    if request.verb != Verb::Delete || request.object.resource != Resource::Revisions {
        return Ok(());
    }
    let seen = |resource| sent.seen(resource);
    let then = server.at(Resource::Revisions, seen(Resource::Revisions));
    let Some(goes) = then.get(&request.object).map(|change| &change.value) else { return Ok(()) };
    let Some(owner) = object::controller(goes) else { return Ok(()) };
    let Some(of) = owner_in(&request.object.namespace, goes) else { return Ok(()) };
    let Some(set) = server.was(&of, seen(of.resource)).map(|change| &change.value) else { return Ok(()) };
    let pods = server.at(Resource::Pods, seen(Resource::Pods));
    let ours = |v: &Value| object::controller(v).is_some_and(|r| r["uid"] == owner["uid"]);
    let is_used = |revision: &Value| {
        let (name, label) =
            (object::name(revision), object::text(revision, "/metadata/labels/controller-revision-hash"));
        let at = |pod: &Value| {
            let hash = object::text(pod, "/metadata/labels/controller-revision-hash");
            ours(pod) && (hash == name || hash == label)
        };
        ["/status/currentRevision", "/status/updateRevision"]
            .iter()
            .any(|field| object::text(set, field) == name)
            || statuses::records(revision, &set["spec"]["template"])
            || pods.values().any(|change| at(&change.value))
    };
    if has_a_newer_twin(server, &of, object::text(owner, "/uid"), goes) {
        return Ok(());
    }
    let number = |revision: &Value| revision["revision"].as_i64().unwrap_or(0);
    let stays = then.values().map(|change| &change.value).find(|older| {
        ours(older)
            && number(older) < number(goes)
            && !object::is_terminating(older)
            && !is_used(older)
            && !known.has_asked(sent, older, true)
    });
    stays.map_or(Ok(()), |older| {
        Err(format!("S9: {} goes, and {} stays, which is older", request.object, object::name(older)))
    })
}

/// B8.6: of the revisions of a native DaemonSet that record the same template all but the newest go, whatever the limit.
fn has_a_newer_twin(server: &ApiServer, of: &ObjectRef, uid: &str, revision: &Value) -> bool {
    let native = of.resource == Resource::DaemonSets(Surface::Apps);
    let newer = |r: &&Value| {
        object::name(r) != object::name(revision)
            && r["data"] == revision["data"]
            && r["revision"].as_i64() >= revision["revision"].as_i64()
    };
    native && server.managed(Resource::Revisions, uid).iter().any(newer)
}

/// What a pod that is made stands for: its node or its own name, for a spec of the set, as one life of an operator sees it. All that
/// an operator remembers of failures it forgets when it ends or when the spec changes (B4.4).
pub fn slot_of(server: &ApiServer, sent: &Sent) -> String {
    let body = &sent.request.body;
    let node = daemons::node_of(body);
    let slot = if node.is_empty() { &sent.request.object.name } else { node };
    let seen = |of: &ObjectRef| sent.seen(of.resource);
    let set = owner_in(&sent.request.object.namespace, body).and_then(|of| server.was(&of, seen(&of)));
    let spec = set.map_or(&Value::Null, |set| &set.value["metadata"]["generation"]);
    let set = set.map_or("", |set| object::uid(&set.value));
    format!("{slot} of {set} at {spec} by {} in {}", sent.operator, sent.incarnation)
}

/// S16, X9: what is made again and again is made more and more rarely.
pub fn bounded(rules: Rules, server: &ApiServer, sent: &Sent, writes: &[Write]) -> Found {
    let request = &sent.request;
    let resource = request.object.resource;
    if request.verb != Verb::Create || !matches!(resource, Resource::Pods | Resource::Revisions) {
        return Ok(());
    }
    let creates = |w: &&Write| w.done && w.verb == Verb::Create && w.object.resource == resource;
    let last = writes.last().map_or(std::time::Duration::ZERO, |w| w.at);
    let recent = || writes.iter().rev().take_while(|w| w.at + std::time::Duration::from_secs(60) > last);
    let lately: Vec<&Write> = recent().filter(creates).collect();
    let slot = slot_of(server, sent);
    let same: Vec<&Write> = lately.iter().copied().filter(|w| w.slot == slot).collect();
    // Where several operators act at once, each deletes pods that fail, and any of them makes the next.
    let theirs = |w: &&Write| {
        let deletes = rules.crowd && w.done && w.verb == Verb::Delete && w.by != sent.operator;
        deletes && same.iter().any(|made| made.object == w.object)
    };
    let emptied = recent().filter(theirs).count();
    if same.len() > MOST_CREATIONS + emptied {
        let same = same.len();
        return Err(format!("S16, D6, X9: {same} of {resource} were made for {slot} in a minute"));
    }
    // Without the first word and the operator.
    let spec =
        |slot: &str| slot.split_once(" of ").and_then(|(_, of)| of.split(" by ").next()).map(str::to_owned);
    let (of, all) = (spec(&slot), lately.iter());
    let together = all.filter(|w| spec(&w.slot) == of).count();
    // On a big cluster one pod for each node is no more than what is wanted.
    let most = MOST_PODS.max(2 * server.all(Resource::Nodes).count());
    if together > most * if rules.crowd { 2 } else { 1 } {
        return Err(format!("X9: {together} of {resource} were made in a minute: {slot}"));
    }
    Ok(())
}
