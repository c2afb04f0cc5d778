//! Events: what they say on either surface, how many there are, and when they count up.

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{Key, Kind, ObjectRef, Resource, Surface, Uid};
use berth_plan::fixture::now;
use berth_plan::notice::{Event, Severity, describe};
use berth_plan::time::Now;
use serde_json::{Value, json};

use crate::telemetry::event_recorder::Book;

fn key(surface: Surface, kind: Kind) -> Key {
    Key::new(surface, kind, "ns", "web")
}

fn at(seconds: u64) -> Now {
    let start = now();
    let since = Duration::from_secs(seconds);
    Now { wall: start.wall.checked_add(since).unwrap(), mono: start.mono + since }
}

fn event(message: &str) -> Event {
    let related = Some(ObjectRef::new(Resource::Pods, "ns", "web-0"));
    Event { severity: Severity::Normal, reason: "SuccessfulCreate", message: message.to_owned(), related }
}

fn uid(name: &str) -> Uid {
    Uid(name.to_owned())
}

/// Reason, type and message for a write, as upstream's controllers say it (A13, B10).
#[test]
fn the_wording_is_upstreams_on_both_surfaces() {
    use Kind::{Daemon, Ordinal};
    use Resource::{Claims, Pods, Revisions};
    let (berth, apps) = (Surface::Berth, Surface::Apps);
    for (surface, kind, verb, resource, error, expected) in [
        (
            berth,
            Ordinal,
            Verb::Create,
            Pods,
            None,
            "Normal SuccessfulCreate Create Pod x in OrdinalSet web successful",
        ),
        (
            apps,
            Ordinal,
            Verb::Create,
            Pods,
            None,
            "Normal SuccessfulCreate Create Pod x in StatefulSet web successful",
        ),
        (
            apps,
            Ordinal,
            Verb::Delete,
            Pods,
            None,
            "Normal SuccessfulDelete Delete Pod x in StatefulSet web successful",
        ),
        (
            apps,
            Ordinal,
            Verb::Patch,
            Pods,
            None,
            "Normal SuccessfulUpdate Update Pod x in StatefulSet web successful",
        ),
        (
            apps,
            Ordinal,
            Verb::Create,
            Pods,
            Some("no Patch"),
            "Warning FailedCreate Create Pod x in StatefulSet web failed error: no Patch",
        ),
        (
            berth,
            Ordinal,
            Verb::Delete,
            Pods,
            Some("no"),
            "Warning FailedDelete Delete Pod x in OrdinalSet web failed error: no",
        ),
        (
            apps,
            Ordinal,
            Verb::Patch,
            Pods,
            Some("no Patch"),
            "Warning FailedUpdate Update Pod x in StatefulSet web failed error: no Patch",
        ),
        (
            apps,
            Ordinal,
            Verb::Create,
            Claims,
            None,
            "Normal SuccessfulCreate Create Claim x Pod web-0 in StatefulSet web success",
        ),
        (
            berth,
            Ordinal,
            Verb::Create,
            Claims,
            None,
            "Normal SuccessfulCreate Create Claim x Pod web-0 in OrdinalSet web success",
        ),
        (
            apps,
            Ordinal,
            Verb::Create,
            Claims,
            Some("no"),
            "Warning FailedCreate Create Claim x for Pod web-0 in StatefulSet web failed error: no",
        ),
        (berth, Daemon, Verb::Create, Pods, None, "Normal SuccessfulCreate Created pod: x"),
        (apps, Daemon, Verb::Create, Pods, None, "Normal SuccessfulCreate Created pod: x"),
        (apps, Daemon, Verb::Delete, Pods, None, "Normal SuccessfulDelete Deleted pod: x"),
        (apps, Daemon, Verb::Create, Pods, Some("no"), "Warning FailedCreate Error creating: no"),
        (berth, Daemon, Verb::Delete, Pods, Some("no"), "Warning FailedDelete Error deleting: no"),
        // What upstream does not tell is not told, and no change of a daemon's pod is.
        (apps, Ordinal, Verb::Create, Revisions, None, "nothing"),
        (apps, Ordinal, Verb::Patch, Claims, None, "nothing"),
        (apps, Daemon, Verb::Patch, Pods, None, "nothing"),
    ] {
        let object = ObjectRef::new(resource, "ns", "x");
        let told = describe(&key(surface, kind), verb, &object, Some("web-0"), error);
        let said = told.as_ref().map_or("nothing".to_owned(), |event| {
            format!("{:?} {} {}", event.severity, event.reason, event.message)
        });
        assert_eq!(said, expected, "{surface:?} {kind:?} {verb:?} {resource:?} {error:?}");
        if let Some(event) = told {
            assert_eq!(event.related, Some(object), "{expected}: it is about this object");
        }
    }
    // A refusal is never kept secret.
    let revision = ObjectRef::new(Revisions, "ns", "x");
    let told = describe(&key(apps, Ordinal), Verb::Create, &revision, None, Some("no")).unwrap();
    assert_eq!((told.severity, told.reason), (Severity::Warning, "FailedCreate"));
    let web = key(berth, Ordinal);
    let told = describe(&web, Verb::Patch, &web.object(), None, Some("no")).unwrap();
    assert_eq!((told.severity, told.reason), (Severity::Warning, "FailedUpdate"));
    assert_eq!(told.message, "Update status of OrdinalSet web failed error: no");
}

