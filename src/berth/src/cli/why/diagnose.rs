//! What is wrong with one pod: from the pod itself, its events, its node and its claims.

use berth_api::{Key, ObjectRef, Pod, Resource};
use berth_plan::forecast::simulate::{self, Prognosis};
use berth_plan::pod::{self, Availability};
use serde_json::Value;

use super::finding::{Cause, Finding, kubectl, rollout};
use crate::cli::snapshot::Facts;

/// What keeps a pod from being available; `None` when it is.
pub(super) fn diagnose(facts: &Facts, key: &Key, pod: &Pod, min_ready: i64) -> Option<Finding> {
    let name = &pod.metadata.name;
    let nodes = facts.stores.nodes.objects();
    let on = &pod.spec.node_name;
    let node = nodes.get(&(String::new(), on.clone()));
    let known = !nodes.is_empty();
    let describe = || kubectl(key, &format!("describe pod {name}"));
    if pod.metadata.is_terminating() {
        return Some(leaving(facts, key, pod));
    }
    if known && !on.is_empty() && node.is_none() {
        return Some(Finding::new(
            Cause::NodeGone,
            format!("its node {on} is gone"),
            "the pod garbage collector takes it, or somebody does",
            kubectl(key, &format!("delete pod {name} --force --grace-period=0")),
        ));
    }
    if node.is_some_and(|node| !simulate::is_ready(node)) && !pod::is_ready(pod) {
        return Some(Finding::new(
            Cause::NodeNotReady,
            format!("its node {on} is not ready"),
            "the node comes back, or is removed",
            format!("kubectl describe node {on}"),
        ));
    }
    if pod::is_terminal(pod) {
        let text = format!("it has ended: {}", pod::describe(pod));
        return Some(Finding::new(
            Cause::Ended,
            text,
            "it is replaced by itself, after a pause if it keeps failing",
            describe(),
        ));
    }
    let raw = facts.raw.get(&ObjectRef::new(Resource::Pods, &key.namespace, name));
    if let Some(raw) = raw
        && let Some(finding) = containers(facts, key, name, raw)
    {
        return Some(finding);
    }
    if on.is_empty() {
        return Some(unscheduled(facts, key, pod));
    }
    match pod::availability(pod, min_ready, facts.now.wall) {
        Availability::Available if pod::is_running_and_ready(pod) => None,
        Availability::In(left) => {
            let at = jiff::SignedDuration::try_from(left)
                .ok()
                .and_then(|left| facts.now.wall.checked_add(left).ok());
            let at = at.map_or_else(String::new, |at| format!(" at {}", at.strftime("%H:%M:%SZ")));
            let message = format!("ready, available{at} (minReadySeconds {min_ready})");
            Some(Finding::patience(Cause::MinReady, message))
        }
        _ if pod.status.phase == "Running" => Some(unready(facts, key, pod)),
        _ => Some(claims(facts, key, pod).unwrap_or_else(|| {
            let last = warning(facts, name).map(|text| format!("starting; {text}"));
            Finding::patience(Cause::Starting, last.unwrap_or_else(|| "starting".to_owned()))
        })),
    }
}

fn leaving(facts: &Facts, key: &Key, pod: &Pod) -> Finding {
    let (name, on) = (&pod.metadata.name, &pod.spec.node_name);
    let nodes = facts.stores.nodes.objects();
    let node = nodes.get(&(String::new(), on.clone()));
    match simulate::prognosis(pod, node.map(|n| &**n), !nodes.is_empty(), facts.now.wall) {
        Prognosis::Stays(why) if !pod.metadata.finalizers.is_empty() => Finding::new(
            Cause::TerminatingTooLong,
            why,
            "whoever set the finalizer takes it off",
            kubectl(key, &format!("get pod {name} -o jsonpath='{{.metadata.finalizers}}'")),
        ),
        Prognosis::Stays(why) => {
            // The taint asserts that nothing runs there any more: the pods go, and their volumes are let go.
            if node.is_some_and(|node| !simulate::is_ready(node)) {
                return Finding::new(
                    Cause::NodeNotReady,
                    why,
                    "the node comes back; or, if nothing runs there any more, it is said to be out of service",
                    format!(
                        "kubectl taint node {on} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
                    ),
                );
            }
            let gone = node.is_none() && !on.is_empty() && !nodes.is_empty();
            Finding::new(
                if gone { Cause::NodeGone } else { Cause::TerminatingTooLong },
                why,
                "the node comes back; or, if the pod certainly runs no more, it is removed by force",
                kubectl(key, &format!("delete pod {name} --force --grace-period=0")),
            )
        }
        _ => Finding::patience(Cause::Terminating, "being deleted, within its grace period"),
    }
}

