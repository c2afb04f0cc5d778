//! Names, numbers and equality of revisions.

mod recorded;

use std::sync::Arc;

use berth_api::json::go_bytes;
use berth_api::{NodeDaemonSet, OrdinalSet, Revision, Template};
use serde_json::{Value, json};

use super::{history, plan};
use crate::fixture::{self, revision};
use crate::observation::Observation;
use crate::revisions::record;
use crate::workload::Set;
use crate::workload::adoption;

fn decide<S: Set>(observation: &Observation<S>) -> super::RevisionPlan {
    plan(observation, &adoption::sort(observation, &observation.revisions, |_| true))
}

fn observe(tag: &str, revisions: Vec<Arc<Revision>>) -> Observation<OrdinalSet> {
    fixture::observe(fixture::ordinal_set(json!({ "template": fixture::template(tag) })), vec![], revisions)
}

fn lines(plan: &super::RevisionPlan) -> Vec<String> {
    plan.actions.iter().map(|a| format!("{} {}", a.act, a.act.request().body["revision"])).collect()
}

#[test]
fn the_recorded_bytes_are_those_of_the_first_release() {
    let template = json!({
        "spec": { "containers": [{ "name": "c", "args": ["a<b", "c>d", "e&f", "\u{2028}"], "image": "i" }], "weight": 1.5 },
        "metadata": { "labels": { "b": "2", "a": "1" }, "creationTimestamp": null },
    });
    let bytes = go_bytes(&record::record(&Template(template)));
    let golden = concat!(
        r#"{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"a":"1","b":"2"}},"#,
        r#""spec":{"containers":[{"args":["a\u003cb","c\u003ed","e\u0026f","\u2028"],"image":"i","name":"c"}],"weight":1.5}}}}"#,
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), golden);
}

