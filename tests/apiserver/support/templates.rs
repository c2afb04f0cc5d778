//! Wrong and right pod templates, for both kinds: what the API server makes of them is compared between `apps/v1` and `berth.dev`.

use berth::core::assume::merge;
use serde_json::{Value, json};

use super::manifests::{NEW, OLD, node_daemon_set, ordinal_set};

/// What a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The spec of the template, of both kinds.
    Pod,
    /// The template, of both kinds.
    Template,
    /// The spec of an ordinal set.
    Ordinal,
    /// The spec of a node daemon set.
    Daemon,
}

/// A change of a set that is right otherwise.
pub struct Case {
    /// In words; a name for the set too.
    pub what: &'static str,
    /// What is changed.
    pub to: To,
    /// The change, a JSON merge patch.
    pub patch: Value,
    /// The path that the refusal of a custom resource names; where nothing is refused, why that is so.
    pub says: &'static str,
}

impl Case {
    /// The sets with this change that there are: native ones, or custom ones.
    pub fn sets(&self, is_native: bool) -> Vec<Value> {
        let name: String = self
            .what
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let name = name.trim_matches('-');
        let mut sets = vec![];
        if self.to != To::Daemon {
            sets.push(("StatefulSet", ordinal_set(name, 1)));
        }
        if self.to != To::Ordinal {
            sets.push(("DaemonSet", node_daemon_set(name, "nowhere")));
        }
        let changed = sets.into_iter().map(|(native, mut set)| {
            let at = match self.to {
                To::Pod => "/spec/template/spec",
                To::Template => "/spec/template",
                To::Ordinal | To::Daemon => "/spec",
            };
            merge(set.pointer_mut(at).unwrap(), &self.patch);
            if is_native {
                set["apiVersion"] = json!("apps/v1");
                set["kind"] = json!(native);
            }
            set
        });
        changed.collect()
    }
}

fn case(what: &'static str, to: To, patch: Value, says: &'static str) -> Case {
    Case { what, to, patch, says }
}

fn pod(what: &'static str, patch: Value, says: &'static str) -> Case {
    case(what, To::Pod, patch, says)
}

fn ordinal(what: &'static str, patch: Value, says: &'static str) -> Case {
    case(what, To::Ordinal, patch, says)
}

/// The container with a change.
fn container(what: &'static str, patch: Value, says: &'static str) -> Case {
    let mut container = json!({"name": "main", "image": OLD});
    merge(&mut container, &patch);
    pod(what, json!({"containers": [container]}), says)
}

/// An init container with a change.
fn init(what: &'static str, patch: Value, says: &'static str) -> Case {
    let mut container = json!({"name": "before", "image": OLD});
    merge(&mut container, &patch);
    pod(what, json!({"initContainers": [container]}), says)
}

/// A volume, an empty directory unless the change says otherwise.
fn volume(what: &'static str, patch: Value, says: &'static str) -> Case {
    let mut volume = json!({"name": "v"});
    merge(&mut volume, &patch);
    pod(what, json!({"volumes": [volume]}), says)
}

/// A mount of a volume, with a change.
fn mount(what: &'static str, patch: Value, says: &'static str) -> Case {
    let mut mount = json!({"name": "v", "mountPath": "/v"});
    merge(&mut mount, &patch);
    let container = json!({"name": "main", "image": OLD, "volumeMounts": [mount]});
    pod(what, json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [container]}), says)
}

/// A claim template with a change of its spec.
fn claim(what: &'static str, patch: Value, says: &'static str) -> Case {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    merge(&mut spec, &patch);
    ordinal(what, json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}]}), says)
}

