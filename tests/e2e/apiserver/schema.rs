//! The custom resources take all that their native kinds take: compared with what the API server itself publishes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::Plane;

/// What of `apps/v1` has no place in a spec of ours: a claim template has no status to write.
const LEFT_OUT: [&str; 1] = ["spec.volumeClaimTemplates[].status"];

/// What the published schema does not require and Go's validation does, below the spec of a pod, a container, a volume or a claim.
const REQUIRED: &[&str] = &[
    "template.spec",
    "volumeClaimTemplates[].metadata",
    "volumeClaimTemplates[].spec",
    "volumeClaimTemplates[].metadata.name",
    "matchFields[].values",
    "containers[].image",
    "initContainers[].image",
    "restartPolicyRules[].exitCodes",
    "exec.command",
    "configMapKeyRef.name",
    "secretKeyRef.name",
    "configMapRef.name",
    "envFrom[].secretRef.name",
    "cinder.secretRef.name",
    "storageos.secretRef.name",
    "configMap.name",
    "secret.name",
    "secret.secretName",
    "options[].name",
    "csi.nodePublishSecretRef.name",
    "ephemeral.volumeClaimTemplate",
    "spec.accessModes",
    "spec.resources",
    "spec.resources.requests",
];

#[test]
fn every_field_of_the_native_specs_is_in_the_custom_ones() {
    let plane = Plane::shared();
    let raw = plane.cluster.kubectl(&["get", "--raw=/openapi/v3/apis/apps/v1"]).unwrap();
    let published: Value = serde_json::from_str(&raw).unwrap();
    let kinds = [("StatefulSetSpec", "ordinalsets", 900), ("DaemonSetSpec", "nodedaemonsets", 800)];
    for (native, custom, at_least) in kinds {
        let definition =
            plane.cluster.kubectl(&["get", "crd", &format!("{custom}.berth.dev"), "--output=json"]);
        let definition: Value = serde_json::from_str(&definition.unwrap()).unwrap();
        let ours = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        let of = published.pointer(&format!("/components/schemas/io.k8s.api.apps.v1.{native}")).unwrap();
        let mut walk = Walk { published: &published, seen: 0, missing: vec![], required: BTreeSet::new() };
        walk.compare(of, ours, "spec");
        assert_eq!(walk.missing, Vec::<String>::new(), "{native}");
        assert_eq!(walk.required, BTreeSet::new(), "{native}: required, and Go does not ask for it");
        assert!(walk.seen >= at_least, "{native}: only {} fields were compared", walk.seen);
    }
}

/// Goes through the native schema and notes what has no counterpart.
struct Walk<'a> {
    published: &'a Value,
    seen: usize,
    missing: Vec<String>,
    /// What ours requires and neither the native schema nor Go does.
    required: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    /// The schema behind a reference.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().or_else(|| schema.pointer("/allOf/0/$ref")?.as_str());
        match reference {
            Some(reference) => self.published.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    fn compare(&mut self, native: &'a Value, ours: &Value, path: &str) {
        if LEFT_OUT.contains(&path) {
            return;
        }
        self.seen += 1;
        if ours.is_null() {
            return self.missing.push(path.to_owned());
        }
        let native = self.resolve(native);
        // Ephemeral containers are forbidden whatever they have.
        if !path.contains("ephemeralContainers") {
            let required = |schema: &Value| -> BTreeSet<String> {
                let fields = schema["required"].as_array().into_iter().flatten();
                fields.map(|field| format!("{path}.{}", field.as_str().unwrap())).collect()
            };
            let (ours, theirs) = (required(ours), required(native));
            self.missing.extend(theirs.difference(&ours).map(|field| format!("{field} is not required")));
            let asked = |field: &&String| !REQUIRED.iter().any(|known| field.ends_with(known));
            self.required.extend(ours.difference(&theirs).filter(asked).cloned());
        }
        for (name, field) in native["properties"].as_object().into_iter().flatten() {
            self.compare(field, &ours["properties"][name], &format!("{path}.{name}"));
        }
        for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if native[key].is_object() {
                self.compare(&native[key], &ours[key], &format!("{path}{mark}"));
            }
        }
    }
}
