//! A creation or deletion of a pod by an operator, with all that it is judged by.

use std::collections::{BTreeMap, BTreeSet};

use berth_api::request::Verb;
use berth_api::{Kind, ObjectRef, Resource, Surface};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Invariants, Judgement, Verdict};
use crate::api_server::{ApiServer, object};
use crate::world::{Sent, set_in};

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
    /// The request.
    pub sent: &'a Sent,
    owner_uid: String,
    since: u64,
    known: &'a Invariants,
}

/// Pods of a set as somebody saw them, or could have.
pub struct Pods<'a> {
    /// By name.
    pub all: BTreeMap<&'a str, &'a Value>,
    /// Pods (by uid) that the viewer has deleted since.
    gone: BTreeSet<&'a str>,
    /// Slots that count as served: they were emptied by requests that nobody waited for any more.
    excused: BTreeSet<&'a str>,
    /// The viewer's time.
    at: Timestamp,
}

impl Pods<'_> {
    /// Whether a pod serves, and has for long enough.
    pub fn available(&self, set: &Value, pod: &Value) -> bool {
        !self.gone.contains(object::uid(pod)) && is_available(set, pod, self.at)
    }

    /// Whether the emptiness of a slot is not held against anybody.
    pub fn excuses(&self, slot: &str) -> bool {
        self.excused.contains(slot)
    }
}

impl<'a> Act<'a> {
    /// The act that a request is, if it is one that will be done.
    pub fn of(server: &'a ApiServer, sent: &'a Sent, known: &'a Invariants) -> Option<Self> {
        let request = &sent.request;
        let creates = request.verb == Verb::Create;
        if request.object.resource != Resource::Pods || !(creates || request.verb == Verb::Delete) {
            return None;
        }
        let pod = if creates { &request.body } else { server.get(&request.object)? };
        let owner = owner_in(&request.object.namespace, pod)?;
        let owner_uid = object::text(object::controller(pod)?, "/uid").to_owned();
        let since = sent.seen(owner.resource);
        Some(Act { server, creates, pod, owner, sent, owner_uid, since, known })
    }

    /// Whether the act is right for the set as the operator saw it, or as it has been at any time since: its view may lag,
    /// but it must act on some state that was there.
    pub fn under_some_view(&self, judge: impl Fn(&Value) -> Judgement) -> Judgement {
        let mut verdicts = vec![];
        let mut exceeds = false;
        for set in self.server.since(&self.owner, self.since).into_iter().flatten() {
            let verdict = if object::uid(set) != self.owner_uid {
                Err("S12, D12: another incarnation of the set".to_owned())
            } else if object::is_terminating(set) {
                Err("S12, D12: the set is being deleted".to_owned())
            } else {
                judge(set)
            };
            match verdict {
                Ok(Verdict::Fine) => return Ok(Verdict::Fine),
                Ok(Verdict::Exceeds) => exceeds = true,
                Err(why) => verdicts.push(why),
            }
        }
        if exceeds {
            return Ok(Verdict::Exceeds);
        }
        let what = if self.creates { "created" } else { "deleted" };
        verdicts.dedup();
        let first = verdicts.first().and_then(|v| v.split(':').next()).unwrap_or("S12, D12").to_owned();
        Err(format!("{first}: pod {} is {what}: {}", object::name(self.pod), verdicts.join("; ")))
    }