/// What `apps/v1` refuses, and so do the custom resources.
pub fn wrong() -> Vec<Case> {
    vec![
        // Containers.
        container("no image", json!({"image": null}), "spec.template.spec.containers[0].image"),
        container("an empty image", json!({"image": ""}), "spec.template.spec.containers[0].image"),
        init(
            "no image of an init container",
            json!({"image": null}),
            "spec.template.spec.initContainers[0].image",
        ),
        container("no name", json!({"name": null}), "spec.template.spec.containers[0].name"),
        container("a name in upper case", json!({"name": "Main"}), "spec.template.spec.containers[0].name"),
        container(
            "a name of 64 characters",
            json!({"name": "a".repeat(64)}),
            "spec.template.spec.containers[0].name",
        ),
        pod("no containers", json!({"containers": []}), "spec.template.spec.containers"),
        pod(
            "a name twice",
            json!({"containers": [{"name": "a", "image": OLD}, {"name": "a", "image": NEW}]}),
            "spec.template.spec.containers",
        ),
        init("the name of a container", json!({"name": "main"}), "spec.template.spec.initContainers"),
        container(
            "a pull policy",
            json!({"imagePullPolicy": "Sometimes"}),
            "spec.template.spec.containers[0].imagePullPolicy",
        ),
        container(
            "a termination message policy",
            json!({"terminationMessagePolicy": "Both"}),
            "spec.template.spec.containers[0].terminationMessagePolicy",
        ),
        container(
            "a restart policy of a container",
            json!({"restartPolicy": "Sometimes"}),
            "spec.template.spec.containers[0].restartPolicy",
        ),
        container(
            "restart rules without a policy",
            json!({"restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]}),
            "spec.template.spec.containers[0].restartPolicy",
        ),
        container(
            "a restart rule without exit codes",
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]}),
            "spec.template.spec.containers[0].restartPolicyRules[0].exitCodes",
        ),
        container(
            "a resize policy",
            json!({"resizePolicy": [{"resourceName": "disk", "restartPolicy": "NotRequired"}]}),
            "spec.template.spec.containers[0].resizePolicy[0].resourceName",
        ),
        init(
            "a probe of an init container",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}}}),
            "spec.template.spec.initContainers[0]",
        ),
        init(
            "a hook of an init container",
            json!({"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}),
            "spec.template.spec.initContainers[0]",
        ),
        // Ports.
        container(
            "port 0",
            json!({"ports": [{"containerPort": 0}]}),
            "spec.template.spec.containers[0].ports[0].containerPort",
        ),
        container(
            "port 65536",
            json!({"ports": [{"containerPort": 65536}]}),
            "spec.template.spec.containers[0].ports[0].containerPort",
        ),
        container(
            "a host port below 0",
            json!({"ports": [{"containerPort": 80, "hostPort": -1}]}),
            "spec.template.spec.containers[0].ports[0].hostPort",
        ),
        container(
            "a protocol",
            json!({"ports": [{"containerPort": 80, "protocol": "HTTP"}]}),
            "spec.template.spec.containers[0].ports[0].protocol",
        ),
        container(
            "a port name in upper case",
            json!({"ports": [{"containerPort": 80, "name": "HTTP"}]}),
            "spec.template.spec.containers[0].ports[0].name",
        ),
        container(
            "a port name of 16 characters",
            json!({"ports": [{"containerPort": 80, "name": "a-very-long-name"}]}),
            "spec.template.spec.containers[0].ports[0].name",
        ),
        container(
            "a port name of digits",
            json!({"ports": [{"containerPort": 80, "name": "80-443"}]}),
            "spec.template.spec.containers[0].ports[0].name",
        ),
        container(
            "a port name with two dashes",
            json!({"ports": [{"containerPort": 80, "name": "a--b"}]}),
            "spec.template.spec.containers[0].ports[0].name",
        ),
        pod(
            "another host port on the host network",
            json!({"hostNetwork": true, "containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80, "hostPort": 81}]}]}),
            "spec.template.spec.containers",
        ),
        // Variables.
        container(
            "an empty variable name",
            json!({"env": [{"name": "", "value": "a"}]}),
            "spec.template.spec.containers[0].env[0].name",
        ),
        container(
            "a variable with an equals sign",
            json!({"env": [{"name": "A=B", "value": "a"}]}),
            "spec.template.spec.containers[0].env[0].name",
        ),
        container(
            "a variable with two sources",
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}, "secretKeyRef": {"name": "s", "key": "k"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom",
        ),
        container(
            "a variable with no source",
            json!({"env": [{"name": "A", "valueFrom": {}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom",
        ),
        container(
            "a variable with a value and a source",
            json!({"env": [{"name": "A", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom",
        ),
        container(
            "a field that a pod has not",
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.generation"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.fieldRef.fieldPath",
        ),
        container(
            "a resource that a container has not",
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.resourceFieldRef.resource",
        ),
        container(
            "an empty key",
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": ""}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.key",
        ),
        container(
            "a key with a slash",
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a/b"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.key",
        ),
        container(
            "a secret in upper case",
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "S", "key": "k"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name",
        ),
        container(
            "variables from nothing",
            json!({"envFrom": [{"prefix": "A"}]}),
            "spec.template.spec.containers[0].envFrom[0]",
        ),
        container(
            "variables from two sources",
            json!({"envFrom": [{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}]}),
            "spec.template.spec.containers[0].envFrom[0]",
        ),
        container(
            "variables from an empty name",
            json!({"envFrom": [{"secretRef": {"name": ""}}]}),
            "spec.template.spec.containers[0].envFrom[0].secretRef.name",
        ),
        // Mounts and devices.
        container(
            "a mount without a volume",
            json!({"volumeMounts": [{"name": "none", "mountPath": "/a"}]}),
            "spec.template.spec: ",
        ),
        container(
            "a device without a volume",
            json!({"volumeDevices": [{"name": "none", "devicePath": "/a"}]}),
            "spec.template.spec: ",
        ),
        init(
            "a mount of an init container without a volume",
            json!({"volumeMounts": [{"name": "none", "mountPath": "/a"}]}),
            "spec.template.spec: ",
        ),
        mount(
            "an empty mount path",
            json!({"mountPath": ""}),
            "spec.template.spec.containers[0].volumeMounts[0].mountPath",
        ),
        mount(
            "an absolute sub path",
            json!({"subPath": "/a"}),
            "spec.template.spec.containers[0].volumeMounts[0].subPath",
        ),
        mount(
            "a sub path with a step back",
            json!({"subPath": "a/../b"}),
            "spec.template.spec.containers[0].volumeMounts[0].subPath",
        ),
        mount(
            "a sub path of a step back",
            json!({"subPathExpr": ".."}),
            "spec.template.spec.containers[0].volumeMounts[0].subPathExpr",
        ),
        mount(
            "a sub path and an expression",
            json!({"subPath": "a", "subPathExpr": "b"}),
            "spec.template.spec.containers[0].volumeMounts[0].subPathExpr",
        ),
        mount(
            "a mount propagation",
            json!({"mountPropagation": "Both"}),
            "spec.template.spec.containers[0].volumeMounts[0].mountPropagation",
        ),
        mount(
            "a bidirectional mount without privileges",
            json!({"mountPropagation": "Bidirectional"}),
            "spec.template.spec.containers[0].volumeMounts",
        ),
        mount(
            "recursive read only but not read only",
            json!({"recursiveReadOnly": "Enabled"}),
            "spec.template.spec.containers[0].volumeMounts[0].recursiveReadOnly",
        ),
        pod(
            "a mount path twice",
            json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "main", "image": OLD, "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]}]}),
            "spec.template.spec.containers[0].volumeMounts",
        ),
        // Resources.
        container(
            "a quantity of words",
            json!({"resources": {"limits": {"cpu": "much"}}}),
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
        container(
            "a request for a quantity of words",
            json!({"resources": {"limits": {"cpu": 1}, "requests": {"cpu": "much"}}}),
            "spec.template.spec.containers[0].resources.requests.cpu",
        ),
        container(
            "a negative quantity",
            json!({"resources": {"limits": {"cpu": "-1"}}}),
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
        container(
            "a negative number as quantity",
            json!({"resources": {"limits": {"cpu": -1}}}),
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
        container(
            "more requested than the limit",
            json!({"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1025Mi"}}}),
            "spec.template.spec.containers[0].resources.requests",
        ),
        // Probes and hooks.
        container(
            "a probe of nothing",
            json!({"livenessProbe": {"periodSeconds": 1}}),
            "spec.template.spec.containers[0].livenessProbe",
        ),
        container(
            "a probe of two things",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "exec": {"command": ["true"]}}}),
            "spec.template.spec.containers[0].readinessProbe",
        ),
        container(
            "a probe without a command",
            json!({"startupProbe": {"exec": {}}}),
            "spec.template.spec.containers[0].startupProbe.exec.command",
        ),
        container(
            "a probe of port 0",
            json!({"livenessProbe": {"httpGet": {"port": 0}}}),
            "spec.template.spec.containers[0].livenessProbe.httpGet.port",
        ),
        container(
            "a probe of a port in upper case",
            json!({"livenessProbe": {"httpGet": {"port": "HTTP"}}}),
            "spec.template.spec.containers[0].livenessProbe.httpGet.port",
        ),
        container(
            "a scheme",
            json!({"livenessProbe": {"httpGet": {"port": 80, "scheme": "FTP"}}}),
            "spec.template.spec.containers[0].livenessProbe.httpGet.scheme",
        ),
        container(
            "a negative period",
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": -1}}),
            "spec.template.spec.containers[0].livenessProbe.periodSeconds",
        ),
        container(
            "two successes of a liveness probe",
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "successThreshold": 2}}),
            "spec.template.spec.containers[0].livenessProbe.successThreshold",
        ),
        container(
            "a grace period of a readiness probe",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 1}}),
            "spec.template.spec.containers[0].readinessProbe.terminationGracePeriodSeconds",
        ),
        container(
            "a grace period of 0 of a probe",
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 0}}),
            "spec.template.spec.containers[0].livenessProbe.terminationGracePeriodSeconds",
        ),
        container(
            "a hook of nothing",
            json!({"lifecycle": {"preStop": {}}}),
            "spec.template.spec.containers[0].lifecycle.preStop",
        ),
        container(
            "a hook of two things",
            json!({"lifecycle": {"postStart": {"exec": {"command": ["true"]}, "sleep": {"seconds": 1}}}}),
            "spec.template.spec.containers[0].lifecycle.postStart",
        ),
        // Users and confinement.
        container(
            "a negative user",
            json!({"securityContext": {"runAsUser": -1}}),
            "spec.template.spec.containers[0].securityContext.runAsUser",
        ),
        pod(
            "a group above all",
            json!({"securityContext": {"fsGroup": 2147483648_u32}}),
            "spec.template.spec.securityContext.fsGroup",
        ),
        container(
            "privileged without escalation",
            json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}),
            "spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation",
        ),
        container(
            "a local profile without a name",
            json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
            "spec.template.spec.containers[0].securityContext.seccompProfile.localhostProfile",
        ),
        pod(
            "a name of a profile that is not local",
            json!({"securityContext": {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}}}),
            "spec.template.spec.securityContext.appArmorProfile.localhostProfile",
        ),
        pod(
            "a profile",
            json!({"securityContext": {"seccompProfile": {"type": "None"}}}),
            "spec.template.spec.securityContext.seccompProfile.type",
        ),
        container(
            "a proc mount",
            json!({"securityContext": {"procMount": "Masked"}}),
            "spec.template.spec.containers[0].securityContext.procMount",
        ),
        pod(
            "a group change policy",
            json!({"securityContext": {"fsGroupChangePolicy": "Never"}}),
            "spec.template.spec.securityContext.fsGroupChangePolicy",
        ),
        pod(
            "a shared process namespace of the host",
            json!({"shareProcessNamespace": true, "hostPID": true}),
            "spec.template.spec.shareProcessNamespace",
        ),
        pod(
            "users of its own and processes of the host",
            json!({"hostUsers": false, "hostPID": true}),
            "spec.template.spec.hostUsers",
        ),
        // Volumes.
        volume("no name of a volume", json!({"name": null}), "spec.template.spec.volumes[0].name"),
        volume("a volume in upper case", json!({"name": "V"}), "spec.template.spec.volumes[0].name"),
        pod(
            "a volume twice",
            json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]}),
            "spec.template.spec.volumes",
        ),
        volume(
            "a volume with two sources",
            json!({"emptyDir": {}, "configMap": {"name": "c"}}),
            "spec.template.spec.volumes[0]",
        ),
        volume(
            "a config map without a name",
            json!({"configMap": {}}),
            "spec.template.spec.volumes[0].configMap.name",
        ),
        volume(
            "a secret without a name",
            json!({"secret": {}}),
            "spec.template.spec.volumes[0].secret.secretName",
        ),
        volume(
            "a mode above 0777",
            json!({"secret": {"secretName": "s", "defaultMode": 512}}),
            "spec.template.spec.volumes[0].secret.defaultMode",
        ),
        volume(
            "a file with a step back",
            json!({"secret": {"secretName": "s", "items": [{"key": "a", "path": "../a"}]}}),
            "spec.template.spec.volumes[0].secret.items[0].path",
        ),
        volume(
            "a claim without a name",
            json!({"persistentVolumeClaim": {"claimName": ""}}),
            "spec.template.spec.volumes[0].persistentVolumeClaim.claimName",
        ),
        volume(
            "an empty host path",
            json!({"hostPath": {"path": ""}}),
            "spec.template.spec.volumes[0].hostPath.path",
        ),
        volume(
            "a host path with a step back",
            json!({"hostPath": {"path": "/a/../b"}}),
            "spec.template.spec.volumes[0].hostPath.path",
        ),
        volume(
            "a type of host path",
            json!({"hostPath": {"path": "/a", "type": "Folder"}}),
            "spec.template.spec.volumes[0].hostPath.type",
        ),
        volume(
            "a negative size",
            json!({"emptyDir": {"sizeLimit": "-1"}}),
            "spec.template.spec.volumes[0].emptyDir.sizeLimit",
        ),
        volume(
            "a relative path of a server",
            json!({"nfs": {"server": "s", "path": "a"}}),
            "spec.template.spec.volumes[0].nfs.path",
        ),
        volume(
            "two projected sources in one",
            json!({"projected": {"sources": [{"configMap": {"name": "c"}, "secret": {"name": "s"}}]}}),
            "spec.template.spec.volumes[0].projected.sources[0]",
        ),
        volume(
            "a token for a minute",
            json!({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}),
            "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
        ),
        volume(
            "an ephemeral volume without a template",
            json!({"ephemeral": {}}),
            "spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate",
        ),
        volume(
            "an ephemeral volume without a mode",
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}}),
            "spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes",
        ),
        // The pod.
        pod("a restart policy", json!({"restartPolicy": "OnFailure"}), "spec.template.spec.restartPolicy"),
        pod("a deadline", json!({"activeDeadlineSeconds": 60}), "spec.template.spec.activeDeadlineSeconds"),
        pod(
            "ephemeral containers",
            json!({"ephemeralContainers": [{"name": "debug", "image": OLD}]}),
            "spec.template.spec.ephemeralContainers",
        ),
        pod("a dns policy", json!({"dnsPolicy": "Cluster"}), "spec.template.spec.dnsPolicy"),
        pod("no dns at all", json!({"dnsPolicy": "None"}), "spec.template.spec.dnsConfig"),
        pod(
            "four name servers",
            json!({"dnsConfig": {"nameservers": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]}}),
            "spec.template.spec.dnsConfig.nameservers",
        ),
        pod(
            "an option of dns without a name",
            json!({"dnsConfig": {"options": [{"value": "2"}]}}),
            "spec.template.spec.dnsConfig.options[0].name",
        ),
        pod(
            "a node selector with a space",
            json!({"nodeSelector": {"a": "b c"}}),
            "spec.template.spec.nodeSelector.a",
        ),
        pod("an operating system", json!({"os": {"name": "plan9"}}), "spec.template.spec.os.name"),
        pod(
            "a preemption policy",
            json!({"preemptionPolicy": "Always"}),
            "spec.template.spec.preemptionPolicy",
        ),
        pod(
            "a priority class in upper case",
            json!({"priorityClassName": "High"}),
            "spec.template.spec.priorityClassName",
        ),
        pod(
            "an account in upper case",
            json!({"serviceAccountName": "Admin"}),
            "spec.template.spec.serviceAccountName",
        ),
        pod("an empty runtime class", json!({"runtimeClassName": ""}), "spec.template.spec.runtimeClassName"),
        pod("a node in upper case", json!({"nodeName": "A"}), "spec.template.spec.nodeName"),
        pod(
            "a readiness gate with a space",
            json!({"readinessGates": [{"conditionType": "a b"}]}),
            "spec.template.spec.readinessGates[0].conditionType",
        ),
        pod(
            "a host alias in upper case",
            json!({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["A"]}]}),
            "spec.template.spec.hostAliases[0].hostnames[0]",
        ),
        pod(
            "a resource claim of nothing",
            json!({"resourceClaims": [{"name": "a"}]}),
            "spec.template.spec.resourceClaims[0]",
        ),
        // Where it may run.
        pod(
            "a toleration of an operator",
            json!({"tolerations": [{"key": "a", "operator": "Has"}]}),
            "spec.template.spec.tolerations[0].operator",
        ),
        pod(
            "a toleration of no key",
            json!({"tolerations": [{"value": "a"}]}),
            "spec.template.spec.tolerations[0].operator",
        ),
        pod(
            "a toleration of a value that exists",
            json!({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}),
            "spec.template.spec.tolerations[0].value",
        ),
        pod(
            "a toleration of an effect",
            json!({"tolerations": [{"key": "a", "effect": "Never"}]}),
            "spec.template.spec.tolerations[0].effect",
        ),
        pod(
            "a toleration for a while",
            json!({"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]}),
            "spec.template.spec.tolerations[0].effect",
        ),
        pod(
            "a skew of 0",
            json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}),
            "spec.template.spec.topologySpreadConstraints[0].maxSkew",
        ),
        pod(
            "a spread over nothing",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "", "whenUnsatisfiable": "DoNotSchedule"}]}),
            "spec.template.spec.topologySpreadConstraints[0].topologyKey",
        ),
        pod(
            "a spread twice",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}, {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}),
            "spec.template.spec.topologySpreadConstraints",
        ),
        pod(
            "domains where anything goes",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}]}),
            "spec.template.spec.topologySpreadConstraints[0].minDomains",
        ),
        pod(
            "no node terms",
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}),
            "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        ),
        pod(
            "a node term without values",
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]}}}}),
            "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values",
        ),
        pod(
            "a node term of another field",
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.uid", "operator": "In", "values": ["a"]}]}]}}}}),
            "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key",
        ),
        pod(
            "a weight of 0",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
        ),
        pod(
            "an affinity to nothing",
            json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}}}),
            "spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
        ),
        // Claims and the rest of a set.
        ordinal("a service name in upper case", json!({"serviceName": "Web"}), "spec.serviceName"),
        claim(
            "a claim without a mode",
            json!({"accessModes": null}),
            "spec.volumeClaimTemplates[0].spec.accessModes",
        ),
        claim(
            "a claim of a mode",
            json!({"accessModes": ["ReadWrite"]}),
            "spec.volumeClaimTemplates[0].spec.accessModes[0]",
        ),
        claim(
            "a claim of one pod and of many",
            json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}),
            "spec.volumeClaimTemplates[0].spec.accessModes",
        ),
        claim(
            "a claim of no size",
            json!({"resources": {"requests": {"storage": null, "cpu": "1"}}}),
            "spec.volumeClaimTemplates[0].spec.resources.requests",
        ),
        claim(
            "a claim of words",
            json!({"resources": {"requests": {"storage": "much"}}}),
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage",
        ),
        claim(
            "a claim without resources",
            json!({"resources": null}),
            "spec.volumeClaimTemplates[0].spec.resources",
        ),
        claim(
            "a claim of size 0",
            json!({"resources": {"requests": {"storage": "0"}}}),
            "spec.volumeClaimTemplates[0].spec.resources.requests",
        ),
        claim(
            "a claim of a volume mode",
            json!({"volumeMode": "Disk"}),
            "spec.volumeClaimTemplates[0].spec.volumeMode",
        ),
        Case {
            what: "a label with a space",
            to: To::Template,
            patch: json!({"metadata": {"labels": {"a": "b c"}}}),
            says: "spec.template.metadata.labels.a",
        },
        Case {
            what: "a host name in upper case",
            to: To::Daemon,
            patch: json!({"template": {"spec": {"hostname": "A"}}}),
            says: "spec.template.spec.hostname",
        },
        // The rest of the words and ranges.
        container(
            "a restart rule of an action",
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Stop", "exitCodes": {"operator": "In", "values": [1]}}]}),
            "spec.template.spec.containers[0].restartPolicyRules[0].action",
        ),
        container(
            "a restart rule of an operator",
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "Is", "values": [1]}}]}),
            "spec.template.spec.containers[0].restartPolicyRules[0].exitCodes.operator",
        ),
        container(
            "21 restart rules",
            json!({"restartPolicy": "Never", "restartPolicyRules": vec![json!({"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}); 21]}),
            "spec.template.spec.containers[0].restartPolicyRules",
        ),
        container(
            "256 exit codes",
            json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": (0..256).collect::<Vec<_>>()}}]}),
            "spec.template.spec.containers[0].restartPolicyRules[0].exitCodes.values",
        ),
        container(
            "a restart at a resize",
            json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "Maybe"}]}),
            "spec.template.spec.containers[0].resizePolicy[0].restartPolicy",
        ),
        container(
            "a prefix with an equals sign",
            json!({"envFrom": [{"prefix": "A=", "secretRef": {"name": "s"}}]}),
            "spec.template.spec.containers[0].envFrom[0].prefix",
        ),
        container(
            "variables from an empty config map",
            json!({"envFrom": [{"configMapRef": {"name": ""}}]}),
            "spec.template.spec.containers[0].envFrom[0].configMapRef.name",
        ),
        container(
            "a config map in upper case",
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "C", "key": "k"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.name",
        ),
        container(
            "a key that is a step back",
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "..a"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.key",
        ),
        container(
            "a field of another version",
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v2", "fieldPath": "metadata.name"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.fieldRef.apiVersion",
        ),
        container(
            "a divisor of words",
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "much"}}}]}),
            "spec.template.spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor",
        ),
        pod(
            "an empty device path",
            json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}], "containers": [{"name": "main", "image": OLD, "volumeDevices": [{"name": "v", "devicePath": ""}]}]}),
            "spec.template.spec.containers[0].volumeDevices[0].devicePath",
        ),
        container(
            "a grace period of 0 of a startup probe",
            json!({"startupProbe": {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 0}}),
            "spec.template.spec.containers[0].startupProbe.terminationGracePeriodSeconds",
        ),
        container(
            "two successes of a startup probe",
            json!({"startupProbe": {"tcpSocket": {"port": 80}, "successThreshold": 2}}),
            "spec.template.spec.containers[0].startupProbe.successThreshold",
        ),
        container(
            "a probe of a high port",
            json!({"readinessProbe": {"grpc": {"port": 65536}}}),
            "spec.template.spec.containers[0].readinessProbe.grpc.port",
        ),
        container(
            "a probe of a port name of 16 characters",
            json!({"readinessProbe": {"tcpSocket": {"port": "a-very-long-name"}}}),
            "spec.template.spec.containers[0].readinessProbe.tcpSocket.port",
        ),
        container(
            "a negative delay",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": -1}}),
            "spec.template.spec.containers[0].readinessProbe.initialDelaySeconds",
        ),
        container(
            "a negative timeout",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "timeoutSeconds": -1}}),
            "spec.template.spec.containers[0].readinessProbe.timeoutSeconds",
        ),
        container(
            "negative failures",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "failureThreshold": -1}}),
            "spec.template.spec.containers[0].readinessProbe.failureThreshold",
        ),
        container(
            "negative successes",
            json!({"readinessProbe": {"tcpSocket": {"port": 80}, "successThreshold": -1}}),
            "spec.template.spec.containers[0].readinessProbe.successThreshold",
        ),
        container(
            "a negative sleep",
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": -1}}}}),
            "spec.template.spec.containers[0].lifecycle.preStop.sleep.seconds",
        ),
        container(
            "a hook of port 0",
            json!({"lifecycle": {"preStop": {"httpGet": {"port": 0}}}}),
            "spec.template.spec.containers[0].lifecycle.preStop.httpGet.port",
        ),
        container(
            "a negative group",
            json!({"securityContext": {"runAsGroup": -1}}),
            "spec.template.spec.containers[0].securityContext.runAsGroup",
        ),
        container(
            "an administrator without escalation",
            json!({"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}}),
            "spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation",
        ),
        container(
            "a profile of app armor",
            json!({"securityContext": {"appArmorProfile": {"type": "None"}}}),
            "spec.template.spec.containers[0].securityContext.appArmorProfile.type",
        ),
        init(
            "a port name of an init container",
            json!({"ports": [{"containerPort": 80, "name": "HTTP"}]}),
            "spec.template.spec.initContainers[0].ports[0].name",
        ),
        init(
            "a sidecar with a probe of nothing",
            json!({"restartPolicy": "Always", "startupProbe": {}}),
            "spec.template.spec.initContainers[0].startupProbe",
        ),
        pod(
            "33 search paths",
            json!({"dnsConfig": {"searches": (0..33).map(|n| format!("a{n}")).collect::<Vec<_>>()}}),
            "spec.template.spec.dnsConfig.searches",
        ),
        pod("a negative overhead", json!({"overhead": {"cpu": "-1"}}), "spec.template.spec.overhead.cpu"),
        pod(
            "a negative quantity of the pod",
            json!({"resources": {"limits": {"cpu": "-1"}}}),
            "spec.template.spec.resources.limits.cpu",
        ),
        pod(
            "a scheduling gate with a space",
            json!({"schedulingGates": [{"name": "a b"}]}),
            "spec.template.spec.schedulingGates[0].name",
        ),
        pod(
            "a resource claim in upper case",
            json!({"resourceClaims": [{"name": "A", "resourceClaimName": "a"}]}),
            "spec.template.spec.resourceClaims[0].name",
        ),
        pod(
            "a negative other group",
            json!({"securityContext": {"supplementalGroups": [-1]}}),
            "spec.template.spec.securityContext.supplementalGroups[0]",
        ),
        pod(
            "a policy of other groups",
            json!({"securityContext": {"supplementalGroupsPolicy": "None"}}),
            "spec.template.spec.securityContext.supplementalGroupsPolicy",
        ),
        pod(
            "a policy of changes",
            json!({"securityContext": {"seLinuxChangePolicy": "None"}}),
            "spec.template.spec.securityContext.seLinuxChangePolicy",
        ),
        pod(
            "a spread of a word",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Wait"}]}),
            "spec.template.spec.topologySpreadConstraints[0].whenUnsatisfiable",
        ),
        pod(
            "a spread over no domain",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 0}]}),
            "spec.template.spec.topologySpreadConstraints[0].minDomains",
        ),
        pod(
            "a policy of affinity",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "nodeAffinityPolicy": "Maybe"}]}),
            "spec.template.spec.topologySpreadConstraints[0].nodeAffinityPolicy",
        ),
        pod(
            "a policy of taints",
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": ""}]}),
            "spec.template.spec.topologySpreadConstraints[0].nodeTaintsPolicy",
        ),
        pod(
            "a node condition of an operator",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator",
        ),
        pod(
            "a node condition with two numbers",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1", "2"]}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values",
        ),
        pod(
            "a node condition of something that exists",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["1"]}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values",
        ),
        pod(
            "a node field of an operator",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchFields": [{"key": "metadata.name", "operator": "Exists"}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator",
        ),
        pod(
            "a node field with two values",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a", "b"]}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values",
        ),
        pod(
            "a node field without values",
            json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchFields": [{"key": "metadata.name", "operator": "In"}]}}]}}}),
            "spec.template.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values",
        ),
        pod(
            "a weight of 101",
            json!({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}]}}}),
            "spec.template.spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
        ),
        pod(
            "a pod condition of an operator",
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}}]}}}),
            "spec.template.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].operator",
        ),
        volume(
            "an item without a key",
            json!({"configMap": {"name": "c", "items": [{"key": "", "path": "a"}]}}),
            "spec.template.spec.volumes[0].configMap.items[0].key",
        ),
        volume(
            "an absolute item",
            json!({"configMap": {"name": "c", "items": [{"key": "a", "path": "/a"}]}}),
            "spec.template.spec.volumes[0].configMap.items[0].path",
        ),
        volume(
            "an item of a mode",
            json!({"configMap": {"name": "c", "items": [{"key": "a", "path": "a", "mode": -1}]}}),
            "spec.template.spec.volumes[0].configMap.items[0].mode",
        ),
        volume(
            "a mode of a config map",
            json!({"configMap": {"name": "c", "defaultMode": -1}}),
            "spec.template.spec.volumes[0].configMap.defaultMode",
        ),
        volume(
            "a mode of a projection",
            json!({"projected": {"defaultMode": 512, "sources": [{"secret": {"name": "s"}}]}}),
            "spec.template.spec.volumes[0].projected.defaultMode",
        ),
        volume(
            "a projection of an empty secret",
            json!({"projected": {"sources": [{"secret": {"name": ""}}]}}),
            "spec.template.spec.volumes[0].projected.sources[0].secret.name",
        ),
        volume(
            "a projection of an empty config map",
            json!({"projected": {"sources": [{"configMap": {"name": ""}}]}}),
            "spec.template.spec.volumes[0].projected.sources[0].configMap.name",
        ),
        volume(
            "an empty path of a token",
            json!({"projected": {"sources": [{"serviceAccountToken": {"path": ""}}]}}),
            "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken.path",
        ),
        volume(
            "an absolute file about the pod",
            json!({"downwardAPI": {"items": [{"path": "/a", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
            "spec.template.spec.volumes[0].downwardAPI.items[0].path",
        ),
        volume(
            "a mode of a file about the pod",
            json!({"downwardAPI": {"items": [{"path": "a", "mode": 512, "fieldRef": {"fieldPath": "metadata.name"}}]}}),
            "spec.template.spec.volumes[0].downwardAPI.items[0].mode",
        ),
        volume(
            "an empty server",
            json!({"nfs": {"server": "", "path": "/a"}}),
            "spec.template.spec.volumes[0].nfs.server",
        ),
        volume("an empty driver", json!({"csi": {"driver": ""}}), "spec.template.spec.volumes[0].csi.driver"),
        volume(
            "a pull policy of a volume",
            json!({"image": {"reference": "a", "pullPolicy": "Sometimes"}}),
            "spec.template.spec.volumes[0].image.pullPolicy",
        ),
        volume(
            "an ephemeral volume of no size",
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"cpu": "1"}}}}}}),
            "spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests",
        ),
        Case {
            what: "a subdomain in upper case",
            to: To::Daemon,
            patch: json!({"template": {"spec": {"subdomain": "A"}}}),
            says: "spec.template.spec.subdomain",
        },
    ]
}

