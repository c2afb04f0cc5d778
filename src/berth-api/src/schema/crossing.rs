//! Rules in CEL across parts of a spec that change for reasons of their own.

use serde_json::Value;

use super::rules::{INVALID, Rule, write};

/// A rule across parts of the spec that change for reasons of their own. The API server lets a rule be false where the value that it
/// stands at has not changed, but a scale changes the spec: so such a rule says itself when it does not hold. A rule that is dear is
/// written so too: it is not counted anew at each write of a status, where running out of the budget is an error.
pub struct Crossing {
    /// The rule.
    pub rule: Rule,
    /// That none of its parts has changed.
    pub unchanged: &'static str,
}

/// Rules of `OrdinalSet` across its spec.
pub const ORDINAL_SET: &[Crossing] = &[Crossing {
    rule: Rule {
        at: "spec",
        field: "spec.template.spec",
        reason: INVALID,
        says: "must have a volume or a claim template (spec.volumeClaimTemplates) of each name in volumeMounts and volumeDevices",
        // The list of names is made once: what is made inside a loop counts for each turn.
        cel: "[has(self.template.spec.volumes) ? self.template.spec.volumes.map(v, v.name) : []].all(volumes, \
              [has(self.volumeClaimTemplates) ? self.volumeClaimTemplates.map(t, t.metadata.name) : []].all(claims, \
              self.template.spec.containers.all(c, \
              (!has(c.volumeMounts) || c.volumeMounts.all(m, m.name in volumes || m.name in claims)) \
              && (!has(c.volumeDevices) || c.volumeDevices.all(d, d.name in volumes || d.name in claims))) \
              && (!has(self.template.spec.initContainers) || self.template.spec.initContainers.all(c, \
              (!has(c.volumeMounts) || c.volumeMounts.all(m, m.name in volumes || m.name in claims)) \
              && (!has(c.volumeDevices) || c.volumeDevices.all(d, d.name in volumes || d.name in claims))))))",
    },
    unchanged: "self.template.spec == oldSelf.template.spec",
}];

/// Rules of `NodeDaemonSet` across its spec.
pub const NODE_DAEMON_SET: &[Crossing] = &[
    Crossing {
        rule: Rule {
            at: "spec.template.spec",
            field: "spec.template.spec",
            reason: INVALID,
            says: "must have a volume of each name in volumeMounts and volumeDevices",
            cel: "[has(self.volumes) ? self.volumes.map(v, v.name) : []].all(names, \
              self.containers.all(c, (!has(c.volumeMounts) || c.volumeMounts.all(m, m.name in names)) \
              && (!has(c.volumeDevices) || c.volumeDevices.all(d, d.name in names))) \
              && (!has(self.initContainers) || self.initContainers.all(c, \
              (!has(c.volumeMounts) || c.volumeMounts.all(m, m.name in names)) \
              && (!has(c.volumeDevices) || c.volumeDevices.all(d, d.name in names)))))",
        },
        unchanged: "self == oldSelf",
    },
    Crossing {
        rule: Rule {
            at: "spec",
            field: "spec.updateStrategy.rollingUpdate.maxSurge",
            reason: INVALID,
            says: "must be 0 while spec.template.spec.containers[].ports[].hostPort is set (hostNetwork sets it for every port): \
               two pods of one node cannot have the same host port",
            // Ports of init containers count as long as these run beside the others, as the scheduler sees it.
            cel: "self.?updateStrategy.type.orValue('RollingUpdate') == 'OnDelete' \
              || !has(self.updateStrategy) || !has(self.updateStrategy.rollingUpdate) \
              || !has(self.updateStrategy.rollingUpdate.maxSurge) \
              || (type(self.updateStrategy.rollingUpdate.maxSurge) == int \
              ? self.updateStrategy.rollingUpdate.maxSurge == 0 \
              : self.updateStrategy.rollingUpdate.maxSurge.matches('^0+%$')) \
              || (self.template.spec.containers.all(c, !has(c.ports) || (self.template.spec.?hostNetwork.orValue(false) \
              ? size(c.ports) == 0 : c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))) \
              && (!has(self.template.spec.initContainers) || self.template.spec.initContainers.all(c, \
              !has(c.ports) || c.?restartPolicy.orValue('') != 'Always' \
              || (self.template.spec.?hostNetwork.orValue(false) \
              ? size(c.ports) == 0 : c.ports.all(p, !has(p.hostPort) || p.hostPort == 0)))))",
        },
        unchanged: "self.template.spec == oldSelf.template.spec \
                && has(self.updateStrategy) == has(oldSelf.updateStrategy) \
                && (!has(self.updateStrategy) || self.updateStrategy == oldSelf.updateStrategy)",
    },
];

/// Writes rules across a spec into a schema: one entry for a set that is created, and one for a change.
pub fn apply(root: &mut Value, rules: &[Crossing]) {
    for Crossing { rule, unchanged } in rules {
        write(root, "", rule, format!("oldSelf.hasValue() || ({})", rule.cel), true);
        write(root, "", rule, format!("({unchanged}) || ({})", rule.cel), false);
    }
}
