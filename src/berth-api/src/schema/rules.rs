//! Validation rules in CEL: what a schema alone cannot say (C1, C2).

use serde_json::{Value, json};

use super::shape::at;

/// One rule.
pub struct Rule {
    /// The schema that the rule stands at; `self` in the expression is the value there.
    pub at: &'static str,
    /// The field that a refusal names; `at` or below it.
    pub field: &'static str,
    /// What a refusal is: `FieldValueInvalid`, `FieldValueForbidden` or `FieldValueRequired`. (`FieldValueDuplicate` would
    /// hide the message.)
    pub reason: &'static str,
    /// What is allowed, in words.
    pub says: &'static str,
    /// What must hold.
    pub cel: &'static str,
}

/// See [`Rule::reason`].
pub const INVALID: &str = "FieldValueInvalid";
/// See [`Rule::reason`].
pub const FORBIDDEN: &str = "FieldValueForbidden";
/// See [`Rule::reason`].
pub const REQUIRED: &str = "FieldValueRequired";

/// Rules of both kinds.
pub const COMMON: &[Rule] = &[
    Rule {
        at: "spec",
        field: "spec.selector",
        reason: FORBIDDEN,
        says: "cannot be changed; to select other pods, make a set with another name",
        cel: "self.selector == oldSelf.selector",
    },
    Rule {
        at: "spec.selector",
        field: "spec.selector",
        reason: REQUIRED,
        says: "must name at least one label in matchLabels or one condition in matchExpressions",
        cel: "(has(self.matchLabels) && size(self.matchLabels) > 0) \
              || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
    },
    Rule {
        at: "spec.selector.matchExpressions[]",
        field: "spec.selector.matchExpressions[].values",
        reason: INVALID,
        says: "must have a value or more with In and NotIn, and none with Exists and DoesNotExist",
        cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    },
    Rule {
        at: "spec",
        field: "spec.progressDeadlineSeconds",
        reason: INVALID,
        says: "must be greater than spec.minReadySeconds",
        cel: "!has(self.progressDeadlineSeconds) || self.progressDeadlineSeconds > self.?minReadySeconds.orValue(0)",
    },
    Rule {
        at: "spec",
        field: "spec.template.metadata.labels",
        reason: INVALID,
        says: "must have every label of spec.selector.matchLabels, with the same value",
        cel: "!has(self.selector.matchLabels) || self.selector.matchLabels.all(k, \
              has(self.template.metadata) && has(self.template.metadata.labels) \
              && k in self.template.metadata.labels \
              && self.template.metadata.labels[k] == self.selector.matchLabels[k])",
    },
    Rule {
        at: "spec",
        field: "spec.template.metadata.labels",
        reason: INVALID,
        says: "must fulfil every condition of spec.selector.matchExpressions",
        // In and Exists must match, NotIn and DoesNotExist must not match what the former would.
        cel: "!has(self.selector.matchExpressions) || self.selector.matchExpressions.all(e, \
              (e.operator in ['In', 'Exists']) == (has(self.template.metadata) && has(self.template.metadata.labels) \
              && e.key in self.template.metadata.labels && (e.operator in ['Exists', 'DoesNotExist'] \
              || (has(e.values) && self.template.metadata.labels[e.key] in e.values))))",
    },
    Rule {
        at: "spec.template.spec",
        field: "spec.template.spec.restartPolicy",
        reason: INVALID,
        says: "must be Always or left out: pods of a set run until they are deleted",
        cel: "!has(self.restartPolicy) || self.restartPolicy in ['', 'Always']",
    },
    Rule {
        at: "spec.template.spec",
        field: "spec.template.spec.activeDeadlineSeconds",
        reason: FORBIDDEN,
        says: "must be left out: pods of a set run until they are deleted",
        cel: "!has(self.activeDeadlineSeconds)",
    },
    Rule {
        at: "spec.template.spec",
        field: "spec.template.spec.ephemeralContainers",
        reason: FORBIDDEN,
        says: "must be left out: ephemeral containers are added to a running pod (kubectl debug)",
        cel: "!has(self.ephemeralContainers) || size(self.ephemeralContainers) == 0",
    },
];

