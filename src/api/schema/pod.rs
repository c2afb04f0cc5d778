//! What Go's validation requires of a pod template and a schema can say: ranges, words and patterns, as a table.
//!
//! Its source is `pkg/apis/core/validation` of Kubernetes 1.37; `docs/admission.md` has each requirement with the place where it is
//! checked. An empty string counts as left out where the API server fills in a default for it.

use serde_json::{Value, json};

use super::extras::{LABEL, MANY};

/// Where the spec of a pod is in the schema of a set.
pub const POD: &str = "spec.template.spec";
/// The lists of containers. (`ephemeralContainers` is forbidden as a whole.)
pub const CONTAINERS: [&str; 2] = ["spec.template.spec.containers[]", "spec.template.spec.initContainers[]"];
/// Where claims are described: the templates of the set, and volumes that live as long as a pod.
const CLAIMS: [&str; 2] =
    ["spec.volumeClaimTemplates[].spec", "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate.spec"];

/// The values of the labels of the pods.
const LABELS: &str = "spec.template.metadata.labels{}";

/// A DNS label.
pub const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
/// A DNS subdomain: what most objects may be called.
const DNS_NAME: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
/// The name of a port: parts of letters and digits with a `-` between two, a letter in one of them.
const PORT_NAME: &str = "([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*";
/// The value of a label.
const LABEL_VALUE: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
/// The name of a label, with or without a prefix.
const QUALIFIED: &str = r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?";
/// The name of a variable: printable ASCII without `=`.
const VARIABLE: &str = "[ -<>-~]+";
/// A key of a ConfigMap or Secret.
const KEY: &str = r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*";
/// A quantity that is not negative.
const QUANTITY: &str = r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?";
/// A part of a path that is not `..`.
const PART: &str = r"([^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+|\.)";
/// A field of the pod that a variable may have.
const VARIABLE_FIELD: &str = r"(metadata\.(name|namespace|uid|(labels|annotations)\['.+'\])|spec\.(nodeName|host|serviceAccountName)|status\.(hostIPs?|podIPs?))";
/// A resource of a container that a variable or file may have.
const RESOURCE_FIELD: &str = r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.*)";

/// More containers of a kind than this are refused, so that the cost of checking them is bounded.
const MOST_CONTAINERS: u32 = 128;
/// More ports of a container than this are refused.
const MOST_PORTS: u32 = 2048;
/// More volumes of a pod, or mounts of a container, are refused.
const MOST_VOLUMES: u32 = 2048;
/// More tolerations are refused.
const MOST_TOLERATIONS: u32 = 1000;
/// The longest name of an object.
const NAME: u32 = 253;
/// The longest key of a label: a prefix, a slash and a name.
const LABEL_KEY: u32 = NAME + 1 + LABEL;
/// The longest quantity; Kubernetes itself prints none of more than about 25 characters.
const QUANTITY_LENGTH: u32 = 64;
/// The highest id of a user or group.
const HIGHEST_ID: u32 = i32::MAX as u32;
/// The highest mode of a file: 0777.
const HIGHEST_MODE: u32 = 0o777;

/// A pattern for the whole of a value.
fn whole(pattern: &str) -> String {
    format!("^{pattern}$")
}

/// A pattern for the whole of a value that may be empty.
pub fn maybe(pattern: &str) -> String {
    format!("^({pattern})?$")
}

