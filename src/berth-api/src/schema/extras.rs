//! Defaults, bounds, required fields and list keys: what the wire types cannot say, as a table.

use serde_json::{Map, Value, json};

use super::shape::at;
use super::values::{self, LABEL, MANY};

/// Where in the schema, and which keywords are set there.
type Extra = (&'static str, Value);

/// The generation that is observed before any is.
const NOT_OBSERVED: i64 = -1;

/// Sets the keywords of a table. A keyword that is null is taken away; what is `required` is added to what is required already.
pub fn apply<P: AsRef<str>>(root: &mut Value, extras: &[(P, Value)]) {
    for (path, keywords) in extras {
        if let (Some(node), Value::Object(keywords)) = (at(root, path.as_ref()), keywords) {
            for (keyword, value) in keywords {
                match (node.get_mut(keyword), value) {
                    (Some(Value::Array(before)), Value::Array(more)) if keyword == "required" => {
                        before.extend(
                            more.iter().filter(|field| !before.contains(field)).cloned().collect::<Vec<_>>(),
                        );
                    }
                    (_, Value::Null) => drop(node.remove(keyword)),
                    _ => drop(node.insert(keyword.clone(), value.clone())),
                }
            }
        }
    }
    int_or_string(root);
}

/// A quantity may be written as a number: `cpu: 1`.
fn int_or_string(root: &mut Value) {
    super::shape::children(root, &mut |node: &mut Map<String, Value>| {
        if node.get("x-kubernetes-int-or-string").is_some() {
            node.remove("type");
        }
    });
}

/// What both kinds have.
fn common() -> Vec<Extra> {
    let label = json!({ "type": "string", "maxLength": LABEL });
    let named = json!({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] });
    let mounted = json!({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["mountPath"] });
    let mut extras = vec![
        ("spec", json!({ "required": ["selector", "template"] })),
        ("spec.minReadySeconds", json!({ "minimum": 0 })),
        ("spec.progressDeadlineSeconds", json!({ "minimum": 1 })),
        ("spec.revisionHistoryLimit", json!({ "default": 10 })),
        ("spec.selector.matchLabels", json!({ "maxProperties": MANY, "additionalProperties": label })),
        ("spec.selector.matchExpressions", json!({ "maxItems": MANY })),
        ("spec.selector.matchExpressions[].values", json!({ "maxItems": MANY, "items": label })),
        ("spec.selector.matchExpressions[].key", json!({ "maxLength": 317 })),
        ("spec.template", json!({ "required": ["spec"] })),
        ("spec.template.metadata.creationTimestamp", json!({ "nullable": true })),
        ("spec.template.metadata.labels{}", json!({ "maxLength": LABEL })),
        ("spec.template.spec.containers", json!({ "minItems": 1 })),
        (
            "status.conditions",
            json!({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }),
        ),
        ("status.conditions[]", json!({ "required": ["type", "status"] })),
        // Of an object without a status kstatus says that all is well, and `helm --wait` would not wait for an operator that is down.
        ("status", json!({ "default": { "observedGeneration": NOT_OBSERVED } })),
        ("status.observedGeneration", json!({ "minimum": NOT_OBSERVED })),
        ("status.collisionCount", json!({ "minimum": 0 })),
    ];
    for path in
        ["spec.template.spec.containers", "spec.template.spec.initContainers", "spec.template.spec.volumes"]
    {
        extras.push((path, named.clone()));
    }
    // `env` is no map: `apps/v1` accepts a name twice (the last one counts), and so do charts in use.
    for path in
        ["spec.template.spec.containers[].volumeMounts", "spec.template.spec.initContainers[].volumeMounts"]
    {
        extras.push((path, mounted.clone()));
    }
    extras
}

/// The table for `OrdinalSet`.
pub fn ordinal_set() -> Vec<Extra> {
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } });
    let retention = json!({ "whenDeleted": "Retain", "whenScaled": "Retain" });
    let mut extras = common();
    extras.extend([
        ("spec.replicas", json!({ "minimum": 0, "default": 1 })),
        ("spec.podManagementPolicy", json!({ "default": "OrderedReady" })),
        ("spec.ordinals.start", json!({ "minimum": 0 })),
        ("spec.serviceName", json!({ "maxLength": LABEL, "pattern": values::maybe(values::DNS_LABEL) })),
        // `type` itself has no default: upstream fills in `rollingUpdate` only where the type was left out (C1).
        ("spec.updateStrategy", json!({ "default": strategy })),
        ("spec.updateStrategy.rollingUpdate.partition", json!({ "minimum": 0, "default": 0 })),
        ("spec.persistentVolumeClaimRetentionPolicy", json!({ "default": retention })),
        ("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", json!({ "default": "Retain" })),
        ("spec.persistentVolumeClaimRetentionPolicy.whenScaled", json!({ "default": "Retain" })),
        ("spec.volumeClaimTemplates", json!({ "maxItems": MANY })),
        ("spec.volumeClaimTemplates[].metadata.labels", json!({ "maxProperties": MANY })),
        ("spec.volumeClaimTemplates[].metadata.annotations", json!({ "maxProperties": MANY })),
        ("spec.volumeClaimTemplates[].metadata.finalizers", json!({ "maxItems": MANY })),
        ("spec.volumeClaimTemplates[]", json!({ "required": ["metadata", "spec"] })),
        ("spec.volumeClaimTemplates[].metadata", json!({ "required": ["name"] })),
        ("spec.volumeClaimTemplates[].metadata.creationTimestamp", json!({ "nullable": true })),
        ("spec.volumeClaimTemplates[].metadata.name", json!({ "maxLength": LABEL })),
        ("status.replicas", json!({ "minimum": 0 })),
        ("status.readyReplicas", json!({ "minimum": 0 })),
        ("status.availableReplicas", json!({ "minimum": 0 })),
        ("status.currentReplicas", json!({ "minimum": 0 })),
        ("status.updatedReplicas", json!({ "minimum": 0 })),
    ]);
    extras
}

/// The table for `NodeDaemonSet`.
pub fn node_daemon_set() -> Vec<Extra> {
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } });
    let mut extras = common();
    extras.extend([
        ("spec.revisionHistoryLimit", json!({ "minimum": 0 })),
        ("spec.updateStrategy", json!({ "default": strategy })),
        ("spec.updateStrategy.rollingUpdate.maxUnavailable", json!({ "default": 1 })),
        ("status.desiredNumberScheduled", json!({ "minimum": 0 })),
        ("status.currentNumberScheduled", json!({ "minimum": 0 })),
        ("status.updatedNumberScheduled", json!({ "minimum": 0 })),
        ("status.numberReady", json!({ "minimum": 0 })),
        ("status.numberAvailable", json!({ "minimum": 0 })),
        ("status.numberUnavailable", json!({ "minimum": 0 })),
        ("status.numberMisscheduled", json!({ "minimum": 0 })),
    ]);
    extras
}
