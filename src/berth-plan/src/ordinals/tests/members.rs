//! Which pods are members, what a pod carries, and who is taken over.

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use serde_json::json;

use super::super::{identity, plan};
use super::{Set, observe};
use crate::fixture::{self, pod, revision, writes};
use crate::memory::Outcome;

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
    assert!(plan(&observation).has_no_work(), "an orphan of such a name is left alone");
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
    recorded.data = crate::revisions::record::record(&observation.set.spec.template).into();
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
fn adoption_reads_the_owner_afresh_and_release_needs_no_permission() {
    let orphan = pod::<Set>("web-0", "v1", json!({ "metadata": { "ownerReferences": null } }));
    let mut observation = observe(json!({}), &[]);
    observation.pods = vec![orphan];
    let adopts = plan(&observation);
    let lines: Vec<_> = fixture::work(&adopts).map(|a| a.act.to_string()).collect();
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
    assert!(plan(&observation).has_no_work(), "a set that is being deleted touches nothing");
}

/// As long as what would follow is held, nobody looks at the owner over and over.
#[test]
fn an_adoption_that_was_refused_is_not_prepared_either_until_the_pause_is_over() {
    let orphan = pod::<Set>("web-0", "v1", json!({ "metadata": { "ownerReferences": null } }));
    let mut observation = observe(json!({}), &[]);
    let (object, now) = (crate::pod::object(&orphan), observation.now);
    observation.pods = vec![orphan];
    fixture::reject(&mut observation.memory, Verb::Patch, object, now);
    assert!(plan(&observation).has_no_work(), "{}", plan(&observation));
    observation.now.mono += std::time::Duration::from_secs(2);
    assert_eq!(fixture::work(&plan(&observation)).count(), 2, "then both are tried");
}

/// A webhook takes the owner off again, which nothing waits for.
#[test]
fn an_adoption_that_is_taken_back_stops_nothing() {
    let pods = [(0, "v1", json!({})), (1, "v1", json!({ "metadata": { "ownerReferences": null } }))];
    let mut observation = super::observe(json!({ "replicas": 3, "podManagementPolicy": "Parallel" }), &pods);
    let first = super::plan(&observation);
    let adopts = first.actions().find(|action| action.act.is_write()).unwrap().clone();
    assert_eq!(adopts.act.object().name, "web-1", "{first}");
    observation.memory.record(&adopts, Outcome::TakenBack("taken back"), observation.now.mono);
    let second = super::plan(&observation);
    assert_eq!(fixture::writes(&second), ["create Pod web-2"], "{second}");
    let stalled = second.status().unwrap()["conditions"].as_array().unwrap().clone();
    let stalled = stalled.iter().find(|c| c["type"] == "Stalled").unwrap();
    assert_eq!(stalled["status"], "True", "{second}");
    assert!(second.recheck_after.is_some(), "it is tried again");
}

/// While it is undecided what the set should be, the status still says how many pods serve.
#[test]
fn availability_does_not_wait_for_an_adoption() {
    let orphan = json!({ "metadata": { "ownerReferences": null } });
    let pods = [(0, "v1", fixture::broken()), (1, "v1", fixture::broken()), (2, "v1", orphan)];
    let mut observation = super::observe(json!({ "replicas": 3, "podManagementPolicy": "Parallel" }), &pods);
    let web_2 = berth_api::ObjectRef::new(berth_api::Resource::Pods, "ns", "web-2");
    fixture::reject(&mut observation.memory, berth_api::request::Verb::Patch, web_2, observation.now);
    let plan = super::plan(&observation);
    let conditions = plan.status().unwrap()["conditions"].as_array().unwrap().clone();
    let available = conditions.iter().find(|c| c["type"] == "Available").unwrap();
    assert_eq!(available["status"], "False", "{plan}");
}

/// What is not known of the history may be the revision that pods below the partition are at.
#[test]
fn a_revision_that_cannot_be_adopted_keeps_everything_as_it_is() {
    let spec = json!({ "updateStrategy": { "rollingUpdate": { "partition": 2 } } });
    let mut observation = super::observe(super::v2(spec), &[(1, "v1", json!({})), (2, "v2", json!({}))]);
    let mut orphan = (*observation.revisions[0]).clone();
    assert_eq!(orphan.metadata.name, "v1");
    orphan.metadata.owner_references = vec![];
    observation.revisions[0] = std::sync::Arc::new(orphan);
    let first = super::plan(&observation);
    let adopts = first.actions().find(|action| action.act.is_write()).unwrap().clone();
    observation.memory.record(&adopts, Outcome::TakenBack("taken back"), observation.now.mono);
    let plan = super::plan(&observation);
    assert!(!fixture::writes(&plan).iter().any(|write| write.contains("Pod")), "{plan}");
}

/// A quota of pods does not fill the cluster with claims.
#[test]
fn no_more_claims_are_made_while_ten_pods_that_have_theirs_are_rejected() {
    let claim = json!({ "metadata": { "name": "www" }, "spec": {} });
    let spec =
        json!({ "replicas": 1000, "podManagementPolicy": "Parallel", "volumeClaimTemplates": [claim] });
    for (rejected, expected) in [(9, true), (10, false)] {
        let mut observation = observe(spec.clone(), &[]);
        for ordinal in 0..rejected {
            let name = format!("www-web-{ordinal}");
            observation.claims.insert(name.clone(), fixture::claim(&name, json!([])));
            let pod = ObjectRef::new(Resource::Pods, "ns", format!("web-{ordinal}"));
            fixture::reject(&mut observation.memory, Verb::Create, pod, observation.now);
        }
        observation.now.mono += std::time::Duration::from_secs(600);
        let plan = plan(&observation);
        let writes = fixture::writes(&plan);
        assert_eq!(writes.iter().any(|w| w.starts_with("create PersistentVolumeClaim")), expected, "{plan}");
        assert!(writes.contains(&"create Pod web-0".to_owned()), "they are tried again: {plan}");
    }
}

/// Ten pods were rejected, and their claims are gone since: nothing is ahead of what is made, and a replica that has lost its pod and
/// its claim is not held for others.
#[test]
fn rejected_pods_without_claims_keep_no_other_waiting() {
    let claim = json!({ "metadata": { "name": "www" }, "spec": {} });
    let spec = json!({ "replicas": 20, "podManagementPolicy": "Parallel", "volumeClaimTemplates": [claim] });
    for has_claims in [false, true] {
        let mut observation = observe(spec.clone(), &[]);
        for ordinal in 0..10 {
            let name = format!("www-web-{ordinal}");
            if has_claims {
                observation.claims.insert(name.clone(), fixture::claim(&name, json!([])));
            }
            let pod = ObjectRef::new(Resource::Pods, "ns", format!("web-{ordinal}"));
            fixture::reject(&mut observation.memory, Verb::Create, pod, observation.now);
        }
        observation.memory.rejections.vacate(crate::reason::Slot::Ordinal(15));
        observation.now.mono += std::time::Duration::from_secs(600);
        let writes = fixture::writes(&plan(&observation));
        let claims = writes.iter().filter(|w| w.starts_with("create PersistentVolumeClaim")).count();
        assert_eq!(claims, if has_claims { 1 } else { 20 }, "{writes:?}");
        assert!(writes.contains(&"create Pod web-15".to_owned()), "{writes:?}");
    }
}
