//! Host ports and a surge: two pods of one node cannot have the same host port, so the new one never starts beside the old one.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use berth_api::{Key, Kind};
use serde_json::Value;

use super::finding::{Cause, Finding, patch};

/// What keeps the new pods of a surge from starting: a host port that an old pod has too. `set` is the set, `old` are its pods at other
/// revisions than that of the present template, both in full.
pub(super) fn clash<'a>(key: &Key, set: &Value, old: impl Iterator<Item = &'a Value>) -> Option<Finding> {
    if key.kind != Kind::Daemon || !surges(set) {
        return None;
    }
    let wanted = host_ports(&set["spec"]["template"]["spec"]);
    let taken = old.flat_map(|pod| host_ports(&pod["spec"])).find(|port| wanted.contains(port));
    let (port, protocol) = taken?;
    let message = format!(
        "host port {port}/{protocol} is in the template and in the old pods: two pods of one node cannot have the same host port, \
         so no new pod is scheduled beside an old one, however long it takes"
    );
    Some(Finding::new(
        Cause::HostPort,
        message,
        "each old pod goes before its successor comes: maxSurge 0 and maxUnavailable 1",
        patch(key, "{\"updateStrategy\":{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1}}}"),
    ))
}

/// Whether a rollout lets a node run two pods.
fn surges(set: &Value) -> bool {
    match &set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] {
        Value::Number(count) => count.as_i64() != Some(0),
        Value::String(percent) => percent.trim_start_matches('0') != "%",
        _ => false,
    }
}

/// The host ports of a pod, each with its protocol, as the scheduler counts them: those of containers, and of init containers that run
/// as long as the pod. On the network of the host every port is one.
fn host_ports(spec: &Value) -> BTreeSet<(i64, String)> {
    let on_host = spec["hostNetwork"] == true;
    let list = |name: &str| spec[name].as_array().into_iter().flatten();
    let beside = list("initContainers").filter(|container| container["restartPolicy"] == "Always");
    let ports = list("containers").chain(beside).flat_map(|c| c["ports"].as_array().into_iter().flatten());
    let ports = ports.filter_map(|port| {
        let number = |field: &str| port[field].as_i64().filter(|number| *number > 0);
        let number = number("hostPort").or_else(|| number("containerPort").filter(|_| on_host))?;
        let protocol = port["protocol"].as_str().filter(|protocol| !protocol.is_empty()).unwrap_or("TCP");
        Some((number, protocol.to_owned()))
    });
    ports.collect()
}
