//! Claims of ordinals without a pod, or whose pod is not reached: towards Retain the data must outlive the set from then on.

use std::sync::Arc;

use berth_api::request::Verb;
use berth_api::{Claim, Surface};
use serde_json::{Value, json};

use super::super::plan;
use super::{Set, observe, ok};
use crate::fixture::{self, broken, claim, writes};
use crate::observation::Observation;
use crate::plan::{Part, Plan};
use crate::reason::Waiting;

/// `web` with claims `www`, this policy and these pods.
fn with(
    deleted: &str,
    replicas: i64,
    pods: &[(i64, &str, Value)],
    claims: &[Arc<Claim>],
) -> Observation<Set> {
    let template = json!({ "metadata": { "name": "www", "annotations": { "a": "b" } }, "spec": {} });
    let mut observation = observe(
        json!({
            "replicas": replicas, "volumeClaimTemplates": [template],
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": deleted, "whenScaled": "Retain" },
        }),
        pods,
    );
    observation.claims = claims.iter().map(|c| (c.metadata.name.clone(), Arc::clone(c))).collect();
    observation
}

fn reference(surface: Surface, uid: &str) -> Value {
    let (version, kind) = match surface {
        Surface::Berth => ("berth.dev/v1", "OrdinalSet"),
        Surface::Apps => ("apps/v1", "StatefulSet"),
    };
    json!({ "apiVersion": version, "kind": kind, "name": "web", "uid": uid, "controller": true,
        "blockOwnerDeletion": true })
}

/// A claim of the set, owned by it or not, with the mark of the set that made it.
fn of(ordinal: i64, owned: bool, made_by: Option<&str>) -> Arc<Claim> {
    let owners = if owned { json!([reference(Surface::Berth, "set-uid")]) } else { json!([]) };
    let mut claim = (*claim(&format!("www-web-{ordinal}"), owners)).clone();
    claim.metadata.annotations =
        made_by.map(|uid| ("berth.dev/set-uid".to_owned(), uid.to_owned())).into_iter().collect();
    Arc::new(claim)
}

fn owners(plan: &Plan, claim: &str) -> Value {
    let patch = plan.actions().find(|a| a.act.object().name == claim && a.act.request().is_write());
    patch.map_or(Value::Null, |a| a.act.request().body["metadata"]["ownerReferences"].clone())
}

fn both(mut patch: Value, more: Value) -> Value {
    fixture::merge(&mut patch, more);
    patch
}

fn untied(plan: &Plan) -> Vec<String> {
    let names = plan.waiting.iter().find_map(|w| match w {
        Waiting::ClaimsUntied { names, .. } => Some(names.clone()),
        _ => None,
    });
    names.unwrap_or_default()
}

#[test]
fn towards_retain_the_set_is_taken_off_every_claim() {
    let both = [of(0, true, None), of(1, true, None)];
    for (what, replicas, pods, expected) in [
        ("scaled to 0", 0, vec![], vec!["www-web-0", "www-web-1"]),
        ("at 1 of 2", 1, vec![(0, "v1", ok())], vec!["www-web-0", "www-web-1"]),
        (
            "the pass stops at a broken pod",
            2,
            vec![(0, "v1", broken()), (1, "v1", ok())],
            vec!["www-web-0", "www-web-1"],
        ),
        (
            "a condemned pod is not reached",
            1,
            vec![(0, "v1", broken()), (1, "v1", ok())],
            vec!["www-web-0", "www-web-1"],
        ),
    ] {
        let plan = plan(&with("Retain", replicas, &pods, &both));
        let mut mended: Vec<String> = writes(&plan).into_iter().filter(|w| w.contains("Claim")).collect();
        mended.sort();
        let expected: Vec<String> =
            expected.into_iter().map(|name| format!("patch PersistentVolumeClaim {name}")).collect();
        assert_eq!(mended, expected, "{what}: each once: {plan}");
        assert_eq!(owners(&plan, "www-web-1"), json!([]), "{what}: {plan}");
    }
}

/// The pod has its claim for an owner, for its ordinal was to go; then the policy was changed, or the ordinal is wanted again.
#[test]
fn a_claim_does_not_go_with_a_pod_that_is_not_reached() {
    let pod_reference = json!({ "apiVersion": "v1", "kind": "Pod", "name": "web-1", "uid": "web-1-uid",
        "controller": true, "blockOwnerDeletion": true });
    for (deleted, replicas, expected) in [
        ("Retain", 1, json!([])),
        ("Delete", 1, json!([reference(Surface::Berth, "set-uid")])),
        ("Delete", 2, json!([reference(Surface::Berth, "set-uid")])),
    ] {
        let claims = [of(0, deleted == "Delete", None), claim("www-web-1", json!([pod_reference]))];
        let going = both(ok(), fixture::terminating());
        let plan = plan(&with(deleted, replicas, &[(0, "v1", broken()), (1, "v1", going)], &claims));
        assert_eq!(owners(&plan, "www-web-1"), expected, "{deleted} at {replicas}: {plan}");
        let reads = plan.actions().filter(|a| a.act.is_live_read()).count();
        assert_eq!(reads, usize::from(deleted == "Delete"), "{plan}");
    }
}

