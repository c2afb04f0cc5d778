//! On which nodes a pod of a template may run (B3).

use std::fmt;

use berth_api::node::{NodeRequirement, NodeSelector, NodeSelectorTerm, Taint, Toleration};
use berth_api::template::Placement;
use berth_api::{Node, NodeDaemonSet, Pod};
use serde_json::{Value, json};

use crate::feature_gates::Gates;

/// What a node means for a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It should run a pod.
    Run,
    /// It gets no new pod, but one that runs may stay (a taint that only keeps new pods off).
    Keep(String),
    /// It must not run a pod.
    Leave(String),
}

impl Verdict {
    /// Whether both mean the same to pods, whatever the reason.
    pub fn is_like(&self, other: &Verdict) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether the node should run a pod.
    pub fn runs(&self) -> bool {
        *self == Verdict::Run
    }
}

/// What the template of a set says about nodes, read as the feature gates have it.
///
/// # Errors
/// When a field of the template has a type that no pod can have.
pub fn of(set: &NodeDaemonSet, gates: Gates) -> Result<Placement, serde_json::Error> {
    Ok(Placement { compares: gates.comparison, ..set.spec.template.placement()? })
}

/// The tolerations that every daemon pod gets (B3.5): key, effect, and whether only with the node's network.
const DEFAULTS: [(&str, &str, bool); 7] = [
    ("node.kubernetes.io/not-ready", "NoExecute", false),
    ("node.kubernetes.io/unreachable", "NoExecute", false),
    ("node.kubernetes.io/disk-pressure", "NoSchedule", false),
    ("node.kubernetes.io/memory-pressure", "NoSchedule", false),
    ("node.kubernetes.io/pid-pressure", "NoSchedule", false),
    ("node.kubernetes.io/unschedulable", "NoSchedule", false),
    ("node.kubernetes.io/network-unavailable", "NoSchedule", true),
];

fn defaults(host_network: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    DEFAULTS.into_iter().filter(move |d| host_network || !d.2).map(|(key, effect, _)| (key, effect))
}

/// The tolerations of a daemon pod as JSON: those of the template, where one that is equal to a default loses its
/// `tolerationSeconds`, then the missing defaults.
pub fn tolerations(template: &Value, host_network: bool) -> Vec<Value> {
    let mut all =
        template.pointer("/spec/tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, effect) in defaults(host_network) {
        let default = json!({ "key": key, "operator": "Exists", "effect": effect });
        let same = |t: &Value| {
            let text = |name: &str| t.get(name).and_then(Value::as_str).unwrap_or_default();
            text("key") == key
                && text("operator") == "Exists"
                && text("effect") == effect
                && text("value").is_empty()
        };
        match all.iter_mut().find(|t| same(t)) {
            Some(toleration) => *toleration = default,
            None => all.push(default),
        }
    }
    all
}

/// What `node` means for a template that says `placement`.
pub fn verdict(placement: &Placement, node: &Node) -> Verdict {
    let name = &node.metadata.name;
    if !placement.node_name.is_empty() && &placement.node_name != name {
        return Verdict::Leave("spec.nodeName of the template names another node".to_owned());
    }
    if placement.node_selector.iter().any(|(k, v)| node.metadata.labels.get(k) != Some(v)) {
        return Verdict::Leave("nodeSelector does not match its labels".to_owned());
    }
    if placement.required_affinity().is_some_and(|terms| !selects(terms, node)) {
        return Verdict::Leave("node affinity does not match".to_owned());
    }
    let find =
        |effect: &str| node.spec.taints.iter().find(|t| t.effect == effect && !is_tolerated(placement, t));
    let describe =
        |taint: &Taint| format!("taint {}={}:{} is not tolerated", taint.key, taint.value, taint.effect);
    if let Some(taint) = find("NoExecute") {
        return Verdict::Leave(describe(taint));
    }
    find("NoSchedule").map_or(Verdict::Run, |taint| Verdict::Keep(describe(taint)))
}

/// Something that a template asks of nodes, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// The template names a node.
    NodeName(String),
    /// A label of `nodeSelector`.
    Label(String, String),
    /// A term of the required node affinity. One of the terms is enough.
    Term(String),
    /// A taint that is not tolerated.
    Taint(String),
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::NodeName(name) => write!(f, "nodeName {name}"),
            Requirement::Label(key, value) => write!(f, "nodeSelector {key}={value}"),
            Requirement::Term(term) => write!(f, "affinity term {term}"),
            Requirement::Taint(taint) => write!(f, "taint {taint}"),
        }
    }
}

