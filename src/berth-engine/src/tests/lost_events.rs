//! An event that is counted up, and was deleted meanwhile.

use berth_api::object;
use berth_api::request::{Answer, Refusal, Verb};
use berth_api::{Resource, Surface};
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::json;

use super::{config, ms};
use crate::{Engine, Input, Output};

fn refused(code: u16) -> Answer {
    Answer::Refused(Refusal { code, message: "no".to_owned(), ..Refusal::default() })
}

#[test]
fn an_event_that_is_gone_is_sent_as_a_new_one() {
    let set = json!({
        "metadata": { "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "1", "generation": 1 },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [] } },
        },
    });
    let mut engine = Engine::new(config());
    let (mut told, mut inputs) = (vec![], vec![]);
    // The revision may not be created: that is tried, and an event says so, at 0, 1, 3 and 7 s. Each time the event has been deleted.
    for at in (0..10_000).step_by(10) {
        inputs.push(Input::Tick);
        let now = Now { wall: Timestamp::UNIX_EPOCH, mono: ms(at) };
        for output in engine.step(std::mem::take(&mut inputs), now) {
            match output {
                Output::List { resource, session, .. } => {
                    let own = resource == Resource::OrdinalSets(Surface::Berth);
                    let item = own.then(|| object::item(resource, &set.to_string())).flatten();
                    let (items, token) = (item.into_iter().collect(), String::new());
                    inputs.push(Input::Page { resource, session, items, token, version: 1 });
                }
                Output::Send { id, request, .. } => {
                    let answer = match (request.object.resource, request.verb) {
                        (Resource::Events, Verb::Create) => {
                            told.push(request.body["message"].clone());
                            Answer::Done(request.body)
                        }
                        (Resource::Events, _) => refused(404),
                        (_, Verb::Get) => Answer::Done(set.clone()),
                        _ => refused(403),
                    };
                    inputs.push(Input::Answer { id, answer });
                }
                _ => {}
            }
        }
    }
    let creations = told.iter().filter(|message| **message == told[0]).count();
    assert_eq!(creations, 4, "{told:?}");
}
