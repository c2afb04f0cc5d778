//! How the API server is reached: as kubectl reaches it.

mod proxy;
mod reload;
mod settings;
mod target;

#[cfg(test)]
mod tests;

use std::time::Duration;

use kube::Client;

pub use proxy::ProxyError;
use settings::Source;
pub use target::{ConnectionError, Target};

/// How often the files of a connection are compared with what was read of them. A lease lasts longer.
const COMPARED_EVERY: Duration = Duration::from_secs(10);

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
