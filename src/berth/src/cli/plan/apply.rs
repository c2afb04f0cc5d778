//! What a manifest would become if it were applied.

use berth_api::{Key, Surface};
use berth_plan::forecast::simulate;
use http::Method;
use kube::Client;
use serde_json::{Value, json};

use crate::cli::plan::merge_lists;
use crate::cli::plan::three_way::three_way;
use crate::client::list_watch::percent_encode;
use crate::client::reader::{self, LookError};

/// Where `kubectl apply` keeps the manifest that it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Has the API server default and validate the manifest as an apply of it: nothing is stored. What was applied by the server so far
/// (`kubectl apply --server-side`, Flux, Argo CD, Helm) is applied so again, under the same name and against all conflicts; all else
/// as `kubectl apply` does it.
///
/// # Errors
/// When the API server refuses it or does not answer.
pub(super) async fn server_side(
    client: &Client,
    present: Option<&Value>,
    manifest: &Value,
    key: &Key,
) -> Result<Value, LookError> {
    let mut manifest = manifest.clone();
    manifest["metadata"]["namespace"] = json!(key.namespace);
    let collection = key.resource().path(&key.namespace);
    let query = "dryRun=All&fieldManager=berth-plan&fieldValidation=Strict";
    let (method, uri, content, body) = match present {
        None => (Method::POST, format!("{collection}?{query}"), "application/json", manifest),
        Some(present) => {
            let uri = format!("{collection}/{}", key.name);
            match applier(present) {
                Some(manager) => {
                    let manager = percent_encode(&manager);
                    // What an export has of it is refused here, and left out by `kubectl apply`.
                    manifest["metadata"]["managedFields"] = Value::Null;
                    let query =
                        format!("dryRun=All&force=true&fieldManager={manager}&fieldValidation=Strict");
                    (Method::PATCH, format!("{uri}?{query}"), "application/apply-patch+yaml", manifest)
                }
                None => {
                    let patch = patch(&manifest, present, key);
                    (Method::PATCH, format!("{uri}?{query}"), "application/merge-patch+json", patch)
                }
            }
        }
    };
    let what = format!("apply {key} as a dry run");
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, content)
        .body(body.to_string().into_bytes())
        .map_err(|e| LookError::Unknown { what: what.clone(), message: e.to_string() })?;
    reader::send(client, request, &what).await
}

/// The same without an API server: nothing is checked, and only Berth's own defaults apply.
pub(super) fn assumed(present: Option<&Value>, manifest: &Value, key: &Key) -> Value {
    let mut set = match present {
        Some(present) => {
            let mut set = present.clone();
            simulate::merge(&mut set, &patch(manifest, present, key));
            if set["spec"] != present["spec"] {
                let generation = present["metadata"]["generation"].as_i64().unwrap_or(0);
                set["metadata"]["generation"] = json!(generation + 1);
            }
            set
        }
        None => manifest.clone(),
    };
    let metadata = &mut set["metadata"];
    metadata["namespace"] = json!(key.namespace);
    if metadata["uid"].as_str().is_none_or(str::is_empty) {
        (metadata["uid"], metadata["generation"]) = (json!("planned"), json!(1));
    }
    set
}

fn last_applied(present: &Value) -> Option<Value> {
    let text = present["metadata"]["annotations"][LAST_APPLIED].as_str()?;
    serde_json::from_str(text).ok()
}

/// Who applies the object by the server; `None` where `kubectl apply` does it by itself, or nobody, or several do.
fn applier(present: &Value) -> Option<String> {
    if last_applied(present).is_some() {
        return None;
    }
    let entries = present["metadata"]["managedFields"].as_array().into_iter().flatten();
    let applied =
        entries.filter(|e| e["operation"] == "Apply" && e["subresource"].as_str().is_none_or(str::is_empty));
    match applied.filter_map(|e| e["manager"].as_str()).collect::<Vec<_>>().as_slice() {
        [one] => Some((*one).to_owned()),
        _ => None,
    }
}

/// What `kubectl apply` changes in what is there.
fn patch(manifest: &Value, present: &Value, key: &Key) -> Value {
    let applied = last_applied(present);
    let manifest = match key.surface {
        Surface::Berth => manifest.clone(),
        Surface::Apps => merge_lists::merged(applied.as_ref(), manifest, present),
    };
    three_way(applied.as_ref(), &manifest, present)
}
