//! The model of the API server that the simulator rests on (`tests/sim/src/api_server`) is itself checked: random sequences of
//! requests go to it and to a real kube-apiserver, by the transport that is shipped, and the answers agree.
//!
//! What is compared: whether it was done; code and reason of a refusal; whether the object changed; and of the object everything that
//! the model stores, apart from uids, versions and times.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod real;
mod sequences;

use berth_api::request::{Answer, Request};
use berth_api::{ObjectRef, Resource};
use berth_sim::api_server::{ApiServer, object};
use berth_sim::random::Random;
use real::Real;
use sequences::{Side, any};
use serde_json::Value;

/// Sequences of requests, each on objects of its own.
const SEQUENCES: u64 = 60;
/// Requests of a sequence.
const REQUESTS: usize = 30;

/// Whether the answers agree.
fn compare(request: &Request, model: &Answer, real: &Answer) -> Result<(), String> {
    match (model, real) {
        (Answer::Done(model), Answer::Done(real)) => {
            // A deletion answers with the object or with a status, as each resource likes.
            if model["kind"] == "Status" || real["kind"] == "Status" {
                return Ok(());
            }
            agree("", &without_names(model), &without_names(real))
        }
        (Answer::Refused(model), Answer::Refused(real))
            if (model.code, &model.reason) == (real.code, &real.reason) =>
        {
            Ok(())
        }
        (model, real) => {
            Err(format!("{:?}: the model says\n{model:?}\nand kube-apiserver\n{real:?}", request.verb))
        }
    }
}

/// What cannot agree is left out: uids, versions and times, of which only the presence counts.
fn without_names(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for name in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.remove(name);
        }
        if metadata.contains_key("deletionTimestamp") {
            metadata.insert("deletionTimestamp".to_owned(), Value::Bool(true));
        }
        // Only its length and its beginning can agree.
        if let Some(base) = metadata.get("generateName").and_then(Value::as_str) {
            let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
            let made_up = name.strip_prefix(base).map_or(0, str::len);
            metadata.insert("name".to_owned(), Value::from(made_up));
        }
        for reference in
            metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
        {
            reference["uid"] = Value::Null;
        }
    }
    value
}

/// Whether everything that the model stores is stored by the real one too; of metadata also the other way round.
fn agree(path: &str, model: &Value, real: &Value) -> Result<(), String> {
    match (model, real) {
        (Value::Object(model), Value::Object(real)) => {
            for (name, value) in model {
                agree(&format!("{path}/{name}"), value, real.get(name).unwrap_or(&Value::Null))?;
            }
            let more = real.iter().find(|(name, _)| path == "/metadata" && !model.contains_key(*name));
            more.map_or(Ok(()), |(name, value)| {
                Err(format!("{path}/{name}: only kube-apiserver has {value}"))
            })
        }
        (Value::Array(model), Value::Array(real)) if model.len() == real.len() => {
            model.iter().zip(real).try_for_each(|(model, real)| agree(&format!("{path}/*"), model, real))
        }
        // Absent, null and empty mean the same.
        (model, real) if is_empty(model) && is_empty(real) => Ok(()),
        (model, real) if model == real => Ok(()),
        (model, real) => Err(format!("{path}: the model has {model}, kube-apiserver {real}")),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null()
        || value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

#[test]
fn the_model_answers_as_kube_apiserver_does() {
    let real = Real::start();
    let (mut answers, mut done) = (0, 0);
    for seed in 0..SEQUENCES {
        let mut random = Random::new(seed);
        let mut model = ApiServer::new(jiff::Timestamp::now());
        // The requests to kube-apiserver are those of an administrator too.
        model.roles.admin = true;
        let (mut modelled, mut stored) = (Side::default(), Side::default());
        let mut story = vec![];
        let names = |resource: Resource| ObjectRef::new(resource, real::NAMESPACE, format!("s{seed}"));
        for _ in 0..REQUESTS {
            let wish = any(&mut random, names);
            let requests = [wish.request(&modelled), wish.request(&stored)];
            let answers_of = [model.handle(&requests[0]), real.send(&requests[1])];
            story.push(format!("{wish:?}: {}", brief(&answers_of[1])));
            let changed = [
                modelled.take_in(&requests[0], &answers_of[0]),
                stored.take_in(&requests[1], &answers_of[1]),
            ];
            answers += 1;
            done += usize::from(matches!(answers_of[1], Answer::Done(_)));
            let agreed = compare(&requests[0], &answers_of[0], &answers_of[1]);
            let agreed = agreed.and_then(|()| {
                if changed[0] == changed[1] {
                    Ok(())
                } else {
                    Err(format!("changed: the model {}, kube-apiserver {}", changed[0], changed[1]))
                }
            });
            if let Err(wrong) = agreed {
                let writers = real.send(&Request::get(requests[1].object.clone()));
                let writers = match writers {
                    Answer::Done(value) => value["metadata"]["managedFields"].to_string(),
                    other => brief(&other),
                };
                panic!("sequence {seed}:\n{}\n{wrong}\nwritten by {writers}", story.join("\n"));
            }
        }
    }
    println!("{answers} answers in {SEQUENCES} sequences agree, {done} of them of requests that were done");
    assert!(done * 3 > answers, "most were refused: {done} of {answers}");
}

fn brief(answer: &Answer) -> String {
    match answer {
        Answer::Done(value) => format!("done, {}", value["metadata"]["resourceVersion"]),
        Answer::Refused(refusal) => format!("{} {}: {}", refusal.code, refusal.reason, refusal.message),
        Answer::Unknown(what) => what.clone(),
    }
}

/// The version in an answer.
fn version(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Done(value) if value["kind"] != "Status" => {
            Some(object::text(value, "/metadata/resourceVersion").to_owned())
        }
        _ => None,
    }
}
