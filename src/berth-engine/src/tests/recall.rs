//! What waits for a slot or a token is not sent when its owner has changed meanwhile.

use berth_api::object::Item;
use berth_api::request::{Answer, Request, Verb};
use berth_api::{OrdinalSet, Resource, ResourceVersion, Surface};
use berth_plan::fixture;
use berth_plan::time::Now;
use serde_json::json;

use super::{config, ms};
use crate::{Config, Engine, Event, Input, Output};

const SETS: Resource = Resource::OrdinalSets(Surface::Berth);

/// `web`, in parallel, at this generation, settled at revision v1 but for its replicas.
fn web(generation: i64, replicas: i64) -> OrdinalSet {
    let mut set = fixture::ordinal_set(json!({ "podManagementPolicy": "Parallel", "replicas": replicas }));
    set.metadata.generation = generation;
    set.metadata.resource_version = ResourceVersion((100 + generation).to_string());
    set.status.observed_generation = 1;
    (set.status.current_revision, set.status.update_revision) = ("v1".to_owned(), "v1".to_owned());
    set
}

fn sent(outputs: &[Output], verb: Verb) -> Vec<(u64, Request)> {
    let all = outputs.iter().filter_map(|output| match output {
        Output::Send { id, request, .. } if request.verb == verb => Some((*id, request.clone())),
        _ => None,
    });
    all.collect()
}

/// 8, then 1, then 8 again: what the plan in the middle wanted to delete stays.
#[test]
fn a_plan_ends_when_the_spec_changes_back() {
    let mut engine = Engine::new(Config { in_flight: 4, ..config() });
    let mut step =
        |at: u64, inputs: Vec<Input>| engine.step(inputs, Now { wall: fixture::now().wall, mono: ms(at) });
    let lists = step(0, vec![Input::Tick]);
    let pages = lists.iter().filter_map(|output| match output {
        Output::List { resource, session, .. } => {
            let items = match resource {
                Resource::Pods => (0..8)
                    .map(|n| fixture::pod::<OrdinalSet>(&format!("web-{n}"), "v1", json!({})))
                    .map(|pod| Item::Pod((*pod).clone()))
                    .collect(),
                Resource::Revisions => {
                    vec![Item::Revision((*fixture::revision::<OrdinalSet>("v1", 1, "v1")).clone())]
                }
                other if *other == SETS => vec![Item::OrdinalSet(Surface::Berth, web(2, 1))],
                _ => vec![],
            };
            let (resource, session, token) = (*resource, *session, String::new());
            Some(Input::Page { resource, session, items, token, version: 200 })
        }
        _ => None,
    });
    let outputs = step(1, pages.collect());
    let session = outputs.iter().find_map(|output| match output {
        Output::Watch { resource, session, .. } if *resource == SETS => Some(*session),
        _ => None,
    });
    // The set is read live, then a batch of one, a batch of two, and the first of a batch of four.
    let (id, _) = sent(&outputs, Verb::Get)[0].clone();
    let owner = serde_json::to_value(web(2, 1)).unwrap();
    let mut outputs = step(2, vec![Input::Answer { id, answer: Answer::Done(owner) }]);
    let mut deleted = vec![];
    for at in 3..5 {
        let batch = sent(&outputs, Verb::Delete);
        deleted.extend(batch.iter().map(|(_, request)| request.object.name.clone()));
        let done = |(id, _): (u64, Request)| Input::Answer { id, answer: Answer::Done(json!({})) };
        outputs = step(at, batch.into_iter().map(done).collect());
    }
    let in_flight = sent(&outputs, Verb::Delete);
    assert_eq!((deleted.len(), in_flight.len()), (3, 2), "two of four wait for a slot of their namespace");
    let changed = Event::Put(Box::new(Item::OrdinalSet(Surface::Berth, web(3, 8))));
    step(5, vec![Input::Event { resource: SETS, session: session.unwrap(), event: changed }]);
    let done = |(id, _): (u64, Request)| Input::Answer { id, answer: Answer::Done(json!({})) };
    let outputs = step(6, in_flight.into_iter().map(done).collect());
    assert_eq!(sent(&outputs, Verb::Delete), [], "the spec wants them again");
}
