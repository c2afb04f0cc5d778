//! Where each binary comes from: `$KUBEBUILDER_ASSETS`, the cache, or the Go compiler.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::compile::{self, Source};
use crate::{Error, Result, versions};

/// The programs that a cluster is made of.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub kube_apiserver: PathBuf,
    /// kube-controller-manager.
    pub kube_controller_manager: PathBuf,
    /// kube-scheduler.
    pub kube_scheduler: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
    /// kwok.
    pub kwok: PathBuf,
}

impl Binaries {
    /// Finds all binaries, building those that are missing (minutes, once per pinned version). Says what it builds on standard
    /// error. Safe to call from many processes at once: one builds, the others wait.
    pub fn locate() -> Result<Self> {
        let cache = root()?.join(format!(
            "k8s-{}-etcd-{}-kwok-{}",
            versions::KUBERNETES,
            versions::ETCD,
            versions::KWOK
        ));
        let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let mut found = Vec::with_capacity(Source::PLANE.len());
        let mut missing = Vec::new();
        for source in Source::PLANE {
            let asset = assets.as_ref().map(|directory| directory.join(source.name()));
            let path = match asset {
                Some(path) if has_pinned_minor(source, &path) => path,
                _ => cache.join(source.name()),
            };
            if !path.is_file() {
                missing.push(source);
            }
            found.push(path);
        }
        if !missing.is_empty() {
            compile::compile(&missing, &cache)?;
        }
        let path = |wanted: Source| -> PathBuf {
            let index = Source::PLANE.iter().position(|source| *source == wanted);
            index.and_then(|index| found.get(index)).cloned().unwrap_or_default()
        };
        Ok(Self {
            etcd: path(Source::Etcd),
            kube_apiserver: path(Source::KubeApiserver),
            kube_controller_manager: path(Source::KubeControllerManager),
            kube_scheduler: path(Source::KubeScheduler),
            kubectl: path(Source::Kubectl),
            kwok: path(Source::Kwok),
        })
    }

    /// The directories that hold the binaries, without repetition: one, unless some come from `$KUBEBUILDER_ASSETS`.
    #[must_use]
    pub fn directories(&self) -> Vec<&Path> {
        let mut directories = Vec::new();
        for binary in [
            &self.etcd,
            &self.kube_apiserver,
            &self.kube_controller_manager,
            &self.kube_scheduler,
            &self.kubectl,
            &self.kwok,
        ] {
            if let Some(directory) = binary.parent()
                && !directories.contains(&directory)
            {
                directories.push(directory);
            }
        }
        directories
    }
}

/// The programs of real nodes.
#[derive(Debug, Clone)]
pub(crate) struct NodeBinaries {
    /// All of them are here.
    dir: PathBuf,
}

impl NodeBinaries {
    /// Finds all, building those that are missing, as [`Binaries::locate`] does.
    pub(crate) fn locate() -> Result<Self> {
        let dir = root()?.join(format!("node-k8s-{}-{}", versions::KUBERNETES, of_nodes()));
        let missing: Vec<Source> =
            Source::NODE.into_iter().filter(|source| !dir.join(source.name()).is_file()).collect();
        if !missing.is_empty() {
            compile::compile(&missing, &dir)?;
        }
        Ok(Self { dir })
    }

    /// The directory of all, for `$PATH`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of them.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The program that says what kstatus (which Helm and Flux ask) and a health script of Argo CD make of objects, built if need be as
/// in [`Binaries::locate`]. Its argument is the script; a JSON array of objects goes in, one of `kstatus`, `kstatusMessage`, `argocd`
/// and `argocdMessage` comes out.
///
/// # Errors
/// When it cannot be built.
pub fn verdicts() -> Result<PathBuf> {
    let parts = [include_str!("../modules/verdicts/go.sum"), include_str!("../modules/verdicts/main.go")];
    let dir = root()?.join(format!("verdicts-{}", fingerprint(&parts)));
    compile::compile(&[Source::Verdicts], &dir)?;
    Ok(dir.join(Source::Verdicts.name()))
}

/// Of everything that decides what a program is, where some of its source is our own.
fn fingerprint(parts: &[&str]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, parts.concat().as_bytes());
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Of the programs of real nodes.
fn of_nodes() -> String {
    fingerprint(&[
        include_str!("../modules/kubernetes/go.sum"),
        include_str!("../modules/containerd/go.sum"),
        include_str!("../modules/addons/go.sum"),
        include_str!("../modules/addons/dns/main.go"),
        include_str!("../modules/addons/volumes/main.go"),
    ])
}

/// Where the binaries are kept, in a directory per set of pinned versions, so that an upgrade never runs yesterday's binaries.
pub(crate) fn root() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("BERTH_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|directory| directory.join("berth")))
        .or_else(|| set("HOME").map(|directory| directory.join(".cache/berth")))
        .ok_or(Error::NoCache)?;
    std::path::absolute(&root).map_err(Error::file("resolve", &root))
}

/// Asks the binary itself: a directory named `1.37` proves nothing.
fn has_pinned_minor(source: Source, path: &Path) -> bool {
    let arguments: &[&str] = match source {
        Source::Kubectl => &["version", "--client"],
        _ => &["--version"],
    };
    let Ok(output) = Command::new(path).args(arguments).stdin(Stdio::null()).output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    first.split_whitespace().any(|word| versions::same_minor(source.version(), word))
}
