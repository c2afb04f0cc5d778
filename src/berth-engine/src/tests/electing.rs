//! The engine's side of the election.

use berth_api::object;
use berth_api::request::{Answer, Refusal, Request, Verb};
use berth_api::{Resource, Surface};
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::json;

use super::{config, ms};
use crate::election::lease;
use crate::{Config, Engine, Event, Input, Note, Output};

/// An engine, and what it wanted last.
struct Stand {
    engine: Engine,
    outputs: Vec<Output>,
    /// The session of its watch of the lease.
    watch: u64,
}

impl Stand {
    fn new() -> Self {
        let engine = Engine::new(Config {
            lease: Some(lease::Config::new("berth-system", "berth", "me")),
            ..config()
        });
        Stand { engine, outputs: vec![], watch: 0 }
    }

    fn step(&mut self, at: u64, inputs: Vec<Input>) {
        self.outputs = self.engine.step(inputs, Now { wall: Timestamp::UNIX_EPOCH, mono: ms(at) });
    }

    /// The request to a lease that is to be sent, and its id.
    fn request(&self) -> Option<(u64, Request)> {
        self.outputs.iter().find_map(|output| match output {
            Output::Send { id, request, .. } => Some((*id, request.clone())),
            _ => None,
        })
    }

    fn answer(&mut self, at: u64, answer: Answer) {
        let (id, _) = self.request().unwrap();
        self.step(at, vec![Input::Answer { id, answer }]);
    }

    /// The session of the list or watch of leases that is to be begun.
    fn session(&self) -> u64 {
        let found = self.outputs.iter().find_map(|output| match output {
            Output::List { resource: Resource::Leases, session, namespace, name, .. }
            | Output::Watch { resource: Resource::Leases, session, namespace, name, .. } => {
                assert_eq!((namespace.as_str(), name.as_str()), ("berth-system", "berth"), "only this one");
                Some(*session)
            }
            _ => None,
        });
        found.unwrap()
    }

    /// Brings it to standing by with an open watch.
    fn standing_by() -> Self {
        let mut stand = Stand::new();
        stand.step(0, vec![Input::Tick]);
        let list = stand.session();
        stand.answer(1, Answer::Done(lease("other", 1)));
        let page = Input::Page {
            resource: Resource::Leases,
            session: list,
            items: vec![],
            token: String::new(),
            version: 1,
        };
        stand.step(2, vec![page]);
        stand.watch = stand.session();
        stand.step(3, vec![event(stand.watch, Event::Opened)]);
        stand
    }
}

fn lease(holder: &str, version: u64) -> serde_json::Value {
    json!({
        "metadata": { "name": "berth", "namespace": "berth-system", "resourceVersion": version.to_string() },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": version },
    })
}

fn event(session: u64, event: Event) -> Input {
    Input::Event { resource: Resource::Leases, session, event }
}

fn put(session: u64, holder: &str, version: u64) -> Input {
    let item = object::item(Resource::Leases, &lease(holder, version).to_string()).unwrap();
    event(session, Event::Put(Box::new(item)))
}

#[test]
fn a_lease_that_is_given_back_is_taken_in_the_same_step_and_every_cache_is_listed_anew() {
    let mut stand = Stand::standing_by();
    stand.step(5_000, vec![put(stand.watch, "other", 2)]);
    assert_eq!(stand.request(), None, "renewed, and watched");
    stand.step(9_000, vec![put(stand.watch, "", 3)]);
    let (_, take) = stand.request().unwrap();
    assert_eq!((take.verb, &take.body["metadata"]["resourceVersion"]), (Verb::Patch, &json!("3")));
    stand.answer(9_010, Answer::Done(lease("me", 4)));
    assert!(stand.engine.leads());
    let listed = stand.outputs.iter().filter_map(|output| match output {
        Output::List { resource, .. } => Some(*resource),
        _ => None,
    });
    let (ordinals, daemons) = (Resource::OrdinalSets(Surface::Berth), Resource::DaemonSets(Surface::Berth));
    let cached = [Resource::Pods, Resource::Claims, Resource::Revisions, Resource::Nodes, ordinals, daemons];
    assert_eq!(listed.collect::<Vec<_>>(), cached);
}

