//! Tables of what an ordinal set does next.

mod availability;
mod budget;
mod failing;
mod history;
mod status;
mod surface;

use serde_json::{Value, json};

use super::{identity, plan};
use crate::api::OrdinalSet;
use crate::core::fixture::{self, broken, failed, pod, revision, terminating, writes};
use crate::core::observation::Observation;
use crate::core::reason::Waiting;

type Set = OrdinalSet;

/// `web` at revision v1 (or in transit from v1 to v2 if `spec` has the template of v2), with its status recorded.
fn observe(spec: Value, pods: &[(i64, &str, Value)]) -> Observation<Set> {
    let mut set = fixture::ordinal_set(spec);
    let update = if set.spec.template.0 == fixture::template("v1") { "v1" } else { "v2" };
    set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
    set.status.update_revision = update.to_owned();
    let pods =
        pods.iter().map(|(n, rev, patch)| pod::<Set>(&format!("web-{n}"), rev, patch.clone())).collect();
    let mut revisions = vec![revision::<Set>("v1", 1, "v1")];
    if update == "v2" {
        revisions.push(revision::<Set>("v2", 2, "v2"));
    }
    fixture::observe(set, pods, revisions)
}

fn ok() -> Value {
    json!({})
}

fn v2(mut spec: Value) -> Value {
    spec["template"] = fixture::template("v2");
    spec
}

fn check(name: &str, spec: Value, pods: &[(i64, &str, Value)], expected: &[&str]) {
    let plan = plan(&observe(spec, pods));
    assert_eq!(writes(&plan), expected, "{name}:\n{plan}");
}

#[test]
fn a_new_set_gets_a_revision_then_a_recorded_status_then_its_first_pod() {
    let set = fixture::ordinal_set(json!({}));
    let first = plan(&fixture::observe(set.clone(), vec![], vec![]));
    assert_eq!(writes(&first).len(), 1, "{first}");
    assert!(writes(&first)[0].starts_with("create ControllerRevision web-"), "{first}");
    assert_eq!(first.status, None, "the status that names the revision comes next and says everything");

    let second = plan(&fixture::observe(set, vec![], vec![revision::<Set>("v1", 1, "v1")]));
    assert_eq!(writes(&second), ["patch OrdinalSet web"], "names are recorded before anything rests on them");

    let third = plan(&observe(json!({}), &[]));
    assert_eq!(writes(&third), ["create Pod web-0"]);
}

#[test]
fn pods_come_in_order_or_all_at_once() {
    let parallel = || json!({ "podManagementPolicy": "Parallel" });
    check("the next when all before are available", json!({}), &[(0, "v1", ok())], &["create Pod web-1"]);
    check("not while one is not ready", json!({}), &[(0, "v1", broken())], &[]);
    check("not while one is going", json!({}), &[(0, "v1", terminating())], &[]);
    check("the gap first", json!({}), &[(1, "v1", ok()), (2, "v1", ok())], &["create Pod web-0"]);
    check("in parallel, all", parallel(), &[(1, "v1", broken())], &["create Pod web-0", "create Pod web-2"]);
    check("from the start", json!({ "ordinals": { "start": 5 } }), &[], &["create Pod web-5"]);
    check("none wanted", json!({ "replicas": 0 }), &[], &[]);
    let young = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True",
        "lastTransitionTime": fixture::ago(4) }] } });
    let waits = plan(&observe(json!({ "minReadySeconds": 10 }), &[(0, "v1", young)]));
    assert_eq!(writes(&waits), Vec::<String>::new());
    assert_eq!(waits.recheck_after, Some(std::time::Duration::from_secs(6)), "{waits}");
}

#[test]
fn a_pod_whose_node_does_not_confirm_its_end_is_told_with_its_node() {
    let going = |seconds: i64, more: Value| {
        let mut pod = json!({ "metadata": { "deletionTimestamp": fixture::ago(seconds) }, "spec": { "nodeName": "n1" } });
        fixture::merge(&mut pod, more);
        plan(&observe(json!({}), &[(0, "v1", pod)]))
    };
    let soon = going(4, json!({}));
    assert_eq!(soon.waiting[0].to_string(), "web-0: being deleted");
    assert_eq!(soon.recheck_after, Some(std::time::Duration::from_secs(6)), "{soon}");
    let late = going(10, json!({}));
    assert_eq!(writes(&late), Vec::<String>::new());
    let text = late.waiting[0].to_string();
    assert!(text.contains("node n1 does not confirm") && text.contains("out-of-service"), "{text}");
    assert_eq!(late.recheck_after, None, "{late}");
    for (case, more) in [
        ("a finalizer holds it", json!({ "metadata": { "finalizers": ["example.com/x"] } })),
        ("its node has confirmed", json!({ "status": { "phase": "Succeeded" } })),
        ("it has no node", json!({ "spec": { "nodeName": "" } })),
    ] {
        assert_eq!(going(60, more).waiting[0].to_string(), "web-0: being deleted", "{case}");
    }
}

