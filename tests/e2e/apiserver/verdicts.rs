//! What the tools that people deploy with make of a set in each state: kstatus (which Helm and Flux ask), and Argo CD with the script
//! of `docs/`, both as they are.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::manifests::{NEW, never_ready, ordinal_set, with_image};
use crate::support::plane::project;
use crate::support::read::{Kind, NDS, OSET, condition};
use crate::support::{Scene, text};

/// An object is as it is, and its tools should say this of it.
struct Case {
    what: &'static str,
    object: Value,
    kstatus: &'static str,
    argocd: &'static str,
}

#[test]
fn kstatus_and_argo_cd_read_the_conditions_right() {
    let Some(scene) = Scene::on_nodes(crate::support::Surface::Berth, "verdicts", &["a"]) else { return };
    let mut cases = vec![];
    let mut case = |what, object, kstatus, argocd| cases.push(Case { what, object, kstatus, argocd });
    let until = |kind: Kind, name: &str, type_: &'static str, reason: &'static str| {
        scene.until(kind, name, &format!("{type_} with {reason}"), |set| {
            let found = condition(set, type_);
            let observed = set["status"]["observedGeneration"] == set["metadata"]["generation"];
            observed && found["reason"] == reason
        })
    };

    scene.apply(&ordinal_set("settled", 1));
    scene.apply(&never_ready(&ordinal_set("working", 1)));
    let mut late = never_ready(&ordinal_set("late", 1));
    late["spec"]["progressDeadlineSeconds"] = json!(2);
    scene.apply(&late);
    let mut refused = ordinal_set("refused", 1);
    refused["spec"]["template"]["spec"]["priorityClassName"] = json!("of-nobody");
    scene.apply(&refused);
    let mut held = ordinal_set("held", 1);
    held["metadata"]["finalizers"] = json!(["tests.berth.dev/held"]);
    scene.apply(&held);
    let mut agent = scene.agent();
    scene.apply(&agent);

    let settled = until(OSET, "settled", "Ready", "Settled");
    case("settled", settled, "Current", "Healthy");
    let working = until(OSET, "working", "Reconciling", "Progressing");
    case("a pod is not ready", working, "InProgress", "Progressing");
    let late = until(OSET, "late", "Stalled", "ProgressDeadlineExceeded");
    case("the deadline has passed", late, "Failed", "Degraded");
    let refused = until(OSET, "refused", "Stalled", "FailedCreate");
    case("the API server refuses its pods", refused, "Failed", "Degraded");
    until(OSET, "held", "Ready", "Settled");
    scene.kubectl(&["delete", "oset", "held", "--wait=false"]);
    let going = until(OSET, "held", "Ready", "Terminating");
    case("being deleted", going, "Terminating", "Progressing");
    scene.patch(OSET, "held", &json!({"metadata": {"finalizers": null}}));
    let agents = until(NDS, "agent", "Ready", "Settled");
    case("settled agents", agents, "Current", "Healthy");

    let mut paused = with_image(&ordinal_set("settled", 1), NEW);
    paused["spec"]["paused"] = json!(true);
    scene.apply(&paused);
    let paused = until(OSET, "settled", "Progressing", "Paused");
    case("a rollout is paused", paused, "InProgress", "Suspended");
    agent = with_image(&agent, NEW);
    agent["spec"]["paused"] = json!(true);
    scene.apply(&agent);
    let paused = until(NDS, "agent", "Progressing", "Paused");
    case("a rollout of agents is paused", paused, "InProgress", "Suspended");

    scene.stop_operators();
    scene.patch(OSET, "settled", &json!({"spec": {"paused": false}}));
    case("nobody has looked at the present spec", scene.get(OSET, "settled"), "InProgress", "Progressing");
    scene.apply(&ordinal_set("new", 1));
    case("nobody has looked at it at all", scene.get(OSET, "new"), "InProgress", "Progressing");
    let new_agent = json!({"metadata": {"name": "new"}});
    agent["metadata"] = new_agent["metadata"].clone();
    scene.apply(&agent);
    case("nobody has looked at those agents", scene.get(NDS, "new"), "InProgress", "Progressing");

    let objects: Vec<Value> = cases.iter().map(|case| case.object.clone()).collect();
    for (case, verdict) in cases.iter().zip(verdicts(&objects)) {
        println!("{}: {verdict}", case.what);
        let (kstatus, argocd) = (text(&verdict, "/kstatus"), text(&verdict, "/argocd"));
        assert_eq!(
            (kstatus, argocd),
            (case.kstatus, case.argocd),
            "{}: {verdict} {}",
            case.what,
            case.object
        );
        // Of what is in the way both show the message.
        let stalled = text(condition(&case.object, "Stalled"), "/message");
        assert!(text(&verdict, "/kstatusMessage").contains(stalled), "{verdict}");
        assert!(text(&verdict, "/argocdMessage").contains(stalled), "{verdict}");
    }
}

fn verdicts(objects: &[Value]) -> Vec<Value> {
    let mut command = Command::new(berth_cluster::verdicts().unwrap());
    command.arg(project("docs/argocd-health.lua")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(objects).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let verdicts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.len(), objects.len());
    verdicts
}
