//! What must hold for node daemon sets.

use berth_api::{ObjectRef, Resource, Surface};
use serde_json::Value;

use super::acts::Pods;
use super::ordinals::revision;
use super::{Act, Invariants, Judgement, Rules, Verdict};
use crate::api_server::{ApiServer, object};

/// The node that a pod is on or meant for.
pub fn node_of(pod: &Value) -> &str {
    let bound = object::text(pod, "/spec/nodeName");
    if bound.is_empty() { meant_for(pod) } else { bound }
}

/// The node that a daemon pod was made for; empty for any other pod.
pub fn meant_for(pod: &Value) -> &str {
    object::text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}

/// Whether a node should run a pod of a set.
pub fn fits(rules: Rules, set: &Value, node: &Value) -> bool {
    selected(set, node) && object::entries(node, "/spec/taints").iter().all(|t| tolerated(rules, set, t))
}

/// Whether the selector of a set selects a node.
pub fn selected(set: &Value, node: &Value) -> bool {
    let selector = set["spec"]["template"]["spec"]["nodeSelector"].as_object();
    let labels = &node["metadata"]["labels"];
    selector.into_iter().flatten().all(|(key, value)| &labels[key.as_str()] == value)
}

/// Whether the pods of a set tolerate a taint: every daemon pod those of nodes that are in trouble, and others as the template says.
pub fn tolerated(rules: Rules, set: &Value, taint: &Value) -> bool {
    let tolerations = object::entries(set, "/spec/template/spec/tolerations");
    object::text(taint, "/key").starts_with("node.kubernetes.io/")
        || tolerations.iter().any(|toleration| object::tolerates(toleration, taint, rules.compares))
}

