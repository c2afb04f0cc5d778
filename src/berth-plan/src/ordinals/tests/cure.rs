//! Broken pods that are not at the revision they should have.

use serde_json::{Value, json};

use super::super::plan;
use super::{check, observe, ok, v2};
use crate::fixture::{broken, terminating, writes};
use crate::reason::Waiting;

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
    let annotated = |surface: berth_api::Surface, value: Option<&str>| {
        let mut observation = observe(v2(json!({})), &pods);
        observation.key.surface = surface;
        for pod in &mut observation.pods {
            let reference = crate::workload::reference(&observation.key, &observation.set.metadata.uid);
            std::sync::Arc::make_mut(pod).metadata.owner_references = vec![reference];
        }
        if let Some(value) = value {
            let set = std::sync::Arc::make_mut(&mut observation.set);
            set.metadata.annotations.insert("berth.dev/replace-broken".to_owned(), value.to_owned());
        }
        writes(&plan(&observation)) == ["delete Pod web-0"]
    };
    use berth_api::Surface::{Apps, Berth};
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
