//! Properties of the planners: whatever the state, one plan never breaks these.

use std::sync::Arc;

use berth_api::object::Item;
use berth_api::{NodeDaemonSet, OrdinalSet, Resource};
use berth_plan::feature_gates::Gates;
use berth_plan::fixture::{self, key};
use berth_plan::memory::Memory;
use berth_plan::plan::{Act, Plan};
use berth_plan::reason::Reason;
use berth_plan::{daemons, ordinals};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::watch::stores::Stores;

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() }
}

/// The state of one pod, in the words that decisions are made on.
fn any_pod() -> impl Strategy<Value = (String, Value)> {
    let phase =
        prop_oneof![4 => Just("Running"), 1 => Just("Pending"), 1 => Just("Failed"), 1 => Just("Succeeded")];
    let owner = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(2)];
    let revision = prop_oneof![Just("v1"), Just("v2"), Just("v3")];
    (phase, 0..4_i64, prop::bool::weighted(0.2), prop::bool::weighted(0.9), owner, revision).prop_map(
        |(phase, ready_for, terminating, matching, owner, revision)| {
            let ready = phase == "Running" && ready_for > 0;
            let mut patch = json!({ "status": { "phase": phase, "conditions": [{
                "type": "Ready", "status": if ready { "True" } else { "False" },
                "lastTransitionTime": fixture::ago(ready_for * 10) }] } });
            if terminating {
                patch["metadata"]["deletionTimestamp"] = fixture::ago(1);
            }
            if !matching {
                patch["metadata"]["labels"]["app"] = json!("other");
            }
            match owner {
                1 => patch["metadata"]["ownerReferences"] = Value::Null,
                2 => {
                    patch["metadata"]["ownerReferences"] =
                        json!([{ "apiVersion": "v1", "kind": "X", "name": "x", "uid": "x", "controller": true }]);
                }
                _ => {}
            }
            (revision.to_owned(), patch)
        },
    )
}

fn strategy() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "type": "OnDelete", "rollingUpdate": null })),
        Just(json!({ "type": "RollingUpdate", "rollingUpdate": null })),
        (0..5, 1..4).prop_map(|(partition, max)| json!({ "type": "RollingUpdate",
            "rollingUpdate": { "partition": partition, "maxUnavailable": max } })),
    ]
}

fn any_ordinal_spec() -> impl Strategy<Value = Value> {
    let policy = prop_oneof![Just("OrderedReady"), Just("Parallel")];
    let retention = || prop_oneof![Just("Retain"), Just("Delete")];
    (0..6, 0..3, policy, strategy(), retention(), retention(), prop::bool::ANY, 0..2).prop_map(
        |(replicas, start, policy, strategy, scaled, deleted, second, ready)| {
            json!({
                "replicas": replicas, "ordinals": { "start": start }, "podManagementPolicy": policy,
                "updateStrategy": strategy, "minReadySeconds": ready * 15,
                "template": fixture::template(if second { "v2" } else { "v1" }),
                "persistentVolumeClaimRetentionPolicy": { "whenScaled": scaled, "whenDeleted": deleted },
                "volumeClaimTemplates": [{ "metadata": { "name": "www" }, "spec": {} }],
            })
        },
    )
}

/// Items in the order in which they come in.
fn fill(items: &[Item]) -> Stores {
    let mut stores = Stores::default();
    for item in items {
        stores.put(item.clone());
    }
    stores
}

fn ordinal_items(spec: Value, pods: &[(i64, (String, Value))], claims: &[i64], recorded: bool) -> Vec<Item> {
    let mut set = fixture::ordinal_set(spec);
    let second = set.spec.template.0 == fixture::template("v2");
    if recorded {
        set.status.observed_generation = 1;
        set.status.current_revision = "v1".to_owned();
        set.status.update_revision = if second { "v2" } else { "v1" }.to_owned();
    }
    let mut items = vec![Item::OrdinalSet(berth_api::Surface::Berth, set)];
    for (ordinal, (revision, patch)) in pods {
        let pod = fixture::pod::<OrdinalSet>(&format!("web-{ordinal}"), revision, patch.clone());
        items.push(Item::Pod(Arc::unwrap_or_clone(pod)));
    }
    for ordinal in claims {
        items.push(Item::Claim(Arc::unwrap_or_clone(fixture::claim(
            &format!("www-web-{ordinal}"),
            json!([]),
        ))));
    }
    for (name, number) in [("v1", if second { 1 } else { 3 }), ("v2", 2)] {
        items.push(Item::Revision(Arc::unwrap_or_clone(fixture::revision::<OrdinalSet>(name, number, name))));
    }
    items
}

