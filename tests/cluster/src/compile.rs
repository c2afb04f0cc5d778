//! Builds the binaries from the Go modules under `modules/`, whose `go.sum` pins every byte of source.

use std::fs::{self, File, TryLockError};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::bound::bound;
use crate::{Error, Result, versions};

/// The oldest Go that reads the `go` lines of our modules, by itself or by fetching the toolchain that they name.
const OLDEST_GO: (u32, u32) = (1, 21);
const WANTED_GO: &str = "1.26";

/// Seconds between two lines of progress where there is no terminal.
const LINE_EVERY: u64 = 30;

/// A binary that a cluster needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
    Kubectl,
    Kwok,
    Kubelet,
    Containerd,
    ContainerdShim,
    Ctr,
    CoreDns,
    Volumes,
    Verdicts,
}

impl Source {
    /// The control plane.
    pub(crate) const PLANE: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
    ];
    /// Real nodes.
    pub(crate) const NODE: [Self; 6] =
        [Self::Containerd, Self::ContainerdShim, Self::Ctr, Self::Kubelet, Self::CoreDns, Self::Volumes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
            Self::Kubelet => "kubelet",
            Self::Containerd => "containerd",
            // containerd looks for it by this name.
            Self::ContainerdShim => "containerd-shim-runc-v2",
            Self::Ctr => "ctr",
            Self::CoreDns => "coredns",
            Self::Volumes => "volumes",
            Self::Verdicts => "verdicts",
        }
    }

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Etcd => versions::ETCD,
            Self::Kwok => versions::KWOK,
            Self::Containerd | Self::ContainerdShim | Self::Ctr => versions::CONTAINERD,
            Self::CoreDns => versions::COREDNS,
            _ => versions::KUBERNETES,
        }
    }

    fn package(self) -> String {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3".to_owned(),
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok".to_owned(),
            Self::Containerd | Self::ContainerdShim | Self::Ctr => {
                format!("github.com/containerd/containerd/v2/cmd/{}", self.name())
            }
            Self::CoreDns => "./dns".to_owned(),
            Self::Volumes => "./volumes".to_owned(),
            Self::Verdicts => ".".to_owned(),
            _ => format!("k8s.io/kubernetes/cmd/{}", self.name()),
        }
    }

    fn module(self) -> PathBuf {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
        modules.join(match self {
            Self::Kwok => "kwok",
            Self::Containerd | Self::ContainerdShim | Self::Ctr => "containerd",
            Self::CoreDns | Self::Volumes => "addons",
            Self::Verdicts => "verdicts",
            _ => "kubernetes",
        })
    }

    /// Build tags: containerd without file systems that need a C library or that no node here has.
    fn tags(self) -> &'static str {
        match self {
            Self::Containerd | Self::ContainerdShim | Self::Ctr => "no_btrfs,no_zfs,no_devmapper",
            _ => "",
        }
    }

    /// Kubernetes learns its version from the linker; without it, every component would call itself `v0.0.0`.
    fn linker_flags(self) -> String {
        let version = self.version();
        match self {
            Self::KubeApiserver
            | Self::KubeControllerManager
            | Self::KubeScheduler
            | Self::Kubectl
            | Self::Kubelet => {
                let mut parts = version.split('.');
                let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let variables = "k8s.io/component-base/version";
                format!(
                    "-s -w -X {variables}.gitVersion=v{version} -X {variables}.gitMajor={major} -X {variables}.gitMinor={minor}"
                )
            }
            _ => "-s -w".to_owned(),
        }
    }
}

