//! The configuration and the command lines of the control plane's processes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Binaries, Options, Result, directory, real};

/// A client of the API server: file name of its kubeconfig, user name, group.
const CLIENTS: [(&str, &str, &str); 5] = [
    ("admin", "admin", "system:masters"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kwok", "kwok", "system:masters"),
    ("addons", "addons", "system:masters"),
];

/// The names of the processes that can be restarted.
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub(crate) const SCHEDULER_NAME: &str = "kube-scheduler";

/// Every write by anybody, except those that say nothing about a workload. New volumes are logged with
/// their body, for the `stop` script, and deletions of pods, for their preconditions.
const AUDIT_POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  verbs: [get, list, watch]
- level: None
  nonResourceURLs: ["*"]
- level: None
  resources:
  - {group: coordination.k8s.io, resources: [leases]}
  - {group: "", resources: [events]}
  - {group: events.k8s.io, resources: [events]}
  - {group: authentication.k8s.io}
  - {group: authorization.k8s.io}
  - {group: "", resources: [serviceaccounts/token]}
- level: Request
  verbs: [create]
  resources: [{group: "", resources: [persistentvolumes]}]
- level: Request
  verbs: [delete]
  resources: [{group: "", resources: [pods]}]
- level: Metadata
"#;

const SCHEDULER: &str = r#"apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: kubeconfigs/kube-scheduler, qps: 500, burst: 1000}
# A pod that fits nowhere is tried again soon: tests wait for it.
podInitialBackoffSeconds: 1
podMaxBackoffSeconds: 2
"#;

/// The stages of the simulated kubelets and KWOK's own settings, by file name.
const STAGES: [(&str, &str); 4] = [
    ("kwok.yaml", include_str!("../stages/kwok.yaml")),
    ("node.yaml", include_str!("../stages/node.yaml")),
    ("pod.yaml", include_str!("../stages/pod.yaml")),
    ("pod-behaviour.yaml", include_str!("../stages/pod-behaviour.yaml")),
];

/// Stands in the stage files where the expression that computes a pod's behaviour belongs.
const BEHAVIOUR: &str = "$BEHAVIOUR";
const BEHAVIOUR_EXPRESSION: &str = include_str!("../stages/behaviour.jq");

/// Writes everything that the processes read, except the kubeconfigs, which need the address of the API server.
/// Returns the tokens in the order of [`CLIENTS`].
pub(crate) fn write_configuration(dir: &Path) -> Result<Vec<String>> {
    let tokens = CLIENTS.iter().map(|_| directory::random_hex::<16>()).collect::<Result<Vec<_>>>()?;
    let lines: String = CLIENTS
        .iter()
        .zip(&tokens)
        .map(|((_, user, group), token)| format!("{token},{user},{user},\"{group}\"\n"))
        .collect();
    directory::write(&dir.join("tokens.csv"), 0o600, &lines)?;
    directory::write(&dir.join("audit-policy.yaml"), 0o600, AUDIT_POLICY)?;
    directory::write(&dir.join("scheduler.yaml"), 0o600, SCHEDULER)?;
    // One expression on one line: it stands in YAML between single quotes.
    let expression: Vec<&str> = BEHAVIOUR_EXPRESSION
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let expression = expression.join(" ");
    for (name, text) in STAGES {
        directory::write(&dir.join("stages").join(name), 0o600, &text.replace(BEHAVIOUR, &expression))?;
    }
    Ok(tokens)
}

/// Writes one kubeconfig per client, and `dir/kubeconfig` for the admin.
pub(crate) fn write_kubeconfigs(dir: &Path, url: &str, tokens: &[String]) -> Result<()> {
    let cluster = json!({"server": url, "certificate-authority": dir.join("certs/apiserver.crt")});
    for ((name, user, _), token) in CLIENTS.iter().zip(tokens) {
        let text = kubeconfig(&cluster, user, token, "default");
        directory::write(&dir.join("kubeconfigs").join(name), 0o600, &text)?;
        if *name == "admin" {
            directory::write(&dir.join("kubeconfig"), 0o600, &text)?;
        }
    }
    Ok(())
}

/// A kubeconfig with one context; `cluster` is what it says about the cluster.
pub(crate) fn kubeconfig(cluster: &Value, user: &str, token: &str, namespace: &str) -> String {
    // JSON is YAML, and quotes whatever is in a path.
    let value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "berth",
        "clusters": [{"name": "berth", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": user, "namespace": namespace}}],
    });
    format!("{value:#}\n")
}

/// The kubeconfig of a kubelet; `own` is the path of its certificate and its key, without their endings.
pub(crate) fn kubeconfig_of_node(url: &str, authority: &str, own: &str) -> String {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "berth",
        "clusters": [{"name": "berth", "cluster": {"server": url, "certificate-authority": authority}}],
        "users": [{
            "name": "node",
            "user": {"client-certificate": format!("{own}.crt"), "client-key": format!("{own}.key")},
        }],
        "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": "node"}}],
    });
    format!("{value:#}\n")
}

