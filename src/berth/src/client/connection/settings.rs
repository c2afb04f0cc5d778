//! What a kubeconfig or a service account says about the API server, read as kubectl reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{HeaderValue, USER_AGENT};
use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, ExecAuthCluster, Kubeconfig, KubeconfigError};
use secrecy::ExposeSecret;

use super::proxy;
use super::target::{ConnectionError, Target};

/// Reads a variable of the environment.
pub(super) type Environment = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Where settings are read from, again and again.
#[derive(Clone)]
pub(super) struct Source {
    target: Target,
    environment: Environment,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Settings {
    /// For the client.
    pub(super) config: Config,
    /// The context that was chosen; empty for a service account.
    pub(super) context: String,
    /// All files that the settings are made of.
    files: Vec<PathBuf>,
}

/// The content of files at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Contents {
    fn of(files: &[PathBuf]) -> Self {
        Contents(files.iter().map(|file| (file.clone(), std::fs::read(file).ok())).collect())
    }

    /// The same files now.
    pub(super) fn now(&self) -> Self {
        Contents(self.0.iter().map(|(file, _)| (file.clone(), std::fs::read(file).ok())).collect())
    }
}

impl Source {
    /// With the environment of this process.
    pub(super) fn of_process(target: Target) -> Self {
        Source { target, environment: Arc::new(|name| std::env::var_os(name)) }
    }

    /// With another environment.
    #[cfg(test)]
    pub(super) fn of(target: Target, environment: Environment) -> Self {
        Source { target, environment }
    }

    /// From now on this context is meant, whichever becomes the current one.
    pub(super) fn pin(&mut self, context: &str) {
        if !context.is_empty() {
            self.target.context = Some(context.to_owned());
        }
    }

    /// The settings, and what their files held at that time or shortly before: a change meanwhile is one that is seen later.
    pub(super) fn read(&self) -> Result<(Settings, Contents), ConnectionError> {
        let contents = Contents::of(&self.settings()?.files);
        Ok((self.settings()?, contents))
    }

    fn settings(&self) -> Result<Settings, ConnectionError> {
        let mut settings = match self.kubeconfig() {
            Ok((files, kubeconfig)) => self.of_kubeconfig(files, &kubeconfig)?,
            // Whoever names a file or a context means no service account.
            Err(error) if self.target.kubeconfig.is_some() || self.target.context.is_some() => {
                return Err(error);
            }
            Err(error) => self.of_account(&error)?,
        };
        settings.config.default_retry = false;
        if let Ok(agent) = HeaderValue::from_str(&format!("berth/{}", crate::VERSION)) {
            settings.config.headers.push((USER_AGENT, agent));
        }
        Ok(settings)
    }

    /// The kubeconfig, and the files that it is merged from. Files of `$KUBECONFIG` that are not there are left out.
    fn kubeconfig(&self) -> Result<(Vec<PathBuf>, Kubeconfig), ConnectionError> {
        let (mut files, named) = match (&self.target.kubeconfig, (self.environment)("KUBECONFIG")) {
            (Some(file), _) => (vec![file.clone()], true),
            (None, Some(list)) if !list.is_empty() => {
                (std::env::split_paths(&list).filter(|file| !file.as_os_str().is_empty()).collect(), false)
            }
            _ => (std::env::home_dir().iter().map(|home| home.join(".kube").join("config")).collect(), true),
        };
        let all = shown(&files);
        if !named {
            files.retain(|file| file.exists());
        }
        if files.is_empty() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            let source = KubeconfigError::ReadConfig(missing, PathBuf::from(&all));
            return Err(ConnectionError::Kubeconfig { path: all, source });
        }
        let mut merged = Kubeconfig::default();
        for file in &files {
            let next = one(file).and_then(|next| std::mem::take(&mut merged).merge(next));
            merged = next.map_err(|source| ConnectionError::Kubeconfig { path: shown(&files), source })?;
        }
        Ok((files, merged))
    }

    fn of_kubeconfig(
        &self,
        mut files: Vec<PathBuf>,
        kubeconfig: &Kubeconfig,
    ) -> Result<Settings, ConnectionError> {
        let path = shown(&files);
        let wrong = |source| ConnectionError::Kubeconfig { path: path.clone(), source };
        let current = kubeconfig.current_context.as_ref().filter(|name| !name.is_empty());
        let name = self.target.context.as_ref().or(current);
        let name = name.ok_or_else(|| wrong(KubeconfigError::CurrentContextNotSet))?;
        let context = context(kubeconfig, name).map_err(wrong)?;
        let cluster = cluster(kubeconfig, context).map_err(wrong)?;
        let server = cluster.server.clone().ok_or_else(|| wrong(KubeconfigError::MissingClusterUrl))?;
        let server = server.parse().map_err(|e| wrong(KubeconfigError::ParseClusterUrl(e)))?;

        let mut config = Config::new(server);
        config.default_namespace =
            context.namespace.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned());
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        // What a credential plugin is given has the authority as it is loaded: from the text, or else from the file.
        let loaded = ExecAuthCluster::try_from(cluster).map_err(wrong)?;
        if let Some(authority) = &loaded.certificate_authority_data {
            let certificates =
                certificates(authority).map_err(|e| wrong(KubeconfigError::ParseCertificates(e)))?;
            config.root_cert = Some(certificates);
        }
        let named_proxy = cluster.proxy_url.as_deref().unwrap_or_default();
        config.proxy_url = proxy::to_reach(&config.cluster_url, named_proxy, &*self.environment)?;

        let user = context.user.clone().unwrap_or_default();
        // A user that is missing is no error, as for kubectl.
        let named = kubeconfig.auth_infos.iter().find(|one| one.name == user);
        config.auth_info = named.and_then(|one| one.auth_info.clone()).unwrap_or_default();
        let auth = &mut config.auth_info;
        if let Some(exec) = auth.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
            exec.cluster = Some(loaded);
        }
        files.extend(cluster.certificate_authority.iter().map(PathBuf::from));
        files.extend([&auth.client_certificate, &auth.client_key].into_iter().flatten().map(PathBuf::from));
        files.extend(read_token(auth, &format!("user {user:?} in kubeconfig {path}"))?);
        Ok(Settings { config, context: name.clone(), files })
    }

    /// That of the pod.
    fn of_account(&self, no_kubeconfig: &ConnectionError) -> Result<Settings, ConnectionError> {
        let missing = |account| ConnectionError::NoServer { kubeconfig: no_kubeconfig.to_string(), account };
        let mut config = Config::incluster().map_err(missing)?;
        let mut files: Vec<PathBuf> = vec![];
        // One way of reading files again is enough.
        files.extend(config.root_cert_file.take());
        files.extend(read_token(&mut config.auth_info, "the service account")?);
        config.proxy_url = proxy::to_reach(&config.cluster_url, "", &*self.environment)?;
        Ok(Settings { config, context: String::new(), files })
    }
}