#[test]
fn ended_pods_are_replaced_with_a_growing_pause() {
    check("failed", json!({}), &[(0, "v1", failed())], &["delete Pod web-0"]);
    let succeeded = json!({ "status": { "phase": "Succeeded" } });
    check("succeeded", json!({}), &[(0, "v1", succeeded)], &["delete Pod web-0"]);
    let both = json!({ "status": failed()["status"], "metadata": terminating()["metadata"] });
    check("already going", json!({}), &[(0, "v1", both)], &[]);
    let mut again = observe(json!({}), &[(0, "v1", failed())]);
    again.memory.replace(crate::core::reason::Slot::Ordinal(0), again.now.mono);
    let plan = plan(&again);
    assert_eq!(writes(&plan), Vec::<String>::new());
    assert_eq!(plan.recheck_after, Some(std::time::Duration::from_secs(1)), "{plan}");
}

#[test]
fn condemned_pods_go_from_the_top() {
    let one = || json!({ "replicas": 1 });
    let all = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    check("one at a time", one(), &all, &["delete Pod web-2"]);
    check(
        "wait for the one that goes",
        one(),
        &[(0, "v1", ok()), (1, "v1", ok()), (2, "v1", terminating())],
        &[],
    );
    check("a single broken one goes", one(), &[(0, "v1", ok()), (1, "v1", broken())], &["delete Pod web-1"]);
    check(
        "not past two broken ones (A6.3)",
        one(),
        &[(0, "v1", ok()), (1, "v1", broken()), (2, "v1", broken())],
        &[],
    );
    let given_up = [(0, "v1", ok()), (1, "v3", broken()), (2, "v3", broken())];
    check("but past those of a revision that was given up", one(), &given_up, &["delete Pod web-2"]);
    let ended = [(0, "v1", ok()), (1, "v1", failed()), (2, "v1", failed())];
    check("and past those that have ended", one(), &ended, &["delete Pod web-2"]);
    check("not while a wanted one is broken", one(), &[(0, "v1", broken()), (1, "v1", ok())], &[]);
    let parallel = json!({ "replicas": 1, "podManagementPolicy": "Parallel" });
    check("in parallel, all", parallel, &all, &["delete Pod web-2", "delete Pod web-1"]);
    let below = json!({ "replicas": 1, "ordinals": { "start": 1 } });
    check("below the start too", below, &[(0, "v1", ok()), (1, "v1", ok())], &["delete Pod web-0"]);
}