    /// Judges order and budget: on what the sender saw always, and on what there is where nobody else takes pods away. There a
    /// request that nobody waits for any more, or that follows on one, may go beyond them; that is counted.
    pub fn in_order(&self, strictly: bool, judge: impl Fn(&Pods<'a>) -> Result<(), String>) -> Judgement {
        let mut why = String::new();
        let seen = self.views().into_iter().any(|view| judge(&view).map_err(|w| why = w).is_ok());
        if !seen {
            return Err(why);
        }
        let stays = |set: &Value| !object::is_terminating(set) && object::uid(set) == self.owner_uid;
        let owner_stays = self.server.get(&self.owner).is_some_and(stays);
        if !strictly || !owner_stays {
            return Ok(Verdict::Fine);
        }
        let all = self.server.managed(Resource::Pods, &self.owner_uid);
        let all: BTreeMap<&str, &Value> = all.into_iter().map(|p| (object::name(p), p)).collect();
        let now = Pods { all, gone: BTreeSet::new(), excused: BTreeSet::new(), at: self.server.now };
        let Err(why) = judge(&now) else { return Ok(Verdict::Fine) };
        // While it was on its way others may have become available: none of them was to go before it.
        let then =
            Pods { all: now.all.clone(), gone: BTreeSet::new(), excused: BTreeSet::new(), at: self.sent.at };
        if judge(&then).is_ok() {
            return Ok(Verdict::Fine);
        }
        let excused =
            Pods { excused: self.known.emptied_lately(&self.owner_uid, self.sent, self.server.now), ..now };
        if self.sent.given_up || judge(&excused).is_ok() { Ok(Verdict::Exceeds) } else { Err(why) }
    }

    /// The pods of the set as the sender saw them when it decided, and as they have been since; each without what it has deleted
    /// itself meanwhile, and with what it has made by the same plan.
    fn views(&self) -> Vec<Pods<'a>> {
        let since = self.sent.seen(Resource::Pods);
        let gone = self.known.deleted_by(self.sent);
        let ours = |pod: &Value| object::controller(pod).is_some_and(|r| r["uid"] == self.owner_uid.as_str());
        let mut all: BTreeMap<&str, &Value> =
            self.known.made_by(self.sent).filter(|p| ours(p)).map(|p| (object::name(p), p)).collect();
        let then = self.server.at(Resource::Pods, since).into_values().map(|change| &*change.value);
        all.extend(then.filter(|p| ours(p)).map(|p| (object::name(p), p)));
        let view = |all: &BTreeMap<&'a str, &'a Value>, at| {
            let (all, gone, excused) = (all.clone(), gone.clone(), BTreeSet::new());
            Pods { all, gone, excused, at }
        };
        // Pods become available as time passes, between the plan and the request.
        let mut views = vec![view(&all, self.sent.decided), view(&all, self.sent.at)];
        for change in self.server.later(Resource::Pods, since) {
            if change.removed || !ours(&change.value) {
                all.remove(change.object.name.as_str());
            } else {
                all.insert(change.object.name.as_str(), &change.value);
            }
            views.push(view(&all, self.sent.at));
        }
        views
    }

