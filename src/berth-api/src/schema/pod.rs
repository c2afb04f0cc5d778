//! What Go's validation requires of a pod template and a schema can say: ranges, words and patterns, as a table.
//!
//! Its source is `pkg/apis/core/validation` of Kubernetes 1.37; `docs/admission.md` has each requirement with the place where it is
//! checked. An empty string counts as left out where the API server fills in a default for it.

use serde_json::{Value, json};

use super::values::*;
use super::values::{LABEL, MANY};
use super::volumes;

/// Where the spec of a pod is in the schema of a set.
pub const POD: &str = "spec.template.spec";
/// The lists of containers. (`ephemeralContainers` is forbidden as a whole.)
pub const CONTAINERS: [&str; 2] = ["spec.template.spec.containers[]", "spec.template.spec.initContainers[]"];
/// Where claims are described: the templates of the set, and volumes that live as long as a pod.
const CLAIMS: [&str; 2] =
    ["spec.volumeClaimTemplates[].spec", "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate.spec"];

/// The values of the labels of the pods.
const LABELS: &str = "spec.template.metadata.labels{}";

/// The table.
pub fn table(is_ordinal: bool) -> Vec<(String, Value)> {
    let mut table = vec![];
    for each in CONTAINERS {
        rows(&mut table, each, container());
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            let base = format!("{each}.{name}");
            rows(&mut table, &base, probe(name == "readinessProbe"));
            rows(&mut table, &base, handler());
        }
        for hook in ["postStart", "preStop"] {
            let base = format!("{each}.lifecycle.{hook}");
            table.push((base.clone(), json!({ "minProperties": 1, "maxProperties": 1 })));
            table.push((format!("{base}.sleep.seconds"), json!({ "minimum": 0 })));
            rows(&mut table, &base, handler());
        }
        rows(&mut table, &format!("{each}.securityContext"), identity());
    }
    rows(&mut table, POD, pod());
    rows(&mut table, &format!("{POD}.affinity"), affinity());
    rows(&mut table, &format!("{POD}.securityContext"), identity());
    rows(&mut table, &format!("{POD}.volumes[]"), volumes::volume());
    table.push((LABELS.to_owned(), json!({ "pattern": maybe(LABEL_VALUE) })));
    for each in claims(is_ordinal) {
        rows(&mut table, each, volumes::claim());
    }
    if !is_ordinal {
        // Of an ordinal set both are filled in, whatever the template says.
        let label = json!({ "maxLength": LABEL, "pattern": maybe(DNS_LABEL) });
        table.extend(["hostname", "subdomain"].map(|field| (format!("{POD}.{field}"), label.clone())));
    }
    table
}

/// Where a set describes claims.
pub fn claims(is_ordinal: bool) -> &'static [&'static str] {
    if is_ordinal { &CLAIMS } else { &CLAIMS[1..] }
}

/// Adds rows whose paths begin at `base`.
fn rows<P: AsRef<str>>(table: &mut Vec<(String, Value)>, base: &str, rows: Vec<(P, Value)>) {
    table.extend(rows.into_iter().map(|(path, keywords)| {
        let path = path.as_ref();
        let dot = if path.is_empty() { "" } else { "." };
        (format!("{base}{dot}{path}"), keywords)
    }));
}

