use berth_api::{Claim, ResourceVersion, Uid};
use serde_json::json;

use crate::watch::store::{ListFromThePast, Store};

fn claim(name: &str, version: u64, owner: &str) -> Claim {
    let references = if owner.is_empty() { json!([]) } else { json!([{ "uid": owner, "controller": true }]) };
    let meta = json!({ "name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string(),
        "ownerReferences": references });
    serde_json::from_value(json!({ "metadata": meta })).unwrap()
}

fn names<'a>(claims: impl Iterator<Item = &'a std::sync::Arc<Claim>>) -> Vec<&'a str> {
    claims.map(|c| c.metadata.name.as_str()).collect()
}

#[test]
fn a_relist_becomes_removals() {
    let mut store = Store::default();
    store.replace(vec![claim("a", 1, ""), claim("b", 2, "")], 5).unwrap();
    let changes = store.replace(vec![claim("b", 2, ""), claim("c", 6, "")], 7).unwrap();
    let described: Vec<_> = changes
        .iter()
        .map(|c| (c.any().unwrap().metadata.name.as_str(), c.old.is_some(), c.new.is_some()))
        .collect();
    assert_eq!(described, [("a", true, false), ("c", false, true)], "what has not changed is no change");
    assert_eq!(store.seen(), 7);
}

#[test]
fn nothing_takes_the_cache_back_in_time() {
    let mut store = Store::default();
    store.replace(vec![claim("a", 5, "new")], 10).unwrap();
    assert_eq!(store.replace(vec![], 9).unwrap_err(), ListFromThePast { list: 9, seen: 10 });
    assert!(store.put(claim("a", 4, "old")).is_none());
    let mut deletion = claim("a", 4, "").metadata;
    assert!(store.remove(&deletion).is_none(), "a deletion of an earlier incarnation");
    deletion.resource_version = ResourceVersion("11".to_owned());
    assert!(store.remove(&deletion).is_some());
}

#[test]
fn objects_are_found_by_their_managing_owner() {
    let mut store = Store::default();
    store.put(claim("a", 1, "x"));
    store.put(claim("b", 2, ""));
    let (x, nobody) = (Uid("x".to_owned()), Uid::default());
    assert_eq!(names(store.controlled_by("ns", &x)), ["a"]);
    assert_eq!(names(store.controlled_by("ns", &nobody)), ["b"]);
    assert_eq!(names(store.controlled_by("other", &x)), Vec::<&str>::new());
    store.put(claim("a", 3, ""));
    assert_eq!(names(store.controlled_by("ns", &x)), Vec::<&str>::new());
    assert_eq!(names(store.controlled_by("ns", &nobody)), ["a", "b"]);
    store.put(claim("ab", 4, ""));
    assert_eq!(names(store.with_prefix("ns", "a")), ["a", "ab"]);
}

#[test]
fn only_the_version_is_no_meaningful_change() {
    let mut store = Store::default();
    assert!(store.put(claim("a", 1, "")).unwrap().is_meaningful());
    assert!(!store.put(claim("a", 2, "")).unwrap().is_meaningful());
    assert!(store.put(claim("a", 3, "x")).unwrap().is_meaningful());
}