#[test]
fn a_rollout_goes_down_from_the_top_to_the_partition() {
    let rolling =
        |partition: i64| v2(json!({ "updateStrategy": { "rollingUpdate": { "partition": partition } } }));
    let old = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    check("the highest first", rolling(0), &old, &["delete Pod web-2"]);
    check("the new one comes at the new revision", rolling(0), &old[..2], &["create Pod web-2"]);
    check(
        "then the next",
        rolling(0),
        &[old[0].clone(), old[1].clone(), (2, "v2", ok())],
        &["delete Pod web-1"],
    );
    check(
        "not while the new one is broken",
        rolling(0),
        &[old[0].clone(), old[1].clone(), (2, "v2", broken())],
        &[],
    );
    check("the partition stays", rolling(2), &[old[0].clone(), old[1].clone(), (2, "v2", ok())], &[]);
    check("a partition above everything", rolling(9), &old, &[]);
    let on_delete = v2(json!({ "updateStrategy": { "type": "OnDelete", "rollingUpdate": null } }));
    check("OnDelete", on_delete, &old, &[]);
    let two = v2(json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": "67%" } } }));
    check("maxUnavailable, rounded down", two, &old, &["delete Pod web-2", "delete Pod web-1"]);
    let parallel = v2(json!({ "podManagementPolicy": "Parallel",
        "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } } }));
    check(
        "what is unavailable counts",
        parallel,
        &[old[0].clone(), old[1].clone(), (2, "v2", broken())],
        &["delete Pod web-1"],
    );
}

#[test]
fn a_missing_pod_is_made_at_the_revision_of_its_side_of_the_partition() {
    let made_at = |spec: Value, current_replicas: i32| {
        let mut observation = observe(v2(spec), &[]);
        std::sync::Arc::make_mut(&mut observation.set).status.current_replicas = current_replicas;
        let plan = plan(&observation);
        let pod = plan.actions().find_map(|a| {
            a.act.request().body["metadata"]["labels"]["controller-revision-hash"].as_str().map(str::to_owned)
        });
        pod.unwrap_or_else(|| format!("{:?}", writes(&plan)))
    };
    let rolling =
        |value: Value| json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": value } });
    assert_eq!(made_at(rolling(json!({ "partition": 1 })), 0), "v1");
    assert_eq!(made_at(rolling(json!({ "partition": 0 })), 0), "v2");
    assert_eq!(made_at(rolling(json!({})), 3), "v2", "an empty stanza is a partition of 0");
    let none = rolling(Value::Null);
    assert_eq!(made_at(none.clone(), 0), "v2");
    assert_eq!(
        made_at(none, 3),
        r#"["patch OrdinalSet web"]"#,
        "the count is recorded before a pod rests on it"
    );
}

#[test]
fn a_broken_pod_never_blocks_its_own_cure() {
    // From v1 to v2, where web-2 is broken at v2; then the template of v1 is applied again.
    let rolled_back = [(0, "v1", ok()), (1, "v1", ok()), (2, "v2", broken())];
    check("rollback in order", json!({}), &rolled_back, &["delete Pod web-2"]);
    let parallel = || json!({ "podManagementPolicy": "Parallel" });
    check("rollback in parallel", parallel(), &rolled_back, &["delete Pod web-2"]);
    // v3 was abandoned for v2, which is now wanted.
    let forward = [(0, "v1", ok()), (1, "v1", ok()), (2, "v3", broken())];
    check("roll forward", v2(json!({})), &forward, &["delete Pod web-2"]);
    let two_broken = [(0, "v1", ok()), (1, "v2", broken()), (2, "v2", broken())];
    check("one at a time, from the top", json!({}), &two_broken, &["delete Pod web-2"]);
    check("in parallel all", parallel(), &two_broken, &["delete Pod web-2", "delete Pod web-1"]);
    let going = [(0, "v1", ok()), (1, "v2", broken()), (2, "v2", terminating())];
    check("not while one is going", json!({}), &going, &[]);
    check("never with OnDelete", json!({ "updateStrategy": { "type": "OnDelete" } }), &rolled_back, &[]);
}

#[test]
fn a_member_that_a_bad_revision_made_unready_stays() {
    // The quorum of three: web-2 is bad at the wanted revision, web-1 turned unready because of it.
    let quorum = [(0, "v1", ok()), (1, "v1", broken()), (2, "v2", broken())];
    for policy in ["OrderedReady", "Parallel"] {
        let spec = v2(json!({ "podManagementPolicy": policy }));
        check(policy, spec.clone(), &quorum, &[]);
        let plan = plan(&observe(spec, &quorum));
        let named = Waiting::WantedRevisionBroken { pod: "web-2".to_owned() };
        assert!(plan.waiting.contains(&named), "{policy}: the plan says why:\n{plan}");
    }
    // A member at an abandoned revision goes all the same.
    let abandoned = [(0, "v1", ok()), (1, "v3", broken()), (2, "v2", broken())];
    check("abandoned", v2(json!({})), &abandoned, &["delete Pod web-1"]);
}

#[test]
fn only_canonical_names_are_members() {
    for (name, expected) in [
        ("web-0", Some(0)),
        ("web-10", Some(10)),
        ("web-2147483647", Some(2_147_483_647)),
        ("web-2147483648", None),
        ("web-01", None),
        ("web--1", None),
        ("web-+1", None),
        ("web-", None),
        ("web-x-1", None),
        ("web2-1", None),
        ("web", None),
    ] {
        assert_eq!(identity::ordinal("web", name), expected, "{name}");
    }
    let stray = pod::<Set>("web-01", "v1", json!({ "metadata": { "ownerReferences": null } }));
    let mut observation = observe(json!({ "replicas": 0 }), &[]);
    observation.pods = vec![stray];
    assert!(plan(&observation).stages.is_empty(), "an orphan of such a name is left alone");
}

#[test]
fn a_pod_carries_its_identity_and_its_volumes() {
    let claim = json!({ "metadata": { "name": "www" }, "spec": { "storageClassName": "fast" } });
    let mut template = fixture::template("v1");
    template["spec"]["volumes"] =
        json!([{ "name": "www", "emptyDir": {} }, { "name": "tmp", "emptyDir": {} }]);
    template["spec"]["futureField"] = json!({ "kept": true });
    let spec = json!({ "volumeClaimTemplates": [claim], "template": template });
    let mut observation = observe(spec, &[]);
    let mut recorded = (*revision::<Set>("v1", 1, "v1")).clone();
    recorded.data = crate::revisions::data::record(&observation.set.spec.template);
    observation.revisions = vec![std::sync::Arc::new(recorded)];
    std::sync::Arc::make_mut(&mut observation.set).status.update_revision = "v1".to_owned();
    let plan = plan(&observation);
    assert_eq!(writes(&plan), ["create PersistentVolumeClaim www-web-0", "create Pod web-0"], "{plan}");
    let pod = fixture::body(&plan, "web-0");
    assert_eq!(pod["spec"]["hostname"], "web-0");
    assert_eq!(pod["spec"]["subdomain"], "web");
    assert_eq!(
        pod["spec"]["futureField"]["kept"], true,
        "a field that this binary does not know reaches the pod"
    );
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{ "name": "www", "persistentVolumeClaim": { "claimName": "www-web-0" } }, { "name": "tmp", "emptyDir": {} }])
    );
    assert_eq!(pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "0");
    assert_eq!(pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "web-0");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], true);
}