#[test]
fn an_event_names_its_set_what_it_is_about_and_its_sender() {
    for (surface, kind, api_version, owner) in [
        (Surface::Berth, Kind::Ordinal, "berth.dev/v1", "OrdinalSet"),
        (Surface::Apps, Kind::Ordinal, "apps/v1", "StatefulSet"),
        (Surface::Berth, Kind::Daemon, "berth.dev/v1", "NodeDaemonSet"),
        (Surface::Apps, Kind::Daemon, "apps/v1", "DaemonSet"),
    ] {
        let mut book = Book::new("berth");
        let request = book.tell(&key(surface, kind), &uid("u"), event("a"), now()).unwrap();
        assert_eq!((request.verb, request.object.resource), (Verb::Create, Resource::Events));
        let body = request.body;
        assert_eq!(
            body["involvedObject"],
            json!({ "apiVersion": api_version, "kind": owner, "namespace": "ns", "name": "web", "uid": "u" })
        );
        assert_eq!(
            body["related"],
            json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": "web-0" })
        );
        assert_eq!((&body["source"]["component"], &body["type"]), (&json!("berth"), &json!("Normal")));
        assert_eq!((&body["count"], &body["firstTimestamp"]), (&json!(1), &body["lastTimestamp"]));
        assert_eq!(body["metadata"]["namespace"], "ns", "where the set is");
    }
}

#[test]
fn a_set_has_twenty_five_events_and_then_one_in_five_minutes() {
    let mut book = Book::new("berth");
    let key = key(Surface::Apps, Kind::Ordinal);
    let tell = |book: &mut Book, owner: &str, n: u64, seconds: u64| {
        book.tell(&key, &uid(owner), event(&format!("{owner} {n}")), at(seconds)).is_some()
    };
    let told = (0..100).filter(|n| tell(&mut book, "u", *n, 0)).count();
    assert_eq!(told, 25);
    assert!(tell(&mut book, "another", 0, 0), "every set has a budget of its own");
    assert!(!tell(&mut book, "u", 100, 299));
    assert!(tell(&mut book, "u", 101, 300));
    assert!(!tell(&mut book, "u", 102, 301));
    let over_an_hour = (0..3600).filter(|second| tell(&mut book, "u", 1000 + second, 302 + second)).count();
    assert_eq!(over_an_hour, 12);
    // A long silence saves up no more than the burst.
    let told = (0..100).filter(|n| tell(&mut book, "u", 9000 + *n, 1_000_000)).count();
    assert_eq!(told, 25);
    // A set of the same name that is made anew begins anew.
    book.forget(&uid("u"));
    assert!(tell(&mut book, "u", 0, 1_000_000));
}

#[test]
fn an_event_that_was_deleted_is_told_anew() {
    let mut book = Book::new("berth");
    let key = key(Surface::Berth, Kind::Ordinal);
    let first = book.tell(&key, &uid("u"), event("a"), at(0)).unwrap();
    let second = book.tell(&key, &uid("u"), event("a"), at(10)).unwrap();
    assert_eq!((second.verb, &second.object.name), (Verb::Patch, &first.object.name));
    // `kubectl delete events --all`, or a short --event-ttl.
    book.lost(&uid("u"), &event("a"));
    let third = book.tell(&key, &uid("u"), event("a"), at(11)).unwrap();
    assert_eq!(third.verb, Verb::Create);
}

#[test]
fn the_event_of_a_long_name_has_a_valid_name() {
    let mut book = Book::new("berth");
    let long = Key { name: format!("{}.example", "a".repeat(240)), ..key(Surface::Apps, Kind::Daemon) };
    let request = book.tell(&long, &uid("u"), event("a"), at(0)).unwrap();
    assert!(request.object.name.len() <= 253, "{}", request.object.name);
    assert_eq!(request.body["involvedObject"]["name"], json!(long.name), "it names the set whole");
}

#[test]
fn what_repeats_counts_one_event_up() {
    let mut book = Book::new("berth");
    let key = key(Surface::Berth, Kind::Ordinal);
    let mut tell = |message: &str, severity: Severity, seconds: u64| {
        let told = Event { severity, ..event(message) };
        let request = book.tell(&key, &uid("u"), told, at(seconds)).unwrap();
        (
            request.verb,
            request.object.name,
            request.body["count"].clone(),
            request.body["lastTimestamp"].clone(),
        )
    };
    let (verb, first, count, _) = tell("a", Severity::Normal, 0);
    assert_eq!((verb, count), (Verb::Create, json!(1)));
    for (repeated, seconds) in [(2, 10), (3, 20)] {
        let (verb, name, count, stamp) = tell("a", Severity::Normal, seconds);
        assert_eq!((verb, &name, count), (Verb::Patch, &first, json!(repeated)));
        assert_eq!(stamp, json!(at(seconds).stamp()));
    }
    let (verb, other, _, _) = tell("b", Severity::Normal, 30);
    assert_eq!(verb, Verb::Create, "another message");
    assert_ne!(other, first);
    assert_eq!(tell("a", Severity::Warning, 40).0, Verb::Create, "another type");
    // After an hour of silence the API server may have forgotten it: a new one.
    assert_eq!(tell("a", Severity::Normal, 20 + 3600).0, Verb::Create);
    let names: Value = json!([first, other]);
    assert!(names.as_array().unwrap().iter().all(|name| name.as_str().unwrap().starts_with("web.")));
}