#[test]
fn a_lease_that_another_is_seen_to_hold_is_lost_at_once() {
    let mut stand = Stand::standing_by();
    stand.step(9_000, vec![put(stand.watch, "", 3)]);
    stand.answer(9_010, Answer::Done(lease("me", 4)));
    stand.step(9_020, vec![put(stand.watch, "third", 5)]);
    assert!(stand.outputs.iter().any(|o| matches!(o, Output::LeaseLost)), "{:?}", stand.outputs);
    assert!(!stand.engine.leads());
}

#[test]
fn a_problem_with_the_lease_is_over_with_the_next_answer() {
    for (holder, leads) in [("other", false), ("me", true)] {
        let mut stand = Stand::new();
        stand.step(0, vec![Input::Tick]);
        let refusal = Refusal { code: 500, message: "not now".to_owned(), ..Refusal::default() };
        stand.answer(1, Answer::Refused(refusal));
        assert!(stand.engine.problems().iter().any(|p| p.contains("not now")));
        assert!(stand.outputs.iter().any(|o| matches!(o, Output::Note(Note::LeaseProblem { .. }))));
        stand.step(2_001, vec![Input::Tick]);
        stand.answer(2_002, Answer::Done(lease(if leads { "" } else { holder }, 1)));
        if leads {
            stand.answer(2_003, Answer::Done(lease("me", 2)));
        }
        assert_eq!(stand.engine.leads(), leads);
        assert!(
            !stand.engine.problems().iter().any(|p| p.contains("not now")),
            "{:?}",
            stand.engine.problems()
        );
    }
}

#[test]
fn who_stands_by_keeps_nothing_of_sets_that_are_gone() {
    let sets = Resource::OrdinalSets(Surface::Berth);
    let mut stand = Stand::new();
    stand.step(0, vec![Input::Tick]);
    let list = stand.outputs.iter().find_map(|output| match output {
        Output::List { resource, session, .. } if *resource == sets => Some(*session),
        _ => None,
    });
    let items = (0..100).map(|n| {
        let mut set = berth_plan::fixture::ordinal_set(json!({}));
        set.metadata.name = format!("preview-{n}");
        berth_api::object::Item::OrdinalSet(Surface::Berth, set)
    });
    let session = list.unwrap();
    let page =
        Input::Page { resource: sets, session, items: items.collect(), token: String::new(), version: 10 };
    let pods = stand.outputs.iter().find_map(|output| match output {
        Output::List { resource: Resource::Pods, session, .. } => Some(*session),
        _ => None,
    });
    let (resource, token) = (Resource::Pods, String::new());
    let none = Input::Page { resource, session: pods.unwrap(), items: vec![], token, version: 10 };
    stand.step(1, vec![page, none]);
    let pods = stand.outputs.iter().find_map(|output| match output {
        Output::Watch { resource: Resource::Pods, session, .. } => Some(*session),
        _ => None,
    });
    let watch = stand.outputs.iter().find_map(|output| match output {
        Output::Watch { resource, session, .. } if *resource == sets => Some(*session),
        _ => None,
    });
    let gone = (0..100).map(|n| {
        let mut set = berth_plan::fixture::ordinal_set(json!({}));
        set.metadata.name = format!("preview-{n}");
        set.metadata.resource_version = berth_api::ResourceVersion("20".to_owned());
        Input::Event {
            resource: sets,
            session: watch.unwrap(),
            event: Event::Deleted(Box::new(set.metadata)),
        }
    });
    let gone = gone.collect();
    let queued =
        |stand: &Stand| stand.engine.figures(0, Now { wall: Timestamp::UNIX_EPOCH, mono: ms(3) }).queued;
    assert_eq!(queued(&stand), 100);
    stand.step(2, gone);
    assert_eq!(queued(&stand), 0, "deleted sets are not remembered until it leads");
    // In the background their pods go after them.
    let pods = pods.unwrap();
    let mut pod =
        (*berth_plan::fixture::pod::<berth_api::OrdinalSet>("preview-1-0", "v1", json!({}))).clone();
    pod.metadata.owner_references[0].name = "preview-1".to_owned();
    let mut last = pod.metadata.clone();
    last.resource_version = berth_api::ResourceVersion("99".to_owned());
    let put = Event::Put(Box::new(berth_api::object::Item::Pod(pod)));
    stand.step(3, vec![Input::Event { resource: Resource::Pods, session: pods, event: put }]);
    let deleted = Event::Deleted(Box::new(last));
    stand.step(4, vec![Input::Event { resource: Resource::Pods, session: pods, event: deleted }]);
    assert_eq!(queued(&stand), 0, "nor because of what they leave behind");
}