fn plan_ordinals(items: &[Item]) -> (Plan, Arc<OrdinalSet>) {
    let observation = fill(items)
        .observe_ordinal(&key::<OrdinalSet>(), Memory::default(), Gates::default(), fixture::now())
        .unwrap();
    (ordinals::plan(&observation), observation.set)
}

/// What holds for every plan of either kind.
fn check_writes(plan: &Plan) -> Result<(), TestCaseError> {
    let mut deleted = std::collections::BTreeSet::new();
    for action in plan.actions() {
        match &action.act {
            Act::Delete { object, guard } => {
                prop_assert!(deleted.insert(object), "twice: {action}");
                prop_assert!(!guard.uid.0.is_empty(), "S2: {action}");
                prop_assert!(object.resource != Resource::Claims, "S3: {action}");
                prop_assert_eq!(&object.namespace, "ns", "X8");
            }
            Act::Patch { object, guard, .. } => {
                prop_assert!(guard.resource_version.is_some(), "a change rests on what was seen: {action}");
                prop_assert_eq!(&object.namespace, "ns", "X8");
            }
            Act::Create { object, body } => {
                prop_assert_eq!(&body["metadata"]["name"], &json!(object.name), "named, never generated");
                prop_assert_eq!(&body["metadata"]["namespace"], "ns", "X8");
            }
            Act::Confirm { .. } | Act::ConfirmAbsent { .. } | Act::Default { .. } => {}
        }
    }
    Ok(())
}

