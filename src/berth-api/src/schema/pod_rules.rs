//! What Go's validation requires of a pod template across fields, in CEL. Paths are below those in [`super::pod`].
//!
//! A rule has an answer for any value of the right types, one without fields that are required too: where a value has not changed the
//! API server lets a rule be false, but not fail, and a set from before the rule could not be written any more.

use super::rules::{FORBIDDEN, INVALID, REQUIRED, Rule};

/// Rules of each container.
pub const CONTAINER: &[Rule] = &[
    Rule {
        at: ".livenessProbe",
        field: ".livenessProbe",
        reason: INVALID,
        says: "must have one of exec, httpGet, tcpSocket and grpc",
        cel: HANDLER,
    },
    Rule {
        at: ".readinessProbe",
        field: ".readinessProbe",
        reason: INVALID,
        says: "must have one of exec, httpGet, tcpSocket and grpc",
        cel: HANDLER,
    },
    Rule {
        at: ".startupProbe",
        field: ".startupProbe",
        reason: INVALID,
        says: "must have one of exec, httpGet, tcpSocket and grpc",
        cel: HANDLER,
    },
    Rule {
        at: ".readinessProbe",
        field: ".readinessProbe.terminationGracePeriodSeconds",
        reason: FORBIDDEN,
        says: "must be left out: a container that is not ready is not ended",
        cel: "!has(self.terminationGracePeriodSeconds)",
    },
    Rule {
        at: ".env[]",
        field: ".env[].valueFrom",
        reason: INVALID,
        says: "must be left out where there is a value",
        cel: "!has(self.valueFrom) || !has(self.value) || self.value == ''",
    },
    Rule {
        at: ".envFrom[]",
        field: ".envFrom[]",
        reason: INVALID,
        says: "must have one of configMapRef and secretRef",
        cel: "has(self.configMapRef) != has(self.secretRef)",
    },
    Rule {
        at: ".volumeMounts[]",
        field: ".volumeMounts[].subPathExpr",
        reason: INVALID,
        says: "must be left out where there is a subPath",
        cel: "!has(self.subPath) || !has(self.subPathExpr) || self.subPath == '' || self.subPathExpr == ''",
    },
    Rule {
        at: ".volumeMounts[]",
        field: ".volumeMounts[].recursiveReadOnly",
        reason: FORBIDDEN,
        says: "must be Disabled or left out unless readOnly is true and mountPropagation is None",
        cel: "!has(self.recursiveReadOnly) || self.recursiveReadOnly == 'Disabled' \
              || (self.?readOnly.orValue(false) && self.?mountPropagation.orValue('None') == 'None')",
    },
    Rule {
        at: "",
        field: ".volumeMounts",
        reason: FORBIDDEN,
        says: "cannot have the mountPropagation Bidirectional unless securityContext.privileged is true",
        cel: "!has(self.volumeMounts) || self.?securityContext.privileged.orValue(false) \
              || self.volumeMounts.all(m, !has(m.mountPropagation) || m.mountPropagation != 'Bidirectional')",
    },
    Rule {
        at: "",
        field: ".restartPolicy",
        reason: REQUIRED,
        says: "must be there where there are restartPolicyRules",
        cel: "has(self.restartPolicy) || !has(self.restartPolicyRules) || size(self.restartPolicyRules) == 0",
    },
    Rule {
        at: ".resources",
        field: ".resources.requests",
        reason: INVALID,
        says: "must not be more than the limits",
        cel: "!has(self.requests) || !has(self.limits) || self.requests.all(r, !(r in self.limits) \
              || !isQuantity(string(self.requests[r])) || !isQuantity(string(self.limits[r])) \
              || quantity(string(self.requests[r])).compareTo(quantity(string(self.limits[r]))) <= 0)",
    },
    Rule {
        at: ".securityContext",
        field: ".securityContext.allowPrivilegeEscalation",
        reason: INVALID,
        says: "must not be false where privileged is true or CAP_SYS_ADMIN is added",
        cel: "self.?allowPrivilegeEscalation.orValue(true) || (!self.?privileged.orValue(false) \
              && (!has(self.capabilities) || !has(self.capabilities.add) \
              || !('CAP_SYS_ADMIN' in self.capabilities.add)))",
    },
    Rule {
        at: ".securityContext.seccompProfile",
        field: ".securityContext.seccompProfile.localhostProfile",
        reason: INVALID,
        says: "must be there where the type is Localhost, and must not where it is not",
        cel: PROFILE,
    },
    Rule {
        at: ".securityContext.appArmorProfile",
        field: ".securityContext.appArmorProfile.localhostProfile",
        reason: INVALID,
        says: "must be there where the type is Localhost, and must not where it is not",
        cel: PROFILE,
    },
];

