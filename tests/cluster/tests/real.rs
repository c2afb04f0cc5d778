//! Real nodes: what makes them worth having, and that nothing of them is left. Needs Linux and root; elsewhere the tests say that they
//! have tried nothing, unless `BERTH_REAL_NODES=required` says that they must.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the tests of simulated nodes")]
mod look;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use berth_cluster::{Cluster, Options};
use serde_json::{Value, json};

use look::{create, eventually, is, wait_object};

fn possible() -> bool {
    match berth_cluster::make_ready_for_real_nodes() {
        Ok(()) => true,
        Err(error) if std::env::var_os("BERTH_REAL_NODES").is_some_and(|value| value == "required") => {
            panic!("{error}")
        }
        Err(error) => {
            println!("not tried: {error}");
            false
        }
    }
}

fn start(real_nodes: usize) -> Cluster {
    let tolerations =
        ["unreachable", "not-ready"].map(|taint| format!("--default-{taint}-toleration-seconds=2"));
    Cluster::start(Options { real_nodes, kube_apiserver_args: tolerations.to_vec(), ..Options::default() })
        .unwrap()
}

/// A shell that sleeps, with a volume at `/data` and a name in DNS.
fn sleeper(name: &str, claim: &str, node: Option<&str>) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "sleeper"}},
        "spec": {
            // With 0, a deleted pod would be gone at once, whatever its kubelet says.
            "hostname": name, "subdomain": "sleepers", "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "shell", "image": "docker.io/library/busybox:1.37", "command": ["sleep", "infinity"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    });
    if let Some(node) = node {
        pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": node});
    }
    pod
}

