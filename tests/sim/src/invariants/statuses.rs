//! S13, D13: a status says what its writer saw when it decided: all counts, and the revision of the generation that it observes.

use std::collections::BTreeMap;

use berth_api::{ObjectRef, Resource, Surface};
use serde_json::Value;

use super::acts::is_available;
use super::{Rules, daemons, obstacles, ordinals};
use crate::api_server::{ApiServer, defaulted, object};
use crate::world::Sent;

type Found = Result<(), String>;

/// What the writer of a status saw.
struct Seen<'a> {
    rules: Rules,
    server: &'a ApiServer,
    sent: &'a Sent,
    set: &'a Value,
    /// The status as it will be.
    status: Value,
}

/// Judges a write of a status, on nothing but the view that it was decided on.
pub fn says_what_was_seen(rules: Rules, server: &ApiServer, sent: &Sent) -> Found {
    let of = &sent.request.object;
    let Some(set) = server.was(of, sent.seen(of.resource)).filter(|_| sent.request.status) else {
        return Ok(());
    };
    let mut status = set.value["status"].clone();
    object::merge(&mut status, &sent.request.body["status"]);
    let seen = Seen { rules, server, sent, set: &set.value, status };
    // What cannot be carried out is only reported.
    if seen.is_only_reported() {
        return Ok(());
    }
    let counts = match of.resource {
        Resource::OrdinalSets(_) => seen.ordinals(),
        _ => seen.daemons(),
    };
    for (field, count) in counts {
        let said = &seen.status[field];
        if said.as_i64().unwrap_or(0) != count {
            return Err(format!("S13, D13: {of} says {field} {said}, and its writer saw {count}"));
        }
    }
    seen.observes()?;
    seen.comes_from()
}

