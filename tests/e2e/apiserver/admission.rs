//! What the API server refuses of a pod template: the same change as `apps/v1` and as a custom resource.

use serde_json::Value;

use crate::support::plane::block_on;
use crate::support::templates::{Case, left_to_pods, right, stricter, wrong};
use crate::support::{Plane, text};

#[test]
fn what_apps_refuses_of_a_template_is_refused() {
    let problems = each(&wrong(), |case| {
        let mut problems = vec![];
        for set in case.sets(true) {
            if try_out(&set).is_ok() {
                problems.push(format!("{} is taken", text(&set, "/kind")));
            }
        }
        for set in case.sets(false) {
            match try_out(&set) {
                Ok(()) => problems.push(format!("{} is taken", text(&set, "/kind"))),
                Err(why) if !why.contains(&case.says) => problems.push(why),
                Err(_) => {}
            }
        }
        problems
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_apps_takes_of_a_template_is_taken() {
    let problems = each(&right(), |case| {
        let sets = case.sets(true).into_iter().chain(case.sets(false));
        sets.filter_map(|set| try_out(&set).err().map(|why| format!("{}: {why}", text(&set, "/kind"))))
            .collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What `docs/admission.md` says of what is left to the pods is true: where the API server learns to say it, the row moves.
#[test]
fn what_is_left_to_the_pods_is_what_is_said() {
    let problems = each(&left_to_pods(), |case| {
        let native = case
            .sets(true)
            .into_iter()
            .filter(|set| try_out(set).is_ok())
            .map(|set| format!("{} is taken", text(&set, "/kind")));
        let custom = case.sets(false).into_iter().filter_map(|set| try_out(&set).err());
        native.chain(custom).collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_could_never_roll_out_is_refused() {
    let problems = each(&stricter(), |case| {
        let native = case.sets(true).into_iter().filter_map(|set| try_out(&set).err());
        let custom = case.sets(false).into_iter().filter_map(|set| match try_out(&set) {
            Ok(()) => Some(format!("{} is taken", text(&set, "/kind"))),
            Err(why) => (!why.contains(&case.says) || !why.contains("hostPort")).then_some(why),
        });
        native.chain(custom).collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether a set would be created; the `Err` is the answer of the API server.
fn try_out(set: &Value) -> Result<(), String> {
    let kind = text(set, "/kind").to_ascii_lowercase();
    let api = text(set, "/apiVersion");
    let path = format!("/apis/{api}/namespaces/default/{kind}s?dryRun=All&fieldValidation=Strict");
    send(&Plane::shared(), http::Method::POST, &path, set).map(drop)
}

/// Sends a set, or a merge patch of one; the `Err` is why the API server refuses it.
pub fn send(plane: &Plane, method: http::Method, path: &str, body: &Value) -> Result<Value, String> {
    let form =
        if method == http::Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = http::Request::builder().method(method).uri(path).header("content-type", form);
    match block_on(plane.client.request::<Value>(request.body(body.to_string().into_bytes()).unwrap())) {
        Ok(answer) => Ok(answer),
        // Native kinds refuse some values while they read them (400); a definition that is not served yet is 404.
        Err(kube::Error::Api(status)) if [400, 404, 422].contains(&status.code) => {
            Err(status.message.clone())
        }
        Err(error) => panic!("{path}: {error}"),
    }
}

/// The problems of all cases, each with its case.
fn each(cases: &[Case], problems: impl Fn(&Case) -> Vec<String>) -> Vec<String> {
    assert!(cases.len() > 2);
    let named = cases.iter().flat_map(|case| {
        problems(case).into_iter().map(|problem| format!("{}: {problem}", case.what)).collect::<Vec<_>>()
    });
    named.collect()
}
