//! What `kubectl get -o wide` shows of a template.

use berth_api::Template;
use serde_json::Value;

/// The images of the containers, separated by commas.
pub fn of(template: &Template) -> String {
    let containers = template.0.pointer("/spec/containers").and_then(Value::as_array);
    let images = containers.into_iter().flatten().filter_map(|c| c.get("image")?.as_str());
    images.collect::<Vec<_>>().join(",")
}

/// The node selector, in the form that `kubectl get -l` takes.
pub fn node_selector(template: &Template) -> String {
    let labels = template.0.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let terms = labels.into_iter().flatten().filter_map(|(k, v)| Some(format!("{k}={}", v.as_str()?)));
    terms.collect::<Vec<_>>().join(",")
}
