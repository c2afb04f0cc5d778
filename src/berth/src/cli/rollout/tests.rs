//! The words, on values.

use berth_api::Revision;
use serde_json::{Value, json};

use super::*;

fn oset() -> Key {
    Key::new(Surface::Berth, Kind::Ordinal, "shop", "web")
}

fn nds() -> Key {
    Key::new(Surface::Berth, Kind::Daemon, "shop", "agent")
}

fn told(key: &Key, spec: Value, status: Value) -> String {
    let set = json!({ "metadata": { "name": key.name, "generation": 2 }, "spec": spec, "status": status });
    match status::progress(key, &set) {
        Ok((text, done)) => format!("{done}: {text}"),
        Err(text) => format!("error: {text}"),
    }
}

#[test]
fn the_status_of_an_ordinal_set_is_told_as_that_of_a_statefulset() {
    let status = |ready: i32, updated: i32| json!({ "observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated });
    let spec = json!({ "replicas": 3 });
    let old = json!({ "observedGeneration": 1 });
    assert_eq!(
        told(&oset(), spec.clone(), old),
        "false: Waiting for ordinalset spec update to be observed..."
    );
    assert_eq!(told(&oset(), spec.clone(), status(2, 3)), "false: Waiting for 1 pods to be ready...");
    let part = "false: Waiting for partitioned roll out to finish: 1 out of 3 new pods have been updated...";
    assert_eq!(told(&oset(), spec.clone(), status(3, 1)), part);
    let done = "true: partitioned roll out complete: 3 new pods have been updated...";
    assert_eq!(told(&oset(), spec.clone(), status(3, 3)), done);
    let canary = json!({ "replicas": 3, "updateStrategy": { "rollingUpdate": { "partition": 2 } } });
    let done = "true: partitioned roll out complete: 1 new pods have been updated...";
    assert_eq!(told(&oset(), canary, status(3, 1)), done);
    let by_hand = json!({ "updateStrategy": { "type": "OnDelete" } });
    let only = "error: rollout status is only available for RollingUpdate strategy type";
    assert_eq!(told(&oset(), by_hand, status(1, 1)), only);
    let late = json!({ "observedGeneration": 2, "conditions": [{ "type": "Stalled", "status": "True",
        "reason": "ProgressDeadlineExceeded" }] });
    assert_eq!(told(&oset(), spec, late), "error: ordinalset \"web\" exceeded its progress deadline");
}

#[test]
fn the_status_of_a_node_daemon_set_is_told_as_that_of_a_daemonset() {
    let status = |updated: i32, available: i32| {
        json!({ "observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated,
            "numberAvailable": available })
    };
    let waiting = "false: Waiting for node daemon set \"agent\" rollout to finish:";
    let updating = format!("{waiting} 1 out of 3 new pods have been updated...");
    assert_eq!(told(&nds(), json!({}), status(1, 3)), updating);
    let starting = format!("{waiting} 2 of 3 updated pods are available...");
    assert_eq!(told(&nds(), json!({}), status(3, 2)), starting);
    let done = "true: node daemon set \"agent\" successfully rolled out";
    assert_eq!(told(&nds(), json!({}), status(3, 3)), done);
}

fn recorded(number: i64, image: &str, cause: Option<&str>) -> Revision {
    let annotations = cause.map(|cause| json!({ "kubernetes.io/change-cause": cause }));
    serde_json::from_value(json!({
        "metadata": { "name": format!("web-{number}"), "annotations": annotations.unwrap_or_else(|| json!({})) },
        "revision": number,
        "data": { "spec": { "template": { "$patch": "replace", "spec": { "containers": [{ "image": image }] } } } },
    }))
    .unwrap()
}

fn template(image: &str) -> Value {
    json!({ "spec": { "containers": [{ "image": image }] } })
}

#[test]
fn the_history_has_kubectls_columns() {
    let revisions = [recorded(1, "a", None), recorded(12, "b", Some("new image"))];
    let table = "REVISION  CHANGE-CAUSE\n1         <none>\n12        new image\n";
    assert_eq!(history::overview(&revisions), table);
    assert_eq!(history::overview(&[]), "No rollout history found.\n");
    let shown = history::template(&revisions[0]).unwrap();
    assert!(shown.starts_with("Pod Template:\n  spec:\n") && !shown.contains("$patch"), "{shown}");
    let broken = Revision { data: json!({ "spec": 1 }).into(), ..recorded(3, "c", None) };
    assert_eq!(history::template(&broken).unwrap_err(), "unable to parse history web-3");
}

#[test]
fn undo_goes_to_the_newest_revision_that_is_not_the_present_one() {
    let revisions = [recorded(1, "a", None), recorded(2, "b", None)];
    let to = |image: &str, number: i64| {
        let set = json!({ "spec": { "template": template(image) } });
        undo::target(&set, &revisions, number).map(|revision| revision.revision)
    };
    assert_eq!(to("b", 0), Ok(1));
    assert_eq!(to("c", 0), Ok(2), "the present template is not recorded yet");
    assert_eq!(to("b", 2), Ok(2));
    assert_eq!(to("b", 7), Err("unable to find specified revision 7 in history".to_owned()));
    let only = undo::target(&json!({ "spec": { "template": template("a") } }), &revisions[..1], 0);
    assert_eq!(only.unwrap_err(), "no last revision to roll back to");
}

#[test]
fn what_cannot_be_done_is_refused_in_kubectls_words() {
    let (going, paused) = (json!({ "spec": {} }), json!({ "spec": { "paused": true } }));
    let error = |result: Result<Value, String>| result.unwrap_err();
    assert_eq!(error(pause::pause(&oset(), &paused)), "ordinalsets.berth.dev \"web\" is already paused");
    assert_eq!(error(pause::resume(&nds(), &going)), "nodedaemonsets.berth.dev \"agent\" is not paused");
    assert_eq!(
        error(restart::restart(&oset(), &paused, "now")),
        "ordinalsets.berth.dev \"web\" can't restart paused ordinalset (run rollout resume first)"
    );
    assert!(
        error(undo::decide(&oset(), &paused, &json!({})))
            .starts_with("you cannot rollback a paused ordinalset")
    );
    let change = restart::restart(&oset(), &going, "now").unwrap();
    let restarted = json!({ "spec": { "template": { "metadata": change["value"] } } });
    assert!(error(restart::restart(&oset(), &restarted, "now")).contains("within the past second"));
}

#[test]
fn native_sets_are_led_to_what_works() {
    let told = |set: &str, verb, namespace| {
        native::instead(&target::names(&[set.to_owned()]).unwrap()[0], verb, namespace)
    };
    let undo = "kubectl rollout serves a StatefulSet: kubectl rollout undo statefulset/db";
    assert_eq!(told("sts/db", "undo", None), undo);
    assert_eq!(
        told("ds/a", "restart", Some("shop")),
        "kubectl rollout serves a DaemonSet: kubectl rollout restart daemonset/a -n shop"
    );
    // kubectl rollout pause says of both: pausing is not supported.
    let pause = "a StatefulSet cannot be paused, but a partition above its ordinals holds its rollout: kubectl patch \
                 statefulset/db -n shop -p '{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":2147483647}}}}'";
    assert_eq!(told("sts/db", "pause", Some("shop")), pause);
    assert!(told("sts/db", "resume", None).ends_with("{\"rollingUpdate\":{\"partition\":0}}}}'"));
    let pause = "a DaemonSet cannot be paused, but OnDelete holds its rollout: kubectl patch daemonset/a \
                 -p '{\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}}}'";
    assert_eq!(told("ds/a", "pause", None), pause);
    assert!(told("ds/a", "resume", None).contains("RollingUpdate: kubectl patch daemonset/a "));
    for (set, verb) in [("sts/db", "pause"), ("sts/db", "resume"), ("ds/a", "pause"), ("ds/a", "resume")] {
        assert!(!told(set, verb, None).contains("kubectl rollout"), "kubectl refuses that");
    }
}

#[test]
fn a_restart_says_which_pods_restart() {
    let done = |strategy: Value| restart::done(&json!({ "spec": { "updateStrategy": strategy } }));
    assert_eq!(done(Value::Null), "restarted");
    assert_eq!(done(json!({ "rollingUpdate": { "partition": 0 } })), "restarted");
    let part = done(json!({ "rollingUpdate": { "partition": 2 } }));
    assert_eq!(part, "restarted: pods below partition 2 stay as they are");
    let by_hand = done(json!({ "type": "OnDelete" }));
    assert_eq!(by_hand, "will restart: each pod when it is deleted (OnDelete)");
}

#[test]
fn a_change_holds_for_one_spec_of_one_incarnation() {
    let set = json!({ "metadata": { "uid": "u", "generation": 4 } });
    let patch = change::guarded(&set, json!({ "op": "add" }));
    assert_eq!(patch[0], json!({ "op": "test", "path": "/metadata/uid", "value": "u" }));
    assert_eq!(patch[1], json!({ "op": "test", "path": "/metadata/generation", "value": 4 }));
}

#[test]
fn the_flags_of_all_commands_fit_together() {
    use clap::CommandFactory;
    crate::cli::Cli::command().debug_assert();
}
