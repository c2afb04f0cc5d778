//! What is wrong with a watch, in words.

use berth_api::Resource;

use crate::interface::Config;

/// What is wrong with watching a resource, in one line that says what to do.
pub(crate) fn explain(resource: Resource, problem: &str, config: &Config) -> String {
    let hint = match resource {
        Resource::Nodes if !config.namespace.is_empty() => {
            " (node daemon sets need to list nodes, which takes a ClusterRole; ordinal sets work without)"
        }
        Resource::OrdinalSets(berth_api::Surface::Berth)
        | Resource::DaemonSets(berth_api::Surface::Berth)
            if problem.contains("not found") || problem.contains("could not find") =>
        {
            " (install the custom resources: kubectl apply -f crds/)"
        }
        Resource::Leases => {
            " (it is looked at every two seconds instead; deploy/rbac.yaml has the right to watch it)"
        }
        _ => "",
    };
    format!("{resource}: {problem}{hint}")
}
