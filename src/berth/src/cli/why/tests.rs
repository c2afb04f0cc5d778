//! Table of what is found out about a set and its pods.

use berth_api::{Key, Kind, Surface};
use berth_plan::feature_gates::Gates;
use berth_plan::forecast::simulate::merge;
use berth_plan::revisions::record;
use serde_json::{Value, json};

use super::report::{Report, report};
use super::text;
use crate::cli::output::Paint;
use crate::cli::snapshot::Facts;

const NS: &str = "demo";

fn template(image: &str) -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "main", "image": image }] } })
}

fn owner() -> Value {
    json!([{ "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "name": "web", "uid": "u", "controller": true }])
}

fn revision(name: &str, number: i64, image: &str) -> Value {
    let data = record::record(&berth_api::Template(template(image)));
    json!({ "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number, "data": data,
            "metadata": { "name": name, "labels": { "app": "web" }, "ownerReferences": owner() } })
}

fn pod(ordinal: i64, revision: &str, patch: Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": format!("web-{ordinal}"), "uid": format!("p{ordinal}"), "ownerReferences": owner(),
                      "labels": { "app": "web", "controller-revision-hash": revision,
                                  "statefulset.kubernetes.io/pod-name": format!("web-{ordinal}") } },
        "spec": { "nodeName": "a" },
        "status": { "phase": "Running",
                    "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }] },
    });
    merge(&mut pod, &patch);
    pod
}

/// `web` on its way from `old` to `new`, with what a test adds.
fn facts(spec: Value, more: Vec<Value>) -> Facts {
    let mut set = json!({
        "apiVersion": "berth.dev/v1", "kind": "OrdinalSet",
        "metadata": { "name": "web", "uid": "u", "resourceVersion": "1", "generation": 1 },
        "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } }, "template": template("app:2"),
                  "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": {} } },
        "status": { "observedGeneration": 1, "currentRevision": "old", "updateRevision": "new" },
    });
    merge(&mut set, &spec);
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a" },
                       "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    let mut facts = Facts::new(Gates::default());
    for object in
        [set, node, revision("old", 1, "app:1"), revision("new", 2, "app:2")].into_iter().chain(more)
    {
        facts.add(object, NS);
    }
    facts
}

fn look(facts: &Facts) -> Report {
    let key = Key::new(Surface::Berth, Kind::Ordinal, NS, "web");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(report(facts, &key, None)).unwrap()
}

/// What is found about web-1, and the command.
fn about_pod(patch: Value, more: Vec<Value>) -> (String, String, String) {
    let pods = vec![pod(0, "old", json!({})), pod(1, "new", patch)];
    let report = look(&facts(json!({}), pods.into_iter().chain(more).collect()));
    let found = report.pods[0].finding.clone().unwrap_or_else(|| panic!("{report:?}"));
    (serde_json::to_value(found.cause).unwrap().as_str().unwrap().to_owned(), found.message, found.command)
}

/// What is found about the set as a whole.
fn about_set(spec: Value, more: Vec<Value>) -> Vec<(String, String)> {
    let report = look(&facts(spec, more));
    let cause = |c| serde_json::to_value(c).unwrap().as_str().unwrap().to_owned();
    report.findings.into_iter().map(|f| (cause(f.cause), f.command)).collect()
}

fn waiting(reason: &str, more: Value) -> Value {
    let mut status =
        json!({ "name": "main", "image": "app:2", "state": { "waiting": { "reason": reason } } });
    merge(&mut status, &more);
    json!({ "status": { "phase": "Pending", "containerStatuses": [status], "conditions": [{ "type": "Ready", "status": "False" }] } })
}

fn event(about: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message,
            "involvedObject": { "kind": about, "name": name }, "lastTimestamp": "2026-01-01T00:00:00Z" })
}

fn unready() -> Value {
    json!({ "status": { "conditions": [{ "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z" }] } })
}

