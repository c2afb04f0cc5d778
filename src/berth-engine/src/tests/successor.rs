//! Another set under the name of one that is gone, though its operator never saw that there was none.

use berth_api::object::Item;
use berth_api::{LabelSelector, NodeDaemonSet, Resource, ResourceVersion, Surface, Uid};
use berth_plan::fixture;
use berth_plan::time::Now;
use serde_json::json;

use super::{config, ms};
use crate::{Engine, Event, Input, Output};

const SETS: Resource = Resource::DaemonSets(Surface::Berth);

/// `agent`, with a selector that selects everything.
fn agent(uid: &str, version: u64) -> NodeDaemonSet {
    let mut set = fixture::daemon_set(json!({}));
    set.spec.selector = LabelSelector::default();
    set.metadata.uid = Uid(uid.to_owned());
    set.metadata.resource_version = ResourceVersion(version.to_string());
    set
}

/// About which sets events are sent.
fn told(outputs: &[Output]) -> Vec<String> {
    let requests = outputs.iter().filter_map(|output| match output {
        Output::Send { request, .. } if request.object.resource == Resource::Events => Some(request),
        _ => None,
    });
    requests.map(|r| r.body["involvedObject"]["uid"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn it_starts_with_nothing_of_the_earlier_one() {
    let mut engine = Engine::new(config());
    let mut step =
        |at: u64, inputs: Vec<Input>| engine.step(inputs, Now { wall: fixture::now().wall, mono: ms(at) });
    let lists = step(0, vec![Input::Tick]);
    let pages = lists.iter().filter_map(|output| match output {
        Output::List { resource, session, .. } => {
            let first = || vec![Item::DaemonSet(Surface::Berth, agent("u", 100))];
            let items = if *resource == SETS { first() } else { vec![] };
            let (resource, session, token) = (*resource, *session, String::new());
            Some(Input::Page { resource, session, items, token, version: 200 })
        }
        _ => None,
    });
    let outputs = step(1, pages.collect());
    assert_eq!(told(&outputs), ["u"]);
    let session = outputs.iter().find_map(|output| match output {
        Output::Watch { resource, session, .. } if *resource == SETS => Some(*session),
        _ => None,
    });
    let event = |event| Input::Event { resource: SETS, session: session.unwrap(), event };
    let (gone, next) = (agent("u", 201), agent("v", 202));
    let both = vec![
        event(Event::Deleted(Box::new(gone.metadata))),
        event(Event::Put(Box::new(Item::DaemonSet(Surface::Berth, next)))),
    ];
    // The status of the first one is still to be answered.
    let mut outputs = step(2, both);
    for at in 3..10 {
        let answers = outputs.iter().filter_map(|output| match output {
            Output::Send { id, .. } => {
                let answer =
                    berth_api::request::Answer::Done(json!({ "metadata": { "resourceVersion": "203" } }));
                Some(Input::Answer { id: *id, answer })
            }
            _ => None,
        });
        let more = step(at, answers.collect());
        outputs.extend(more);
    }
    assert_eq!(told(&outputs), ["v"]);
}