/// The table.
pub fn table(is_ordinal: bool) -> Vec<(String, Value)> {
    let mut table = vec![];
    for container in CONTAINERS {
        rows(&mut table, container, this_container());
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            let base = format!("{container}.{probe}");
            rows(&mut table, &base, this_probe(probe == "readinessProbe"));
            rows(&mut table, &base, this_handler());
        }
        for hook in ["postStart", "preStop"] {
            let base = format!("{container}.lifecycle.{hook}");
            table.push((base.clone(), json!({ "minProperties": 1, "maxProperties": 1 })));
            table.push((format!("{base}.sleep.seconds"), json!({ "minimum": 0 })));
            rows(&mut table, &base, this_handler());
        }
        rows(&mut table, &format!("{container}.securityContext"), this_identity());
    }
    rows(&mut table, POD, this_pod());
    rows(&mut table, &format!("{POD}.affinity"), this_affinity());
    rows(&mut table, &format!("{POD}.securityContext"), this_identity());
    rows(&mut table, &format!("{POD}.volumes[]"), this_volume());
    table.push((LABELS.to_owned(), json!({ "pattern": maybe(LABEL_VALUE) })));
    for claim in claims(is_ordinal) {
        rows(&mut table, claim, this_claim());
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

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn not_empty() -> Value {
    json!({ "minLength": 1 })
}

fn quantity() -> Value {
    json!({ "minimum": 0, "maxLength": QUANTITY_LENGTH, "pattern": whole(QUANTITY) })
}

fn port() -> Value {
    json!({ "minimum": 1, "maximum": 65535 })
}

fn port_or_name() -> Value {
    json!({ "minimum": 1, "maximum": 65535, "maxLength": 15, "pattern": whole(PORT_NAME) })
}

fn object_name() -> Value {
    json!({ "maxLength": NAME, "pattern": whole(DNS_NAME) })
}

/// A container, and what is below it.
fn this_container() -> Vec<(&'static str, Value)> {
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
        ("volumeDevices", json!({ "maxItems": MOST_VOLUMES })),
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
fn this_probe(is_readiness: bool) -> Vec<(&'static str, Value)> {
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
fn this_handler() -> Vec<(&'static str, Value)> {
    vec![
        ("exec", json!({ "required": ["command"] })),
        ("exec.command", json!({ "minItems": 1 })),
        ("httpGet.port", port_or_name()),
        ("httpGet.scheme", one_of(&["", "HTTP", "HTTPS"])),
        ("tcpSocket.port", port_or_name()),
    ]
}

/// What a pod and a container say about users and confinement.
fn this_identity() -> Vec<(&'static str, Value)> {
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
fn this_pod() -> Vec<(&'static str, Value)> {
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
fn this_affinity() -> Vec<(String, Value)> {
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

/// A volume. Of the kinds that Kubernetes has given up only that there is no second source is checked.
fn this_volume() -> Vec<(&'static str, Value)> {
    let mode = json!({ "minimum": 0, "maximum": HIGHEST_MODE });
    let types =
        ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];
    let below = json!({ "pattern": whole(&format!("{PART}(/{PART}?)*")) });
    vec![
        ("name", json!({ "maxLength": LABEL, "pattern": whole(DNS_LABEL) })),
        ("hostPath.path", json!({ "minLength": 1, "pattern": whole(&format!("{PART}?(/{PART}?)*")) })),
        ("hostPath.type", one_of(&types)),
        ("configMap", json!({ "required": ["name"] })),
        ("configMap.name", not_empty()),
        ("configMap.defaultMode", mode.clone()),
        ("configMap.items[].key", not_empty()),
        ("configMap.items[].path", below.clone()),
        ("configMap.items[].mode", mode.clone()),
        ("secret", json!({ "required": ["secretName"] })),
        ("secret.secretName", not_empty()),
        ("secret.defaultMode", mode.clone()),
        ("secret.items[].key", not_empty()),
        ("secret.items[].path", below.clone()),
        ("secret.items[].mode", mode.clone()),
        ("persistentVolumeClaim.claimName", not_empty()),
        ("emptyDir.sizeLimit", quantity()),
        ("nfs.server", not_empty()),
        ("nfs.path", json!({ "pattern": "^/" })),
        ("csi.driver", not_empty()),
        ("ephemeral", json!({ "required": ["volumeClaimTemplate"] })),
        ("image.pullPolicy", one_of(&["", "Always", "IfNotPresent", "Never"])),
        ("downwardAPI.defaultMode", mode.clone()),
        ("downwardAPI.items[].path", below.clone()),
        ("downwardAPI.items[].mode", mode.clone()),
        ("projected.defaultMode", mode.clone()),
        ("projected.sources[]", json!({ "maxProperties": 1 })),
        ("projected.sources[].configMap.name", not_empty()),
        ("projected.sources[].configMap.items[].key", not_empty()),
        ("projected.sources[].configMap.items[].path", below.clone()),
        ("projected.sources[].configMap.items[].mode", mode.clone()),
        ("projected.sources[].secret.name", not_empty()),
        ("projected.sources[].secret.items[].key", not_empty()),
        ("projected.sources[].secret.items[].path", below.clone()),
        ("projected.sources[].secret.items[].mode", mode.clone()),
        ("projected.sources[].downwardAPI.items[].path", below.clone()),
        ("projected.sources[].downwardAPI.items[].mode", mode),
        ("projected.sources[].serviceAccountToken.path", below),
        (
            "projected.sources[].serviceAccountToken.expirationSeconds",
            json!({ "minimum": 600, "maximum": 1_u64 << 32 }),
        ),
    ]
}

/// A description of a claim.
fn this_claim() -> Vec<(&'static str, Value)> {
    let modes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
    vec![
        ("", json!({ "required": ["accessModes", "resources"] })),
        ("accessModes", json!({ "minItems": 1, "maxItems": MANY })),
        ("accessModes[]", one_of(&modes)),
        ("resources", json!({ "required": ["requests"] })),
        ("resources.requests{}", quantity()),
        ("volumeMode", one_of(&["Block", "Filesystem"])),
    ]
}