#[test]
fn pods_that_do_not_start_are_told_apart() {
    let (cause, message, command) = about_pod(
        waiting("ImagePullBackOff", json!({})),
        vec![event("Pod", "web-1", "Failed", "Failed to pull image \"app:2\": not found")],
    );
    assert_eq!((cause.as_str(), command.as_str()), ("image", "berth rollout undo oset/web -n demo"));
    assert_eq!(
        message,
        "container main: image \"app:2\" cannot be had: Failed to pull image \"app:2\": not found"
    );

    let ended = json!({ "restartCount": 4, "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } });
    let (cause, message, command) = about_pod(waiting("CrashLoopBackOff", ended), vec![]);
    assert_eq!(
        (cause.as_str(), command.as_str()),
        ("crashLoop", "kubectl -n demo logs web-1 -c main --previous")
    );
    assert!(message.contains("last exit code 137 (OOMKilled), 4 restarts"), "{message}");

    let (cause, ..) = about_pod(waiting("CreateContainerConfigError", json!({})), vec![]);
    assert_eq!(cause, "configuration");

    let unscheduled = json!({ "spec": { "nodeName": "" }, "status": { "phase": "Pending", "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu." }] } });
    let (cause, message, _) = about_pod(unscheduled.clone(), vec![]);
    assert_eq!(cause, "notScheduled");
    assert!(message.contains("Insufficient cpu"), "{message}");

    let mut waits = unscheduled;
    waits["spec"]["volumes"] =
        json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data-web-1" } }]);
    let claim = |phase: &str| json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data-web-1" }, "status": { "phase": phase } });
    let told =
        event("PersistentVolumeClaim", "data-web-1", "ProvisioningFailed", "storageclass \"fast\" not found");
    let (cause, message, command) = about_pod(waits.clone(), vec![claim("Pending"), told]);
    assert_eq!(
        (cause.as_str(), command.as_str()),
        ("claimPending", "kubectl -n demo describe pvc data-web-1")
    );
    assert!(message.contains("storageclass \"fast\" not found"), "{message}");
    assert_eq!(about_pod(waits.clone(), vec![claim("Lost")]).0, "claimLost");
    let consumer = event("PersistentVolumeClaim", "data-web-1", "WaitForFirstConsumer", "waiting");
    assert_eq!(
        about_pod(waits, vec![claim("Pending"), consumer]).0,
        "notScheduled",
        "the scheduler has the say"
    );
}

#[test]
fn pods_that_run_badly_are_told_apart() {
    let probe =
        event("Pod", "web-1", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    let (cause, message, _) = about_pod(unready(), vec![probe]);
    assert_eq!(cause, "readiness");
    assert!(message.contains("statuscode: 503"), "{message}");
    let mut lost = unready();
    lost["spec"] = json!({ "nodeName": "gone" });
    assert_eq!(about_pod(lost, vec![]).0, "nodeGone");
    let dead = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "b" },
                       "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
    let mut on_dead = unready();
    on_dead["spec"] = json!({ "nodeName": "b" });
    assert_eq!(about_pod(on_dead.clone(), vec![dead.clone()]).0, "nodeNotReady");
    on_dead["metadata"] = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
    let (cause, _, command) = about_pod(on_dead, vec![dead]);
    assert_eq!(cause, "nodeNotReady");
    assert_eq!(command, "kubectl taint node b node.kubernetes.io/out-of-service=nodeshutdown:NoExecute");
    let held = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/hold"] } });
    let (cause, message, _) = about_pod(held, vec![]);
    assert_eq!(cause, "terminatingTooLong");
    assert!(message.contains("example.org/hold"), "{message}");
    let slow = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    assert_eq!(about_pod(slow, vec![]).0, "terminatingTooLong");
    let failed = json!({ "status": { "phase": "Failed", "reason": "Evicted", "conditions": null } });
    assert_eq!(about_pod(failed, vec![]).0, "ended");
}

