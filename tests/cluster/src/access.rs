//! What one does with a running cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::time::Duration;

use crate::kubectl::{Kubectl, Output};
use crate::{AuditEvent, Binaries, Cluster, Error, Options, Process, Result, audit, directory, plane};

/// A component ends when all its workers have; kube-controller-manager gives them 10 s.
const ENDED: Duration = Duration::from_secs(30);

impl Cluster {
    /// The directory of everything that belongs to this cluster, mode 0700. Logs are in `logs/`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The address of the API server; on a cluster of ours `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The binaries that it runs.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The kubeconfig of an admin (group `system:masters`).
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// The socket of etcd.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.dir.join("etcd.sock")
    }

    /// A kubeconfig with a fresh token (24 h) of an existing ServiceAccount, its namespace being the default one.
    pub fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let namespace_flag = format!("--namespace={namespace}");
        let token = self.kubectl(&["create", "token", name, &namespace_flag, "--duration=24h"])?;
        let user = format!("{namespace}.{name}");
        let path = self.dir.join("kubeconfigs").join(&user);
        let text = plane::kubeconfig(&self.cluster_entry()?, &user, token.trim(), namespace);
        directory::write(&path, 0o600, &text)?;
        Ok(path)
    }

    /// Runs kubectl as admin and returns its standard output.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_stdin(arguments, "")
    }

    /// Runs kubectl as admin with `stdin` as its input (for `-f -`) and returns its standard output.
    pub fn kubectl_stdin(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        self.as_admin(&self.kubeconfig()).run(arguments, stdin).map_err(|error| self.explain(error))
    }

    /// Runs kubectl as admin and returns what it answered, whatever its exit status.
    pub fn kubectl_output(&self, arguments: &[&str]) -> Result<Output> {
        self.as_admin(&self.kubeconfig()).output(arguments, "")
    }

    fn as_admin<'a>(&'a self, kubeconfig: &'a Path) -> Kubectl<'a> {
        Kubectl { binaries: &self.binaries, dir: &self.dir, kubeconfig }
    }

    /// A dead component explains a failed command better than `connection refused`.
    fn explain(&self, error: Error) -> Error {
        self.check().err().unwrap_or(error)
    }

    /// All completed writes so far, in the order of completion. Reads, leases, events, reviews and tokens are left out.
    pub fn audit(&self) -> Result<Vec<AuditEvent>> {
        audit::read(&self.dir.join("audit.log"))
    }

    /// A component of the control plane by the name of its binary; `None` if there is none, as on a cluster that was there before.
    pub fn component(&self, name: &str) -> Option<Process> {
        self.plane().iter().find(|process| process.name() == name).cloned()
    }

    /// Asks kube-controller-manager to end (SIGTERM), waits until it has, and starts it again without the controllers named, and
    /// with all others: those that [`Options::disabled_controllers`] left out come back. Does not wait until it works.
    pub fn restart_controller_manager(&self, disabled_controllers: &[&str]) -> Result<()> {
        let disabled_controllers = disabled_controllers.iter().map(|name| (*name).to_owned()).collect();
        let options = Options { disabled_controllers, ..self.options.clone() };
        let command = || plane::kube_controller_manager(&self.binaries, &self.dir, &options);
        self.restart(plane::CONTROLLER_MANAGER, command, || Ok(()))
    }

    /// Asks kube-scheduler to end (SIGTERM), waits until it has, does `meanwhile`, and starts it again. Does not wait until it works.
    pub fn restart_scheduler(&self, meanwhile: impl FnOnce() -> Result<()>) -> Result<()> {
        let command = || plane::kube_scheduler(&self.binaries, &self.dir, &self.options);
        self.restart(plane::SCHEDULER_NAME, command, meanwhile)
    }

    fn restart(
        &self,
        name: &str,
        command: impl FnOnce() -> Command,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        // Of two that want this at once, one waits.
        let _alone = self.restarting.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out until the next one runs: nobody is to take this end for a death.
        let process = {
            let mut plane = self.plane();
            let Some(at) = plane.iter().position(|process| process.name() == name) else {
                return Err(Error::Name(name.to_owned()));
            };
            plane.remove(at)
        };
        process.terminate()?;
        process.wait_exit(ENDED)?;
        let done = meanwhile();
        let process = Process::start(&self.dir, "plane", name, &command())?;
        self.plane().push(process);
        done
    }

    /// Starts a program that ends with the cluster, its output in `logs/NAME.log`. Standard input is empty; the environment and
    /// the working directory are those of `command`. A name can be used again once its process has ended.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let mut spawned = self.spawned.lock().unwrap_or_else(PoisonError::into_inner);
        for process in spawned.iter() {
            process.reap();
        }
        let mut taken = self.plane().iter().any(|process| process.name() == name);
        for process in spawned.iter().filter(|process| process.name() == name) {
            taken |= process.exit_status()?.is_none();
        }
        if taken || name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(Error::Name(name.to_owned()));
        }
        let process = Process::start(&self.dir, "spawned", name, &command)?;
        spawned.push(process.clone());
        Ok(process)
    }
}
