//! The configuration of a node's programs.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use super::images;

/// Where a node keeps its configuration, as it sees it.
pub(crate) const NODE_DIRECTORY: &str = "/var/lib/berth";

/// How long the lease of a node lasts. It is renewed four times in this time.
pub(crate) const LEASE_SECONDS: u32 = 12;

/// Runs a program in a control group of the cluster; a file in the directory of the cluster.
pub(crate) const IN_GROUP: &str = include_str!("in-group.sh");
/// The first process of a node; a file in the directory of the cluster.
pub(crate) const INIT: &str = include_str!("init.sh");

/// containerd: images, the sandbox image, runc and CNI.
pub(crate) fn containerd(snapshotter: &str, plugins: &Path, runc: &Path) -> String {
    // TOML reads the strings of JSON.
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
snapshotter = {snapshotter}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = {sandbox}

[plugins."io.containerd.cri.v1.runtime"]
# Without the right CAP_SYS_RESOURCE, no process may be made less likely to be killed.
restrict_oom_score_adj = true
disable_apparmor = true
enable_selinux = false
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{plugins}]
conf_dir = "{NODE_DIRECTORY}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = {runc}
SystemdCgroup = false
"#,
        snapshotter = quoted(snapshotter),
        sandbox = quoted(images::SANDBOX),
        plugins = quoted(&plugins.to_string_lossy()),
        runc = quoted(&runc.to_string_lossy()),
    )
}

/// The pods of a node: a bridge with addresses of the node's range; no packet filter is needed.
pub(crate) fn cni(pods: &str) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods0",
            "isDefaultGateway": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": pods}]],
                "dataDir": "/run/cni/addresses",
            },
        }],
    })
}

/// The kubelet of a node.
pub(crate) fn kubelet(dns: Ipv4Addr) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": false},
            "x509": {"clientCAFile": format!("{NODE_DIRECTORY}/authority.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [dns.to_string()],
        "clusterDomain": "cluster.local",
        "resolvConf": format!("{NODE_DIRECTORY}/resolv.conf"),
        "volumePluginDir": format!("{NODE_DIRECTORY}/plugins"),
        // Either version of control groups will do, without a say of systemd; the node has a namespace of them.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "localStorageCapacityIsolation": false,
        "makeIPTablesUtilChains": false,
        // Of a machine that other things fill as well, nothing is evicted.
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "oomScoreAdj": 0,
        "nodeStatusUpdateFrequency": "5s",
        "nodeStatusReportFrequency": "60s",
        "nodeLeaseDurationSeconds": LEASE_SECONDS,
        "syncFrequency": "10s",
        "fileCheckFrequency": "0s",
        "httpCheckFrequency": "0s",
        "registerWithTaints": [],
        "serializeImagePulls": false,
        "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
        "healthzPort": 0,
    })
}

/// CoreDNS: the names of the cluster, answered from what its API server says, and nothing else.
pub(crate) fn corefile(address: Ipv4Addr, kubeconfig: &Path) -> String {
    format!(
        r#"cluster.local:53 {{
    bind {address}
    errors
    kubernetes cluster.local {{
        kubeconfig {} berth
        pods disabled
        # A pod that comes back has a new address: nobody shall remember the old one for long.
        ttl 1
    }}
}}
"#,
        kubeconfig.display()
    )
}
