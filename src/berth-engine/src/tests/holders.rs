//! Pods of others that hold the names of our own are observed.

use berth_api::object::Item;
use berth_api::{Key, Kind, NodeDaemonSet, Surface};
use berth_plan::daemons::identity;
use berth_plan::fixture;
use serde_json::json;

use crate::watch::stores::Stores;

#[test]
fn a_long_name_hides_no_holder() {
    let long = "a".repeat(60);
    let mut stores = Stores::default();
    let mut set = fixture::daemon_set(json!({}));
    set.metadata.name.clone_from(&long);
    let holder = identity::pod_name(&long, &set.metadata.uid, "a", 0);
    let released = json!({ "metadata": { "ownerReferences": null, "labels": null } });
    let mut holder_pod = (*fixture::pod::<NodeDaemonSet>(&holder, "v1", released)).clone();
    holder_pod.metadata.owner_references.clear();
    stores.put(Item::DaemonSet(Surface::Berth, set));
    stores.put(Item::Pod(holder_pod));
    let key = Key::new(Surface::Berth, Kind::Daemon, "ns", &long);
    let seen = stores.observe_daemon(&key, Default::default(), Default::default(), fixture::now()).unwrap();
    assert!(seen.pod(&holder).is_some(), "what holds a name is observed");
}