/// A container that waits for something which does not come by itself.
fn containers(facts: &Facts, key: &Key, pod: &str, raw: &Value) -> Option<Finding> {
    let statuses = ["initContainerStatuses", "containerStatuses"];
    let statuses = statuses.iter().flat_map(|list| raw["status"][list].as_array().into_iter().flatten());
    for status in statuses {
        let text = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (container, image, message) = (text("/name"), text("/image"), text("/state/waiting/message"));
        let told = |what: &str| match message {
            "" => what.to_owned(),
            message => format!("{what}: {message}"),
        };
        let describe = || kubectl(key, &format!("describe pod {pod}"));
        match text("/state/waiting/reason") {
            "" | "ContainerCreating" | "PodInitializing" => {}
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => {
                let failed = events(facts, pod).find(|e| e["reason"] == "Failed" && says(e, image));
                let why = failed.and_then(|e| e["message"].as_str()).unwrap_or(message);
                let why = if why.is_empty() { text("/state/waiting/reason") } else { why };
                let message = format!("container {container}: image {image:?} cannot be had: {why}");
                if !goes_back(facts, key, raw) {
                    let remedy = "an image that exists and that the node may pull";
                    return Some(Finding::new(Cause::Image, message, remedy, describe()));
                }
                let remedy = "an image that exists and that the node may pull, or the template goes back";
                return Some(Finding::new(Cause::Image, message, remedy, rollout(key, "undo")));
            }
            "CrashLoopBackOff" => {
                let ended = status.pointer("/lastState/terminated");
                let last = ended.map(|end| {
                    let reason = end["reason"].as_str().unwrap_or("Error");
                    let signal = end["signal"].as_i64().map(|s| format!(", signal {s}")).unwrap_or_default();
                    format!("; last exit code {} ({reason}{signal})", end["exitCode"])
                });
                let times = status["restartCount"].as_i64().unwrap_or(0);
                let message = format!(
                    "container {container} ends again and again{}, {times} restarts",
                    last.unwrap_or_default()
                );
                let remedy = "its log says why it ends";
                let command = kubectl(key, &format!("logs {pod} -c {container} --previous"));
                return Some(Finding::new(Cause::CrashLoop, message, remedy, command));
            }
            reason => {
                let message = format!("container {container}: {}", told(reason));
                let remedy = "what the template refers to is there and right";
                return Some(Finding::new(Cause::Configuration, message, remedy, describe()));
            }
        }
    }
    None
}

