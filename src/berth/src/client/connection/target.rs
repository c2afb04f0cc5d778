//! Which API server is meant, and why it cannot be reached.

use super::proxy::ProxyError;

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
