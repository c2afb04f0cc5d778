//! What a cluster with real nodes has beside them: CoreDNS for names, and a provisioner for volumes.

use std::process::Command;

use super::{Ground, configuration};
use crate::{Cluster, Process, Result, directory};

/// `local`, the default: a directory on the disk of the node where the pod is to run, to which the volume binds the pod from then on.
/// `shared`: a directory that all nodes have.
const CLASSES: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
"metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
"provisioner": "cluster.berth.dev/directory", "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer"},
{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
"metadata": {"name": "shared"}, "parameters": {"shared": "true"},
"provisioner": "cluster.berth.dev/directory", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
]}"#;

/// Starts both; does not wait until they answer.
pub(crate) fn start(cluster: &Cluster, ground: &Ground) -> Result<()> {
    let dir = &ground.dir;
    let shared = dir.join("shared");
    std::fs::create_dir_all(&shared).map_err(crate::Error::file("create", &shared))?;
    cluster.kubectl_stdin(&["create", "-f", "-"], CLASSES)?;
    let kubeconfig = dir.join("kubeconfigs/addons");

    let corefile = configuration::corefile(ground.network.switch(), &kubeconfig);
    directory::write(&dir.join("Corefile"), 0o600, &corefile)?;
    let mut command = ground.network.command(&ground.binaries.path("coredns"));
    command.arg("-conf").arg(dir.join("Corefile"));
    let names = Process::start(dir, "plane", "coredns", &command)?;

    let mut command = Command::new(ground.binaries.path("volumes"));
    command.arg("--kubeconfig").arg(&kubeconfig).arg("--root").arg(dir);
    let volumes = Process::start(dir, "plane", "volumes", &command)?;
    cluster.plane().extend([names, volumes]);
    Ok(())
}
