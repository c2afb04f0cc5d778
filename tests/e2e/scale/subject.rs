//! Who serves the set.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::read::{Kind, NDS};
use crate::support::writes::Writes;
use crate::support::{Plane, Scene};

/// The user that kube-controller-manager's controller is.
const CONTROLLER: &str = "system:serviceaccount:kube-system:daemon-set-controller";

/// Who serves the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `berth run`, with a NodeDaemonSet.
    Berth,
    /// kube-controller-manager, with a DaemonSet.
    ControllerManager,
}

impl Subject {
    /// The kind of the set.
    pub fn kind(self) -> Kind {
        match self {
            Self::Berth => NDS,
            Self::ControllerManager => Kind { api: "/apis/apps/v1", plural: "daemonsets" },
        }
    }

    /// The manifest of a set for it.
    pub fn of(self, manifest: &Value) -> Value {
        let mut manifest = manifest.clone();
        if self == Self::ControllerManager {
            (manifest["apiVersion"], manifest["kind"]) = (json!("apps/v1"), json!("DaemonSet"));
        }
        manifest
    }

    /// A namespace on a control plane of its own.
    pub fn scene(self, namespace: &str) -> Scene {
        let plane = Plane::start();
        plane.install("crds");
        plane.install("deploy/namespace.yaml");
        plane.install("deploy/rbac.yaml");
        Scene::begin(Arc::new(plane), namespace, "berth-system", "")
    }

    /// Starts it, if it does not run yet; its process id.
    pub fn start(self, scene: &Scene) -> u32 {
        match self {
            // As many requests as kube-controller-manager has on this control plane.
            Self::Berth => {
                let arguments = ["--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"];
                scene.run("operator", &arguments).pid()
            }
            Self::ControllerManager => {
                scene.plane.cluster.component("kube-controller-manager").unwrap().pid()
            }
        }
    }

    /// What it has written in the namespace so far.
    pub fn writes(self, scene: &Scene) -> Writes {
        let user = match self {
            Self::Berth => scene.user(),
            Self::ControllerManager => CONTROLLER.to_owned(),
        };
        let mut events = scene.plane.cluster.audit().unwrap();
        events.retain(|event| {
            event.user == user && event.namespace == scene.namespace && event.code < 300 && !event.dry_run
        });
        Writes::of(&events)
    }
}

/// How much CPU a process has used, user and system.
pub fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the command, in parentheses, may hold blanks; utime and stime are the 14th and 15th field.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // Linux counts in hundredths of a second wherever it matters.
    Duration::from_millis(ticks * 10)
}