#[test]
fn what_is_in_the_way_is_named() {
    let mut taken = observe(json!({}), &[]);
    let theirs =
        json!([{ "apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x", "controller": true }]);
    taken.pods = vec![pod::<Set>("web-0", "v1", json!({ "metadata": { "ownerReferences": theirs } }))];
    let held = plan(&taken);
    assert_eq!(writes(&held), Vec::<String>::new());
    let awaited: Vec<_> = held.waiting.iter().filter_map(Waiting::awaits).map(ToString::to_string).collect();
    assert_eq!(awaited, ["pod ns/web-0"], "its deletion wakes the set");
    let stalled = &held.status.unwrap().changes["conditions"][2];
    assert_eq!((&stalled["type"], &stalled["reason"]), (&json!("Stalled"), &json!("NameTaken")));
}

#[test]
fn adoption_reads_the_owner_afresh_and_release_needs_no_permission() {
    let orphan = pod::<Set>("web-0", "v1", json!({ "metadata": { "ownerReferences": null } }));
    let mut observation = observe(json!({}), &[]);
    observation.pods = vec![orphan];
    let adopts = plan(&observation);
    let lines: Vec<_> = adopts.actions().map(|a| a.act.to_string()).collect();
    assert_eq!(lines, ["read ordinalset ns/web afresh", "change pod ns/web-0"]);

    let strayed = json!({ "metadata": { "labels": { "app": "other" } } });
    observation.pods = vec![pod::<Set>("web-0", "v1", strayed)];
    let releases = plan(&observation);
    assert_eq!(writes(&releases), ["patch Pod web-0"]);
    assert_eq!(
        releases.actions().next().unwrap().act.request().body["metadata"]["ownerReferences"],
        json!([])
    );

    std::sync::Arc::make_mut(&mut observation.set).metadata.deletion_timestamp = Some(fixture::now().wall);
    assert!(plan(&observation).stages.is_empty(), "a set that is being deleted touches nothing");
}

#[test]
fn a_huge_set_costs_what_exists() {
    let spec = json!({ "replicas": i32::MAX, "podManagementPolicy": "Parallel", "ordinals": { "start": 0 } });
    let plan = plan(&observe(spec, &[(0, "v1", ok())]));
    assert_eq!(writes(&plan).len(), super::replicas::BURST);
    let far = json!({ "replicas": 2, "ordinals": { "start": i32::MAX - 1 } });
    check("at the end of the range", far, &[], &["create Pod web-2147483646"]);
}

#[test]
fn the_settled_state_writes_nothing() {
    let mut observation = observe(json!({}), &[(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())]);
    let first = plan(&observation);
    assert!(first.stages.is_empty(), "{first}");
    let write = first.status.expect("the counts are new");
    let mut status = serde_json::to_value(&observation.set.status).unwrap();
    fixture::merge(&mut status, write.changes);
    std::sync::Arc::make_mut(&mut observation.set).status = serde_json::from_value(status).unwrap();
    assert!(plan(&observation).is_empty());
    assert_eq!(observation.set.status.ready_replicas, 3);
    observation.now.wall = observation.now.wall.checked_add(std::time::Duration::from_secs(99)).unwrap();
    assert!(plan(&observation).is_empty(), "time alone changes nothing");
}

