//! How the API server is reached.

use http::header::{HeaderValue, USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

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
    /// The named kubeconfig cannot be used.
    #[error("kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// None of the usual places leads to an API server.
    #[error("no API server: {0}")]
    Infer(#[from] kube::config::InferConfigError),
    /// The settings do not make a client.
    #[error("cannot set up a connection to the API server: {0}")]
    Client(#[from] kube::Error),
}

/// Connects to the API server.
///
/// Writes are never retried by the client itself: a retried create that had been committed would be a second one, and the
/// engine knows better what to do.
///
/// # Errors
/// When no API server is named, or its settings cannot be read.
pub async fn connect(target: &Target) -> Result<Client, ConnectionError> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let named = |path: String| move |source| ConnectionError::Kubeconfig { path, source };
    let mut config = match &target.kubeconfig {
        Some(path) => {
            let shown = path.display().to_string();
            let kubeconfig = Kubeconfig::read_from(path).map_err(named(shown.clone()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(named(shown))?
        }
        None if target.context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(named("of the usual place".to_owned()))?
        }
        None => Config::infer().await?,
    };
    config.default_retry = false;
    if let Ok(agent) = HeaderValue::from_str(&format!("berth/{}", crate::VERSION)) {
        config.headers.push((USER_AGENT, agent));
    }
    Ok(Client::try_from(config)?)
}