    /// The nodes as the sender saw them when it decided, and as they have been since.
    pub fn nodes(&self) -> Vec<Vec<&'a Value>> {
        let since = self.sent.seen(Resource::Nodes);
        let then = self.server.at(Resource::Nodes, since);
        let mut all: BTreeMap<&str, &Value> =
            then.into_iter().map(|(o, change)| (o.name.as_str(), &*change.value)).collect();
        let mut views = vec![all.values().copied().collect()];
        for change in self.server.later(Resource::Nodes, since) {
            if change.removed {
                all.remove(change.object.name.as_str());
            } else {
                all.insert(change.object.name.as_str(), &change.value);
            }
            views.push(all.values().copied().collect());
        }
        views
    }

    /// Whether the pod served, and had for long enough, when the act was decided.
    pub fn was_available(&self, set: &Value) -> bool {
        is_available(set, self.pod, self.sent.decided)
    }

    /// Whether a deletion says which version of the pod it means.
    pub fn names_version(&self) -> bool {
        self.sent.request.body["preconditions"]["resourceVersion"].is_string()
    }

    /// How a claim was when the act was decided, and all that it has been since; `None` stands for its absence.
    pub fn claim(&self, name: &str) -> Vec<Option<&'a Value>> {
        let seen = self.sent.seen(Resource::Claims);
        self.server.since(&ObjectRef::new(Resource::Claims, &self.owner.namespace, name), seen)
    }

    /// Who managed a pod when this plan looked at it; `None` if it did not.
    pub fn manager_seen(&self, pod: &ObjectRef) -> Option<&str> {
        self.known.manager_seen(self.sent, pod)
    }

    /// Whether the set managed a pod as the sender saw it when it decided.
    pub fn was_ours(&self, pod: &ObjectRef) -> bool {
        let seen = self.sent.seen(Resource::Pods);
        let pod = self.server.was(pod, seen).and_then(|change| object::controller(&change.value));
        pod.is_some_and(|r| r["uid"] == self.owner_uid.as_str())
    }

    /// Whether the sender has asked for the deletion of this pod too: in order by the same plan, for then one that may not be deleted
    /// keeps those below it waiting.
    pub fn also_goes(&self, pod: &Value, ordered: bool) -> bool {
        self.known.has_asked(self.sent, pod, !ordered)
    }

    /// The revision of the last pod of this name; empty if there was none.
    pub fn last_revision(&self) -> String {
        let object = ObjectRef::new(Resource::Pods, &self.owner.namespace, object::name(self.pod));
        let views = self.server.since(&object, 0).into_iter().flatten();
        let of = |pod: &Value| object::text(pod, "/metadata/labels/controller-revision-hash").to_owned();
        views.last().map(of).unwrap_or_default()
    }

    /// S8: whether the pod runs what its revision records. A revision that nobody knows any more says nothing.
    pub fn is_as_recorded(&self) -> Result<(), String> {
        let label = object::text(self.pod, "/metadata/labels/controller-revision-hash");
        let mut revisions = self.server.managed(Resource::Revisions, &self.owner_uid).into_iter();
        let revision = revisions.find(|r| {
            object::name(r) == label || object::text(r, "/metadata/labels/controller-revision-hash") == label
        });
        let recorded = revision.map(|r| object::text(r, "/data/spec/template/spec/containers/0/image"));
        match recorded.filter(|image| *image != object::image(self.pod)) {
            Some(image) => {
                Err(format!("S8: it runs {}, and its revision records {image}", object::image(self.pod)))
            }
            None => Ok(()),
        }
    }

    /// Whether the revision of the pod records the template of the set to the letter, as far as anybody knows.
    pub fn revision_records(&self, set: &Value) -> bool {
        let label = object::text(self.pod, "/metadata/labels/controller-revision-hash");
        let mut revisions = self.server.managed(Resource::Revisions, &self.owner_uid).into_iter();
        let revision = revisions.find(|r| {
            object::name(r) == label || object::text(r, "/metadata/labels/controller-revision-hash") == label
        });
        let default = |template: &Value| template["spec"]["restartPolicy"].clone();
        revision.is_none_or(|r| default(&r["data"]["spec"]["template"]) == default(&set["spec"]["template"]))
    }

    /// The labels that a revision of this name had when the act was decided, and has had since.
    pub fn labels_of(&self, revision: &str) -> Vec<&'a str> {
        let of = ObjectRef::new(Resource::Revisions, &self.owner.namespace, revision);
        let seen = self.sent.seen(Resource::Revisions);
        let views = self.server.since(&of, seen).into_iter().flatten();
        views.map(|r| object::text(r, "/metadata/labels/controller-revision-hash")).collect()
    }

    /// Whether a revision of the set with this label was there when the act was decided.
    pub fn knew_revision(&self, label: &str) -> bool {
        let seen = self.sent.seen(Resource::Revisions);
        self.server.at(Resource::Revisions, seen).into_values().any(|change| {
            let ours = object::controller(&change.value).is_some_and(|r| r["uid"] == self.owner_uid.as_str());
            ours && object::text(&change.value, "/metadata/labels/controller-revision-hash") == label
        })
    }

    /// The uid of the set that manages the pod.
    pub fn owner_uid(&self) -> &str {
        &self.owner_uid
    }
}

/// The set that manages an object.
pub fn owner_of(object: &Value) -> Option<ObjectRef> {
    owner_in(object::namespace(object), object)
}

/// The set that manages an object of a namespace. Other groups have kinds of these names too.
pub fn owner_in(namespace: &str, object: &Value) -> Option<ObjectRef> {
    let controller = object::controller(object)?;
    let (surface, kind) = match (object::text(controller, "/apiVersion"), object::text(controller, "/kind")) {
        ("berth.dev/v1", "OrdinalSet") => (Surface::Berth, Kind::Ordinal),
        ("berth.dev/v1", "NodeDaemonSet") => (Surface::Berth, Kind::Daemon),
        ("apps/v1", "StatefulSet") => (Surface::Apps, Kind::Ordinal),
        ("apps/v1", "DaemonSet") => (Surface::Apps, Kind::Daemon),
        _ => return None,
    };
    Some(set_in(namespace, kind, surface, object::text(controller, "/name")))
}

/// Whether a pod serves at a time, and has for long enough.
pub fn is_available(set: &Value, pod: &Value, now: Timestamp) -> bool {
    let wait = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    if !object::is_serving(pod) || wait == 0 {
        return object::is_serving(pod);
    }
    let since = object::condition(pod, "Ready").map_or("", |c| object::text(c, "/lastTransitionTime"));
    since.parse::<Timestamp>().is_ok_and(|since| since + SignedDuration::from_secs(wait) <= now)
}