/// One kubeconfig file.
fn one(file: &Path) -> Result<Kubeconfig, KubeconfigError> {
    // kube reads UTF-16 in pairs of bytes and does not expect half of one.
    let bytes = std::fs::read(file).unwrap_or_default();
    if bytes.len() % 2 == 1 && (bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF])) {
        let cut = std::io::Error::new(std::io::ErrorKind::InvalidData, "it ends within a character");
        return Err(KubeconfigError::ReadConfig(cut, file.to_owned()));
    }
    Kubeconfig::read_from(file)
}

fn shown(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn context<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Result<&'a Context, KubeconfigError> {
    let found = kubeconfig.contexts.iter().find(|one| one.name == name).and_then(|one| one.context.as_ref());
    found.ok_or_else(|| KubeconfigError::LoadContext(name.to_owned()))
}

fn cluster<'a>(kubeconfig: &'a Kubeconfig, context: &Context) -> Result<&'a Cluster, KubeconfigError> {
    let name = &context.cluster;
    let found = kubeconfig.clusters.iter().find(|one| one.name == *name).and_then(|one| one.cluster.as_ref());
    found.ok_or_else(|| KubeconfigError::LoadClusterOfContext(name.clone()))
}

/// The certificates of a bundle, without what else is in it.
fn certificates(bundle: &[u8]) -> Result<Vec<Vec<u8>>, pem::PemError> {
    let all = pem::parse_many(bundle)?.into_iter();
    Ok(all.filter(|one| one.tag() == "CERTIFICATE").map(pem::Pem::into_contents).collect())
}

/// Puts the token of the token file in place of the token, without the white space around it, and returns the file. As for kubectl,
/// the file outweighs a token beside it as long as it can be read.
fn read_token(auth: &mut AuthInfo, place: &str) -> Result<Option<PathBuf>, ConnectionError> {
    let file = auth.token_file.take().filter(|file| !file.is_empty()).map(PathBuf::from);
    let beside = auth.token.as_ref().is_some_and(|token| !token.expose_secret().is_empty());
    let mut place = place.to_owned();
    if let Some(file) = &file {
        let path = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) if !text.trim().is_empty() => {
                auth.token = Some(text.trim().to_owned().into());
                place = format!("token file {path}");
            }
            Ok(_) | Err(_) if beside => {}
            Ok(_) => return Err(ConnectionError::EmptyToken { path }),
            Err(source) => return Err(ConnectionError::TokenFile { path, source }),
        }
    }
    let token = auth.token.as_ref().map(ExposeSecret::expose_secret);
    if token.is_some_and(|token| HeaderValue::from_str(&format!("Bearer {token}")).is_err()) {
        return Err(ConnectionError::Token { place });
    }
    if token.is_some_and(str::is_empty) {
        auth.token = None;
    }
    Ok(file)
}