/// What both take.
pub fn right() -> Vec<Case> {
    vec![
        pod("nothing special", json!({}), ""),
        pod(
            "empty words",
            json!({"restartPolicy": "", "dnsPolicy": "", "serviceAccountName": "", "priorityClassName": "", "nodeName": "", "hostname": "", "containers": [{"name": "main", "image": OLD, "imagePullPolicy": "", "terminationMessagePolicy": "", "ports": [{"containerPort": 80, "protocol": "", "name": "", "hostPort": 0}]}]}),
            "",
        ),
        container(
            "a variable twice",
            json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
            "",
        ),
        container(
            "variables of every kind",
            json!({"env": [{"name": "a.b-c d", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}, {"name": "C", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIPs"}}}, {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.hugepages-2Mi", "divisor": "1Mi"}}}, {"name": "E", "valueFrom": {"secretKeyRef": {"name": "a.b", "key": ".c_D-e", "optional": true}}}, {"name": "F", "value": "", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}], "envFrom": [{"prefix": "", "secretRef": {"name": "s"}}, {"configMapRef": {"name": "c"}}]}),
            "",
        ),
        container(
            "many ports",
            json!({"ports": (1..=500).map(|port| json!({"containerPort": port, "protocol": "UDP"})).collect::<Vec<_>>()}),
            "",
        ),
        container(
            "port names",
            json!({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "8080-http-2"}, {"containerPort": 65535, "name": "fifteen-letters", "hostPort": 65535, "protocol": "SCTP"}]}),
            "",
        ),
        pod(
            "the host network",
            json!({"hostNetwork": true, "containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]}]}),
            "",
        ),
        container(
            "quantities",
            json!({"resources": {"limits": {"cpu": 1, "memory": "1.5Gi", "example.org/gpu": "1", "ephemeral-storage": "1e3"}, "requests": {"cpu": "500m", "memory": "1.5Gi", "example.org/gpu": 1, "ephemeral-storage": ".5k"}}}),
            "",
        ),
        container(
            "probes",
            json!({"livenessProbe": {"httpGet": {"port": "http", "path": "", "scheme": ""}, "successThreshold": 0, "terminationGracePeriodSeconds": 1}, "readinessProbe": {"grpc": {"port": 1}, "successThreshold": 3}, "startupProbe": {"exec": {"command": ["true"]}, "successThreshold": 1}, "lifecycle": {"preStop": {"sleep": {"seconds": 5}}, "postStart": {"httpGet": {"port": 8080}}}}),
            "",
        ),
        init(
            "a sidecar",
            json!({"restartPolicy": "Always", "readinessProbe": {"tcpSocket": {"port": 80}}, "lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}),
            "",
        ),
        pod(
            "mounts",
            json!({"volumes": [{"name": "v", "emptyDir": {}}], "initContainers": [{"name": "before", "image": OLD, "volumeMounts": [{"name": "v", "mountPath": "/a"}]}], "containers": [{"name": "main", "image": OLD, "securityContext": {"privileged": true}, "volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "..a/b//.c/...", "mountPropagation": "Bidirectional"}, {"name": "v", "mountPath": "b", "subPathExpr": "$(A)/", "readOnly": true, "recursiveReadOnly": "IfPossible"}, {"name": "v", "mountPath": "/c", "subPath": ""}]}]}),
            "",
        ),
        pod(
            "many mounts",
            json!({"volumes": (0..200).map(|n| json!({"name": format!("v{n}"), "emptyDir": {}})).collect::<Vec<_>>(), "containers": (0..20).map(|n| json!({"name": format!("c{n}"), "image": OLD, "volumeMounts": (0..200).map(|n| json!({"name": format!("v{n}"), "mountPath": format!("/v{n}")})).collect::<Vec<_>>()})).collect::<Vec<_>>()}),
            "",
        ),
        pod(
            "volumes",
            json!({"volumes": [{"name": "none"}, {"name": "a", "emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}}, {"name": "b", "hostPath": {"path": "/..a/b", "type": ""}}, {"name": "c", "configMap": {"name": "Any Name", "defaultMode": 511, "items": [{"key": "k", "path": "a/b"}]}}, {"name": "d", "secret": {"secretName": "s", "optional": true}}, {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, {}, {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}}, {"name": "f", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": 1}}}}}}, {"name": "g", "nfs": {"server": "s", "path": "/"}}, {"name": "h", "csi": {"driver": "a.b"}}]}),
            "",
        ),
        pod(
            "users",
            json!({"securityContext": {"runAsUser": 0, "fsGroup": 2147483647, "supplementalGroups": [1], "seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}, "appArmorProfile": {"type": "RuntimeDefault"}}, "hostUsers": true, "hostPID": true}),
            "",
        ),
        pod(
            "places",
            json!({"nodeSelector": {"a": ""}, "tolerations": [{"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": -1}, {"key": "c"}], "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 1}, {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}], "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}, {"key": "b", "operator": "DoesNotExist"}], "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]}, "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": {}}]}, "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}}]}}}),
            "",
        ),
        pod(
            "names",
            json!({"serviceAccountName": "a.b", "priorityClassName": "a.b", "runtimeClassName": "r", "os": {"name": "linux"}, "preemptionPolicy": "Never", "imagePullSecrets": [{}, {"name": "a"}], "readinessGates": [{"conditionType": "example.org/Ready"}], "dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1"], "searches": ["a.b"], "options": [{"name": "ndots", "value": "2"}]}, "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a.b"]}]}),
            "",
        ),
        ordinal(
            "a host name that is overwritten",
            json!({"template": {"spec": {"hostname": "A", "subdomain": "B"}}}),
            "",
        ),
        ordinal(
            "mounts of claims",
            json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}], "template": {"spec": {"containers": [{"name": "main", "image": OLD, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}}),
            "",
        ),
        Case {
            what: "host ports one after the other",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}, "template": {"spec": {"hostNetwork": true, "containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80}]}]}}}),
            says: "",
        },
        Case {
            what: "a surge without host ports",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, "template": {"spec": {"containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80}]}]}}}),
            says: "",
        },
        Case {
            what: "host ports and a surge on delete",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"type": "OnDelete"}, "template": {"spec": {"containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80, "hostPort": 80}]}]}}}),
            says: "",
        },
    ]
}

/// What `apps/v1` refuses and the custom resources take: the refusal comes when a pod is made.
pub fn left_to_pods() -> Vec<Case> {
    vec![
        container(
            "a port name twice",
            json!({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}),
            "the cost of comparing each with each",
        ),
        container(
            "a host port twice",
            json!({"ports": [{"containerPort": 1, "hostPort": 1}, {"containerPort": 2, "hostPort": 1}]}),
            "the cost of comparing each with each",
        ),
        pod(
            "a device path twice",
            json!({"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "a"}}, {"name": "b", "persistentVolumeClaim": {"claimName": "b"}}], "containers": [{"name": "main", "image": OLD, "volumeDevices": [{"name": "a", "devicePath": "/a"}, {"name": "b", "devicePath": "/a"}]}]}),
            "the cost of comparing each with each",
        ),
        pod(
            "a device of a directory",
            json!({"volumes": [{"name": "a", "emptyDir": {}}], "containers": [{"name": "main", "image": OLD, "volumeDevices": [{"name": "a", "devicePath": "/a"}]}]}),
            "the cost of comparing each with each",
        ),
        container(
            "a resource without a domain",
            json!({"resources": {"limits": {"gpu": 1}}}),
            "the names of a map have no bound",
        ),
        container(
            "less requested of what cannot be shared",
            json!({"resources": {"limits": {"example.org/gpu": 2}, "requests": {"example.org/gpu": 1}}}),
            "which resources can be shared is not said",
        ),
        Case {
            what: "a label in two parts",
            to: To::Template,
            patch: json!({"metadata": {"labels": {"a/b/c": ""}}}),
            says: "the names of a map have no bound",
        },
        pod(
            "a name server that is none",
            json!({"dnsConfig": {"nameservers": ["a"]}}),
            "addresses in an older notation are taken",
        ),
        pod(
            "an alias of no address",
            json!({"hostAliases": [{"ip": "a"}]}),
            "addresses in an older notation are taken",
        ),
        container(
            "a sleep longer than the grace period",
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 60}}}}),
            "of little use",
        ),
        pod(
            "an affinity without values",
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]}}}),
            "room: it stands in eight places",
        ),
        pod(
            "options of windows on linux",
            json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {"runAsUserName": "a"}}}),
            "of little use",
        ),
        pod(
            "a disk of a cloud without a name",
            json!({"volumes": [{"name": "a", "gcePersistentDisk": {"pdName": ""}}]}),
            "kinds of volumes that Kubernetes has given up",
        ),
    ]
}

/// What only the custom resources refuse.
pub fn stricter() -> Vec<Case> {
    vec![
        Case {
            what: "a host port and a surge",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, "template": {"spec": {"containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80, "hostPort": 80}]}]}}}),
            says: "spec.updateStrategy.rollingUpdate.maxSurge",
        },
        Case {
            what: "the host network and a surge",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"rollingUpdate": {"maxSurge": "10%", "maxUnavailable": 0}}, "template": {"spec": {"hostNetwork": true, "containers": [{"name": "main", "image": OLD, "ports": [{"containerPort": 80}]}]}}}),
            says: "spec.updateStrategy.rollingUpdate.maxSurge",
        },
        Case {
            what: "a host port of a sidecar and a surge",
            to: To::Daemon,
            patch: json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, "template": {"spec": {"initContainers": [{"name": "side", "image": OLD, "restartPolicy": "Always", "ports": [{"containerPort": 80, "hostPort": 80}]}]}}}),
            says: "spec.updateStrategy.rollingUpdate.maxSurge",
        },
    ]
}