/// A container, and what is below it.
fn container() -> Vec<(&'static str, Value)> {
    let below = json!({ "pattern": maybe(&format!("{PART}(/{PART}?)*")) });
    let amounts = json!({ "maxProperties": MANY });
    let key = json!({ "maxLength": NAME, "pattern": whole(KEY) });
    let grace = json!({ "minimum": 1 });
    vec![
        ("", json!({ "required": ["image"] })),
        ("name", json!({ "maxLength": LABEL, "pattern": whole(DNS_LABEL) })),
        ("image", not_empty()),
        ("imagePullPolicy", one_of(&["", "Always", "IfNotPresent", "Never"])),
        ("terminationMessagePolicy", one_of(&["", "File", "FallbackToLogsOnError"])),
        ("restartPolicy", one_of(&["Always", "Never", "OnFailure"])),
        ("restartPolicyRules", json!({ "maxItems": 20 })),
        ("restartPolicyRules[]", json!({ "required": ["exitCodes"] })),
        ("restartPolicyRules[].action", one_of(&["Restart", "RestartAllContainers"])),
        ("restartPolicyRules[].exitCodes.operator", one_of(&["In", "NotIn"])),
        ("restartPolicyRules[].exitCodes.values", json!({ "maxItems": 255 })),
        ("resizePolicy[].resourceName", one_of(&["cpu", "memory"])),
        ("resizePolicy[].restartPolicy", one_of(&["NotRequired", "RestartContainer"])),
        ("ports", json!({ "maxItems": MOST_PORTS })),
        ("ports[].name", json!({ "maxLength": 15, "pattern": maybe(PORT_NAME) })),
        ("ports[].containerPort", port()),
        ("ports[].hostPort", json!({ "minimum": 0, "maximum": 65535 })),
        ("ports[].protocol", one_of(&["", "TCP", "UDP", "SCTP"])),
        ("env[].name", json!({ "pattern": whole(VARIABLE) })),
        ("env[].valueFrom", json!({ "minProperties": 1, "maxProperties": 1 })),
        ("env[].valueFrom.configMapKeyRef.name", object_name()),
        ("env[].valueFrom.configMapKeyRef.key", key.clone()),
        ("env[].valueFrom.secretKeyRef.name", object_name()),
        ("env[].valueFrom.secretKeyRef.key", key),
        ("env[].valueFrom.fieldRef.apiVersion", one_of(&["", "v1"])),
        ("env[].valueFrom.fieldRef.fieldPath", json!({ "pattern": whole(VARIABLE_FIELD) })),
        ("env[].valueFrom.resourceFieldRef.resource", json!({ "pattern": whole(RESOURCE_FIELD) })),
        ("env[].valueFrom.resourceFieldRef.divisor", quantity()),
        ("envFrom[].prefix", json!({ "pattern": maybe(VARIABLE) })),
        ("envFrom[].configMapRef.name", not_empty()),
        ("envFrom[].secretRef.name", not_empty()),
        ("volumeMounts", json!({ "maxItems": MOST_VOLUMES })),
        ("volumeMounts[].name", json!({ "maxLength": LABEL })),
        ("volumeMounts[].mountPath", not_empty()),
        ("volumeMounts[].subPath", below.clone()),
        ("volumeMounts[].subPathExpr", below),
        ("volumeMounts[].mountPropagation", one_of(&["None", "HostToContainer", "Bidirectional"])),
        ("volumeMounts[].recursiveReadOnly", one_of(&["Disabled", "IfPossible", "Enabled"])),
        ("volumeDevices", json!({ "maxItems": MOST_DEVICES })),
        ("volumeDevices[].name", json!({ "maxLength": LABEL })),
        ("volumeDevices[].devicePath", not_empty()),
        ("resources.limits", amounts.clone()),
        ("resources.limits{}", quantity()),
        ("resources.requests", amounts),
        ("resources.requests{}", quantity()),
        ("securityContext.capabilities.add", json!({ "maxItems": MANY })),
        ("securityContext.procMount", one_of(&["Default", "Unmasked"])),
        ("livenessProbe.terminationGracePeriodSeconds", grace.clone()),
        ("startupProbe.terminationGracePeriodSeconds", grace),
    ]
}

/// A probe of a container.
fn probe(is_readiness: bool) -> Vec<(&'static str, Value)> {
    let seconds = json!({ "minimum": 0 });
    // 0 counts as left out: the API server fills in 1.
    let successes = if is_readiness { seconds.clone() } else { json!({ "minimum": 0, "maximum": 1 }) };
    vec![
        ("initialDelaySeconds", seconds.clone()),
        ("timeoutSeconds", seconds.clone()),
        ("periodSeconds", seconds.clone()),
        ("failureThreshold", seconds),
        ("successThreshold", successes),
        ("grpc.port", port()),
    ]
}

/// What a probe or a hook does.
fn handler() -> Vec<(&'static str, Value)> {
    vec![
        ("exec", json!({ "required": ["command"] })),
        ("exec.command", json!({ "minItems": 1 })),
        ("httpGet.port", port_or_name()),
        ("httpGet.scheme", one_of(&["", "HTTP", "HTTPS"])),
        ("tcpSocket.port", port_or_name()),
    ]
}

/// What a pod and a container say about users and confinement.
fn identity() -> Vec<(&'static str, Value)> {
    let id = json!({ "minimum": 0, "maximum": HIGHEST_ID });
    let profile = one_of(&["Localhost", "RuntimeDefault", "Unconfined"]);
    vec![
        ("runAsUser", id.clone()),
        ("runAsGroup", id),
        ("seccompProfile.type", profile.clone()),
        ("appArmorProfile.type", profile),
    ]
}

