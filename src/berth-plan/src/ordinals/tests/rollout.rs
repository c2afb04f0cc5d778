//! Which pods a rollout takes next, and at which revision missing ones are made.

use serde_json::{Value, json};

use super::super::plan;
use super::{check, observe, ok, v2};
use crate::fixture::{broken, writes};

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
fn without_the_gate_pods_go_strictly_one_after_the_other() {
    let gated = |pods: &[(i64, &str, Value)], parallel: bool| {
        let mut spec = v2(json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 3 } } }));
        if parallel {
            spec["podManagementPolicy"] = json!("Parallel");
        }
        let mut observation = observe(spec, pods);
        observation.key.surface = berth_api::Surface::Apps;
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
