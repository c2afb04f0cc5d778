//! What must hold for node daemon sets.

use berth::api::Resource;
use serde_json::Value;

use super::{Act, Judgement, Rules};
use crate::api_server::{ApiServer, object};

/// The node that a pod is on or meant for.
pub fn node_of(pod: &Value) -> &str {
    let bound = object::text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return bound;
    }
    object::text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}

/// Whether a node should run a pod of a set.
pub fn fits(set: &Value, node: &Value) -> bool {
    let selector = set["spec"]["template"]["spec"]["nodeSelector"].as_object();
    let labels = &node["metadata"]["labels"];
    object::entries(node, "/spec/taints").is_empty()
        && selector.into_iter().flatten().all(|(key, value)| &labels[key.as_str()] == value)
}

/// D1: at most one pod of a set on a node, whoever is to blame. With surge a second one that is not on its way out.
pub fn at_most_one(server: &ApiServer, pod: &Value) -> Judgement {
    let Some(owner) = object::controller(pod).filter(|r| r["kind"] == "NodeDaemonSet") else { return Ok(()) };
    let set = server.by_uid(object::text(owner, "/uid")).map(|(_, set)| set);
    let surges = set.is_some_and(may_surge);
    let owner = object::text(owner, "/uid");
    let node = node_of(pod);
    let twins = server.managed(Resource::Pods, owner);
    let twins: Vec<&str> = twins
        .into_iter()
        .filter(|p| node_of(p) == node && !object::is_terminal(p) && !(surges && object::is_terminating(p)))
        .map(object::name)
        .collect();
    let most = if surges { 2 } else { 1 };
    if twins.len() > most { Err(format!("D1: {twins:?} are on node {node}")) } else { Ok(()) }
}

/// Whether new pods of a set come before old ones go.
fn may_surge(set: &Value) -> bool {
    let surge = &set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"];
    !surge.is_null() && surge != 0 && surge != "0%"
}

/// How many nodes may be without an available pod.
pub fn budget(set: &Value, desired: i64) -> i64 {
    match &set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] {
        Value::String(percent) => {
            let percent = percent.trim_end_matches('%').parse::<i64>().unwrap_or(0);
            (percent * desired + 99) / 100
        }
        count => count.as_i64().unwrap_or(1),
    }
    .max(1)
}

/// Judges the creation or deletion of a pod for the set as it was at some time.
pub fn judge(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    if act.creates || object::is_terminal(act.pod) || object::is_terminating(act.pod) || !rules.still_nodes {
        return Ok(());
    }
    let nodes: Vec<&Value> = act.server.all(Resource::Nodes).map(|(_, v)| v).collect();
    let fitting: Vec<&str> = nodes.iter().filter(|n| fits(set, n)).map(|n| object::name(n)).collect();
    if !fitting.contains(&node_of(act.pod)) {
        return Ok(());
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" || set["spec"]["paused"] == true {
        return Err("D8: nobody asked for that (OnDelete, or paused)".to_owned());
    }
    let pods = act.pods();
    if rules.disruption && act.owner_stays() && act.was_available(set) {
        let others =
            pods.iter().filter(|p| object::name(p) != object::name(act.pod) && act.is_available(set, p));
        let served = others.filter(|p| fitting.contains(&node_of(p))).count() as i64;
        let desired = fitting.len() as i64;
        if desired - served > budget(set, desired) {
            return Err(format!(
                "D4: {} of {desired} nodes would be without, {} may",
                desired - served,
                budget(set, desired)
            ));
        }
    }
    Ok(())
}