#[test]
fn a_native_claim_without_a_pod_is_let_outlive_its_set() {
    let owned = claim("www-web-0", json!([reference(Surface::Apps, "set-uid")]));
    let mut observation = with("Retain", 0, &[], &[owned]);
    observation.key.surface = Surface::Apps;
    assert_eq!(writes(&plan(&observation)), ["patch PersistentVolumeClaim www-web-0"]);
}

#[test]
fn what_an_earlier_set_or_a_person_owns_is_left() {
    let friend = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "c" });
    let other = json!([reference(Surface::Berth, "earlier")]);
    let claims = [
        claim("www-web-0", other),
        claim("www-web-1", json!([friend])),
        claim("www-web-01", json!([reference(Surface::Berth, "set-uid")])),
        claim("www-web-2", json!([friend, reference(Surface::Berth, "set-uid")])),
    ];
    let plan = plan(&with("Retain", 0, &[], &claims));
    assert_eq!(writes(&plan), ["patch PersistentVolumeClaim www-web-2"], "{plan}");
    assert_eq!(owners(&plan, "www-web-2"), json!([friend]));
}

#[test]
fn towards_delete_only_a_claim_that_the_set_made_is_tied() {
    let claims =
        [of(0, false, Some("set-uid")), of(1, false, None), of(2, false, Some("earlier")), of(3, true, None)];
    let tied = plan(&with("Delete", 0, &[], &claims));
    let acts: Vec<String> = fixture::work(&tied).map(|a| a.act.to_string()).collect();
    assert_eq!(
        acts,
        ["read ordinalset ns/web afresh", "change claim ns/www-web-0"],
        "the set is read before it becomes an owner: {tied}"
    );
    assert_eq!(owners(&tied, "www-web-0"), json!([reference(Surface::Berth, "set-uid")]));
    assert_eq!(untied(&tied), ["www-web-1", "www-web-2"]);
    assert!(tied.to_string().contains("claims that stay when the set is deleted"), "{tied}");

    let mut native = with("Delete", 0, &[], &[claim("www-web-0", json!([]))]);
    native.key.surface = Surface::Apps;
    let native = plan(&native);
    assert_eq!(
        (writes(&native), untied(&native)),
        (vec![], vec!["www-web-0".to_owned()]),
        "as upstream (A5.11)"
    );
}

/// Its creation may be refused for long, and the claim of an earlier set must not go with this one for that.
#[test]
fn an_earlier_claim_is_tied_once_a_pod_uses_it() {
    let left = [of(0, false, Some("earlier"))];
    let before = plan(&with("Delete", 1, &[], &left));
    assert_eq!(writes(&before), ["create Pod web-0"], "{before}");
    let after = plan(&with("Delete", 1, &[(0, "v1", broken())], &left));
    assert_eq!(writes(&after), ["patch PersistentVolumeClaim www-web-0"], "{after}");
    let own = plan(&with("Delete", 1, &[], &[of(0, false, Some("set-uid"))]));
    assert_eq!(writes(&own), ["patch PersistentVolumeClaim www-web-0", "create Pod web-0"], "{own}");
}

#[test]
fn a_new_claim_says_which_set_made_it() {
    let mut observation = with("Retain", 1, &[], &[]);
    let annotations =
        |o: &Observation<Set>| fixture::body(&plan(o), "www-web-0")["metadata"]["annotations"].clone();
    assert_eq!(annotations(&observation), json!({ "a": "b", "berth.dev/set-uid": "set-uid" }));
    observation.key.surface = Surface::Apps;
    assert_eq!(annotations(&observation), json!({ "a": "b" }), "native claims are as upstream's");
}

#[test]
fn claims_that_are_right_cost_nothing() {
    for (deleted, owned) in [("Retain", false), ("Delete", true)] {
        let pods = [(0, "v1", ok())];
        let claims: Vec<Arc<Claim>> = (0..4).map(|n| of(n, owned, Some("set-uid"))).collect();
        let plan = plan(&with(deleted, 1, &pods, &claims));
        assert_eq!(writes(&plan), Vec::<String>::new(), "{deleted}: {plan}");
        assert_eq!(untied(&plan), Vec::<String>::new());
    }
}

/// A claim that may not be changed keeps no pod waiting.
#[test]
fn a_claim_without_a_pod_stops_nothing_after_it() {
    let plan = plan(&with("Retain", 1, &[], &[of(3, true, None)]));
    assert_eq!(writes(&plan)[0], "patch PersistentVolumeClaim www-web-3");
    let first = &plan.stages[0];
    assert!(first.independent && first.part == Part::Untie, "{plan}");
    assert!(writes(&plan).contains(&"create Pod web-0".to_owned()), "{plan}");
}