fn claim(name: &str, class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

fn ready(cluster: &Cluster, pod: &str) -> Value {
    wait_object(cluster, "pod", pod, |pod| is(pod, "Ready", "True"))
}

fn sh(cluster: &Cluster, pod: &str, script: &str) -> String {
    cluster.kubectl(&["exec", pod, "--", "sh", "-c", script]).unwrap().trim().to_owned()
}

#[test]
fn volumes_names_and_nodes_that_die() {
    if !possible() {
        return;
    }
    let cluster = start(2);
    create(
        &cluster,
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "sleepers"},
            "spec": {"clusterIP": "None", "selector": {"app": "sleeper"}},
        }),
    );
    for (name, class) in [("local", "local"), ("shared", "shared")] {
        create(&cluster, &claim(name, class));
    }
    create(&cluster, &sleeper("a", "local", Some("real-0")));
    create(&cluster, &sleeper("b", "shared", Some("real-1")));
    let (first, second) = (ready(&cluster, "a"), ready(&cluster, "b"));
    assert_eq!(sh(&cluster, "a", "hostname"), "a");
    // Across nodes, by name.
    let address = first["status"]["podIP"].as_str().unwrap();
    eventually("the name of a", || {
        let answer = sh(&cluster, "b", "nslookup a.sleepers.default.svc.cluster.local || true");
        if answer.contains(address) { Ok(()) } else { Err(answer) }
    });
    sh(&cluster, "b", &format!("ping -c 1 -W 5 {address}"));

    // A local volume takes its pod to its node, and is on no other node's disk.
    for pod in ["a", "b"] {
        sh(&cluster, pod, &format!("echo of {pod} >/data/file"));
    }
    cluster.kubectl(&["delete", "pod", "a"]).unwrap();
    create(&cluster, &sleeper("a", "local", None));
    assert_eq!(ready(&cluster, "a")["spec"]["nodeName"], "real-0");
    assert_eq!(sh(&cluster, "a", "cat /data/file"), "of a");
    let mut find = cluster.on_real_node("real-1", "find").unwrap();
    let found = find.args(["/var/lib/berth/volumes", "-name", "file"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");

    // A silent node: its container runs on, and its pod stays until somebody says that it does not.
    cluster.stop_kubelet("real-1").unwrap();
    let going = wait_object(&cluster, "pod", "b", |pod| pod["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(going["metadata"]["uid"], second["metadata"]["uid"]);
    let there = second["status"]["podIP"].as_str().unwrap();
    sh(&cluster, "a", &format!("ping -c 1 -W 5 {there}"));
    cluster.kill_real_node("real-1").unwrap();
    assert_eq!(
        control_groups(cluster.dir(), "real-1"),
        Vec::<PathBuf>::new(),
        "a loss of power takes them too"
    );
    assert_ne!(control_groups(cluster.dir(), "real-0"), Vec::<PathBuf>::new());
    assert!(
        cluster.kubectl(&["exec", "a", "--", "ping", "-c", "1", "-W", "1", there]).is_err(),
        "it still runs"
    );
    cluster
        .kubectl(&["taint", "node", "real-1", "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"])
        .unwrap();
    look::wait_gone(&cluster, "pod", "b");
    create(&cluster, &sleeper("b", "shared", None));
    assert_eq!(ready(&cluster, "b")["spec"]["nodeName"], "real-0");
    assert_eq!(sh(&cluster, "b", "cat /data/file"), "of b");

    // It comes back with its disk.
    cluster.boot_real_node("real-1").unwrap();
    cluster.wait_nodes_ready(&["real-1".to_owned()], look::SOON).unwrap();

    // A deleted claim takes its volume's directory with it.
    cluster.kubectl(&["delete", "pod", "a"]).unwrap();
    cluster.kubectl(&["delete", "pvc", "local"]).unwrap();
    eventually("the directory of the volume to go", || {
        let left = fs::read_dir(cluster.dir().join("nodes/real-0/lib/berth/volumes")).unwrap().count();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    });

    // The ordinary end.
    let dir = cluster.dir().to_owned();
    everything_is_found(&dir);
    drop(cluster);
    nothing_is_left(&dir);
}

#[test]
fn a_panic_of_the_owner_leaves_nothing_either() {
    if !possible() {
        return;
    }
    let (sender, receiver) = mpsc::channel();
    let owner = thread::spawn(move || {
        let cluster = start(1);
        cluster.kubectl(&RUN).unwrap();
        cluster.kubectl(&WAIT).unwrap();
        everything_is_found(cluster.dir());
        sender.send(cluster.dir().to_owned()).unwrap();
        panic!("on purpose: the owner of a cluster panics");
    });
    owner.join().unwrap_err();
    nothing_is_left(&receiver.recv().unwrap());
}

/// A pod that is no part of a set.
const RUN: [&str; 6] = ["run", "shell", "--image=docker.io/library/busybox:1.37", "--", "sleep", "infinity"];
const WAIT: [&str; 4] = ["wait", "--for=condition=Ready", "pod/shell", "--timeout=60s"];

/// The look for what is left finds it while it is there.
fn everything_is_found(dir: &Path) {
    let found = left(dir);
    for kind in ["link", "process", "control group", "directory"] {
        assert!(
            found.iter().any(|trace| trace.starts_with(kind)),
            "{kind} is not found while it runs: {found:?}"
        );
    }
}

fn nothing_is_left(dir: &Path) {
    eventually("everything to go", || match left(dir) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn sigkill_of_the_owner_leaves_no_container_link_mount_or_control_group() {
    if !possible() {
        return;
    }
    let mut owner = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
        // A simulated node beside it.
        .args(["up", "--real", "1", "--nodes", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(owner.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let kubeconfig = PathBuf::from(line.strip_prefix("export KUBECONFIG=").unwrap());
    let dir = kubeconfig.parent().unwrap();
    let kubectl = |arguments: &[&str]| {
        let directories = Command::new(env!("CARGO_BIN_EXE_local-cluster")).arg("path").output().unwrap();
        let directories = String::from_utf8(directories.stdout).unwrap();
        let kubectl =
            directories.trim().split(':').map(|dir| Path::new(dir).join("kubectl")).find(|p| p.is_file());
        let output =
            Command::new(kubectl.unwrap()).args(arguments).env("KUBECONFIG", &kubeconfig).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    kubectl(&["get", "node", "real-0", "node-0"]);
    kubectl(&["cordon", "node-0"]);
    kubectl(&RUN);
    kubectl(&WAIT);
    everything_is_found(dir);
    owner.kill().unwrap();
    owner.wait().unwrap();
    nothing_is_left(dir);
}

/// What is on this machine of a cluster: namespaces live as long as a process or a mount holds them.
fn left(dir: &Path) -> Vec<String> {
    let name = dir.file_name().unwrap().to_str().unwrap();
    let mut left = vec![];
    if dir.exists() {
        left.push(format!("directory {}", dir.display()));
    }
    if Path::new("/sys/class/net").join(name).exists() {
        left.push(format!("link {name}"));
    }
    left.extend(control_groups(dir, "").iter().map(|group| format!("control group {}", group.display())));
    for process in fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        // Containers are known by their control group, whatever else they hide; the other programs by their environment. The mounts of
        // this machine are those of this very process.
        for file in ["cgroup", "environ", "mountinfo"] {
            if fs::read(process.join(file)).is_ok_and(|text| String::from_utf8_lossy(&text).contains(name)) {
                left.push(format!("process {} ({file})", process.display()));
            }
        }
    }
    left
}

/// The control groups of a node, or of the whole cluster, in every hierarchy.
fn control_groups(dir: &Path, node: &str) -> Vec<PathBuf> {
    let group = Path::new(dir.file_name().unwrap()).join(node);
    let root = Path::new("/sys/fs/cgroup");
    let children = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
    children
        .chain([root.to_owned()])
        .map(|hierarchy| hierarchy.join(&group))
        .filter(|group| group.exists())
        .collect()
}

#[test]
fn a_machine_that_cannot_is_told_what_is_missing_in_one_line() {
    let output = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
        .args(["up", "--real", "1"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: real nodes need "), "{stderr}");
}
