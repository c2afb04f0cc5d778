use berth_api::{Surface, Template};
use berth_plan::forecast::simulate::merge;
use berth_plan::revisions::record;
use serde_json::json;

use super::super::report::{Report, report};
use super::*;
use crate::cli::snapshot::Facts;

const NS: &str = "demo";
const MEND: &str = "kubectl -n demo patch nds/agent --type=merge -p '{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1}}}}'";

fn spec(image: &str, port: &Value) -> Value {
    json!({ "containers": [{ "name": "main", "image": image, "ports": [port] }] })
}

/// A rollout with a surge of one: an old pod on the node, and its successor, which is not scheduled. `more` is merged into both templates.
fn stuck(surface: Surface, old: &Value, new: &Value, more: &Value) -> Report {
    let (api, kind) = match surface {
        Surface::Berth => ("berth.dev/v1", "NodeDaemonSet"),
        Surface::Apps => ("apps/v1", "DaemonSet"),
    };
    let template = |image: &str, port: &Value| {
        let mut spec = spec(image, port);
        merge(&mut spec, more);
        json!({ "metadata": { "labels": { "app": "agent" } }, "spec": spec })
    };
    let (old, new) = (template("app:1", old), template("app:2", new));
    let owner = json!([{ "apiVersion": api, "kind": kind, "name": "agent", "uid": "u", "controller": true }]);
    let revision = |name: &str, number: i64, of: &Value| {
        json!({ "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
                "data": record::record(&Template(of.clone())),
                "metadata": { "name": name, "labels": { "app": "agent", "controller-revision-hash": name }, "ownerReferences": owner } })
    };
    let pod = |name: &str, revision: &str, of: &Value, patch: Value| {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "uid": name, "ownerReferences": owner,
                          "labels": { "app": "agent", "controller-revision-hash": revision } },
            "spec": of["spec"],
        });
        merge(&mut pod, &patch);
        pod
    };
    let ready = json!({ "spec": { "nodeName": "a" }, "status": { "phase": "Running", "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }] } });
    let to_a = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
        { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }] } } });
    let pending = json!({ "spec": { "affinity": to_a }, "status": { "phase": "Pending", "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
          "message": "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." }] } });
    let set = json!({
        "apiVersion": api, "kind": kind,
        "metadata": { "name": "agent", "uid": "u", "resourceVersion": "1", "generation": 2 },
        "spec": { "selector": { "matchLabels": { "app": "agent" } }, "template": new,
                  "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } },
        "status": { "observedGeneration": 2, "currentRevision": "old", "updateRevision": "new" },
    });
    let node = |name: &str| {
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
                "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })
    };
    let mut on_b = ready.clone();
    on_b["spec"]["nodeName"] = json!("b");
    let mut facts = Facts::new(berth_plan::feature_gates::Gates::default());
    for object in [
        set,
        node("a"),
        node("b"),
        revision("old", 1, &old),
        revision("new", 2, &new),
        pod("agent-a", "old", &old, ready),
        pod("agent-b", "old", &old, on_b),
        pod("agent-a-1", "new", &new, pending),
    ] {
        facts.add(object, NS);
    }
    let key = Key::new(surface, Kind::Daemon, NS, "agent");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(report(&facts, &key, None)).unwrap()
}

/// The causes of what is found about the set, and about the pod that is not scheduled.
fn causes(report: &Report) -> (Vec<Cause>, Cause) {
    let new = report.pods.iter().find(|pod| pod.name == "agent-a-1").unwrap();
    (report.findings.iter().map(|f| f.cause).collect(), new.finding.as_ref().unwrap().cause)
}

#[test]
fn a_surge_with_a_host_port_is_told_as_what_it_is() {
    let port = json!({ "containerPort": 80, "hostPort": 8080 });
    for surface in [Surface::Berth, Surface::Apps] {
        let report = stuck(surface, &port, &port, &json!({}));
        assert_eq!(causes(&report), (vec![Cause::HostPort], Cause::HostPort), "{report:?}");
        let finding = &report.findings[0];
        assert!(finding.message.starts_with("host port 8080/TCP is in the template"), "{finding:?}");
        let set = if surface == Surface::Berth { "nds/agent" } else { "ds/agent" };
        assert_eq!(finding.command, MEND.replace("nds/agent", set));
    }
}

#[test]
fn every_port_on_the_network_of_the_host_is_a_host_port() {
    let port = json!({ "containerPort": 80 });
    let report = stuck(Surface::Berth, &port, &port, &json!({ "hostNetwork": true }));
    assert_eq!(causes(&report), (vec![Cause::HostPort], Cause::HostPort), "{report:?}");
}

#[test]
fn other_reasons_of_a_surge_that_waits_stay() {
    let udp = json!({ "containerPort": 80, "hostPort": 8080, "protocol": "UDP" });
    let tcp = json!({ "containerPort": 80, "hostPort": 8080 });
    let none = json!({ "containerPort": 80 });
    for (old, new) in [(&udp, &tcp), (&none, &tcp), (&none, &none)] {
        let report = stuck(Surface::Berth, old, new, &json!({}));
        assert_eq!(causes(&report), (vec![Cause::Budget], Cause::NotScheduled), "{report:?}");
    }
}
