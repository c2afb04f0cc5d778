//! How the API server is reached: as kubectl reaches it.

mod proxy;
mod reload;
mod settings;

#[cfg(test)]
mod tests;

use std::time::Duration;

use kube::Client;

pub use proxy::ProxyError;
use settings::Source;

/// How often the files of a connection are compared with what was read of them. A lease lasts longer.
const COMPARED_EVERY: Duration = Duration::from_secs(10);

/// Where the API server is found.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// A kubeconfig file; else `$KUBECONFIG`, `~/.kube/config`, or the service account of the pod, in this order.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// A context of that file; else its current one.
    pub context: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A kubeconfig cannot be used.
    #[error("kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file, or those of `$KUBECONFIG`.
        path: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// None of the usual places leads to an API server.
    #[error("no API server: {kubeconfig}, and no service account: {account}")]
    NoServer {
        /// Why there is no kubeconfig.
        kubeconfig: String,
        /// Why there is no service account.
        account: kube::config::InClusterError,
    },
    /// The file of a token cannot be read.
    #[error("cannot read the token file {path}: {source}")]
    TokenFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// There is nothing in the file of a token.
    #[error("the token file {path} is empty")]
    EmptyToken {
        /// The file.
        path: String,
    },
    /// A token with a character that no HTTP header may hold.
    #[error("the token of {place} holds a line break or another character that cannot be sent")]
    Token {
        /// The user of the kubeconfig, or the file.
        place: String,
    },
    /// A credential plugin has answered with such a token.
    #[error("the credential plugin has answered with a token that cannot be sent")]
    Plugin,
    /// The proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The settings do not make a client.
    #[error("cannot set up a connection to the API server: {0}")]
    Client(#[from] kube::Error),
}

impl ConnectionError {
    /// Whether there is nothing that names an API server, rather than something wrong.
    pub fn is_nowhere(&self) -> bool {
        match self {
            ConnectionError::NoServer { .. } => true,
            ConnectionError::Kubeconfig { source, .. } => {
                matches!(source, kube::config::KubeconfigError::ReadConfig(..))
            }
            _ => false,
        }
    }
}

/// Connects to the API server.
///
/// Writes are never retried by the client itself: a retried create that had been committed would be a second one, and the
/// engine knows better what to do. The client outlives its credentials: certificates, tokens and the kubeconfig are read again
/// when their files change.
///
/// # Errors
/// When no API server is named, or its settings cannot be read.
pub async fn connect(target: &Target) -> Result<Client, ConnectionError> {
    reload::connect(Source::of_process(target.clone()), COMPARED_EVERY)
}
