//! A creation or deletion of a pod by an operator, with all that it is judged by.

use berth::api::{ObjectRef, Resource, Surface};
use berth::core::request::Verb;
use serde_json::Value;

use super::Judgement;
use crate::api_server::{ApiServer, object};
use crate::world::{NAMESPACE, Sent};

/// See the module.
pub struct Act<'a> {
    /// The API server before it is done.
    pub server: &'a ApiServer,
    /// Whether the pod is created; else it is deleted.
    pub creates: bool,
    /// The pod: the new one, or the one that is there.
    pub pod: &'a Value,
    /// The set that manages it.
    pub owner: ObjectRef,
    owner_uid: String,
    since: u64,
    sent: &'a Sent,
}

impl<'a> Act<'a> {
    /// The act that a request is, if it is one that will be done.
    pub fn of(server: &'a ApiServer, sent: &'a Sent) -> Option<Self> {
        let request = &sent.request;
        let creates = request.verb == Verb::Create;
        if request.object.resource != Resource::Pods || !(creates || request.verb == Verb::Delete) {
            return None;
        }
        let pod = if creates { &request.body } else { server.get(&request.object)? };
        let controller = object::controller(pod)?;
        let name = object::text(controller, "/name");
        let resource = match object::text(controller, "/kind") {
            "OrdinalSet" => Resource::OrdinalSets(Surface::Berth),
            _ => Resource::DaemonSets(Surface::Berth),
        };
        let since = sent.view.get(&resource).copied().unwrap_or(0);
        let owner_uid = object::text(controller, "/uid").to_owned();
        let owner = ObjectRef::new(resource, NAMESPACE, name);
        Some(Act { server, creates, pod, owner, owner_uid, since, sent })
    }

    /// Whether the act is right for the set as the operator saw it, or as it has been at any time since: its view may lag,
    /// but it must act on some state that was there.
    pub fn under_some_view(&self, judge: impl Fn(&Value) -> Judgement) -> Judgement {
        let mut verdicts = vec![];
        for set in self.server.since(&self.owner, self.since).into_iter().flatten() {
            let verdict = if object::uid(set) != self.owner_uid {
                Err("S12, D12: another incarnation of the set".to_owned())
            } else if object::is_terminating(set) {
                Err("S12, D12: the set is being deleted".to_owned())
            } else {
                judge(set)
            };
            match verdict {
                Ok(()) => return Ok(()),
                Err(why) => verdicts.push(why),
            }
        }
        let what = if self.creates { "created" } else { "deleted" };
        verdicts.dedup();
        Err(format!("pod {} is {what}: {}", object::name(self.pod), verdicts.join("; ")))
    }

    /// Whether the set is there and not being deleted, so that nobody else takes its pods away.
    pub fn owner_stays(&self) -> bool {
        self.server.get(&self.owner).is_some_and(|set| !object::is_terminating(set))
    }

    /// The pods of the set.
    pub fn pods(&self) -> Vec<&'a Value> {
        self.server.managed(Resource::Pods, &self.owner_uid)
    }

    /// Whether the pod served, and had for long enough, when the act was decided.
    pub fn was_available(&self, set: &Value) -> bool {
        is_available(set, self.pod, self.sent.at)
    }

    /// How a claim was when the act was decided, and all that it has been since.
    pub fn claim(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        let seen = self.sent.view.get(&Resource::Claims).copied().unwrap_or(0);
        self.server.since(&ObjectRef::new(Resource::Claims, NAMESPACE, name), seen).into_iter().flatten()
    }

    /// The revision of the last pod of this name; empty if there was none.
    pub fn last_revision(&self) -> String {
        let object = ObjectRef::new(Resource::Pods, NAMESPACE, object::name(self.pod));
        let views = self.server.since(&object, 0).into_iter().flatten();
        let of = |pod: &Value| object::text(pod, "/metadata/labels/controller-revision-hash").to_owned();
        views.last().map(of).unwrap_or_default()
    }

    /// The uid of the set that manages the pod.
    pub fn owner_uid(&self) -> &str {
        &self.owner_uid
    }

    /// Whether a pod serves, and has for long enough.
    pub fn is_available(&self, set: &Value, pod: &Value) -> bool {
        is_available(set, pod, self.server.now)
    }
}

fn is_available(set: &Value, pod: &Value, now: jiff::Timestamp) -> bool {
    let since = object::condition(pod, "Ready").map_or("", |c| object::text(c, "/lastTransitionTime"));
    let Ok(since) = since.parse::<jiff::Timestamp>() else { return false };
    let wait = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    object::is_serving(pod) && since + jiff::SignedDuration::from_secs(wait) <= now
}
