//! Where the lesson takes place: on a cluster of our own, or on an existing one.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use berth_cluster::{AuditEvent, Cluster};

use crate::error::Result;
use crate::existing::{Existing, NAMESPACE};
use crate::operator::{self, Operator};

/// How long a thing may take on simulated nodes, where nothing is pulled; a machine that builds at the same time is slow.
const LOCAL_PATIENCE: Duration = Duration::from_secs(60);
/// Real nodes start containers and take note of dead ones; nothing is pulled.
const REAL_PATIENCE: Duration = Duration::from_secs(150);
/// Real nodes of others pull images.
const EXISTING_PATIENCE: Duration = Duration::from_secs(300);

/// A cluster.
#[derive(Debug)]
pub enum Place {
    /// Ours, with simulated nodes; nothing else is on it.
    Local(Box<Cluster>),
    /// Somebody's, used with their kubectl.
    Existing(Existing),
}

impl Place {
    /// Whether containers run there.
    pub fn is_real(&self) -> bool {
        match self {
            Self::Local(cluster) => cluster.has_real_nodes(),
            Self::Existing(_) => true,
        }
    }

    /// The lesson's namespace.
    pub fn namespace(&self) -> &'static str {
        if self.is_local() { "default" } else { NAMESPACE }
    }

    /// Whether it is ours alone.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// An error if a part of our own control plane has ended.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Local(cluster) => Ok(cluster.check()?),
            Self::Existing(_) => Ok(()),
        }
    }

    /// How long a step may wait for a thing.
    pub fn patience(&self) -> Duration {
        match (self.is_local(), self.is_real()) {
            (true, false) => LOCAL_PATIENCE,
            (true, true) => REAL_PATIENCE,
            (false, _) => EXISTING_PATIENCE,
        }
    }

    /// Runs kubectl in the lesson's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        match self {
            Self::Local(cluster) => Ok(cluster.kubectl(arguments)?),
            Self::Existing(existing) => existing.kubectl(arguments),
        }
    }

    /// A kubectl command in the lesson's namespace, to be started by the caller.
    pub fn command(&self, arguments: &[&str]) -> Command {
        match self {
            Self::Local(cluster) => {
                let mut command = Command::new(&cluster.binaries().kubectl);
                command.args(arguments).env("KUBECONFIG", cluster.kubeconfig());
                command.env("KUBECACHEDIR", cluster.dir().join("kubectl-cache"));
                command
            }
            Self::Existing(existing) => existing.command(arguments),
        }
    }

    /// A kubeconfig of the operator's own ServiceAccount.
    pub fn operator_kubeconfig(&self) -> Result<PathBuf> {
        match self {
            Self::Local(cluster) => {
                Ok(cluster.kubeconfig_for_service_account(operator::NAMESPACE, operator::NAME)?)
            }
            Self::Existing(existing) => existing.operator_kubeconfig(),
        }
    }

    /// All writes so far; `None` on a cluster whose audit log is not ours to read.
    pub fn audit(&self) -> Result<Option<Vec<AuditEvent>>> {
        match self {
            Self::Local(cluster) => Ok(Some(cluster.audit()?)),
            Self::Existing(_) => Ok(None),
        }
    }

    /// What is said before the end.
    pub fn farewell(&self) -> &'static str {
        match self {
            Self::Local(_) => {
                "Stopping the cluster; nothing is left behind. (cargo demo --keep leaves it running.)"
            }
            Self::Existing(_) => "Removing what the lesson has made.",
        }
    }

    /// Leaves everything running and says how to reach it and how to end it.
    pub fn keep(self, operator: &Operator) -> Result<Vec<String>> {
        let (reach, namespace, stop) = match self {
            Self::Local(cluster) => {
                let directory = cluster.binaries().kubectl.parent().map(|d| d.display().to_string());
                let reach = vec![
                    format!("  export KUBECONFIG={}", cluster.kubeconfig().display()),
                    format!("  export PATH={}:$PATH", directory.unwrap_or_default()),
                ];
                (reach, String::new(), cluster.keep()?)
            }
            Self::Existing(existing) => {
                let reach = vec![format!("  kubectl config use-context {}", existing.context())];
                (reach, format!(" --namespace={NAMESPACE}"), existing.keep()?)
            }
        };
        let mut lines = vec!["The cluster stays, and the operator works on. To reach it:".to_owned()];
        lines.extend(reach);
        lines.push(format!("  kubectl get oset,nds,pods,pvc{namespace}"));
        lines.push(format!(
            "The log of the operator is {}; should it end, this starts it again:",
            operator.log_path().display()
        ));
        lines.push(format!("  {}", operator.command_line()));
        lines.push(
            "It works with a token that ends after 24 hours, or sooner if the cluster says so.".to_owned(),
        );
        lines.push("To end and remove everything:".to_owned());
        lines.push(format!("  sh {}", stop.display()));
        Ok(lines)
    }

    /// Ends what was started, and waits for it.
    pub fn end(self) {
        drop(self);
    }
}