/// How many nodes may run two pods while one takes over from the other; `None` where old pods go first.
pub fn surge(set: &Value, desired: i64) -> Option<i64> {
    let surge = scaled(&set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"], desired).unwrap_or(0);
    (surge > 0).then_some(surge)
}

/// D1: whoever is to blame, a new pod never comes to a node that has one already; with surge one that is not of its revision may
/// be there, and what is on its way out does not count. Several operators that act at once may make one more, and so may a request
/// that arrives when nobody waits for it any more.
pub fn at_most_one(known: &Invariants, server: &ApiServer, pod: &Value) -> Result<(), String> {
    let rules = known.rules;
    let Some(owner) =
        object::controller(pod).filter(|r| r["kind"].as_str().is_some_and(|k| k.ends_with("DaemonSet")))
    else {
        return Ok(());
    };
    let uid = object::text(owner, "/uid");
    let surges = super::acts::owner_of(pod).is_some_and(|of| {
        // The set may be gone, and its operator may not know yet.
        let known = server.since(&of, 0).into_iter().flatten().rfind(|set| object::uid(set) == uid);
        known.is_some_and(|set| surge(set, 1).is_some())
    });
    // The names of pods that were taken over from an earlier set are not those that this one gives.
    let adopted = |p: &Value| {
        let of = ObjectRef::new(Resource::Pods, object::namespace(p), object::name(p));
        let first = server.since(&of, 0).into_iter().flatten().find(|v| object::uid(v) == object::uid(p));
        first.and_then(object::controller).is_none_or(|r| r["uid"] != uid)
    };
    let node = node_of(pod);
    let counts = |p: &&&Value| {
        let old = surges && (object::is_terminating(p) || revision(p) != revision(pod));
        node_of(p) == node
            && !object::is_terminal(p)
            && !adopted(p)
            && (!old || object::name(p) == object::name(pod))
    };
    let twins = server.managed(Resource::Pods, uid);
    let twins: Vec<&str> = twins.iter().filter(counts).map(|p| object::name(p)).collect();
    // What arrives when nobody waits for it any more was decided on what was there long ago (docs/adr/0003, "What is left").
    let late = known.belated.contains(object::uid(pod));
    let most = 1 + usize::from(rules.crowd) + usize::from(late);
    if twins.len() > most { Err(format!("D1: {twins:?} are on node {node}")) } else { Ok(()) }
}

fn scaled(value: &Value, desired: i64) -> Option<i64> {
    match value {
        Value::String(percent) => {
            let percent = percent.trim_end_matches('%').parse::<i64>().unwrap_or(0);
            Some((percent * desired + 99) / 100)
        }
        count => count.as_i64(),
    }
}

/// How many nodes may be without an available pod for an update.
pub fn budget(set: &Value, desired: i64) -> i64 {
    let value = &set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
    scaled(value, desired).unwrap_or(1).max(1)
}

/// Judges the creation or deletion of a pod for the set as it was at some time.
pub fn judge(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    let mut why = Err(String::new());
    for nodes in act.nodes() {
        match if act.creates { create(rules, act, set, &nodes) } else { delete(rules, act, set, &nodes) } {
            Ok(verdict) => return Ok(verdict),
            wrong => why = wrong,
        }
    }
    why
}

fn create(rules: Rules, act: &Act<'_>, set: &Value, nodes: &[&Value]) -> Judgement {
    let node = node_of(act.pod);
    let fitting: Vec<&str> = nodes.iter().filter(|n| fits(rules, set, n)).map(|n| object::name(n)).collect();
    if !fitting.contains(&node) {
        return Err(format!("D2: node {node} should not run one"));
    }
    act.is_as_recorded()?;
    taken_back(act, set, node)?;
    beside_a_predecessor(act, node)?;
    if set["spec"]["paused"] == true {
        paused(act, set, node)?;
    }
    let surge = surge(set, fitting.len() as i64);
    act.in_order(false, |pods| {
        let twin = pods.all.values().find(|p| {
            let old = object::is_terminating(p) || revision(p) != revision(act.pod);
            node_of(p) == node && !object::is_terminal(p) && !(surge.is_some() && old)
        });
        twin.map_or(Ok(()), |twin| Err(format!("D1: {} is there", object::name(twin))))
    })?;
    let Some(surge) = surge else { return Ok(Verdict::Fine) };
    // An old pod may become available while new ones come beside it: only what was seen counts.
    act.in_order(false, |pods| {
        let name = object::name(act.pod);
        let live = |on: &str| -> Vec<&Value> {
            let here = pods.all.values().copied().filter(|p| node_of(p) == on && !object::is_terminal(p));
            here.filter(|p| !object::is_terminating(p) && object::name(p) != name).collect()
        };
        // Beside a pod that does not serve, or on an empty node, a new one takes nothing from anybody.
        if !live(node).iter().any(|p| pods.available(set, p)) {
            return Ok(());
        }
        let new = |p: &&Value| revision(p) == revision(act.pod);
        let two = fitting.iter().filter(|on| {
            // A pod that does not serve may always have one beside it.
            let (new, old): (Vec<&Value>, Vec<&Value>) = live(on).into_iter().partition(new);
            let serves = |all: &[&Value]| all.iter().any(|p| pods.available(set, p));
            !new.is_empty() && serves(&old) && !serves(&new)
        });
        let two = two.count() as i64 + 1;
        if two > surge { Err(format!("D5: {two} nodes would run two pods, {surge} may")) } else { Ok(()) }
    })
}

/// D8: while the set is paused a node gets a pod at a revision that one of its pods had, or at the current one.
fn paused(act: &Act<'_>, set: &Value, node: &str) -> Result<(), String> {
    // Also one of an earlier set of this name.
    let pods = act.server.history(Resource::Pods).iter().map(|change| &*change.value);
    let mut had = pods.filter(|p| node_of(p) == node);
    let current = object::text(set, "/status/currentRevision");
    if act.labels_of(current).contains(&revision(act.pod)) || had.any(|p| revision(p) == revision(act.pod)) {
        return Ok(());
    }
    Err(format!("D8: it comes at {}, and the set is paused", revision(act.pod)))
}

/// D1: a name further on is not used where the holder of an earlier one, which was nobody's when the plan was made, turned out to be
/// ours when it was looked at.
fn taken_back(act: &Act<'_>, set: &Value, node: &str) -> Result<(), String> {
    let ours = act.server.managed(Resource::Pods, act.owner_uid());
    let live = ours
        .into_iter()
        .filter(|p| node_of(p) == node && !object::is_terminal(p) && !object::is_terminating(p));
    // With surge a new pod comes beside an old one.
    let same = live.filter(|p| surge(set, 1).is_none() || revision(p) == revision(act.pod));
    let twin = same.map(object::name).find(|name| {
        let of = ObjectRef::new(Resource::Pods, &act.owner.namespace, *name);
        act.manager_seen(&of) == Some(act.owner_uid()) && !act.was_ours(&of)
    });
    twin.map_or(Ok(()), |name| Err(format!("D1: {name} is there, and was ours when it was looked at")))
}

/// D1: a custom set makes no pod where one of an earlier set of its name still runs, as its sender saw, and as it is.
fn beside_a_predecessor(act: &Act<'_>, node: &str) -> Result<(), String> {
    if act.owner.resource != Resource::DaemonSets(Surface::Berth) {
        return Ok(());
    }
    let of_earlier = |p: &Value| {
        super::acts::owner_of(p).is_some_and(|of| of == act.owner)
            && object::controller(p).is_some_and(|r| r["uid"] != act.owner_uid())
    };
    let pods = act.server.all(Resource::Pods);
    let mut runs = pods.filter(|(_, p)| node_of(p) == node && !object::is_terminal(p) && of_earlier(p));
    let seen = act.sent.seen(Resource::Pods);
    let known = |of: &ObjectRef, pod: &Value| {
        act.server.was(of, seen).is_some_and(|then| {
            !then.removed && object::uid(&then.value) == object::uid(pod) && of_earlier(&then.value)
        })
    };
    let earlier = runs.find(|(of, pod)| known(of, pod));
    earlier.map_or(Ok(()), |(pod, _)| Err(format!("D1: {pod} of an earlier set of this name is there")))
}

fn delete(rules: Rules, act: &Act<'_>, set: &Value, nodes: &[&Value]) -> Judgement {
    if object::is_terminal(act.pod) || object::is_terminating(act.pod) {
        return Ok(Verdict::Fine);
    }
    let node = node_of(act.pod);
    let fitting: Vec<&str> = nodes.iter().filter(|n| fits(rules, set, n)).map(|n| object::name(n)).collect();
    if !fitting.contains(&node) {
        let Some(there) = nodes.iter().find(|n| object::name(n) == node) else { return Ok(Verdict::Fine) };
        let only_kept_off = selected(set, there)
            && object::entries(there, "/spec/taints")
                .iter()
                .all(|t| t["effect"] != "NoExecute" || tolerated(rules, set, t));
        let outdated = !act.knew_revision(revision(act.pod))
            || object::image(act.pod) != object::text(set, "/spec/template/spec/containers/0/image");
        // One that was not bound yet will never start there.
        let bound = !object::text(act.pod, "/spec/nodeName").is_empty();
        if only_kept_off && !outdated && bound {
            return act.in_order(false, |pods| {
                beside_another(act, pods, node).ok_or_else(|| "D3: it may stay".to_owned())
            });
        }
        return Ok(Verdict::Fine);
    }
    let desired = fitting.len() as i64;
    // A pod that was taken over from an earlier set is at a revision that this one does not know, and one that another operator has
    // just made may be at one that the sender did not know.
    let known = act.knew_revision(revision(act.pod));
    // What differs from an earlier revision than the newest in defaults only is another template.
    let current = known
        && object::image(act.pod) == object::text(set, "/spec/template/spec/containers/0/image")
        && act.revision_records(set);
    let by_hand = set["spec"]["updateStrategy"]["type"] == "OnDelete" || set["spec"]["paused"] == true;
    if act.was_available(set) && !act.names_version() {
        return Err("X2, S2: it serves, and its deletion does not say which version it means".to_owned());
    }
    act.in_order(rules.disruption, |pods| {
        let twin = beside_another(act, pods, node);
        if twin.is_none() && current {
            return Err("D9: it is as the template says".to_owned());
        }
        if twin.is_none() && by_hand {
            return Err("D8: nobody asked for that (OnDelete, or paused)".to_owned());
        }
        if !act.was_available(set) {
            return Ok(());
        }
        let serves = |on: &str| {
            let here =
                pods.all.values().filter(|p| node_of(p) == on && object::name(p) != object::name(act.pod));
            pods.excuses(on) || here.into_iter().any(|p| pods.available(set, p))
        };
        if surge(set, desired).is_some() {
            // One of two of the same revision may go whether it serves or not.
            return if serves(node) || current || by_hand {
                Ok(())
            } else {
                Err("D5: its successor does not serve yet".to_owned())
            };
        }
        let without = desired - fitting.iter().filter(|on| serves(on)).count() as i64;
        if twin.is_none() && without > budget(set, desired) {
            return Err(format!(
                "D4: {without} of {desired} nodes would be without, {} may",
                budget(set, desired)
            ));
        }
        Ok(())
    })
}

/// Whether another live pod of the set is on the same node.
fn beside_another(act: &Act<'_>, pods: &Pods<'_>, node: &str) -> Option<()> {
    let live = |p: &&Value| !object::is_terminal(p) && !object::is_terminating(p);
    let here =
        pods.all.values().copied().filter(|p| node_of(p) == node && object::name(p) != object::name(act.pod));
    here.into_iter().any(|p| live(&p)).then_some(())
}