#[test]
fn what_is_in_the_way_of_the_set_is_told_apart() {
    let both = || vec![pod(0, "old", json!({})), pod(1, "new", json!({}))];
    let undo = || "berth rollout undo oset/web -n demo".to_owned();
    let paused = about_set(json!({ "spec": { "paused": true } }), both());
    assert_eq!(paused, [("paused".to_owned(), "berth rollout resume oset/web -n demo".to_owned())]);
    let partition =
        about_set(json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 1 } } } }), both());
    assert_eq!(partition[0].0, "partition");
    assert!(partition[0].1.contains("\"partition\":0"), "{partition:?}");
    let on_delete = about_set(
        json!({ "spec": { "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } } }),
        both(),
    );
    assert_eq!(on_delete, [("onDelete".to_owned(), "kubectl -n demo delete pod web-0".to_owned())]);

    let three = json!({ "spec": { "replicas": 3, "podManagementPolicy": "Parallel" } });
    let others = vec![pod(0, "old", json!({})), pod(1, "new", unready()), pod(2, "new", json!({}))];
    let budget = about_set(three, others);
    assert_eq!(budget[0].0, "budget", "{budget:?}");
    assert!(budget[0].1.contains("\"maxUnavailable\":2"), "{budget:?}");

    let since = |type_: &str, status: &str| json!({ "type": type_, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let late = json!({ "spec": { "progressDeadlineSeconds": 60 },
                       "status": { "conditions": [since("Ready", "False"), since("Progressing", "True")] } });
    let late = about_set(late, vec![pod(0, "old", unready()), pod(1, "new", unready())]);
    assert!(late.contains(&("progressDeadline".to_owned(), undo())), "{late:?}");

    let stalled = |message: &str| json!({ "status": { "conditions": [{ "type": "Stalled", "status": "True", "reason": "FailedCreate", "message": message }] } });
    for (message, cause) in [
        ("pods \"web-1\" is forbidden: exceeded quota: tight", "quota"),
        ("pods \"web-1\" is forbidden: violates PodSecurity \"restricted:latest\"", "admission"),
        ("admission webhook \"no.example.org\" denied the request: no", "admission"),
        ("Pod \"web-1\" is invalid: spec.containers[0].image", "refused"),
    ] {
        assert_eq!(about_set(stalled(message), vec![pod(0, "old", json!({}))])[0].0, cause, "{message}");
    }
    assert_eq!(about_set(json!({ "metadata": { "generation": 2 } }), both())[0].0, "notObserved");
    let taken = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web-1", "labels": {} } });
    assert_eq!(about_set(json!({}), vec![pod(0, "old", json!({})), taken])[0].0, "nameTaken");
}

#[test]
fn the_tree_is_short_and_aligned() {
    let pods = vec![pod(0, "old", json!({})), pod(1, "new", waiting("ImagePullBackOff", json!({})))];
    let report = look(&facts(json!({}), pods));
    let shown = text::render(&report, None, Paint::plain());
    let expected = "\
oset/web in demo: 1 of 2 pods available, 1 at the present revision
├─ web-1  pending    revision 2          a
│  container main: image \"app:2\" cannot be had: ImagePullBackOff
│    helps: an image that exists and that the node may pull, or the template goes back
│    $ berth rollout undo oset/web -n demo
└─ web-0  available  revision 1 (old)    a
   waits for its turn
";
    assert_eq!(shown, expected, "{shown}");
}

/// What is found about a node daemon set with these fields of its pod spec, on these nodes.
fn on_nodes(spec: Value, nodes: Vec<Value>) -> Vec<(String, String, String)> {
    let mut facts = Facts::new(Gates::default());
    let mut template = template("agent:1");
    merge(&mut template["spec"], &spec);
    facts.add(
        json!({ "apiVersion": "berth.dev/v1", "kind": "NodeDaemonSet",
                "metadata": { "name": "agent", "uid": "u", "generation": 1 },
                "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template },
                "status": { "observedGeneration": 1 } }),
        NS,
    );
    for node in nodes {
        facts.add(node, NS);
    }
    let key = Key::new(Surface::Berth, Kind::Daemon, NS, "agent");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(report(&facts, &key, None)).unwrap();
    let cause = |c| serde_json::to_value(c).unwrap().as_str().unwrap().to_owned();
    report.findings.into_iter().map(|f| (cause(f.cause), f.message, f.command)).collect()
}

fn node(name: &str, labels: Value, taints: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels },
            "spec": { "taints": taints }, "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })
}

#[test]
fn what_keeps_all_nodes_out_is_counted() {
    let nodes = || {
        vec![
            node("a", json!({ "disk": "hdd", "zone": "x" }), json!([])),
            node(
                "b",
                json!({ "disk": "ssd" }),
                json!([{ "key": "dedicated", "value": "db", "effect": "NoSchedule" }]),
            ),
            node("c", json!({}), json!([{ "key": "gone", "effect": "NoExecute" }])),
        ]
    };
    let found = on_nodes(json!({ "nodeSelector": { "disk": "ssd" } }), nodes());
    let message = "no node matches: of 3 nodes, nodeSelector disk=ssd keeps 2 out, taint dedicated=db:NoSchedule keeps 1 out, \
                   taint gone:NoExecute keeps 1 out";
    assert_eq!(
        found,
        [("noNode".to_owned(), message.to_owned(), "kubectl get nodes --show-labels".to_owned())]
    );

    let terms = json!([{ "matchExpressions": [{ "key": "zone", "operator": "In", "values": ["y", "z"] },
                                              { "key": "disk", "operator": "Exists" }] },
                       { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["d"] }] }]);
    let affinity = json!({ "affinity": { "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } },
        "tolerations": [{ "operator": "Exists" }] });
    let found = on_nodes(affinity, nodes());
    let message = "no node matches: of 3 nodes, affinity term metadata.name In (d) keeps 3 out, \
                   affinity term zone In (y, z) and disk Exists keeps 3 out";
    assert_eq!(found[0].1, message);

    let tainted = vec![node("a", json!({}), json!([{ "key": "k", "effect": "NoSchedule" }]))];
    let found = on_nodes(json!({}), tainted);
    assert_eq!(found[0].1, "no node matches: of 1 node, taint k:NoSchedule keeps 1 out");
    assert!(found[0].2.contains("TAINTS"), "{found:?}");
    assert_eq!(on_nodes(json!({}), vec![])[0].1, "there are no nodes, so there is nowhere to run a pod");
    assert!(on_nodes(json!({}), nodes()).is_empty(), "one matches");
}

/// The operator has the gate, so the strategy is nothing to complain of.
#[test]
fn the_gates_of_the_operator_are_known() {
    let found = |gates: &str| {
        let mut facts = Facts::new(Gates::parse([gates]).unwrap());
        facts.add(
            json!({ "apiVersion": "apps/v1", "kind": "StatefulSet",
                    "metadata": { "name": "web", "uid": "u", "generation": 1 },
                    "spec": { "replicas": 0, "selector": { "matchLabels": { "app": "web" } },
                              "updateStrategy": { "type": "Recreate" }, "template": template("app:1") },
                    "status": { "observedGeneration": 1 } }),
            NS,
        );
        let key = Key::new(Surface::Apps, Kind::Ordinal, NS, "web");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = runtime.block_on(report(&facts, &key, None)).unwrap();
        report.findings.into_iter().map(|f| f.message).collect::<Vec<_>>()
    };
    assert!(found("")[0].contains("StatefulSetRecreateStrategy"), "{:?}", found(""));
    assert_eq!(found("StatefulSetRecreateStrategy=true"), Vec::<String>::new());
}

/// A new template cannot be recorded: the status is about the earlier one, and the condition about this one.
#[test]
fn a_refusal_that_keeps_a_template_from_being_recorded_is_found() {
    let stalled = |generation: i64| {
        json!({ "type": "Stalled", "status": "True", "reason": "FailedCreate",
        "message": "revision demo/web-1: exceeded quota", "observedGeneration": generation })
    };
    let spec = |generation| json!({ "metadata": { "generation": 2 }, "status": { "conditions": [stalled(generation)] } });
    let found = about_set(spec(2), vec![]);
    assert!(found.iter().any(|(cause, _)| cause == "quota"), "{found:?}");
    assert!(!found.iter().any(|(cause, _)| cause == "notObserved"), "{found:?}");
    let found = about_set(spec(1), vec![]);
    assert!(!found.iter().any(|(cause, _)| cause == "quota"), "it may be cured: {found:?}");
    assert!(found.iter().any(|(cause, _)| cause == "notObserved"), "{found:?}");
}

#[test]
fn events_of_an_earlier_pod_of_the_name_say_nothing() {
    let unready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } });
    let said = |uid: &str| {
        let mut probe = event("Pod", "web-1", "Unhealthy", "Readiness probe failed: connection refused");
        merge(&mut probe, &json!({ "involvedObject": { "namespace": NS, "uid": uid } }));
        about_pod(unready.clone(), vec![probe]).1
    };
    assert!(said("p1").contains("connection refused"), "{}", said("p1"));
    assert!(!said("earlier").contains("connection refused"), "{}", said("earlier"));
}