/// Builds `sources` into `cache`. Of several processes that call this at once, one builds and the others wait for it.
pub(crate) fn compile(sources: &[Source], cache: &Path) -> Result<()> {
    fs::create_dir_all(cache).map_err(Error::file("create", cache))?;
    let lock_path = cache.join(".lock");
    let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process that builds the Kubernetes binaries");
            lock.lock().map_err(Error::file("lock", &lock_path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::file("lock", &lock_path)(source)),
    }

    let missing: Vec<Source> =
        sources.iter().copied().filter(|source| !cache.join(source.name()).is_file()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    remove_leftovers(cache, &missing);
    check_go(&missing[0].module())?;
    let kubernetes = versions::KUBERNETES;
    let (what, time) = match missing[0] {
        Source::Verdicts => ("kstatus and the Lua of Argo CD".to_owned(), "half a minute"),
        first if Source::NODE.contains(&first) => {
            (format!("the programs of real nodes of Kubernetes {kubernetes}"), "3 minutes")
        }
        _ => (format!("the control plane of Kubernetes {kubernetes}"), "7 minutes"),
    };
    eprintln!("building {what}, once, into {} (about {time} on 2 cores)", cache.display());
    for (index, source) in missing.iter().enumerate() {
        compile_one(*source, cache, &format!("[{}/{}] {}", index + 1, missing.len(), source.name()))?;
    }
    Ok(())
}

/// Removes what a build that was killed has left: we hold the lock, so nobody else builds.
fn remove_leftovers(cache: &Path, sources: &[Source]) {
    let prefixes: Vec<String> = sources.iter().map(|source| format!(".{}.", source.name())).collect();
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn check_go(module: &Path) -> Result<()> {
    let unusable =
        |problem: String| Error::Go { problem, wanted: WANTED_GO, kubernetes: versions::KUBERNETES };
    // Run inside the module, `go version` is the toolchain that its `go` line asks for, or an error.
    let output = match Command::new("go").arg("version").current_dir(module).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(unusable("`go` is not installed".to_owned()));
        }
        Err(error) => return Err(Error::run("go")(error)),
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(unusable(format!("`go` cannot be used ({})", stderr.trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2).unwrap_or_default().trim_start_matches("go");
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let found = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if found < OLDEST_GO {
        return Err(unusable(format!("Go {version} is too old")));
    }
    Ok(())
}

fn compile_one(source: Source, cache: &Path, label: &str) -> Result<()> {
    // A name of its own, renamed when complete: nobody ever runs half a binary.
    let temporary = cache.join(format!(".{}.{}", source.name(), std::process::id()));
    let log = cache.join(format!(".{}.log", source.name()));
    let log_file = File::create(&log).map_err(Error::file("create", &log))?;
    let mut build = Command::new("go");
    build
        .args(["build", "-trimpath", "-buildvcs=false", "-tags", source.tags()])
        .args(["-ldflags", &source.linker_flags(), "-o"])
        .arg(&temporary)
        .arg(source.package())
        .current_dir(source.module())
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    let mut child = bound(&build).stdout(Stdio::null()).stderr(log_file).spawn().map_err(Error::run("go"))?;

    let started = Instant::now();
    let mut stderr = io::stderr();
    let terminal = stderr.is_terminal();
    let mut told = 0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::run("go"))? {
            break status;
        }
        // Progress is a courtesy: a closed standard error must not end the build.
        let seconds = started.elapsed().as_secs();
        if terminal {
            let _ = write!(stderr, "\r{label} {seconds} s");
        } else if seconds >= told + LINE_EVERY {
            told = seconds;
            let _ = writeln!(stderr, "{label} {seconds} s so far");
        }
        thread::sleep(Duration::from_millis(250));
    };
    let seconds = started.elapsed().as_secs();
    if !status.success() {
        let _ = fs::remove_file(&temporary);
        let output = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = output.lines().collect();
        let tail = lines[lines.len().saturating_sub(5)..].join("; ");
        return Err(Error::Build { binary: source.name(), output: tail });
    }
    let start = if terminal { "\r" } else { "" };
    let _ = writeln!(stderr, "{start}{label} built in {seconds} s");
    let target = cache.join(source.name());
    fs::rename(&temporary, &target).map_err(Error::file("create", &target))?;
    let _ = fs::remove_file(&log);
    Ok(())
}
