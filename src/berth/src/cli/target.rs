//! What all commands that look at a cluster have in common: how it is reached, and how a set is named.

use std::path::PathBuf;

use berth_api::{Key, Kind, Surface};
use kube::Client;

use super::Failure;
use crate::client::connection::{self, ConnectionError, Target};

/// How the API server is reached, and where to look.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Access {
    /// Kubeconfig file; otherwise $KUBECONFIG or ~/.kube/config
    #[arg(long, env = "BERTH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; otherwise its current one
    #[arg(long, env = "BERTH_CONTEXT")]
    context: Option<String>,
    /// Namespace; otherwise that of the context
    #[arg(long, short)]
    pub(super) namespace: Option<String>,
}

/// A connection, and the namespace to look in.
#[derive(Clone)]
pub(super) struct Cluster {
    /// The connection.
    pub(super) client: Client,
    /// The namespace that was asked for, or that of the context.
    pub(super) namespace: String,
}

impl Access {
    /// Connects. A kubeconfig that cannot be used is wrong use, as a wrong flag is.
    pub(super) async fn connect(&self) -> Result<Cluster, Failure> {
        self.connect_or(Failure::usage("").code).await
    }

    /// [`Self::connect`] for a command that ends with a code of its own when there is nothing to connect to.
    pub(super) async fn connect_or(&self, nowhere: u8) -> Result<Cluster, Failure> {
        let target = Target { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        let failed = |error: ConnectionError| match error.is_nowhere() {
            true => Failure { code: nowhere, message: error.to_string() },
            false => Failure::usage(error.to_string()),
        };
        let client = connection::connect(&target).await.map_err(failed)?;
        let namespace = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        Ok(Cluster { client, namespace })
    }
}

/// A set as it is named on the command line, before the namespace is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetName {
    /// Where it lives.
    pub(super) surface: Surface,
    /// Which of the two kinds.
    pub(super) kind: Kind,
    /// Its name.
    pub(super) name: String,
}

impl SetName {
    /// The set in a namespace.
    pub(super) fn key(&self, namespace: &str) -> Key {
        Key::new(self.surface, self.kind, namespace, &self.name)
    }
}

/// Which sets `TYPE/NAME` or `TYPE NAME...` name, as with kubectl.
pub(super) fn names(arguments: &[String]) -> Result<Vec<SetName>, Failure> {
    let Some(first) = arguments.first() else { return Ok(vec![]) };
    if first.contains('/') {
        return arguments.iter().map(|argument| slashed(argument)).collect();
    }
    let (surface, kind) = kind(first)?;
    match &arguments[1..] {
        [] => Err(Failure::usage(format!("{first} needs a name, such as {first}/web"))),
        names => match names.iter().find(|name| name.contains('/')) {
            Some(mixed) => Err(Failure::usage(format!("{mixed}: there is a type already ({first})"))),
            None => Ok(names.iter().map(|name| SetName { surface, kind, name: name.clone() }).collect()),
        },
    }
}

fn slashed(argument: &str) -> Result<SetName, Failure> {
    match argument.split('/').collect::<Vec<_>>().as_slice() {
        [type_, name] if !name.is_empty() => {
            let (surface, kind) = kind(type_)?;
            Ok(SetName { surface, kind, name: (*name).to_owned() })
        }
        _ => Err(Failure::usage(format!("{argument:?} is no set such as oset/web"))),
    }
}

/// The kind that a word on the command line means.
fn kind(word: &str) -> Result<(Surface, Kind), Failure> {
    match word.to_lowercase().as_str() {
        "oset" | "ordinalset" | "ordinalsets" | "ordinalset.berth.dev" | "ordinalsets.berth.dev" => {
            Ok((Surface::Berth, Kind::Ordinal))
        }
        "nds"
        | "nodedaemonset"
        | "nodedaemonsets"
        | "nodedaemonset.berth.dev"
        | "nodedaemonsets.berth.dev" => Ok((Surface::Berth, Kind::Daemon)),
        "sts" | "statefulset" | "statefulsets" | "statefulset.apps" | "statefulsets.apps" => {
            Ok((Surface::Apps, Kind::Ordinal))
        }
        "ds" | "daemonset" | "daemonsets" | "daemonset.apps" | "daemonsets.apps" => {
            Ok((Surface::Apps, Kind::Daemon))
        }
        _ => Err(Failure::usage(format!("{word:?} is not known; known are oset, nds, sts and ds"))),
    }
}

/// How people name a set: `oset/web`.
pub(super) fn short(key: &Key) -> String {
    let type_ = match (key.surface, key.kind) {
        (Surface::Berth, Kind::Ordinal) => "oset",
        (Surface::Berth, Kind::Daemon) => "nds",
        (Surface::Apps, Kind::Ordinal) => "sts",
        (Surface::Apps, Kind::Daemon) => "ds",
    };
    format!("{type_}/{}", key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        match names(&arguments) {
            Ok(names) => names.iter().map(|n| n.key("ns").to_string()).collect::<Vec<_>>().join(" "),
            Err(failure) => format!("{}: {}", failure.code, failure.message),
        }
    }

    #[test]
    fn sets_are_named_as_with_kubectl() {
        assert_eq!(shown(&["oset/web", "ds/agent"]), "ordinalset/ns/web daemonset/ns/agent");
        assert_eq!(shown(&["OrdinalSets.berth.dev", "a", "b"]), "ordinalset/ns/a ordinalset/ns/b");
        assert_eq!(shown(&["sts", "a"]), "statefulset/ns/a");
        assert_eq!(shown(&[]), "");
        for wrong in [&["web"][..], &["oset"], &["deploy/web"], &["oset/"], &["oset/a/b"], &["oset", "nds/a"]]
        {
            assert!(shown(wrong).starts_with("2: "), "{wrong:?}: {}", shown(wrong));
        }
    }
}