impl<'a> Seen<'a> {
    /// The objects of a resource that the set managed and that it selects.
    fn managed(&self, resource: Resource) -> Vec<&'a Value> {
        let label = &self.set["spec"]["selector"]["matchLabels"]["app"];
        let uid = object::uid(self.set);
        let all =
            self.server.at(resource, self.sent.seen(resource)).into_values().map(|change| &*change.value);
        let ours = |v: &&Value| {
            object::controller(v).is_some_and(|r| r["uid"] == uid) && v["metadata"]["labels"]["app"] == *label
        };
        all.filter(ours).collect()
    }

    fn is_available(&self, pod: &Value) -> bool {
        // On its way out or not.
        let mut pod = pod.clone();
        if let Some(metadata) = pod["metadata"].as_object_mut() {
            metadata.remove("deletionTimestamp");
        }
        is_available(self.set, &pod, self.sent.decided)
    }

    fn ordinals(&self) -> Vec<(&'static str, i64)> {
        let pods = self.managed(Resource::Pods).into_iter();
        let pods: Vec<&Value> =
            pods.filter(|p| ordinals::is_name_of(object::name(self.set), object::name(p))).collect();
        let count = |counts: &dyn Fn(&Value) -> bool| pods.iter().filter(|p| counts(p)).count() as i64;
        let at = |field: &str| {
            let revision = object::text(&self.status, field);
            count(&|p| !object::is_terminating(p) && ordinals::revision(p) == revision)
        };
        let ready = |p: &Value| object::text(p, "/status/phase") == "Running" && object::holds(p, "Ready");
        vec![
            ("replicas", pods.len() as i64),
            ("readyReplicas", count(&ready)),
            ("availableReplicas", count(&|p| ready(p) && self.is_available(p))),
            ("updatedReplicas", at("/updateRevision")),
            ("currentReplicas", at("/currentRevision")),
        ]
    }

    fn daemons(&self) -> Vec<(&'static str, i64)> {
        // Of the pods of a node the first counts: bound before unbound, then the oldest (B4.3, B7.1).
        let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
        let order = |p: &Value| {
            let unbound = object::text(p, "/spec/nodeName").is_empty();
            (unbound, object::text(p, "/metadata/creationTimestamp").to_owned(), object::name(p).to_owned())
        };
        for pod in self.managed(Resource::Pods) {
            if object::is_terminal(pod) && object::is_terminating(pod) {
                continue;
            }
            let known = first.entry(daemons::node_of(pod)).or_insert(pod);
            if order(pod) < order(known) {
                *known = pod;
            }
        }
        let alike = self.labels_of_the_template();
        // A template that differs in defaults only counts as another where the API server did not say so.
        let exact = |r: &&Value| same_bytes(r, &self.set["spec"]["template"]);
        let exact: Vec<&str> = self.recorded().filter(exact).map(hash).collect();
        let [mut desired, mut current, mut strays, mut ready, mut available, mut updated, mut same] = [0; 7];
        let nodes = self.server.at(Resource::Nodes, self.sent.seen(Resource::Nodes));
        for (of, node) in nodes {
            let pod = first.get(of.name.as_str()).copied();
            if !daemons::fits(self.rules, self.set, &node.value) {
                strays += i64::from(pod.is_some());
                continue;
            }
            desired += 1;
            let Some(pod) = pod else { continue };
            current += 1;
            ready += i64::from(object::holds(pod, "Ready"));
            available += i64::from(self.is_available(pod));
            updated += i64::from(exact.contains(&ordinals::revision(pod)));
            same += i64::from(alike.contains(&ordinals::revision(pod)));
        }
        let counts = vec![
            ("desiredNumberScheduled", desired),
            ("currentNumberScheduled", current),
            ("numberMisscheduled", strays),
            ("numberReady", ready),
            ("numberAvailable", available),
            ("numberUnavailable", desired - available),
        ];
        // Of a template that is not observed yet nothing is said.
        let said = self.status["updatedNumberScheduled"].as_i64().unwrap_or(0);
        let updated = if said == same { same } else { updated };
        let updated = Some(("updatedNumberScheduled", updated)).filter(|_| self.is_observed());
        counts.into_iter().chain(updated).collect()
    }

    fn is_only_reported(&self) -> bool {
        let recreates = self.set["spec"]["updateStrategy"]["type"] == "Recreate";
        let native = self.sent.request.object.resource == Resource::OrdinalSets(Surface::Apps);
        self.rules.gated && recreates && native || !obstacles::spec_is_sound(self.set)
    }

    /// Whether the status is about the present template: not where that was not recorded yet, nor of a set that is being deleted.
    fn is_observed(&self) -> bool {
        !object::is_terminating(self.set)
            && self.status["observedGeneration"] == self.set["metadata"]["generation"]
    }

    /// The revisions that record the template which the writer saw.
    fn recorded(&self) -> impl Iterator<Item = &'a Value> {
        let template = self.set["spec"]["template"].clone();
        self.managed(Resource::Revisions).into_iter().filter(move |r| records(r, &template))
    }

    fn labels_of_the_template(&self) -> Vec<&'a str> {
        self.recorded().map(hash).collect()
    }

    /// A status that observes a generation names the revision which records the template of that generation: `kubectl rollout status`
    /// rests on both.
    fn observes(&self) -> Found {
        let (of, status) = (&self.sent.request.object, &self.status);
        let generation = &self.set["metadata"]["generation"];
        // A native daemon set names none.
        if !self.is_observed() || of.resource == Resource::DaemonSets(Surface::Apps) {
            return Ok(());
        }
        let named = object::text(status, "/updateRevision");
        // People may have deleted it.
        let revision = ObjectRef::new(Resource::Revisions, &of.namespace, named);
        let mut ever = self.server.since(&revision, 0).into_iter().flatten();
        if ever.any(|r| records(r, &self.set["spec"]["template"])) {
            return Ok(());
        }
        Err(format!(
            "S13, D13: {of} observes generation {generation}, and {named:?} does not record its template"
        ))
    }

    /// A set comes from another revision only once its rollout is complete, or when the one that it came from is not known.
    fn comes_from(&self) -> Found {
        let of = &self.sent.request.object;
        let revision = |status: &Value| object::text(status, "/currentRevision").to_owned();
        let (before, after) = (revision(&self.set["status"]), revision(&self.status));
        let known = || self.managed(Resource::Revisions).iter().any(|r| object::name(r) == before);
        if before == after || before.is_empty() || !known() {
            return Ok(());
        }
        let count = |field: &str| self.status[field].as_i64().unwrap_or(0);
        let complete = match of.resource {
            Resource::OrdinalSets(_) => {
                let spec = ordinals::Spec::of(self.set);
                ["replicas", "readyReplicas", "updatedReplicas"]
                    .iter()
                    .all(|f| count(f) == spec.end - spec.start)
            }
            _ => ["numberAvailable", "updatedNumberScheduled"]
                .iter()
                .all(|f| count(f) == count("desiredNumberScheduled")),
        };
        if complete && after == object::text(&self.status, "/updateRevision") {
            return Ok(());
        }
        Err(format!(
            "S13, D13: {of} comes from {after} and not from {before}, before the rollout is complete"
        ))
    }
}

/// Whether a revision records a template, or is marked to record one that means the same.
pub fn records(revision: &Value, template: &Value) -> bool {
    let recorded = template_of(revision);
    let marked = || object::at(revision, "/metadata/annotations/berth.dev~1means-the-same").is_some();
    // What differs in defaults only means the same.
    recorded == *template
        || defaulted(&recorded) == defaulted(template)
        || marked() && same_images(&recorded, template)
}

fn template_of(revision: &Value) -> Value {
    let mut recorded = revision["data"]["spec"]["template"].clone();
    if let Some(fields) = recorded.as_object_mut() {
        fields.remove("$patch");
    }
    recorded
}

fn same_bytes(revision: &Value, template: &Value) -> bool {
    template_of(revision) == *template
}

fn hash(revision: &Value) -> &str {
    object::text(revision, "/metadata/labels/controller-revision-hash")
}

fn same_images(one: &Value, other: &Value) -> bool {
    object::image(one) == object::image(other)
}