fn voluntary(plan: &Plan) -> Vec<&Reason> {
    plan.actions().map(|a| &a.why).filter(|r| matches!(r, Reason::Outdated { .. })).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn ordinal_sets(
        spec in any_ordinal_spec(),
        pods in prop::collection::btree_map(0..8_i64, any_pod(), 0..7),
        claims in prop::collection::btree_set(0..8_i64, 0..8),
        recorded in prop::bool::weighted(0.9),
        seed in any::<u64>(),
    ) {
        let pods: Vec<_> = pods.into_iter().collect();
        let claims: Vec<_> = claims.into_iter().collect();
        let items = ordinal_items(spec, &pods, &claims, recorded);
        let (plan, set) = plan_ordinals(&items);
        check_writes(&plan)?;

        // The order in which objects came in, and objects of others, change nothing.
        let mut shuffled = items.clone();
        let length = shuffled.len() as u64;
        for i in 0..shuffled.len() {
            shuffled.swap(i, (seed.rotate_left(u32::try_from(i).unwrap()) % length) as usize);
        }
        let stranger = json!({ "metadata": { "name": "stranger", "uid": "s", "labels": { "app": "stranger" } } });
        shuffled.push(Item::Pod(Arc::unwrap_or_clone(fixture::pod::<OrdinalSet>("stranger", "v1", stranger))));
        if let Some(Item::Pod(pod)) = shuffled.last_mut() {
            pod.metadata.owner_references.clear();
        }
        prop_assert_eq!(&plan_ordinals(&shuffled).0, &plan);

        if set.spec.is_ordered() {
            let creates = plan.actions().filter(|a| matches!(&a.act, Act::Create { object, .. }
                if object.resource == Resource::Pods)).count();
            prop_assert!(creates <= 1, "S6: one after the other:\n{plan}");
        }
        // S7: what is available is replaced within the budget only, what is not there counted.
        let available = pods.iter().filter(|(ordinal, (_, pod))| {
            (set.spec.start()..set.spec.end()).contains(ordinal)
                && pod["status"]["conditions"][0]["status"] == "True"
                && pod["metadata"].get("deletionTimestamp").is_none()
        }).count() as i64;
        let budget = set.spec.strategy().rolling_update.and_then(|r| r.max_unavailable).map_or(1, |m| match m {
            berth_api::ordinal_set::IntOrPercent::Int(n) => i64::from(n),
            berth_api::ordinal_set::IntOrPercent::Percent(_) => 1,
        });
        let left = (budget - (set.spec.wanted() - available)).max(0);
        prop_assert!(voluntary(&plan).len() as i64 <= left, "S7, budget {budget}, left {left}:\n{plan}");
        // S7: nothing below the partition goes to the update revision.
        let partition = set.spec.strategy().rolling_update.and_then(|r| r.partition).unwrap_or(0);
        for action in plan.actions() {
            if let Reason::Outdated { slot: berth_plan::reason::Slot::Ordinal(n), .. } = &action.why {
                prop_assert!(*n >= set.spec.start() + i64::from(partition), "{action}");
            }
            if let (Act::Create { object, body }, Reason::Missing { .. }) = (&action.act, &action.why) {
                let ordinal = ordinals::identity::ordinal("web", &object.name).unwrap();
                prop_assert!((set.spec.start()..set.spec.end()).contains(&ordinal), "S17: {action}");
                let revision = body["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap();
                let wanted = [&set.status.current_revision, &set.status.update_revision];
                prop_assert!(wanted.iter().any(|w| w.as_str() == revision), "S8: {action} at {revision}");
            }
        }
        // S5: a pod is made after, or together with, its claim.
        for action in plan.actions() {
            if let Act::Create { object, .. } = &action.act
                && object.resource == Resource::Pods
            {
                let claim = format!("www-{}", object.name);
                let made = plan.actions().any(|a| a.act.object().name == claim);
                let ordinal = ordinals::identity::ordinal("web", &object.name).unwrap();
                prop_assert!(made || claims.contains(&ordinal), "S5: {action}");
            }
        }
    }

    #[test]
    fn node_daemon_sets(
        nodes in prop::collection::vec((prop::bool::weighted(0.2), prop::bool::weighted(0.1)), 0..6),
        pods in prop::collection::btree_map((0..8_u8, 0..2_u32), any_pod(), 0..8),
        max in 1..4_i64,
        on_delete in prop::bool::weighted(0.2),
        second in prop::bool::ANY,
    ) {
        let strategy = if on_delete { json!({ "type": "OnDelete" }) } else {
            json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": max } })
        };
        let tag = if second { "v2" } else { "v1" };
        let mut set = fixture::daemon_set(json!({ "updateStrategy": strategy, "template": fixture::template(tag) }));
        set.status.observed_generation = 1;
    set.status.current_revision = "v1".to_owned();
        set.status.update_revision = tag.to_owned();
        let mut items = vec![Item::DaemonSet(berth_api::Surface::Berth, set)];
        let uid = berth_api::Uid("set-uid".to_owned());
        for ((node, slot), (revision, patch)) in &pods {
            let node = format!("n{node}");
            let name = daemons::identity::pod_name("agent", &uid, &node, *slot);
            let mut patch = patch.clone();
            patch["spec"]["nodeName"] = json!(node);
            let pod = fixture::pod::<NodeDaemonSet>(&name, revision, patch);
            items.push(Item::Pod(Arc::unwrap_or_clone(pod)));
        }
        for (n, (no_schedule, no_execute)) in nodes.iter().enumerate() {
            let mut taints = vec![];
            if *no_schedule { taints.push(json!({ "key": "k", "effect": "NoSchedule" })); }
            if *no_execute { taints.push(json!({ "key": "k", "effect": "NoExecute" })); }
            let node = fixture::node(&format!("n{n}"), json!({ "spec": { "taints": taints } }));
            items.push(Item::Node(Arc::unwrap_or_clone(node)));
        }
        for (name, number) in [("v1", if second { 1 } else { 3 }), ("v2", 2)] {
            items.push(Item::Revision(Arc::unwrap_or_clone(fixture::revision::<NodeDaemonSet>(name, number, name))));
        }
        let plan = |items: &[Item]| {
            let key = key::<NodeDaemonSet>();
            daemons::plan(&fill(items).observe_daemon(&key, Memory::default(), Gates::default(), fixture::now()).unwrap())
        };
        let first = plan(&items);
        check_writes(&first)?;
        items.reverse();
        prop_assert_eq!(&plan(&items), &first, "the order of events changes nothing");
        if on_delete {
            let updates = first.actions().any(|a| matches!(a.why, Reason::Outdated { .. } | Reason::BrokenAndOutdated { .. }));
            prop_assert!(!updates, "D8:\n{first}");
        }
        prop_assert!(voluntary(&first).len() as i64 <= max, "D4:\n{first}");
        let mut made: Vec<_> = first.actions().filter_map(|a| match &a.why {
            Reason::Missing { slot, .. } => Some(slot.clone()),
            _ => None,
        }).collect();
        let before = made.len();
        made.sort();
        made.dedup();
        prop_assert_eq!(made.len(), before, "D1: one pod a node:\n{}", first);
    }
}