/// Rules of each init container.
pub const INIT_CONTAINER: &[Rule] = &[Rule {
    at: "",
    field: "",
    reason: FORBIDDEN,
    says: "must have no probes and no lifecycle unless its restartPolicy is Always",
    cel: "self.?restartPolicy.orValue('') == 'Always' || !(has(self.lifecycle) || has(self.livenessProbe) \
          || has(self.readinessProbe) || has(self.startupProbe))",
}];

/// Rules of the pod.
pub const POD: &[Rule] = &[
    Rule {
        at: "",
        field: ".initContainers",
        reason: INVALID,
        says: "must have names that no container has",
        cel: "!has(self.initContainers) || self.initContainers.all(i, !self.containers.exists(c, c.name == i.name))",
    },
    Rule {
        at: "",
        field: ".containers",
        reason: INVALID,
        says: "must have no hostPort other than its containerPort where hostNetwork is true",
        cel: "!self.?hostNetwork.orValue(false) || self.containers.all(c, !has(c.ports) \
              || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0 || p.hostPort == p.containerPort))",
    },
    Rule {
        at: "",
        field: ".dnsConfig",
        reason: REQUIRED,
        says: "must have nameservers where dnsPolicy is None",
        cel: "self.?dnsPolicy.orValue('') != 'None' || (has(self.dnsConfig) && has(self.dnsConfig.nameservers) \
              && size(self.dnsConfig.nameservers) > 0)",
    },
    Rule {
        at: "",
        field: ".hostUsers",
        reason: FORBIDDEN,
        says: "must not be false where hostPID or hostIPC is true",
        cel: "self.?hostUsers.orValue(true) || !(self.?hostPID.orValue(false) || self.?hostIPC.orValue(false))",
    },
    Rule {
        at: "",
        field: ".shareProcessNamespace",
        reason: INVALID,
        says: "must not be true where hostPID is true",
        cel: "!self.?shareProcessNamespace.orValue(false) || !self.?hostPID.orValue(false)",
    },
    Rule {
        at: ".securityContext.seccompProfile",
        field: ".securityContext.seccompProfile.localhostProfile",
        reason: INVALID,
        says: "must be there where the type is Localhost, and must not where it is not",
        cel: PROFILE,
    },
    Rule {
        at: ".securityContext.appArmorProfile",
        field: ".securityContext.appArmorProfile.localhostProfile",
        reason: INVALID,
        says: "must be there where the type is Localhost, and must not where it is not",
        cel: PROFILE,
    },
    Rule {
        at: ".resourceClaims[]",
        field: ".resourceClaims[]",
        reason: INVALID,
        says: "must have one of resourceClaimName and resourceClaimTemplateName",
        cel: "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
    },
    Rule {
        at: ".tolerations[]",
        field: ".tolerations[].operator",
        reason: INVALID,
        says: "must be Exists where there is no key",
        cel: "self.?key.orValue('') != '' || self.?operator.orValue('') == 'Exists'",
    },
    Rule {
        at: ".tolerations[]",
        field: ".tolerations[].value",
        reason: INVALID,
        says: "must be left out where the operator is Exists",
        cel: "self.?operator.orValue('') != 'Exists' || self.?value.orValue('') == ''",
    },
    Rule {
        at: ".tolerations[]",
        field: ".tolerations[].effect",
        reason: INVALID,
        says: "must be NoExecute where there are tolerationSeconds",
        cel: "!has(self.tolerationSeconds) || self.?effect.orValue('') == 'NoExecute'",
    },
    Rule {
        at: ".topologySpreadConstraints",
        field: ".topologySpreadConstraints",
        reason: INVALID,
        says: "must differ in topologyKey or whenUnsatisfiable",
        cel: "self.all(a, self.exists_one(b, a.topologyKey == b.topologyKey \
              && a.whenUnsatisfiable == b.whenUnsatisfiable))",
    },
    Rule {
        at: ".topologySpreadConstraints[]",
        field: ".topologySpreadConstraints[].minDomains",
        reason: INVALID,
        says: "must be left out unless whenUnsatisfiable is DoNotSchedule",
        cel: "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
    },
    Rule {
        at: ".affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[]",
        field: ".affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[].values",
        reason: INVALID,
        says: "must have a value or more with In and NotIn, one with Gt and Lt, and none with Exists and DoesNotExist",
        cel: VALUES,
    },
    Rule {
        at: ".affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[]",
        field: ".affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[].values",
        reason: INVALID,
        says: "must have a value or more with In and NotIn, one with Gt and Lt, and none with Exists and DoesNotExist",
        cel: VALUES,
    },
    Rule {
        at: ".volumes[]",
        field: ".volumes[]",
        reason: FORBIDDEN,
        says: "must have no more than one source, such as emptyDir or configMap",
        cel: "[has(self.awsElasticBlockStore), has(self.azureDisk), has(self.azureFile), has(self.cephfs), \
              has(self.cinder), has(self.configMap), has(self.csi), has(self.downwardAPI), has(self.emptyDir), \
              has(self.ephemeral), has(self.fc), has(self.flexVolume), has(self.flocker), \
              has(self.gcePersistentDisk), has(self.gitRepo), has(self.glusterfs), has(self.hostPath), \
              has(self.image), has(self.iscsi), has(self.nfs), has(self.persistentVolumeClaim), \
              has(self.photonPersistentDisk), has(self.portworxVolume), has(self.projected), has(self.quobyte), \
              has(self.rbd), has(self.scaleIO), has(self.secret), has(self.storageos), has(self.vsphereVolume)]\
              .filter(is, is).size() <= 1",
    },
];

