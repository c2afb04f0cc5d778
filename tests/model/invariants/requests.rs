//! What must hold for each request by itself.

use berth::api::{ObjectRef, Resource};
use berth::core::engine::Engine;
use berth::core::request::{Request, Verb};
use serde_json::Value;

use super::acts::owner_of;
use super::{Invariants, Rules};
use crate::api_server::{ApiServer, object};
use crate::world::{NAMESPACE, Sent, Write};

/// Creations of one identity in a minute: 1, 2, 4, ... s after each other, anew with each change of the spec (B4.4). Where several operators act
/// at once, each makes so many.
const MOST_CREATIONS: usize = 14;
/// Creations of pods in a minute. Worlds are small.
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
        // X8: nothing outside the namespace of the sets.
        if about_a_set && of.namespace != NAMESPACE && request.is_write() {
            return Err(format!("X8: {of} is outside the namespace of every set"));
        }
        Ok(())
    }

    /// X1: nothing is made or deleted for an owner while an earlier deletion for it cannot be seen.
    fn sees_its_deletions(
        &self,
        server: &ApiServer,
        engine: &Engine,
        operator: usize,
        request: &Request,
        plan: u64,
    ) -> Found {
        let pod =
            if request.verb == Verb::Create { Some(&request.body) } else { server.get(&request.object) };
        let Some(controller) = pod.and_then(object::controller) else { return Ok(()) };
        let owner = object::text(controller, "/uid").to_owned();
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

    /// A write of an operator was done, it knows that, and it made this version.
    pub fn acknowledge(&mut self, sent: &Sent, before: Option<&Value>, version: u64) {
        let of = &sent.request.object;
        self.acknowledged.insert((sent.operator, of.clone()), version);
        let owner = before.and_then(object::controller).map(|r| object::text(r, "/uid").to_owned());
        if sent.request.verb == Verb::Delete
            && of.resource == Resource::Pods
            && let (Some(owner), Some(pod)) = (owner, before)
        {
            let all = self.removed.entry((sent.operator, owner)).or_default();
            all.push((of.clone(), object::uid(pod).to_owned(), sent.plan));
        }
    }

    /// S11: before an object is taken over, the set is looked at afresh, and was there then.
    pub fn adopts_after_a_look(&self, server: &ApiServer, sent: &Sent) -> Found {
        let request = &sent.request;
        let of = &request.object;
        if request.verb != Verb::Patch || !matches!(of.resource, Resource::Pods | Resource::Revisions) {
            return Ok(());
        }
        let Some(before) = server.get(of).filter(|v| object::controller(v).is_none()) else { return Ok(()) };
        let (Some(owner), Some(reference)) = (owner_of(&request.body), object::controller(&request.body))
        else {
            return Ok(());
        };
        if object::is_terminating(before) {
            return Err(format!("S11: {of} is taken over though it is being deleted"));
        }
        let seen = self.confirmed.get(&(sent.operator, owner)).and_then(Option::as_deref);
        if !sent.given_up && seen != reference["uid"].as_str() {
            return Err(format!("S11: {of} is taken over without a fresh look at the set"));
        }
        Ok(())
    }
}

/// S11: nobody writes to what somebody else manages, and did since its sender looked.
pub fn hands_off(known: &Invariants, server: &ApiServer, sent: &Sent) -> Found {
    let request = &sent.request;
    let Some(before) = server.get(&request.object).filter(|_| request.is_write()) else { return Ok(()) };
    let since = sent.view.get(&request.object.resource).copied().unwrap_or(0);
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
    let seen = sent.view.get(&Resource::Revisions).copied().unwrap_or(0);
    let twin = server.at(Resource::Revisions, seen).into_values().find(|change| {
        let ours = object::controller(&change.value).is_some_and(|r| r["uid"] == owner["uid"]);
        let same = change.value["data"] == request.body["data"];
        // It may have gone before the plan was made.
        let went = server.later(Resource::Revisions, seen).iter().any(|c| c.object == change.object);
        ours && !object::is_terminating(&change.value) && same && !went
    });
    twin.map_or(Ok(()), |twin| Err(format!("S9: {} records what {} does", request.object, twin.object)))
}

/// S16, X9: what is made again and again is made more and more rarely.
pub fn bounded(rules: Rules, sent: &Sent, writes: &[Write]) -> Found {
    let request = &sent.request;
    if request.verb != Verb::Create || request.object.resource != Resource::Pods {
        return Ok(());
    }
    let creates = |w: &&Write| w.done && w.verb == Verb::Create && w.object.resource == Resource::Pods;
    let last = writes.last().map_or(std::time::Duration::ZERO, |w| w.at);
    let lately = writes.iter().rev().take_while(|w| w.at + std::time::Duration::from_secs(60) > last);
    let lately: Vec<&ObjectRef> = lately.filter(creates).map(|w| &w.object).collect();
    let same = lately.iter().filter(|o| ***o == request.object).count();
    if same > MOST_CREATIONS * if rules.crowd { 2 } else { 1 } {
        return Err(format!("S16, D6: {} was made {same} times in a minute", request.object));
    }
    if lately.len() > MOST_PODS {
        return Err(format!("X9: {} pods were made in a minute", lately.len()));
    }
    Ok(())
}