#[test]
fn without_the_gate_pods_go_strictly_one_after_the_other() {
    let gated = |pods: &[(i64, &str, Value)], parallel: bool| {
        let mut spec = v2(json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 3 } } }));
        if parallel {
            spec["podManagementPolicy"] = json!("Parallel");
        }
        let mut observation = observe(spec, pods);
        observation.key.surface = crate::api::Surface::Apps;
        observation.gates.max_unavailable = false;
        for pod in &mut observation.pods {
            let owner = observation.key.resource();
            let meta = &mut std::sync::Arc::make_mut(pod).metadata;
            meta.owner_references[0].api_version = owner.api_version().to_owned();
        }
        writes(&plan(&observation))
    };
    let old = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    assert_eq!(gated(&old, false), ["delete Pod web-2"], "maxUnavailable is not looked at");
    assert_eq!(gated(&[old[0].clone(), old[1].clone(), (2, "v2", broken())], true), Vec::<String>::new());
    assert_eq!(gated(&[old[0].clone(), (1, "v1", broken()), (2, "v2", ok())], true), ["delete Pod web-1"]);
}

#[test]
fn recreate_takes_claims_along_that_go_with_their_ordinal() {
    let claim = json!({ "metadata": { "name": "www" }, "spec": {} });
    let spec = v2(json!({
        "replicas": 1, "updateStrategy": { "type": "Recreate", "rollingUpdate": null }, "volumeClaimTemplates": [claim],
        "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" },
    }));
    let mut observation = observe(spec, &[(0, "v1", ok()), (1, "v1", ok())]);
    for name in ["www-web-0", "www-web-1"] {
        observation.claims.insert(name.to_owned(), fixture::claim(name, json!([])));
    }
    let plan = plan(&observation);
    let expected = ["patch PersistentVolumeClaim www-web-1", "delete Pod web-0", "delete Pod web-1"];
    assert_eq!(writes(&plan), expected, "{plan}");
}

#[test]
fn recreate_takes_all_old_pods_away_first() {
    let recreate = |gate: bool, pods: &[(i64, &str, Value)]| {
        let spec = v2(json!({ "updateStrategy": { "type": "Recreate", "rollingUpdate": null } }));
        let mut observation = observe(spec, pods);
        observation.key.surface = crate::api::Surface::Apps;
        observation.gates.recreate = gate;
        let plan = plan(&observation);
        let conditions = plan.status.clone().map(|s| s.changes["conditions"].clone()).unwrap_or_default();
        let shown: Vec<String> = conditions
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| format!("{}={} {}", c["type"], c["status"], c["reason"]).replace('"', ""))
            .collect();
        (writes(&plan), shown)
    };
    let old = [(0, "v1", ok()), (1, "v1", broken()), (2, "v2", ok())];
    let in_progress = vec!["Progressing=True RecreateInProgress".to_owned()];
    let (deleted, shown) = recreate(true, &old);
    assert_eq!(deleted, ["delete Pod web-0", "delete Pod web-1"], "whatever the policy");
    assert_eq!(shown, in_progress);
    let (waits, _) = recreate(true, &[(0, "v1", terminating()), (2, "v2", ok())]);
    assert_eq!(waits, Vec::<String>::new(), "S20: no new pod while an old one is left");
    let (created, shown) = recreate(true, &[]);
    assert_eq!((created, shown), (vec!["create Pod web-0".to_owned()], in_progress));
    let (nothing, shown) = recreate(false, &old);
    assert_eq!((nothing, shown), (vec![], vec!["Stalled=True InvalidSpec".to_owned()]));
}