#[test]
fn what_the_operator_may_not_do_is_no_matter_of_the_template() {
    let refused = |message: &str| {
        let stalled = json!({ "type": "Stalled", "status": "True", "reason": "FailedCreate", "message": message, "observedGeneration": 1 });
        about_set(json!({ "status": { "conditions": [stalled] } }), vec![]).remove(0).1
    };
    let right = "pod demo/web-0: pods is forbidden: User \"system:serviceaccount:berth-system:berth\" cannot create resource \"pods\"";
    assert_eq!(refused(right), "kubectl apply -f deploy/rbac.yaml");
    let dry_run =
        "podtemplate demo/web.dry-run: podtemplates \"web.dry-run\" is forbidden: denied request: no";
    assert!(refused(dry_run).contains("validatingadmissionpolicies"), "{}", refused(dry_run));
}

#[test]
fn undo_is_offered_only_where_it_helps() {
    let command = |revision: &str, paused: bool| {
        let broken = waiting("ImagePullBackOff", json!({}));
        let pods = vec![pod(0, "old", json!({})), pod(1, revision, broken)];
        let report = look(&facts(json!({ "spec": { "paused": paused } }), pods));
        report.pods.iter().find(|p| p.name == "web-1").unwrap().finding.clone().unwrap().command
    };
    assert!(command("new", false).contains("undo"), "{}", command("new", false));
    assert!(!command("new", true).contains("undo"), "a paused set refuses it");
    assert!(!command("old", false).contains("undo"), "it would bring the broken template back");
}