/// Rules of `OrdinalSet`.
pub const ORDINAL_SET: &[Rule] = &[
    Rule {
        at: "",
        field: "metadata.name",
        reason: INVALID,
        // A label value has 63 characters; the name of a revision, which is one, adds 11 to the name of the set.
        says: "must be at most 52 characters of a-z, 0-9 and '-', and begin and end with a letter or digit",
        cel: "size(self.metadata.name) <= 52 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    },
    Rule {
        at: "spec",
        field: "spec.serviceName",
        reason: FORBIDDEN,
        says: "cannot be changed, added or removed; delete the set with --cascade=orphan and create it anew",
        cel: "(has(self.serviceName) ? self.serviceName : '') \
              == (has(oldSelf.serviceName) ? oldSelf.serviceName : '')",
    },
    Rule {
        at: "spec.serviceName",
        field: "spec.serviceName",
        reason: INVALID,
        says: "must be empty, or at most 63 characters of a-z, 0-9 and '-' that begin and end with a letter or digit",
        cel: "self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    },
    Rule {
        at: "spec",
        field: "spec.podManagementPolicy",
        reason: FORBIDDEN,
        says: "cannot be changed; delete the set with --cascade=orphan and create it anew",
        cel: "has(self.podManagementPolicy) == has(oldSelf.podManagementPolicy) \
              && (!has(self.podManagementPolicy) || self.podManagementPolicy == oldSelf.podManagementPolicy)",
    },
    Rule {
        at: "spec",
        field: "spec.volumeClaimTemplates",
        reason: FORBIDDEN,
        says: "cannot be changed, added or removed; delete the set with --cascade=orphan and create it anew",
        // What tools print or leave out (apiVersion, kind, status, an empty creationTimestamp) is no change.
        cel: "(has(self.volumeClaimTemplates) ? size(self.volumeClaimTemplates) : 0) \
              == (has(oldSelf.volumeClaimTemplates) ? size(oldSelf.volumeClaimTemplates) : 0) \
              && (!has(self.volumeClaimTemplates) || self.volumeClaimTemplates.all(n, \
              oldSelf.volumeClaimTemplates.exists(o, n.metadata.name == o.metadata.name && n.spec == o.spec \
              && has(n.metadata.labels) == has(o.metadata.labels) \
              && (!has(n.metadata.labels) || n.metadata.labels == o.metadata.labels) \
              && has(n.metadata.annotations) == has(o.metadata.annotations) \
              && (!has(n.metadata.annotations) || n.metadata.annotations == o.metadata.annotations) \
              && has(n.metadata.finalizers) == has(o.metadata.finalizers) \
              && (!has(n.metadata.finalizers) || n.metadata.finalizers == o.metadata.finalizers))))",
    },
    Rule {
        at: "spec.volumeClaimTemplates",
        field: "spec.volumeClaimTemplates",
        reason: INVALID,
        says: "must have different values of metadata.name",
        cel: "self.all(a, self.exists_one(b, b.metadata.name == a.metadata.name))",
    },
    Rule {
        at: "spec.volumeClaimTemplates[].metadata.name",
        field: "spec.volumeClaimTemplates[].metadata.name",
        reason: INVALID,
        says: "must be at most 63 characters of a-z, 0-9 and '-', and begin and end with a letter or digit",
        cel: "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    },
    Rule {
        at: "spec",
        field: "spec.ordinals.start",
        reason: INVALID,
        says: "must not exceed 2147483647 together with spec.replicas",
        cel: "self.?ordinals.start.orValue(0) + self.?replicas.orValue(1) <= 2147483647",
    },
    Rule {
        at: "spec.updateStrategy",
        field: "spec.updateStrategy.rollingUpdate",
        reason: FORBIDDEN,
        says: "must be left out when spec.updateStrategy.type is OnDelete or Recreate",
        cel: "self.?type.orValue('RollingUpdate') == 'RollingUpdate' || !has(self.rollingUpdate)",
    },
    Rule {
        at: "spec.updateStrategy.rollingUpdate.maxUnavailable",
        field: "spec.updateStrategy.rollingUpdate.maxUnavailable",
        reason: INVALID,
        says: "must be a number of at least 1, or a percentage from \"1%\" to \"100%\"",
        cel: "type(self) == int ? self >= 1 : self.matches('^0*([1-9][0-9]?|100)%$')",
    },
];

/// Rules of the status of `OrdinalSet` (C1.16), for whoever else writes it.
pub const ORDINAL_SET_STATUS: &[Rule] = &[
    Rule {
        at: "status",
        field: "status.readyReplicas",
        reason: INVALID,
        says: "must not exceed status.replicas",
        cel: "self.?readyReplicas.orValue(0) <= self.?replicas.orValue(0)",
    },
    Rule {
        at: "status",
        field: "status.availableReplicas",
        reason: INVALID,
        says: "must not exceed status.readyReplicas",
        cel: "self.?availableReplicas.orValue(0) <= self.?readyReplicas.orValue(0)",
    },
    Rule {
        at: "status",
        field: "status.currentReplicas",
        reason: INVALID,
        says: "must not exceed status.replicas",
        cel: "self.?currentReplicas.orValue(0) <= self.?replicas.orValue(0)",
    },
    Rule {
        at: "status",
        field: "status.updatedReplicas",
        reason: INVALID,
        says: "must not exceed status.replicas",
        cel: "self.?updatedReplicas.orValue(0) <= self.?replicas.orValue(0)",
    },
];

/// Rules of the status of both kinds (C1.16, C2.9).
pub const COMMON_STATUS: &[Rule] = &[Rule {
    at: "status",
    field: "status.collisionCount",
    reason: INVALID,
    says: "must not go down: names that were taken stay taken",
    cel: "self.?collisionCount.orValue(0) >= oldSelf.?collisionCount.orValue(0)",
}];

/// Rules of `NodeDaemonSet`. With OnDelete the parameters of RollingUpdate are not looked at, as upstream.
pub const NODE_DAEMON_SET: &[Rule] = &[
    Rule {
        at: "",
        field: "metadata.name",
        reason: INVALID,
        // The API server checks the characters; pods carry the name in a label, and in their own names.
        says: "must be at most 63 characters",
        cel: "size(self.metadata.name) <= 63",
    },
    Rule {
        at: "spec.updateStrategy",
        field: "spec.updateStrategy.rollingUpdate.maxUnavailable",
        reason: INVALID,
        says: "must be a number of at least 0, or a percentage from \"0%\" to \"100%\"",
        cel: "self.?type.orValue('RollingUpdate') == 'OnDelete' || !has(self.rollingUpdate) \
              || !has(self.rollingUpdate.maxUnavailable) \
              || (type(self.rollingUpdate.maxUnavailable) == int ? self.rollingUpdate.maxUnavailable >= 0 \
              : self.rollingUpdate.maxUnavailable.matches('^0*([0-9][0-9]?|100)%$'))",
    },
    Rule {
        at: "spec.updateStrategy",
        field: "spec.updateStrategy.rollingUpdate.maxSurge",
        reason: INVALID,
        says: "must be a number of at least 0, or a percentage from \"0%\" to \"100%\"",
        cel: "self.?type.orValue('RollingUpdate') == 'OnDelete' || !has(self.rollingUpdate) \
              || !has(self.rollingUpdate.maxSurge) \
              || (type(self.rollingUpdate.maxSurge) == int ? self.rollingUpdate.maxSurge >= 0 \
              : self.rollingUpdate.maxSurge.matches('^0*([0-9][0-9]?|100)%$'))",
    },
    Rule {
        at: "spec.updateStrategy",
        field: "spec.updateStrategy.rollingUpdate.maxUnavailable",
        reason: INVALID,
        says: "must not be 0 while maxSurge is 0 (no pod could ever be replaced), and must be 0 while maxSurge is not",
        cel: "self.?type.orValue('RollingUpdate') == 'OnDelete' || !has(self.rollingUpdate) \
              || (!has(self.rollingUpdate.maxUnavailable) ? false \
              : type(self.rollingUpdate.maxUnavailable) == int ? self.rollingUpdate.maxUnavailable == 0 \
              : self.rollingUpdate.maxUnavailable.matches('^0+%$')) \
              != (!has(self.rollingUpdate.maxSurge) ? true \
              : type(self.rollingUpdate.maxSurge) == int ? self.rollingUpdate.maxSurge == 0 \
              : self.rollingUpdate.maxSurge.matches('^0+%$'))",
    },
];

/// Writes rules into a schema.
pub fn apply(root: &mut Value, rules: &[Rule]) {
    apply_below(root, "", rules);
}

/// [`apply`] for rules whose paths begin at `base`.
pub fn apply_below(root: &mut Value, base: &str, rules: &[Rule]) {
    for rule in rules {
        write(root, base, rule, rule.cel.to_owned(), false);
    }
}

/// Writes one rule, as `cel` says it.
pub fn write(root: &mut Value, base: &str, rule: &Rule, cel: String, is_old_optional: bool) {
    let (stands_at, field) = (format!("{base}{}", rule.at), format!("{base}{}", rule.field));
    let Some(node) = at(root, &stands_at) else { return };
    let mut entry = json!({
        "rule": cel,
        // The field is named here too, for whoever shows the message alone.
        "message": format!("{field}: {}", rule.says),
        "reason": rule.reason,
    });
    let below = field.strip_prefix(stands_at.as_str()).unwrap_or(&field);
    if !below.is_empty() {
        entry["fieldPath"] = json!(format!(".{}", below.trim_start_matches('.')));
    }
    if is_old_optional {
        entry["optionalOldSelf"] = json!(true);
    }
    let list = node.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.push(entry);
    }
}