#[test]
fn an_untied_claim_leaves_the_set_ready() {
    let mut observation = with("Delete", 1, &[(0, "v1", ok())], &[of(0, true, None), of(1, false, None)]);
    Arc::make_mut(&mut observation.set).status.replicas = 1;
    let plan = plan(&observation);
    let conditions = plan.status().unwrap()["conditions"].clone();
    assert_eq!(
        (&conditions[0]["type"], &conditions[0]["status"]),
        (&json!("Ready"), &json!("True")),
        "{plan}"
    );
    assert_eq!(untied(&plan), ["www-web-1"]);
}

/// The data must outlive the set, whatever the API server rejects meanwhile.
#[test]
fn a_claim_is_untied_though_nothing_else_is_decided() {
    let owned = || [of(0, true, Some("set-uid"))];
    let mut adopts = with("Retain", 1, &[(0, "v1", ok())], &owned());
    let orphan = json!({ "metadata": { "ownerReferences": null } });
    adopts.pods.push(fixture::pod::<Set>("web-1", "v1", orphan));
    let web_1 = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", "web-1");
    fixture::reject(&mut adopts.memory, Verb::Patch, web_1, adopts.now);
    assert_eq!(owners(&plan(&adopts), "www-web-0"), json!([]), "{}", plan(&adopts));

    let mut records = with("Retain", 1, &[(0, "v1", ok())], &owned());
    Arc::make_mut(&mut records.set).status.update_revision = "other".to_owned();
    let first = plan(&records);
    assert_eq!(owners(&first, "www-web-0"), json!([]), "{first}");
    assert!(first.stages.iter().any(|stage| stage.part == Part::Record), "{first}");
}

/// The claims of condemned pods should go with the set, and may not be changed: their pods go all the same.
#[test]
fn a_claim_that_only_goes_with_the_set_keeps_no_pod() {
    let owned = [of(1, false, Some("set-uid")), of(2, false, Some("set-uid"))];
    let pods = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    for policy in ["Parallel", "OrderedReady"] {
        let mut observation = with("Delete", 1, &pods, &owned);
        let mut whole = serde_json::to_value(&*observation.set).unwrap();
        whole["spec"]["podManagementPolicy"] = json!(policy);
        observation.set = Arc::new(serde_json::from_value(whole).unwrap());
        for claim in ["www-web-1", "www-web-2"] {
            let claim = berth_api::ObjectRef::new(berth_api::Resource::Claims, "ns", claim);
            fixture::reject(&mut observation.memory, Verb::Patch, claim, observation.now);
        }
        let plan = plan(&observation);
        assert!(writes(&plan).contains(&"delete Pod web-2".to_owned()), "{policy}: {plan}");
    }
}

/// A new leader records a revision first. It changes no owner on a view that may be of the past (X4), and of those of condemned
/// pods none.
#[test]
fn before_the_revision_is_recorded_claims_are_only_untied_and_after_a_live_read() {
    let changes = json!({ "podManagementPolicy": "Parallel", "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" } });
    for (deleted, expected) in [("Retain", vec!["patch PersistentVolumeClaim www-web-0"]), ("Delete", vec![])]
    {
        let pods = [(0, "v1", ok()), (1, "v1", ok())];
        let claims = [of(0, deleted == "Retain", Some("set-uid")), of(1, false, Some("set-uid"))];
        let mut observation = with(deleted, 1, &pods, &claims);
        observation.memory.owner_confirmed = false;
        let mut set = serde_json::to_value(&*observation.set).unwrap();
        fixture::merge(&mut set["spec"], changes.clone());
        set["status"]["updateRevision"] = json!("other");
        observation.set = Arc::new(serde_json::from_value(set).unwrap());
        let plan = plan(&observation);
        let written: Vec<String> = writes(&plan).into_iter().filter(|w| w.contains("Claim")).collect();
        assert_eq!(written, expected, "{deleted}: {plan}");
        assert!(plan.stages.iter().any(|stage| stage.part == Part::Record), "{plan}");
        let first = plan.actions().next().unwrap();
        assert!(written.is_empty() || first.act.is_live_read(), "{plan}");
    }
}

/// A policy protects the owners of claims: the condemned pod stays, and the others are kept as ever.
#[test]
fn a_condemned_pod_whose_claim_is_kept_stops_no_other() {
    let mut observation = with("Retain", 2, &[(1, "v1", ok()), (2, "v1", ok())], &[of(2, false, None)]);
    let spec = &mut Arc::make_mut(&mut observation.set).spec;
    let changes = json!({ "podManagementPolicy": "Parallel", "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete" } });
    let mut whole = serde_json::to_value(&*spec).unwrap();
    fixture::merge(&mut whole, changes);
    *spec = serde_json::from_value(whole).unwrap();
    let before = writes(&plan(&observation));
    assert!(before.contains(&"delete Pod web-2".to_owned()), "{before:?}");
    let claim = berth_api::ObjectRef::new(berth_api::Resource::Claims, "ns", "www-web-2");
    fixture::reject(&mut observation.memory, Verb::Patch, claim, observation.now);
    let after = writes(&plan(&observation));
    assert!(after.contains(&"create Pod web-0".to_owned()), "{after:?}");
    assert!(!after.contains(&"delete Pod web-2".to_owned()), "S3: its claim first: {after:?}");
}