/// etcd, on sockets in the cluster's directory.
pub(crate) fn etcd(binaries: &Binaries, dir: &Path) -> Command {
    let mut command = Command::new(&binaries.etcd);
    let client = format!("unix://{}", dir.join("etcd.sock").display());
    // Never dialled: the member is alone.
    let peer = "http://localhost:1";
    command
        .arg("--data-dir=etcd")
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls=unix://{}", dir.join("etcd-peer.sock").display()))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        // The data does not outlive the process, so it need not survive a power failure.
        .args(["--unsafe-no-fsync", "--log-level=warn", "--quota-backend-bytes=4294967296"])
        .current_dir(dir);
    command
}

/// kube-apiserver on an address that only this machine, and its real nodes, can reach.
pub(crate) fn kube_apiserver(
    binaries: &Binaries,
    dir: &Path,
    address: SocketAddr,
    options: &Options,
) -> Command {
    let mut command = Command::new(&binaries.kube_apiserver);
    if options.real_nodes > 0 {
        let (authority, own) = (real::AUTHORITY, real::API_SERVER_CERTIFICATE);
        command
            .arg(format!("--client-ca-file={authority}"))
            .arg(format!("--kubelet-client-certificate={own}.crt"))
            .arg(format!("--kubelet-client-key={own}.key"))
            .arg("--kubelet-preferred-address-types=InternalIP");
    }
    command
        .arg(format!("--etcd-servers=unix://{}", dir.join("etcd.sock").display()))
        .arg(format!("--secure-port={}", address.port()))
        .arg(format!("--bind-address={}", address.ip()))
        .arg(format!("--advertise-address={}", address.ip()))
        .args([
            "--cert-dir=certs",
            "--token-auth-file=tokens.csv",
            // The serving key that it makes at its start: no tool is needed to make another.
            "--service-account-key-file=certs/apiserver.key",
            "--service-account-signing-key-file=certs/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            "--audit-log-path=audit.log",
            // Rotation would hide events from tests.
            "--audit-log-maxsize=16384",
            "--audit-policy-file=audit-policy.yaml",
        ])
        .args(&options.kube_apiserver_args)
        .current_dir(dir);
    command
}

/// kube-controller-manager without a port of its own.
pub(crate) fn kube_controller_manager(binaries: &Binaries, dir: &Path, options: &Options) -> Command {
    let mut controllers = "*,-nodeipam".to_owned();
    for controller in &options.disabled_controllers {
        controllers.push_str(",-");
        controllers.push_str(controller);
    }
    let mut command = Command::new(&binaries.kube_controller_manager);
    command
        .arg(format!("--controllers={controllers}"))
        .args([
            "--kubeconfig=kubeconfigs/kube-controller-manager",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--service-account-private-key-file=certs/apiserver.key",
            "--root-ca-file=certs/apiserver.crt",
            "--enable-hostpath-provisioner",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--concurrent-namespace-syncs=10",
            "--namespace-sync-period=1s",
            "--pvclaimbinder-sync-period=5s",
        ])
        .arg(format!("--node-monitor-grace-period={}", grace_period(options)))
        .arg(format!("--node-monitor-period={}", monitor_period(options)))
        .args(&options.kube_controller_manager_args)
        .current_dir(dir);
    command
}

/// How long a node may be silent: longer than its lease lasts, since a busy machine must not make nodes look dead.
fn grace_period(options: &Options) -> &'static str {
    if options.real_nodes > 0 { "15s" } else { "200s" }
}

/// How often it is looked at; the default is 5 s, and what waits for a dead node waits for the look too.
fn monitor_period(options: &Options) -> &'static str {
    if options.real_nodes > 0 { "1s" } else { "5s" }
}

/// kube-scheduler without a port of its own.
pub(crate) fn kube_scheduler(binaries: &Binaries, dir: &Path, options: &Options) -> Command {
    let mut command = Command::new(&binaries.kube_scheduler);
    command
        .args(["--config=scheduler.yaml", "--secure-port=0"])
        .args(&options.kube_scheduler_args)
        .current_dir(dir);
    command
}

/// KWOK for every node with the label `type=kwok`.
pub(crate) fn kwok(binaries: &Binaries, dir: &Path) -> Command {
    let mut command = Command::new(&binaries.kwok);
    let files: Vec<String> = STAGES.iter().map(|(name, _)| format!("stages/{name}")).collect();
    command
        .arg(format!("--config={}", files.join(",")))
        .arg("--kubeconfig=kubeconfigs/kwok")
        // KWOK also reads a configuration of the user's from here.
        .env("HOME", dir)
        .env("KWOK_WORKDIR", dir.join("kwok"))
        .current_dir(dir);
    command
}
