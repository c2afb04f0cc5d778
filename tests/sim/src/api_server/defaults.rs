//! What the API server fills into a pod template that says nothing about it.

use serde_json::{Value, json};

/// A template as the API server would store it.
pub fn defaulted(template: &Value) -> Value {
    let mut template = template.clone();
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return template };
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
    ] {
        spec.entry(field).or_insert(value);
    }
    for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(container) = container.as_object_mut() {
            container.entry("imagePullPolicy").or_insert_with(|| json!("IfNotPresent"));
            container.entry("resources").or_insert_with(|| json!({}));
        }
    }
    template
}
