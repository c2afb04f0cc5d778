//! Which owners a change wakes (B1), and which not.

use std::sync::Arc;

use berth_api::meta::Object;
use berth_api::object::Item;
use berth_api::{Key, Kind, Node, NodeDaemonSet, Resource, Surface};
use berth_plan::feature_gates::Gates;
use berth_plan::fixture::{self, merge};
use serde_json::{Value, json};

use crate::watch::stores::Stores;
use crate::watch::triggers;

/// A node daemon set of this name whose pods have the label `app: NAME`, at a uid of its own.
fn set(name: &str, template_spec: Value) -> Item {
    let mut set = fixture::daemon_set(json!({
        "selector": { "matchLabels": { "app": name } },
        "template": { "metadata": { "labels": { "app": name } }, "spec": template_spec },
    }));
    set.metadata.name = name.to_owned();
    set.metadata.uid = berth_api::Uid(format!("{name}-uid"));
    Item::DaemonSet(Surface::Berth, set)
}

/// A pod of the set, on a node.
fn pod(name: &str, set: &str, node: &str, patch: Value) -> Item {
    let owned = json!({
        "metadata": { "labels": { "app": set }, "ownerReferences": [{ "apiVersion": "berth.dev/v1",
            "kind": "NodeDaemonSet", "name": set, "uid": format!("{set}-uid"), "controller": true }] },
        "spec": { "nodeName": node },
    });
    let mut pod = serde_json::to_value(&*fixture::pod::<NodeDaemonSet>(name, "v1", owned)).unwrap();
    merge(&mut pod, patch);
    Item::Pod(serde_json::from_value(pod).unwrap())
}

fn node(name: &str, version: u64, patch: Value) -> Node {
    let mut whole = json!({ "metadata": { "resourceVersion": version.to_string() } });
    merge(&mut whole, patch);
    Arc::unwrap_or_clone(fixture::node(name, whole))
}

fn stores(items: Vec<Item>) -> Stores {
    let mut stores = Stores::default();
    for item in items {
        stores.put(item);
    }
    stores
}

/// The names of the owners that putting `item` wakes.
fn put(stores: &mut Stores, item: Item) -> Vec<String> {
    let changed = stores.put(item).unwrap();
    triggers::keys(stores, &changed, Gates::default()).into_iter().map(|key| key.name).collect()
}

fn remove<T: Object>(stores: &mut Stores, resource: Resource, object: &T) -> Vec<String> {
    let mut meta = object.meta().clone();
    meta.resource_version = berth_api::ResourceVersion("9999".to_owned());
    let changed = stores.remove(resource, &meta).unwrap();
    triggers::keys(stores, &changed, Gates::default()).into_iter().map(|key| key.name).collect()
}

fn ssd() -> Value {
    json!({ "metadata": { "labels": { "disk": "ssd" } } })
}

fn taint(effect: &str) -> Value {
    json!({ "spec": { "taints": [{ "key": "k", "value": "v", "effect": effect }] } })
}

/// Three sets: on every node, on those with a fast disk, and on those with a fast disk whatever their taints.
fn three() -> Vec<Item> {
    vec![
        set("all", json!({})),
        set("fast", json!({ "nodeSelector": { "disk": "ssd" } })),
        set("tough", json!({ "nodeSelector": { "disk": "ssd" }, "tolerations": [{ "operator": "Exists" }] })),
    ]
}

#[test]
fn a_node_that_joins_wakes_the_sets_that_want_a_pod_there() {
    for (patch, woken) in [
        (json!({}), vec!["all"]),
        (ssd(), vec!["all", "fast", "tough"]),
        (taint("NoSchedule"), vec![]),
        (taint("PreferNoSchedule"), vec!["all"]),
        (json!({ "metadata": { "labels": { "disk": "hdd" } } }), vec!["all"]),
    ] {
        assert_eq!(put(&mut stores(three()), Item::Node(node("a", 1, patch.clone()))), woken, "{patch}");
    }
    // A node that comes back under its name, while a pod of the one before is still there.
    let mut stores = stores(three());
    stores.put(pod("p", "fast", "a", json!({})));
    assert_eq!(put(&mut stores, Item::Node(node("a", 1, json!({})))), ["all", "fast"]);
}