/// Every requirement of a template that `node` does not meet; none for a node that should run a pod ([`verdict`]).
pub fn unmet(placement: &Placement, node: &Node) -> Vec<Requirement> {
    let mut unmet = vec![];
    if !placement.node_name.is_empty() && placement.node_name != node.metadata.name {
        unmet.push(Requirement::NodeName(placement.node_name.clone()));
    }
    let missing = placement.node_selector.iter().filter(|(k, v)| node.metadata.labels.get(*k) != Some(*v));
    unmet.extend(missing.map(|(key, value)| Requirement::Label(key.clone(), value.clone())));
    if let Some(terms) = placement.required_affinity().filter(|terms| !selects(terms, node)) {
        let all = terms.node_selector_terms.iter().map(|term| Requirement::Term(term_text(term)));
        unmet.extend(all);
        if terms.node_selector_terms.is_empty() {
            unmet.push(Requirement::Term("(there is none)".to_owned()));
        }
    }
    let hindering =
        node.spec.taints.iter().filter(|t| matches!(t.effect.as_str(), "NoExecute" | "NoSchedule"));
    let hindering = hindering.filter(|taint| !is_tolerated(placement, taint));
    unmet.extend(hindering.map(|taint| Requirement::Taint(taint_text(taint))));
    unmet
}

fn taint_text(taint: &Taint) -> String {
    let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    format!("{}{value}:{}", taint.key, taint.effect)
}

fn term_text(term: &NodeSelectorTerm) -> String {
    let requirement = |r: &NodeRequirement| {
        let values = if r.values.is_empty() { String::new() } else { format!(" ({})", r.values.join(", ")) };
        format!("{} {}{values}", r.key, r.operator)
    };
    let all: Vec<String> = term.match_expressions.iter().chain(&term.match_fields).map(requirement).collect();
    if all.is_empty() { "(empty)".to_owned() } else { all.join(" and ") }
}

/// Whether pods of a template tolerate a taint, by their own tolerations or by those of all daemons.
fn is_tolerated(placement: &Placement, taint: &Taint) -> bool {
    placement.tolerations.iter().any(|t| tolerates(t, taint, placement.compares))
        || defaults(placement.host_network).any(|(key, effect)| taint.key == key && taint.effect == effect)
}

/// Whether a toleration covers a taint (B3.6).
fn tolerates(toleration: &Toleration, taint: &Taint, compares: bool) -> bool {
    let numbers = || Some((integer(&taint.value)?, integer(&toleration.value)?));
    (toleration.effect.is_empty() || toleration.effect == taint.effect)
        && (toleration.key.is_empty() || toleration.key == taint.key)
        && match toleration.operator.as_str() {
            "" | "Equal" => toleration.value == taint.value,
            "Exists" => true,
            "Lt" if compares => numbers().is_some_and(|(taint, bound)| taint < bound),
            "Gt" if compares => numbers().is_some_and(|(taint, bound)| taint > bound),
            _ => false,
        }
}

/// A decimal integer as the API server takes one: no sign but `-`, no leading zero.
fn integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// Whether one of the terms selects the node (B3.2). A term that cannot be understood selects nothing.
pub fn selects(terms: &NodeSelector, node: &Node) -> bool {
    terms.node_selector_terms.iter().any(|term| term_selects(term, node))
}

fn term_selects(term: &NodeSelectorTerm, node: &Node) -> bool {
    let labels = |key: &str| node.metadata.labels.get(key).map(String::as_str);
    let field = |key: &str| (key == "metadata.name").then_some(node.metadata.name.as_str());
    (!term.match_expressions.is_empty() || !term.match_fields.is_empty())
        && term.match_expressions.iter().all(|r| requirement_holds(r, labels(&r.key)))
        && term.match_fields.iter().all(|r| {
            let understood = r.values.len() == 1 && matches!(r.operator.as_str(), "In" | "NotIn");
            understood && field(&r.key).is_some_and(|name| requirement_holds(r, Some(name)))
        })
}

fn requirement_holds(requirement: &NodeRequirement, value: Option<&str>) -> bool {
    let values = &requirement.values;
    let listed = value.is_some_and(|v| values.iter().any(|x| x == v));
    let compare = |holds: fn(i64, i64) -> bool| match (value, values.as_slice()) {
        (Some(value), [bound]) => {
            matches!((value.parse(), bound.parse()), (Ok(value), Ok(bound)) if holds(value, bound))
        }
        _ => false,
    };
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !values.is_empty() && !listed,
        "Exists" => values.is_empty() && value.is_some(),
        "DoesNotExist" => values.is_empty() && value.is_none(),
        "Gt" => compare(|value, bound| value > bound),
        "Lt" => compare(|value, bound| value < bound),
        _ => false,
    }
}

/// The node that a pod is on, or is meant for: its node name, else the one that its required affinity names (B4.1).
pub fn node_of(pod: &Pod) -> Option<&str> {
    if !pod.spec.node_name.is_empty() {
        return Some(&pod.spec.node_name);
    }
    let required = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    required.node_selector_terms.iter().flat_map(|t| &t.match_fields).find_map(|r| {
        match r.values.as_slice() {
            [name] if r.key == "metadata.name" && r.operator == "In" => Some(name.as_str()),
            _ => None,
        }
    })
}
