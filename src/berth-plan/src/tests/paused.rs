//! `spec.paused`: rollouts stand still, scaling and repair go on, and a pod comes back at its place's revision.

use berth_api::{NodeDaemonSet, OrdinalSet};
use serde_json::{Value, json};

use crate::fixture::{self, body, broken, node, pod, revision, writes};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::reason::{Slot, Waiting};
use crate::{daemons, ordinals};

/// `web` with 3 replicas (or as `spec` says), paused on the way from v1 to v2, with these pods.
fn web(spec: Value, pods: &[(i64, &str, Value)]) -> Observation<OrdinalSet> {
    let mut whole = json!({ "paused": true, "template": fixture::template("v2") });
    fixture::merge(&mut whole, spec);
    let mut set = fixture::ordinal_set(whole);
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = "v2".to_owned();
    set.status.replicas = 3;
    set.status.updated_replicas = 1;
    let make =
        |(n, rev, patch): &(i64, &str, Value)| pod::<OrdinalSet>(&format!("web-{n}"), rev, patch.clone());
    let revisions = vec![revision::<OrdinalSet>("v1", 1, "v1"), revision::<OrdinalSet>("v2", 2, "v2")];
    fixture::observe(set, pods.iter().map(make).collect(), revisions)
}

fn image(plan: &Plan, pod: &str) -> String {
    body(plan, pod)["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

fn condition(plan: &Plan, type_: &str) -> (String, String) {
    let status = plan.status().unwrap()["conditions"].as_array().unwrap().clone();
    let found = status.iter().find(|c| c["type"] == type_).unwrap();
    (found["status"].as_str().unwrap().to_owned(), found["reason"].as_str().unwrap().to_owned())
}

#[test]
fn a_paused_rollout_replaces_nothing_and_says_so() {
    let ok = || json!({});
    for pods in [
        vec![(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())],
        vec![(0, "v1", ok()), (1, "v1", ok()), (2, "v2", broken())],
        vec![(0, "v1", broken()), (1, "v1", ok()), (2, "v2", ok())],
    ] {
        for policy in ["OrderedReady", "Parallel"] {
            let plan = ordinals::plan(&web(json!({ "podManagementPolicy": policy }), &pods));
            assert_eq!(writes(&plan), Vec::<String>::new(), "{plan}");
        }
    }
    let plan = ordinals::plan(&web(json!({}), &[(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())]));
    assert_eq!(plan.waiting, [Waiting::Paused { pods: 2 }]);
    assert_eq!(condition(&plan, "Progressing"), ("Unknown".to_owned(), "Paused".to_owned()));
    assert_eq!(condition(&plan, "Ready"), ("False".to_owned(), "Paused".to_owned()));
    assert_eq!(condition(&plan, "Reconciling").0, "False");
    assert_eq!(condition(&plan, "Available").0, "True");
}

#[test]
fn a_pause_holds_whatever_the_strategy() {
    let ok = || json!({});
    let pods = [(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())];
    for strategy in ["RollingUpdate", "OnDelete", "Recreate"] {
        let spec = json!({ "updateStrategy": { "type": strategy, "rollingUpdate": null } });
        let plan = ordinals::plan(&web(spec, &pods));
        assert_eq!(writes(&plan), Vec::<String>::new(), "{strategy}: {plan}");
        assert_eq!(plan.waiting, [Waiting::Paused { pods: 2 }], "{strategy}");
    }
    for strategy in ["RollingUpdate", "OnDelete"] {
        let spec = json!({ "updateStrategy": { "type": strategy } });
        let plan = daemons::plan(&agent(spec, &[("a", "v2", ok()), ("b", "v1", ok()), ("c", "v1", ok())]));
        assert_eq!(writes(&plan), Vec::<String>::new(), "{strategy}: {plan}");
        assert_eq!(plan.waiting, [Waiting::Paused { pods: 2 }], "{strategy}");
    }
}

#[test]
fn scaling_goes_on_and_new_ordinals_get_the_last_good_revision() {
    let ok = || json!({});
    let pods = [(0, "v1", ok()), (1, "v1", ok()), (2, "v2", ok())];
    let up = ordinals::plan(&web(json!({ "replicas": 4 }), &pods));
    assert_eq!(
        (writes(&up), image(&up, "web-3")),
        (vec!["create Pod web-3".to_owned()], "nginx:v1".to_owned())
    );
    let down = ordinals::plan(&web(json!({ "replicas": 2 }), &pods));
    assert_eq!(writes(&down), ["delete Pod web-2"]);
}

#[test]
fn a_pod_comes_back_at_the_revision_of_its_place() {
    let ok = || json!({});
    // What objects tell: the rollout had come to web-2.
    let lower = ordinals::plan(&web(json!({}), &[(0, "v1", ok()), (2, "v2", ok())]));
    assert_eq!(image(&lower, "web-1"), "nginx:v1");
    let upper = ordinals::plan(&web(json!({}), &[(0, "v1", ok()), (1, "v1", ok())]));
    assert_eq!(image(&upper, "web-2"), "nginx:v2", "the status counts one that is not there");
    // What was seen to go outweighs it, also where the template has changed again since.
    let mut seen = web(json!({ "template": fixture::template("v3") }), &[(0, "v1", ok()), (1, "v1", ok())]);
    seen.revisions.push(revision::<OrdinalSet>("v3", 3, "v3"));
    let mut set = (*seen.set).clone();
    set.status.update_revision = "v3".to_owned();
    set.status.updated_replicas = 0;
    seen.set = std::sync::Arc::new(set);
    assert_eq!(image(&ordinals::plan(&seen), "web-2"), "nginx:v1", "nothing tells");
    seen.memory.record_paused_revision(Slot::Ordinal(2), "v2".to_owned());
    assert_eq!(image(&ordinals::plan(&seen), "web-2"), "nginx:v2");
}

/// `agent` on the nodes a, b and c, paused on the way from v1 to v2, with pods on some of them.
fn agent(spec: Value, pods: &[(&str, &str, Value)]) -> Observation<NodeDaemonSet> {
    let mut whole = json!({ "paused": true, "template": fixture::template("v2") });
    fixture::merge(&mut whole, spec);
    let mut set = fixture::daemon_set(whole);
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = "v2".to_owned();
    let make = |(on, rev, patch): &(&str, &str, Value)| {
        let name = daemons::identity::pod_name("agent", &set.metadata.uid, on, u32::from(*rev == "v2"));
        let mut whole = json!({ "spec": { "nodeName": on } });
        fixture::merge(&mut whole, patch.clone());
        pod::<NodeDaemonSet>(&name, rev, whole)
    };
    let pods = pods.iter().map(make).collect();
    let revisions = vec![revision::<NodeDaemonSet>("v1", 1, "v1"), revision::<NodeDaemonSet>("v2", 2, "v2")];
    let mut observation = fixture::observe(set, pods, revisions);
    observation.nodes = fixture::nodes(["a", "b", "c"].map(|n| node(n, json!({}))).to_vec());
    observation
}

/// The images of the pods that a plan makes.
fn images(plan: &Plan) -> Vec<String> {
    plan.actions()
        .filter(|action| matches!(action.act, crate::plan::Act::Create { .. }))
        .map(|action| image(plan, &action.act.object().name))
        .collect()
}

#[test]
fn daemons_stand_still_too() {
    let ok = || json!({});
    let still =
        daemons::plan(&agent(json!({}), &[("a", "v2", ok()), ("b", "v1", broken()), ("c", "v1", ok())]));
    assert_eq!(writes(&still), Vec::<String>::new(), "{still}");
    assert!(still.waiting.contains(&Waiting::Paused { pods: 2 }), "{still}");

    let surge = json!({ "updateStrategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } });
    let all = [("a", "v2", ok()), ("b", "v1", ok()), ("c", "v1", ok())];
    assert_eq!(writes(&daemons::plan(&agent(surge.clone(), &all))), Vec::<String>::new());
    // A node that runs two goes back to one when the new pod is available.
    let two = [("a", "v1", ok()), ("a", "v2", ok()), ("b", "v1", ok()), ("c", "v1", ok())];
    assert_eq!(writes(&daemons::plan(&agent(surge, &two))).len(), 1);

    let mut missing = agent(json!({}), &[("a", "v2", ok()), ("b", "v1", ok())]);
    assert_eq!(images(&daemons::plan(&missing)), ["nginx:v1"], "a new node gets the last good revision");
    missing.memory.record_paused_revision(Slot::Node("c".to_owned()), "v2".to_owned());
    assert_eq!(
        images(&daemons::plan(&missing)),
        ["nginx:v2"],
        "a pod comes back at the revision that it had"
    );
}