#[test]
fn a_node_that_goes_wakes_the_sets_that_wanted_a_pod_there_or_have_one() {
    let mut stores = stores(three());
    let (plain, tainted) = (node("a", 1, json!({})), node("b", 1, taint("NoSchedule")));
    stores.put(Item::Node(plain.clone()));
    stores.put(Item::Node(tainted.clone()));
    // `fast` has a pod on `b` that may stay there; it counts as misscheduled.
    stores.put(pod("p", "fast", "b", json!({})));
    assert_eq!(remove(&mut stores, Resource::Nodes, &plain), ["all"]);
    assert_eq!(remove(&mut stores, Resource::Nodes, &tainted), ["fast"]);
}

#[test]
fn a_change_of_a_node_wakes_the_sets_to_which_it_means_something_else() {
    let bare = || json!({});
    let both = || {
        let mut both = ssd();
        merge(&mut both, taint("NoExecute"));
        both
    };
    for (what, before, after, woken) in [
        ("nothing", bare(), bare(), vec![]),
        ("a label that nobody asks for", bare(), json!({ "metadata": { "labels": { "x": "y" } } }), vec![]),
        ("a label that some ask for", bare(), ssd(), vec!["fast", "tough"]),
        ("and its loss", ssd(), bare(), vec!["fast", "tough"]),
        ("a taint that keeps pods off", bare(), taint("NoSchedule"), vec!["all"]),
        ("a taint that drives pods out", ssd(), both(), vec!["all", "fast"]),
        ("from keeping off to driving out", taint("NoSchedule"), taint("NoExecute"), vec!["all"]),
        (
            "another taint of the same effect",
            taint("NoSchedule"),
            json!({ "spec": { "taints": [{ "key": "other", "effect": "NoSchedule" }] } }),
            vec![],
        ),
        ("a taint that only makes it less wanted", bare(), taint("PreferNoSchedule"), vec![]),
        (
            "readiness",
            bare(),
            json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } }),
            vec![],
        ),
        (
            "a heartbeat",
            bare(),
            json!({ "status": { "conditions": [
            { "type": "Ready", "status": "True", "lastHeartbeatTime": fixture::ago(0) }] } }),
            vec![],
        ),
        ("an annotation", bare(), json!({ "metadata": { "annotations": { "x": "y" } } }), vec![]),
    ] {
        let mut stores = stores(three());
        stores.put(Item::Node(node("a", 1, before)));
        assert_eq!(put(&mut stores, Item::Node(node("a", 2, after))), woken, "{what}");
    }
}

#[test]
fn a_pod_wakes_its_owner_and_an_orphan_those_that_select_it() {
    let orphan = |app: &str| json!({ "metadata": { "labels": { "app": app }, "ownerReferences": null } });
    let mut stores = stores(three());
    assert_eq!(put(&mut stores, pod("p", "all", "a", json!({}))), ["all"], "it appears");
    let newer = |version: u64, patch: Value| {
        let mut whole = json!({ "metadata": { "resourceVersion": version.to_string() } });
        merge(&mut whole, patch);
        whole
    };
    assert_eq!(put(&mut stores, pod("p", "all", "a", newer(21, json!({})))), Vec::<String>::new(), "nothing");
    let going = newer(22, fixture::terminating());
    assert_eq!(put(&mut stores, pod("p", "all", "a", going.clone())), ["all"], "it is on its way out");
    let still = newer(23, going);
    assert_eq!(put(&mut stores, pod("p", "all", "a", still)), Vec::<String>::new(), "it still is");
    assert_eq!(
        put(&mut stores, pod("p", "fast", "a", newer(24, json!({})))),
        ["all", "fast"],
        "another owner"
    );
    assert_eq!(
        put(&mut stores, pod("o", "fast", "a", orphan("fast"))),
        ["fast"],
        "an orphan that one selects"
    );
    assert_eq!(put(&mut stores, pod("x", "fast", "a", orphan("nobody"))), Vec::<String>::new());
    let other_group = json!({ "metadata": { "ownerReferences": [{ "apiVersion": "example.com/v1",
        "kind": "NodeDaemonSet", "name": "all", "uid": "x", "controller": true }] } });
    assert_eq!(put(&mut stores, pod("y", "all", "a", other_group)), Vec::<String>::new(), "somebody else's");
    let Item::Pod(last) = pod("p", "fast", "a", json!({})) else { unreachable!() };
    assert_eq!(remove(&mut stores, Resource::Pods, &last), ["fast"], "it is gone");
}

