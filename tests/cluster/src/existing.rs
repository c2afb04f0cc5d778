//! A cluster that was there before: kubectl, ServiceAccounts and spawned programs are as on one of ours.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Binaries, Cluster, Error, Options, Result, directory};

impl Cluster {
    /// Uses the cluster of a context of the user's kubeconfig with the user's kubectl. Nothing of the cluster is started, and
    /// nothing of it ends with this value: only the programs that were spawned, and our directory with its copy of the kubeconfig.
    ///
    /// Its audit log is not ours to read, and its controller manager not ours to restart; to us, the log is empty.
    pub fn attach(context: &str) -> Result<Self> {
        let mut cluster = Self::prepare(Binaries::installed(), Options::default())?;
        let flags = ["--minify", "--flatten", "--raw", "--output=json"];
        let arguments = ["config", "view", "--context", context];
        let view = Command::new(&cluster.binaries.kubectl)
            .args(arguments)
            .args(flags)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::run("kubectl"))?;
        if !view.status.success() {
            let stderr = String::from_utf8_lossy(&view.stderr).trim().to_owned();
            return Err(Error::Kubectl { arguments: arguments.join(" "), stderr });
        }
        let kubeconfig = cluster.kubeconfig();
        directory::write(&kubeconfig, 0o600, &String::from_utf8_lossy(&view.stdout))?;
        cluster.url = cluster.cluster_entry()?["server"].as_str().unwrap_or_default().to_owned();
        Ok(cluster)
    }

    /// What the admin's kubeconfig says about the cluster: its address and how to trust it.
    pub(crate) fn cluster_entry(&self) -> Result<Value> {
        let path = self.kubeconfig();
        let file = std::fs::File::open(&path).map_err(Error::file("open", &path))?;
        // Whoever wrote it wrote JSON, which is YAML.
        let view: Value =
            serde_json::from_reader(file).map_err(|error| Error::file("read", &path)(error.into()))?;
        Ok(view.pointer("/clusters/0/cluster").cloned().unwrap_or_default())
    }
}

impl Binaries {
    /// kubectl as `$PATH` has it, and nothing else: for a cluster that others have started.
    fn installed() -> Self {
        let none = PathBuf::new;
        Self {
            etcd: none(),
            kube_apiserver: none(),
            kube_controller_manager: none(),
            kube_scheduler: none(),
            kubectl: PathBuf::from("kubectl"),
            kwok: none(),
        }
    }
}