/// A pod, without its containers and volumes.
fn pod() -> Vec<(&'static str, Value)> {
    let id = json!({ "minimum": 0, "maximum": HIGHEST_ID });
    let label_value = json!({ "maxLength": LABEL, "pattern": maybe(LABEL_VALUE) });
    let key = json!({ "minLength": 1, "maxLength": LABEL_KEY });
    let maybe_name = json!({ "maxLength": NAME, "pattern": maybe(DNS_NAME) });
    let honor = one_of(&["Honor", "Ignore"]);
    vec![
        ("containers", json!({ "maxItems": MOST_CONTAINERS })),
        ("initContainers", json!({ "maxItems": MOST_CONTAINERS })),
        ("volumes", json!({ "maxItems": MOST_VOLUMES })),
        ("dnsPolicy", one_of(&["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])),
        ("dnsConfig.nameservers", json!({ "maxItems": 3 })),
        ("dnsConfig.searches", json!({ "maxItems": 32 })),
        ("dnsConfig.options[]", json!({ "required": ["name"] })),
        ("dnsConfig.options[].name", not_empty()),
        ("hostAliases[].hostnames[]", object_name()),
        // Charts leave an empty entry here, and `apps/v1` takes it.
        ("imagePullSecrets[]", json!({ "required": null })),
        ("nodeName", maybe_name.clone()),
        ("nodeSelector{}", label_value),
        ("os.name", one_of(&["linux", "windows"])),
        ("overhead{}", quantity()),
        ("preemptionPolicy", one_of(&["PreemptLowerPriority", "Never"])),
        ("priorityClassName", maybe_name.clone()),
        ("serviceAccountName", maybe_name),
        ("runtimeClassName", object_name()),
        ("readinessGates[].conditionType", json!({ "maxLength": LABEL_KEY, "pattern": whole(QUALIFIED) })),
        ("schedulingGates[].name", json!({ "maxLength": LABEL_KEY, "pattern": whole(QUALIFIED) })),
        ("resourceClaims[].name", json!({ "maxLength": LABEL, "pattern": whole(DNS_LABEL) })),
        ("resources.limits{}", quantity()),
        ("resources.requests{}", quantity()),
        ("securityContext.fsGroup", id.clone()),
        ("securityContext.supplementalGroups[]", id),
        ("securityContext.fsGroupChangePolicy", one_of(&["Always", "OnRootMismatch"])),
        ("securityContext.supplementalGroupsPolicy", one_of(&["Merge", "Strict"])),
        ("securityContext.seLinuxChangePolicy", one_of(&["MountOption", "Recursive"])),
        ("tolerations", json!({ "maxItems": MOST_TOLERATIONS })),
        ("tolerations[].operator", one_of(&["", "Exists", "Equal", "Lt", "Gt"])),
        ("tolerations[].effect", one_of(&["", "NoSchedule", "PreferNoSchedule", "NoExecute"])),
        ("topologySpreadConstraints", json!({ "maxItems": MANY })),
        ("topologySpreadConstraints[].maxSkew", json!({ "minimum": 1 })),
        ("topologySpreadConstraints[].minDomains", json!({ "minimum": 1 })),
        ("topologySpreadConstraints[].topologyKey", key.clone()),
        ("topologySpreadConstraints[].whenUnsatisfiable", one_of(&["DoNotSchedule", "ScheduleAnyway"])),
        ("topologySpreadConstraints[].nodeAffinityPolicy", honor.clone()),
        ("topologySpreadConstraints[].nodeTaintsPolicy", honor),
    ]
}

/// Where the pods may run.
fn affinity() -> Vec<(String, Value)> {
    let (required, preferred) =
        ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution");
    let weight = json!({ "minimum": 1, "maximum": 100 });
    let key = json!({ "minLength": 1, "maxLength": LABEL_KEY });
    let mut rows = vec![
        (format!("nodeAffinity.{required}.nodeSelectorTerms"), json!({ "minItems": 1 })),
        (format!("nodeAffinity.{preferred}[].weight"), weight.clone()),
    ];
    for terms in [format!("{required}.nodeSelectorTerms[]"), format!("{preferred}[].preference")] {
        let operator = one_of(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]);
        rows.push((format!("nodeAffinity.{terms}.matchExpressions[].operator"), operator));
        rows.push((format!("nodeAffinity.{terms}.matchFields[].operator"), one_of(&["In", "NotIn"])));
        rows.push((format!("nodeAffinity.{terms}.matchFields[].key"), one_of(&["metadata.name"])));
        rows.push((format!("nodeAffinity.{terms}.matchFields[]"), json!({ "required": ["values"] })));
        rows.push((
            format!("nodeAffinity.{terms}.matchFields[].values"),
            json!({ "minItems": 1, "maxItems": 1 }),
        ));
    }
    for affinity in ["podAffinity", "podAntiAffinity"] {
        rows.push((format!("{affinity}.{preferred}[].weight"), weight.clone()));
        for term in [format!("{required}[]"), format!("{preferred}[].podAffinityTerm")] {
            rows.push((format!("{affinity}.{term}.topologyKey"), key.clone()));
            for selector in ["labelSelector", "namespaceSelector"] {
                let operator = one_of(&["In", "NotIn", "Exists", "DoesNotExist"]);
                rows.push((format!("{affinity}.{term}.{selector}.matchExpressions[].operator"), operator));
            }
        }
    }
    rows
}