/// Kubernetes' conformance test creates a second revision with the same data by hand and expects both to be there when it
/// looks; whoever acts on the addition tidies up at once and fails it.
#[test]
fn a_revision_that_appears_under_an_owner_wakes_nobody_at_once() {
    let revision = |name: &str, patch: Value| {
        let mut whole = serde_json::to_value(&*fixture::revision::<NodeDaemonSet>(name, 2, "v1")).unwrap();
        merge(
            &mut whole,
            json!({ "metadata": { "labels": { "app": "all" }, "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "all", "uid": "all-uid", "controller": true }] } }),
        );
        merge(&mut whole, patch);
        Item::Revision(serde_json::from_value(whole).unwrap())
    };
    let version = |v: &str| json!({ "metadata": { "resourceVersion": v } });
    let Item::DaemonSet(_, native) = set("all", json!({})) else { unreachable!() };
    let mut stores = stores(vec![Item::DaemonSet(Surface::Apps, native)]);
    let none = Vec::<String>::new();
    let appeared = stores.put(revision("r", json!({}))).unwrap();
    assert_eq!(triggers::keys(&stores, &appeared, Gates::default()), [], "it appears");
    let later = triggers::later(&stores, &appeared);
    assert_eq!(later, [Key::new(Surface::Apps, Kind::Daemon, "ns", "all")], "it may have to go again");
    assert_eq!(put(&mut stores, revision("r", version("6"))), none, "nothing is different");
    let mut relabelled = version("7");
    merge(&mut relabelled, json!({ "metadata": { "labels": { "x": "y" } } }));
    assert_eq!(put(&mut stores, revision("r", relabelled)), ["all"], "it is changed");
    let Item::Revision(last) = revision("r", json!({})) else { unreachable!() };
    assert_eq!(remove(&mut stores, Resource::Revisions, &last), ["all"], "it goes");
    let orphan = json!({ "metadata": { "ownerReferences": null } });
    assert_eq!(put(&mut stores, revision("o", orphan)), ["all"], "an orphan appears");
}

#[test]
fn a_set_wakes_itself() {
    let mut stores = stores(three());
    let Item::DaemonSet(surface, mut all) = set("all", json!({})) else { unreachable!() };
    all.metadata.resource_version = berth_api::ResourceVersion("11".to_owned());
    let changed = stores.put(Item::DaemonSet(surface, all)).unwrap();
    assert_eq!(
        triggers::keys(&stores, &changed, Gates::default()),
        [Key::new(Surface::Berth, Kind::Daemon, "ns", "all")]
    );
}

#[test]
fn a_claim_wakes_the_sets_that_its_name_names() {
    let web = |name: &str, template: &str| {
        let claims = json!({ "volumeClaimTemplates": [{ "metadata": { "name": template }, "spec": {} }] });
        let mut set = fixture::ordinal_set(claims);
        set.metadata.name = name.to_owned();
        Item::OrdinalSet(Surface::Berth, set)
    };
    let mut stores = stores(vec![
        web("web", "data"),
        web("db-web", "data"),
        web("web-1", "data"),
        web("web-2", "data-db"),
    ]);
    let mut claim = |name: &str| {
        let mut claim = Arc::unwrap_or_clone(fixture::claim(name, json!([])));
        claim.metadata.name = name.to_owned();
        put(&mut stores, Item::Claim(claim))
    };
    assert_eq!(claim("data-web-0"), ["web"]);
    assert_eq!(claim("data-db-web-0"), ["db-web"], "not `web`, whose template is not called `data-db`");
    assert_eq!(claim("data-web-1-7"), ["web-1"]);
    assert_eq!(claim("data-db-web-2-0"), ["web-2"]);
    assert_eq!(claim("logs-web-0"), Vec::<String>::new());
    assert_eq!(claim("data"), Vec::<String>::new());
}

#[test]
fn a_node_wakes_sets_by_what_the_gates_say() {
    let tolerates = json!({ "containers": [], "tolerations": [{ "key": "cores", "operator": "Gt", "value": "8", "effect": "NoSchedule" }] });
    let tainted =
        json!({ "spec": { "taints": [{ "key": "cores", "value": "16", "effect": "NoSchedule" }] } });
    for (comparison, woken) in [(false, 0), (true, 1)] {
        let mut stores = stores(vec![set("agent", tolerates.clone())]);
        let changed = stores.put(Item::Node(node("a", 50, tainted.clone()))).unwrap();
        let keys = triggers::keys(&stores, &changed, Gates { comparison, ..Gates::default() });
        assert_eq!(keys.len(), woken, "the gate is {comparison}");
    }
}