#[test]
fn a_new_template_is_recorded_under_the_name_that_upstream_would_choose() {
    let plan = decide(&observe("v1", vec![]));
    let body = plan.actions[0].act.request().body;
    // FNV-1 of the bytes and "0", in decimal, encoded (A7.3).
    let mut bytes = go_bytes(&body["data"]);
    bytes.push(b'0');
    let suffix = crate::hash::safe_encode(&crate::hash::fnv1_32(&bytes).to_string());
    assert_eq!(body["metadata"]["name"], format!("web-{suffix}"));
    assert_eq!(body["metadata"]["labels"], json!({ "app": "web", "controller.kubernetes.io/hash": suffix }));
    assert_eq!(body["revision"], 1);
    assert!(plan.update.is_none(), "nothing rests on a revision that is not recorded yet");

    let daemons = fixture::observe(fixture::daemon_set(json!({})), vec![], vec![]);
    let body = decide(&daemons).actions[0].act.request().body;
    let hash = body["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap();
    assert_eq!(body["metadata"]["name"], format!("agent-{hash}"));
}

#[test]
fn templates_are_recognised() {
    let both = || vec![revision::<OrdinalSet>("a", 1, "v1"), revision::<OrdinalSet>("b", 2, "v2")];
    let newest = decide(&observe("v2", both()));
    assert_eq!((lines(&newest), newest.update.unwrap().metadata.name.as_str()), (vec![], "b"));
    let older = decide(&observe("v1", both()));
    assert_eq!(lines(&older), ["change revision ns/a 3"], "a rollback counts the old revision up");
    let mut third = observe("v3", both());
    for (tag, defaulted) in [("v3", json!(3)), ("v2", json!(2))] {
        let template = third.set.complete(&fixture::template(tag));
        third.memory.record_defaults(&template, Some(&defaulted));
    }
    let new = decide(&third);
    assert!(lines(&new)[0].ends_with(" 3"), "{:?}", lines(&new));
}

#[test]
fn a_template_that_differs_in_defaults_only_is_no_change() {
    let mut observation = observe("v1", vec![revision::<OrdinalSet>("a", 1, "v1")]);
    let explicit = json!({ "spec": { "restartPolicy": "Always" } });
    fixture::merge(&mut Arc::make_mut(&mut observation.set).spec.template.0, explicit);
    let asked = decide(&observation);
    assert_eq!(lines(&asked), ["default podtemplate ns/web.dry-run by a dry run null"; 2]);
    assert!(asked.update.is_none(), "nothing rests on a guess");

    let set = Arc::clone(&observation.set);
    let present = set.complete(&set.spec.template.0);
    let recorded = set.complete(&fixture::template("v1"));
    observation.memory.record_defaults(&present, Some(&json!({ "the": "same" })));
    assert_eq!(lines(&decide(&observation)).len(), 1, "only what is not known is asked");
    observation.memory.record_defaults(&recorded, Some(&json!({ "the": "same" })));
    let same = decide(&observation);
    assert_eq!(
        (lines(&same), same.update.unwrap().metadata.name.as_str()),
        (vec!["change revision ns/a null".to_owned()], "a")
    );
    // What was noted is not asked again by a later process, which remembers nothing.
    let mut later = observation.clone();
    later.memory = crate::memory::Memory::default();
    let mut noted = (*later.revisions[0]).clone();
    let note = &same.actions[0].act.request().body["metadata"]["annotations"];
    noted.metadata.annotations = serde_json::from_value(note.clone()).unwrap();
    later.revisions = vec![Arc::new(noted)];
    let known = decide(&later);
    assert_eq!((lines(&known), known.update.unwrap().metadata.name.as_str()), (vec![], "a"));

    for (what, present_defaulted) in [("another", Some(json!({ "an": "other" }))), ("refused", None)] {
        observation.memory.record_defaults(&present, present_defaulted.as_ref());
        let different = decide(&observation);
        assert!(lines(&different)[0].starts_with("create revision"), "{what}: {:?}", lines(&different));
    }
}

/// A new policy allows the present template and denies the recorded one, which so is another: the cure is not kept back (S19).
#[test]
fn a_template_that_keeps_to_a_new_policy_is_another() {
    let observation = observe("v2", vec![revision::<OrdinalSet>("a", 1, "v1")]);
    let [present, recorded] = ["v2", "v1"].map(|tag| observation.set.complete(&fixture::template(tag)));
    let mut cured = observation.clone();
    cured.memory.record_defaults(&present, Some(&json!({ "some": "thing" })));
    cured.memory.record_denied(&recorded);
    assert_eq!(
        lines(&decide(&cured)).len(),
        2,
        "the policy may be newer than the first answer: {:?}",
        lines(&decide(&cured))
    );
    cured.memory.record_defaults(&present, Some(&json!({ "some": "thing" })));
    cured.memory.record_denied(&recorded);
    assert!(lines(&decide(&cured))[0].starts_with("create revision"), "{:?}", lines(&decide(&cured)));
    let mut denied = observation;
    denied.memory.record_denied(&present);
    assert!(lines(&decide(&denied))[0].starts_with("default podtemplate"), "{:?}", lines(&decide(&denied)));
}

#[test]
fn what_tools_print_is_no_change() {
    let mut printed = fixture::template("v1");
    printed["metadata"]["creationTimestamp"] = Value::Null;
    let plain = Template(fixture::template("v1"));
    assert!(record::records(&record::record(&plain).into(), &Template(printed.clone())));
    assert!(record::records(&record::record(&Template(printed)).into(), &plain));
    let mut other = fixture::template("v1");
    other["metadata"]["labels"]["x"] = json!("y");
    assert!(!record::records(&record::record(&plain).into(), &Template(other)));
    let mut more = fixture::template("v1");
    more["spec"]["hostNetwork"] = json!(true);
    assert!(!record::records(&record::record(&plain).into(), &Template(more)));
}

#[test]
fn a_name_that_is_taken_counts_as_a_collision() {
    let first = decide(&observe("v1", vec![])).actions[0].act.object().name.clone();
    let mut foreign = (*revision::<OrdinalSet>(&first, 7, "other")).clone();
    foreign.metadata.owner_references[0].uid = berth_api::Uid("another".to_owned());
    let mut observation = observe("v1", vec![Arc::new(foreign)]);
    let counted = decide(&observation);
    assert_eq!(
        (lines(&counted), counted.collision_count),
        (vec![], 1),
        "counted before the next name is used"
    );
    Arc::make_mut(&mut observation.set).status.collision_count = 1;
    let second = decide(&observation);
    assert_eq!(second.collision_count, 1);
    let body = second.actions[0].act.request().body;
    assert_ne!(body["metadata"]["name"], json!(first));
    assert_eq!(body["revision"], 1, "the number of a foreign revision means nothing");
}

#[test]
fn the_current_revision_is_the_one_that_the_status_names() {
    let both = || vec![revision::<OrdinalSet>("a", 1, "v1"), revision::<OrdinalSet>("b", 2, "v2")];
    let mut observation = observe("v2", both());
    Arc::make_mut(&mut observation.set).status.current_revision = "a".to_owned();
    assert_eq!(decide(&observation).current.unwrap().metadata.name, "a");
    Arc::make_mut(&mut observation.set).status.current_revision = "gone".to_owned();
    assert_eq!(
        decide(&observation).current.unwrap().metadata.name,
        "b",
        "a lost one cannot be brought back (A7.7)"
    );
}

#[test]
fn history_keeps_to_its_limit() {
    let removed = |limit: Value, names: Vec<&str>, labels: Vec<&str>| {
        let many: Vec<_> =
            (1..=5).map(|n| revision::<OrdinalSet>(&format!("r{n}"), n, &format!("v{n}"))).collect();
        let mut observation = observe("v5", many);
        Arc::make_mut(&mut observation.set).spec.revision_history_limit =
            serde_json::from_value(limit).unwrap();
        let members = adoption::sort(&observation, &observation.revisions, |_| true);
        let live = super::History { live_names: names, live_labels: labels };
        history(&observation, &members, &live).iter().map(|a| a.act.object().name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(removed(json!(2), vec!["r5"], vec![]), ["r1", "r2"], "the oldest first");
    assert_eq!(removed(json!(2), vec!["r5", "r1"], vec![]), ["r2"], "live ones do not count (A7.8)");
    assert_eq!(removed(json!(0), vec!["r5"], vec!["r1"]), ["r2", "r3", "r4"], "what a pod names stays");
    assert_eq!(removed(json!(-1), vec!["r5"], vec![]), Vec::<String>::new(), "negative keeps all");
    assert_eq!(removed(Value::Null, vec!["r5"], vec![]), Vec::<String>::new(), "ten by default");

    let many: Vec<_> =
        (1..=5).map(|n| revision::<NodeDaemonSet>(&format!("r{n}"), n, &format!("v{n}"))).collect();
    let set = fixture::daemon_set(json!({ "revisionHistoryLimit": 2 }));
    let observation = fixture::observe(set, vec![], many);
    let members = adoption::sort(&observation, &observation.revisions, |_| true);
    let live = super::History { live_names: vec!["r5"], live_labels: vec![] };
    assert_eq!(history(&observation, &members, &live).len(), 2);
}

#[test]
fn a_revision_of_that_name_with_the_same_data_is_used_whatever_its_labels() {
    let name = decide(&observe("v1", vec![])).actions[0].act.object().name.clone();
    let mut own = (*revision::<OrdinalSet>(&name, 1, "v1")).clone();
    own.metadata.labels.clear();
    let observation = observe("v1", vec![Arc::new(own)]);
    // Its labels do not match any more, so it is no member (A8.5), but its name and what it records are right.
    let members = adoption::sort(&observation, &observation.revisions, |_| false);
    let decided = plan(&observation, &members);
    assert_eq!(lines(&decided), Vec::<String>::new(), "no second one, and no collision (A7.6)");
    assert_eq!((decided.update.unwrap().metadata.name.as_str(), decided.collision_count), (name.as_str(), 0));
}

#[test]
fn twins_are_all_known_by_their_labels() {
    let twin = |name: &str, number: i64, hash: &str| {
        let mut twin = (*revision::<NodeDaemonSet>(name, number, "v1")).clone();
        twin.metadata.labels.insert("controller-revision-hash".to_owned(), hash.to_owned());
        Arc::new(twin)
    };
    let observation =
        fixture::observe(fixture::daemon_set(json!({})), vec![], vec![twin("a", 1, "x"), twin("b", 2, "y")]);
    let decided = decide(&observation);
    let mut labels: Vec<&str> = decided.labels(berth_api::Kind::Daemon).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!((labels, decided.update.as_ref().unwrap().metadata.name.as_str()), (vec!["x", "y"], "b"));
}

#[test]
fn a_revision_that_somebody_else_renumbers_too_is_left_alone_for_a_while() {
    let both = vec![revision::<OrdinalSet>("a", 1, "v1"), revision::<OrdinalSet>("b", 2, "v2")];
    let mut observation = observe("v1", both);
    assert_eq!(lines(&decide(&observation)).len(), 1, "a goes to 3");
    observation.memory.record_revision_write(observation.now.mono);
    let held = decide(&observation);
    assert_eq!(lines(&held), Vec::<String>::new());
    assert!(held.update.is_none() && held.waiting.is_some(), "and nothing is decided meanwhile: {held:?}");
}