/// Whether `berth rollout undo` would help a pod: it is at the newest revision, there is an earlier one, and the set is not paused.
fn goes_back(facts: &Facts, key: &Key, pod: &Value) -> bool {
    let set = facts.set(key).cloned().unwrap_or_default();
    let uid = set["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let ours = |revision: &&Value| {
        let owners = revision["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|all| all.iter().any(|owner| owner["uid"] == uid))
    };
    let revisions: Vec<&Value> = facts
        .raw
        .iter()
        .filter(|(of, _)| of.resource == Resource::Revisions)
        .map(|(_, v)| v)
        .filter(ours)
        .collect();
    let newest = revisions.iter().max_by_key(|revision| revision["revision"].as_i64());
    let label = &pod["metadata"]["labels"][pod::REVISION_LABEL];
    let is_newest = newest.is_none_or(|newest| {
        newest["metadata"]["name"] == *label || newest["metadata"]["labels"][pod::REVISION_LABEL] == *label
    });
    revisions.len() > 1 && is_newest && set["spec"]["paused"] != true
}

fn unscheduled(facts: &Facts, key: &Key, pod: &Pod) -> Finding {
    let name = &pod.metadata.name;
    if let Some(finding) = claims(facts, key, pod) {
        return finding;
    }
    let condition = pod.status.conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    let event = events(facts, name).find(|e| e["reason"] == "FailedScheduling");
    let said = condition.map(|c| c.message.as_str()).filter(|m| !m.is_empty());
    match said.or_else(|| event.and_then(|e| e["message"].as_str())) {
        Some(why) => Finding::new(
            Cause::NotScheduled,
            format!("no node takes it: {why}"),
            "a node that fits, or a template that asks for less",
            kubectl(key, &format!("describe pod {name}")),
        ),
        None => Finding::patience(Cause::Starting, "not scheduled yet"),
    }
}

/// The first claim of the pod that is not bound.
fn claims(facts: &Facts, key: &Key, pod: &Pod) -> Option<Finding> {
    for volume in pod.spec.volumes.iter().filter_map(|v| v.persistent_volume_claim.as_ref()) {
        let name = &volume.claim_name;
        let describe = kubectl(key, &format!("describe pvc {name}"));
        let Some(claim) = facts.stores.claims.get(&key.namespace, name) else {
            let message = format!("claim {name} is not there");
            return Some(Finding::new(
                Cause::ClaimPending,
                message,
                "it is made by itself, or by its owner",
                describe,
            ));
        };
        if claim.status.phase == "Lost" {
            return Some(Finding::new(
                Cause::ClaimLost,
                format!("claim {name} has lost its volume"),
                "the volume comes back; or the claim is deleted and made anew, empty",
                describe,
            ));
        }
        if claim.metadata.is_terminating() {
            let message = format!("claim {name} is being deleted");
            return Some(Finding::new(Cause::ClaimPending, message, "it goes once no pod uses it", describe));
        }
        if claim.status.phase == "Pending" {
            let told = facts.events.iter().rev().find(|e| {
                e["involvedObject"]["kind"] == "PersistentVolumeClaim"
                    && e["involvedObject"]["name"] == name.as_str()
            });
            // With this a claim is bound when the pod is scheduled: the scheduler has the say.
            if told.is_some_and(|e| e["reason"] == "WaitForFirstConsumer") {
                continue;
            }
            let why = told.and_then(|e| e["message"].as_str()).map(|m| format!(": {m}")).unwrap_or_default();
            let remedy = "a storage class or a volume that serves it";
            let message = format!("claim {name} is not bound{why}");
            return Some(Finding::new(Cause::ClaimPending, message, remedy, describe));
        }
    }
    None
}

fn unready(facts: &Facts, key: &Key, pod: &Pod) -> Finding {
    let name = &pod.metadata.name;
    let probe = events(facts, name).find(|e| e["reason"] == "Unhealthy" && says(e, "Readiness"));
    let told = probe.and_then(|e| e["message"].as_str()).map(str::to_owned);
    let condition = pod.status.conditions.iter().find(|c| c.type_ == "Ready" && !c.message.is_empty());
    let said = told.or_else(|| condition.map(|c| c.message.clone())).unwrap_or_else(|| pod::describe(pod));
    let remedy = "the container passes its readiness probe";
    Finding::new(
        Cause::Readiness,
        format!("it runs and is not ready: {said}"),
        remedy,
        kubectl(key, &format!("logs {name}")),
    )
}

/// The events of a pod, the newest first.
fn events<'a>(facts: &'a Facts, pod: &'a str) -> impl Iterator<Item = &'a Value> {
    let about = move |e: &&Value| {
        let object = &e["involvedObject"];
        let namespace = object["namespace"].as_str().unwrap_or_default();
        let present = facts.raw.get(&ObjectRef::new(Resource::Pods, namespace, pod));
        // An earlier pod of this name had troubles of its own.
        let is_it =
            object["uid"].is_null() || present.is_none_or(|pod| pod["metadata"]["uid"] == object["uid"]);
        object["kind"] == "Pod" && object["name"] == pod && is_it
    };
    facts.events.iter().rev().filter(about)
}

fn says(event: &Value, text: &str) -> bool {
    event["message"].as_str().is_some_and(|message| message.contains(text))
}

/// The newest warning about a pod that starts.
fn warning(facts: &Facts, pod: &str) -> Option<String> {
    let warning = events(facts, pod).find(|e| e["type"] == "Warning")?;
    Some(format!("{}: {}", warning["reason"].as_str()?, warning["message"].as_str()?))
}
