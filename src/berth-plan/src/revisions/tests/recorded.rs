//! Revisions as Kubernetes 1.33 and 1.34 recorded them, byte for byte, and what follows from a recorded template.

use std::sync::Arc;

use berth_api::Json;
use berth_api::json::go_bytes;
use berth_api::{Revision, Surface, Template};
use serde_json::{Value, json};

use super::{decide, lines};
use crate::fixture::{self, revision};
use crate::hash::{fnv1_32, safe_encode};
use crate::observation::Observation;
use crate::revisions::record;

type Set = berth_api::OrdinalSet;

/// Up to 1.33 the Go types print a creation time that a template does not have; from 1.34 on they do not. The names are those that
/// kube-controller-manager gave to the revisions of one and the same set.
const RECORDED: [(&str, &str, &str); 2] = [
    (
        "1.33",
        "test-c77f6d978",
        r#"{"spec":{"template":{"$patch":"replace","metadata":{"annotations":{"test":"value"},"creationTimestamp":null,"labels":{"app":"foo"}},"spec":{"containers":[{"image":"test","imagePullPolicy":"Always","name":"test","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"#,
    ),
    (
        "1.34",
        "test-776999688b",
        r#"{"spec":{"template":{"$patch":"replace","metadata":{"annotations":{"test":"value"},"labels":{"app":"foo"}},"spec":{"containers":[{"image":"test","imagePullPolicy":"Always","name":"test","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"#,
    ),
];

/// The template that a version of Kubernetes recorded.
fn template(recorded: &str) -> Value {
    record::template(&serde_json::from_str(recorded).unwrap()).unwrap()
}

/// The native set `test` with the template that one version recorded, and revisions of versions.
fn observe(of: usize, revisions: &[usize]) -> Observation<Set> {
    let mut set = fixture::ordinal_set(json!({ "selector": { "matchLabels": { "app": "foo" } } }));
    set.spec.template = Template(template(RECORDED[of].2));
    set.metadata.name = "test".to_owned();
    set.status.current_revision = revisions.last().map_or_else(String::new, |n| RECORDED[*n].1.to_owned());
    let recorded = |n: &usize| -> Arc<Revision> {
        let mut revision = (*revision::<Set>(RECORDED[*n].1, i64::try_from(*n).unwrap() + 1, "v1")).clone();
        revision.metadata.labels.insert("app".to_owned(), "foo".to_owned());
        revision.data = serde_json::from_str(RECORDED[*n].2).unwrap();
        Arc::new(revision)
    };
    let mut observation = fixture::observe(set, vec![], revisions.iter().map(recorded).collect());
    observation.key.name = "test".to_owned();
    observation.key.surface = Surface::Apps;
    observation
}

#[test]
fn the_names_that_kubernetes_gave_are_the_names_that_we_give() {
    for (version, name, bytes) in RECORDED {
        let recorded = go_bytes(&record::record(&Template(template(bytes))));
        assert_eq!(String::from_utf8(recorded.clone()).unwrap(), bytes, "{version}: the very bytes");
        let hash = fnv1_32(&[recorded.as_slice(), b"0"].concat());
        assert_eq!(format!("test-{}", safe_encode(&hash.to_string())), name, "{version}");
    }
    let made = decide(&observe(1, &[]));
    assert_eq!(made.actions[0].act.object().name, RECORDED[1].1);
}

#[test]
fn a_set_keeps_its_revision_over_an_upgrade_of_kubernetes() {
    for (what, set, revisions, kept) in [
        ("1.33", 0, &[0][..], 0),
        ("1.34", 1, &[1], 1),
        ("the set is printed in the new way", 1, &[0], 0),
        ("the set is printed in the old way", 0, &[1], 1),
        ("kube-controller-manager recorded it twice: the newest counts", 1, &[0, 1], 1),
        ("the same, printed in the old way", 0, &[0, 1], 1),
    ] {
        let decided = decide(&observe(set, revisions));
        assert_eq!(lines(&decided), Vec::<String>::new(), "{what}");
        assert_eq!(decided.update.unwrap().metadata.name, RECORDED[kept].1, "{what}");
        assert_eq!(decided.current.unwrap().metadata.name, RECORDED[kept].1, "{what}");
    }
}

/// What is recorded can be applied again: the template comes back whole, with fields that nobody here knows (A7.9).
#[test]
fn a_recorded_template_comes_back_as_it_was() {
    let templates = [
        fixture::template("v1"),
        json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [], "future": { "deep": [1, null, "x"] } } }),
        json!({ "metadata": {}, "spec": {} }),
        json!({}),
    ];
    for before in templates {
        let recorded = record::record(&Template(before.clone()));
        assert_eq!(recorded["spec"]["template"]["$patch"], "replace");
        let bytes = go_bytes(&recorded);
        let read: Json = serde_json::from_slice(&bytes).unwrap();
        let after = record::template(&read).unwrap();
        assert_eq!(after, before);
        assert!(record::records(&read, &Template(before)), "and it is recognised");
    }
    for wrong in [json!({}), json!({ "spec": {} }), json!({ "spec": { "template": "x" } }), Value::Null] {
        let data = Json::from(wrong.clone());
        assert_eq!(record::template(&data), None, "{wrong}");
        assert!(!record::records(&data, &Template(fixture::template("v1"))));
    }
}

/// A revision in which somebody wrote a template without `$patch` records that template all the same.
#[test]
fn the_instruction_to_replace_is_no_part_of_the_template() {
    let template = Template(fixture::template("v1"));
    let mut recorded = record::record(&template);
    recorded["spec"]["template"].as_object_mut().unwrap().remove("$patch");
    let recorded = Json::from(recorded);
    assert_eq!(record::template(&recorded).unwrap(), template.0);
    assert!(record::records(&recorded, &template));
}
