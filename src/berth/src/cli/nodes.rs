//! Why no node gets a pod of a node daemon set.

use std::collections::BTreeMap;
use std::fmt;

use berth_api::NodeDaemonSet;
use berth_plan::daemons::node_fit::{self, Requirement};
use berth_plan::observation::Observation;

use super::output::{count, few};

/// How many requirements are named.
const NAMED: usize = 5;

/// No node matches: which requirements of the template keep how many nodes out, the strictest first. A node that fails several is
/// counted for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoneMatches {
    nodes: usize,
    kept_out: Vec<(Requirement, usize)>,
}

impl NoneMatches {
    /// Whether labels of nodes decide, rather than their taints.
    pub(super) fn is_about_labels(&self) -> bool {
        self.kept_out.first().is_some_and(|(requirement, _)| !matches!(requirement, Requirement::Taint(_)))
    }
}

impl fmt::Display for NoneMatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes == 0 {
            return f.write_str("there are no nodes, so there is nowhere to run a pod");
        }
        let each: Vec<String> =
            self.kept_out.iter().map(|(what, nodes)| format!("{what} keeps {nodes} out")).collect();
        let all = i64::try_from(self.nodes).unwrap_or(i64::MAX);
        write!(f, "no node matches: of {}, {}", count(all, "node"), few(&each, NAMED))
    }
}

/// See [`NoneMatches`]; `None` when a node matches, or when the template cannot be read.
pub(super) fn none_matches(observation: &Observation<NodeDaemonSet>) -> Option<NoneMatches> {
    let mut placement = observation.set.spec.template.placement().ok()?;
    placement.compares = observation.gates.comparison;
    let mut counts: BTreeMap<Requirement, usize> = BTreeMap::new();
    for node in observation.nodes.values() {
        let unmet = node_fit::unmet(&placement, node);
        if unmet.is_empty() {
            return None;
        }
        for requirement in unmet {
            *counts.entry(requirement).or_default() += 1;
        }
    }
    let mut kept_out: Vec<(Requirement, usize)> = counts.into_iter().collect();
    kept_out.sort_by_key(|(_, nodes)| std::cmp::Reverse(*nodes));
    Some(NoneMatches { nodes: observation.nodes.len(), kept_out })
}
