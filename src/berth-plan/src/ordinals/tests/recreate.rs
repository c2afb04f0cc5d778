//! All old pods go before new ones come.

use serde_json::{Value, json};

use super::super::plan;
use super::{observe, ok, v2};
use crate::fixture::{self, broken, terminating, writes};
use crate::reason::Waiting;

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
        observation.key.surface = berth_api::Surface::Apps;
        observation.gates.recreate = gate;
        let plan = plan(&observation);
        let conditions = plan.status().map(|changes| changes["conditions"].clone()).unwrap_or_default();
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

/// Before, all pods went at once, came back at the old revision, and went again without end.
#[test]
fn paused_holds_for_recreate_too() {
    let paused = |pods: &[(i64, &str, Value)]| {
        let spec = json!({ "paused": true, "updateStrategy": { "type": "Recreate", "rollingUpdate": null } });
        plan(&observe(v2(spec), pods))
    };
    let all = [(0, "v1", ok()), (1, "v1", ok()), (2, "v1", ok())];
    let held = paused(&all);
    assert_eq!(writes(&held), Vec::<String>::new(), "{held}");
    assert_eq!(held.waiting, [Waiting::Paused { pods: 3 }]);
    let conditions = held.status().unwrap()["conditions"].to_string();
    assert!(conditions.contains(r#""reason":"Paused","status":"False","type":"Ready""#), "{conditions}");

    let image = |plan: &crate::plan::Plan, pod: &str| {
        fixture::body(plan, pod)["spec"]["containers"][0]["image"].clone()
    };
    // After a restart nothing is remembered of a pod that went.
    let before = paused(&all[..2]);
    assert_eq!(image(&before, "web-2"), "nginx:v1", "nothing had begun: {before}");
    let under_way = paused(&[(0, "v2", ok())]);
    assert_eq!(image(&under_way, "web-1"), "nginx:v2", "all old pods had gone: {under_way}");
    let done = paused(&[(0, "v2", ok()), (1, "v2", ok()), (2, "v2", ok())]);
    assert!(
        done.waiting.is_empty() && writes(&done) == ["patch OrdinalSet web"],
        "all are up to date: {done}"
    );
}

#[test]
fn a_recreation_is_over_only_when_all_pods_are_up() {
    // Undone half way: the revisions are the same again from the start.
    let spec = json!({ "updateStrategy": { "type": "Recreate", "rollingUpdate": null } });
    let mut observation = observe(spec, &[(0, "v1", ok())]);
    observation.key.surface = berth_api::Surface::Apps;
    observation.gates.recreate = true;
    let set = std::sync::Arc::make_mut(&mut observation.set);
    set.status.conditions = serde_json::from_value(json!([{ "type": "Progressing", "status": "True",
        "reason": "RecreateInProgress", "message": "Deleting old revision pods", "lastTransitionTime": fixture::ago(9) }]))
    .unwrap();
    let plan = plan(&observation);
    let conditions = plan.status().map(|changes| changes["conditions"].clone()).unwrap_or_default();
    assert!(!conditions.to_string().contains("RecreateCompleted"), "{conditions}");
}

/// While it is not known whether the template is another no pod goes, and none comes beside an old one (S20).
#[test]
fn nothing_comes_beside_old_pods_while_the_template_is_undecided() {
    for policy in ["OrderedReady", "Parallel"] {
        let spec =
            json!({ "replicas": 2, "podManagementPolicy": policy, "updateStrategy": { "type": "Recreate" } });
        let mut observation = super::observe(super::v2(spec), &[(1, "v1", crate::fixture::terminating())]);
        super::change_template(&mut observation, "v3");
        fixture::reject_dry_runs(&mut observation);
        let plan = super::plan(&observation);
        assert_eq!(crate::fixture::writes(&plan), Vec::<String>::new(), "{policy}: {plan}");
    }
}
