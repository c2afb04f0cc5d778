//! The matrix of owners (A5.2), and what keeps a pod from being made.

mod owners;

use berth_api::OrdinalSet;
use serde_json::{Value, json};

use super::{for_new_pod, for_present_pod};
use crate::fixture::{self, claim, pod, revision};
use crate::observation::Observation;
use crate::plan::Action;

const POLICIES: [&str; 2] = ["Retain", "Delete"];

fn observe(when_scaled: &str, when_deleted: &str, references: Option<Value>) -> Observation<OrdinalSet> {
    let template =
        json!({ "metadata": { "name": "www", "labels": { "tier": "db", "app": "x" } }, "spec": {} });
    let set = fixture::ordinal_set(json!({
        "volumeClaimTemplates": [template],
        "persistentVolumeClaimRetentionPolicy": { "whenScaled": when_scaled, "whenDeleted": when_deleted },
    }));
    let mut observation = fixture::observe(set, vec![], vec![revision::<OrdinalSet>("v1", 1, "v1")]);
    observation.claims =
        references.map(|r| ("www-web-0".to_owned(), claim("www-web-0", r))).into_iter().collect();
    observation
}

fn set_reference() -> Value {
    json!({ "apiVersion": "berth.dev/v1", "kind": "OrdinalSet", "name": "web", "uid": "set-uid",
        "controller": true, "blockOwnerDeletion": true })
}

fn pod_reference() -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "web-0-uid",
        "controller": true, "blockOwnerDeletion": true })
}

fn with(mut reference: Value, field: &str, value: Value) -> Value {
    reference[field] = value;
    reference
}

fn references(action: &Action) -> Value {
    action.act.request().body["metadata"]["ownerReferences"].clone()
}

/// What the references become for a present pod; `None` when they are left as they are.
fn mended(observation: &Observation<OrdinalSet>, condemned: bool) -> Option<Value> {
    let pod = pod::<OrdinalSet>("web-0", "v1", json!({}));
    let need = for_present_pod(observation, 0, &pod, condemned);
    need.mend.first().map(references)
}

/// The owner that the policy asks for.
fn wanted(when_scaled: &str, when_deleted: &str, condemned: bool) -> Value {
    match (when_scaled, when_deleted, condemned) {
        ("Delete", _, true) => json!([pod_reference()]),
        (_, "Delete", _) => json!([set_reference()]),
        _ => json!([]),
    }
}

#[test]
fn every_cell_of_the_matrix_from_every_start() {
    let starts = [
        json!([]),
        json!([set_reference()]),
        json!([pod_reference()]),
        json!([set_reference(), pod_reference()]),
    ];
    for scaled in POLICIES {
        for deleted in POLICIES {
            for condemned in [false, true] {
                for start in &starts {
                    let expected = wanted(scaled, deleted, condemned);
                    let observation = observe(scaled, deleted, Some(start.clone()));
                    let mended = mended(&observation, condemned);
                    let expected_write = (*start != expected).then_some(expected);
                    assert_eq!(
                        mended, expected_write,
                        "{scaled}/{deleted}, condemned {condemned}, from {start}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_new_claim_has_its_owner_at_once() {
    for (deleted, expected) in [("Retain", Value::Null), ("Delete", json!([set_reference()]))] {
        let observation = observe("Delete", deleted, None);
        let need = for_new_pod(&observation, 0, "web-0");
        let body = need.create[0].act.request().body;
        assert_eq!(body["metadata"]["ownerReferences"], expected, "{deleted}");
        assert_eq!(body["metadata"]["name"], "www-web-0");
        assert_eq!(
            body["metadata"]["labels"],
            json!({ "tier": "db", "app": "web" }),
            "matchLabels win (A4.2)"
        );
        assert_eq!(body["kind"], "PersistentVolumeClaim");
    }
}

#[test]
fn what_is_not_ours_stays() {
    let earlier_set = with(set_reference(), "uid", json!("earlier"));
    let earlier_pod = with(pod_reference(), "uid", json!("earlier"));
    let friend = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "c" });
    let boss = with(friend.clone(), "controller", json!(true));
    let cases = [
        ("of an earlier set: hands off", "Delete", json!([earlier_set]), None),
        ("of an earlier pod: hands off", "Delete", json!([earlier_pod]), None),
        ("a friend is kept", "Delete", json!([friend]), Some(json!([friend, set_reference()]))),
        ("another controller: nothing added", "Delete", json!([boss]), None),
        (
            "another controller: ours is taken off",
            "Delete",
            json!([boss, set_reference()]),
            Some(json!([boss])),
        ),
        (
            "ours without controller is mended",
            "Delete",
            json!([with(set_reference(), "controller", json!(false))]),
            Some(json!([set_reference()])),
        ),
        ("Retain takes ours off", "Retain", json!([friend, set_reference()]), Some(json!([friend]))),
    ];
    for (what, deleted, start, expected) in cases {
        assert_eq!(mended(&observe("Retain", deleted, Some(start)), false), expected, "{what}");
    }
}

#[test]
fn a_claim_on_its_way_out_blocks_its_pod() {
    let mut observation = observe("Retain", "Retain", Some(json!([])));
    let blocked = |observation: &Observation<OrdinalSet>| {
        let need = for_new_pod(observation, 0, "web-0");
        need.blocked.and_then(|w| w.awaits().map(ToString::to_string))
    };
    assert_eq!(blocked(&observation), None);
    let mut going = (*claim("www-web-0", json!([]))).clone();
    going.metadata.deletion_timestamp = Some(fixture::now().wall);
    observation.claims.insert("www-web-0".to_owned(), going.into());
    assert_eq!(blocked(&observation).as_deref(), Some("claim ns/www-web-0"));

    let left =
        |scaled| observe(scaled, "Retain", Some(json!([with(pod_reference(), "uid", json!("earlier"))])));
    for scaled in ["Delete", "Retain"] {
        let found = blocked(&left(scaled));
        assert_eq!(found.as_deref(), Some("claim ns/www-web-0"), "it goes with the earlier pod: {scaled}");
    }
}

#[test]
fn a_pod_that_waits_to_run_gets_its_lost_claim_back() {
    let observation = observe("Retain", "Retain", None);
    let create = |patch: Value| {
        let pod = pod::<OrdinalSet>("web-0", "v1", patch);
        for_present_pod(&observation, 0, &pod, false).create.len()
    };
    assert_eq!(create(json!({ "status": { "phase": "Pending" } })), 1);
    assert_eq!(create(json!({})), 0, "a running pod has had its claim");
}