/// Rules of each description of a claim.
pub const CLAIM: &[Rule] = &[
    Rule {
        at: "",
        field: ".resources.requests",
        reason: REQUIRED,
        says: "must ask for storage, for more than 0",
        cel: "has(self.resources) && has(self.resources.requests) && 'storage' in self.resources.requests \
              && isQuantity(string(self.resources.requests['storage'])) \
              && quantity(string(self.resources.requests['storage'])).isGreaterThan(quantity('0'))",
    },
    Rule {
        at: "",
        field: ".accessModes",
        reason: FORBIDDEN,
        says: "must have nothing beside ReadWriteOncePod",
        cel: "!has(self.accessModes) || !('ReadWriteOncePod' in self.accessModes) \
              || self.accessModes.all(m, m == 'ReadWriteOncePod')",
    },
];

/// A probe does one thing.
const HANDLER: &str =
    "[has(self.exec), has(self.httpGet), has(self.tcpSocket), has(self.grpc)].exists_one(is, is)";
/// A profile of a node is named.
const PROFILE: &str = "(self.type == 'Localhost') == has(self.localhostProfile)";
/// How many values a condition about the labels of nodes has.
const VALUES: &str = "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 \
                      : self.operator in ['Gt', 'Lt'] ? has(self.values) && size(self.values) == 1 \
                      : !has(self.values) || size(self.values) == 0";