#[test]
fn a_pod_that_would_come_back_as_it_was_is_not_cured() {
    // Without parameters a low ordinal is made at the current revision again (A9.2): to delete it would go on for ever.
    let bare = |policy: &str| {
        v2(json!({ "podManagementPolicy": policy, "updateStrategy": { "rollingUpdate": null } }))
    };
    let counted = |spec: Value, pods: &[(i64, &str, Value)], current: i32| {
        let mut observation = observe(spec, pods);
        std::sync::Arc::make_mut(&mut observation.set).status.current_replicas = current;
        writes(&plan(&observation))
    };
    let sick_low = [(0, "v1", broken()), (1, "v1", ok()), (2, "v1", ok())];
    let sick_top = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", broken())];
    for policy in ["OrderedReady", "Parallel"] {
        assert_eq!(
            counted(bare(policy), &sick_low, 3),
            Vec::<String>::new(),
            "{policy}: it would be v1 again"
        );
    }
    assert_eq!(counted(bare("Parallel"), &sick_top, 3), ["delete Pod web-2"], "this one comes back at v2");
    // The first pod of a bad first template is the only one there: it comes back at v2.
    assert_eq!(counted(bare("OrderedReady"), &[(0, "v1", broken())], 1), ["delete Pod web-0"]);
}

#[test]
fn a_member_stays_while_another_is_on_its_way() {
    let parallel = || v2(json!({ "podManagementPolicy": "Parallel" }));
    let waits = |name: &str, pods: &[(i64, &str, Value)], expected: &[&str]| {
        let plan = plan(&observe(parallel(), pods));
        assert_eq!(writes(&plan), expected, "{name}:\n{plan}");
        let told =
            plan.waiting.iter().any(|w| matches!(w, Waiting::WantedRevisionBroken { pod } if pod == "web-2"));
        assert!(told, "{name}: {plan}");
    };
    let unready = (1, "v1", broken());
    waits("it is being deleted", &[(0, "v1", ok()), unready.clone(), (2, "v1", terminating())], &[]);
    waits("it is being made", &[(0, "v1", ok()), unready], &["create Pod web-2"]);
}

#[test]
fn a_set_says_itself_whether_broken_pods_are_replaced() {
    let pods = [(0, "v1", broken()), (1, "v1", ok()), (2, "v1", ok())];
    let annotated = |surface: crate::api::Surface, value: Option<&str>| {
        let mut observation = observe(v2(json!({})), &pods);
        observation.key.surface = surface;
        for pod in &mut observation.pods {
            let reference = crate::core::owner::reference(&observation.key, &observation.set.metadata.uid);
            std::sync::Arc::make_mut(pod).metadata.owner_references = vec![reference];
        }
        if let Some(value) = value {
            let set = std::sync::Arc::make_mut(&mut observation.set);
            set.metadata.annotations.insert("berth.dev/replace-broken".to_owned(), value.to_owned());
        }
        writes(&plan(&observation)) == ["delete Pod web-0"]
    };
    use crate::api::Surface::{Apps, Berth};
    for (surface, value, replaced) in [
        (Berth, None, true),
        (Berth, Some("false"), false),
        (Apps, None, false),
        (Apps, Some("true"), true),
        (Apps, Some("maybe"), false),
    ] {
        assert_eq!(annotated(surface, value), replaced, "{surface:?} {value:?}");
    }
}

#[test]
fn blocked_ordinals_keep_no_others_waiting() {
    let spec = json!({ "replicas": 700, "podManagementPolicy": "Parallel" });
    let mut observation = observe(spec, &[(650, "v1", failed())]);
    for ordinal in 0..600 {
        let stranger = json!({ "metadata": { "ownerReferences": null, "labels": null } });
        observation.pods.push(pod::<Set>(&format!("web-{ordinal}"), "v1", stranger));
    }
    observation.pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let writes = writes(&plan(&observation));
    assert_eq!(writes.iter().filter(|w| w.starts_with("create")).count(), 99, "600 to 699 but 650");
    assert!(writes.contains(&"delete Pod web-650".to_owned()), "a pod beyond the gaps is looked after");
}

#[test]
fn a_recreation_is_over_only_when_all_pods_are_up() {
    // Undone half way: the revisions are the same again from the start.
    let spec = json!({ "updateStrategy": { "type": "Recreate", "rollingUpdate": null } });
    let mut observation = observe(spec, &[(0, "v1", ok())]);
    observation.key.surface = crate::api::Surface::Apps;
    observation.gates.recreate = true;
    let set = std::sync::Arc::make_mut(&mut observation.set);
    set.status.conditions = serde_json::from_value(json!([{ "type": "Progressing", "status": "True",
        "reason": "RecreateInProgress", "message": "Deleting old revision pods", "lastTransitionTime": fixture::ago(9) }]))
    .unwrap();
    let plan = plan(&observation);
    let conditions = plan.status.map(|s| s.changes["conditions"].clone()).unwrap_or_default();
    assert!(!conditions.to_string().contains("RecreateCompleted"), "{conditions}");
}
