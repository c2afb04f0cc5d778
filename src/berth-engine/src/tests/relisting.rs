//! A write that does not become visible: its resource is listed anew, once.

use berth_api::object;
use berth_api::request::Answer;
use berth_api::{Resource, Surface};
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::json;

use super::{config, ms};
use crate::{Engine, Input, Output};

fn step(engine: &mut Engine, at: u64, inputs: Vec<Input>) -> Vec<Output> {
    engine.step(inputs, Now { wall: Timestamp::UNIX_EPOCH, mono: ms(at) })
}

/// How many lists of revisions are to be asked for.
fn lists(outputs: &[Output]) -> usize {
    let listed = |o: &&Output| matches!(o, Output::List { resource: Resource::Revisions, .. });
    outputs.iter().filter(listed).count()
}

#[test]
fn a_list_that_is_on_its_way_is_awaited() {
    let mut engine = Engine::new(config());
    let set = json!({
        "metadata": { "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "1", "generation": 1 },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [] } },
        },
    });
    let asked = step(&mut engine, 0, vec![Input::Tick]);
    let pages = asked.iter().filter_map(|output| match output {
        Output::List { resource, session, .. } => {
            let own = *resource == Resource::OrdinalSets(Surface::Berth);
            let items =
                own.then(|| object::item(*resource, &set.to_string())).flatten().into_iter().collect();
            let (resource, session, token, version) = (*resource, *session, String::new(), 1);
            Some(Input::Page { resource, session, items, token, version })
        }
        _ => None,
    });
    let outputs = step(&mut engine, 1, pages.collect());
    let sent = |outputs: &[Output], resource: Resource| {
        let sent = outputs.iter().find_map(|output| match output {
            Output::Send { id, request, .. } if request.object.resource == resource => {
                Some((*id, request.body.clone()))
            }
            _ => None,
        });
        sent.unwrap()
    };
    let (id, _) = sent(&outputs, Resource::OrdinalSets(Surface::Berth));
    let outputs = step(&mut engine, 2, vec![Input::Answer { id, answer: Answer::Done(set) }]);
    let (id, mut revision) = sent(&outputs, Resource::Revisions);
    revision["metadata"]["resourceVersion"] = json!("9");
    step(&mut engine, 3, vec![Input::Answer { id, answer: Answer::Done(revision) }]);
    let later = (300..360).map(|second| lists(&step(&mut engine, second * 1000, vec![Input::Tick])));
    assert_eq!(later.sum::<usize>(), 1, "nothing has come of the first one yet");
}
