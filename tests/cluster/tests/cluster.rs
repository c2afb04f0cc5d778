//! The local cluster against itself. Each test starts a real control plane.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod look;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use berth_cluster::{BEHAVIOUR_ANNOTATION, Binaries, Cluster, Options};
use serde_json::{Value, json};

use look::{SOON, alive, condition, container, create, eventually, is, pids, pod, wait_gone, wait_object};

#[test]
fn two_clusters_at_once_end_with_their_owners() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Cluster>();

    let second = thread::spawn(|| Cluster::start(Options::default()).unwrap());
    let first = Cluster::start(Options {
        disabled_controllers: vec!["daemonset-controller".into()],
        ..Options::default()
    })
    .unwrap();
    let second = second.join().unwrap();
    assert_ne!(first.url(), second.url());
    first.kubectl(&["create", "configmap", "only-here"]).unwrap();
    let output = second.kubectl_output(&["get", "configmap", "only-here"]).unwrap();
    assert!(!output.status.success());
    assert!(output.stderr.contains("not found"), "{}", output.stderr);

    let mut sleep = Command::new("sleep");
    sleep.arg("1000");
    let process = first.spawn("sleeper", sleep).unwrap();
    assert!(first.spawn("sleeper", Command::new("true")).is_err(), "the name is taken");
    let (dir, other) = (first.dir().to_owned(), second.dir().to_owned());
    let pids = pids(&dir);
    assert_eq!(pids.len(), 6, "etcd, three of Kubernetes, kwok, and ours");
    assert!(pids.iter().all(|pid| alive(pid)));
    drop(first);
    assert!(process.exit_status().unwrap().is_some());
    assert!(!pids.iter().any(|pid| alive(pid)), "processes are left");
    assert!(!dir.exists());

    second.check().unwrap();
    drop(second);
    assert!(!other.exists());
}

#[test]
fn simulated_kubelets_behave_as_asked() {
    let cluster = Cluster::start(Options { nodes: 1, ..Options::default() }).unwrap();
    let pods = [
        pod("plain", "1", None),
        pod("missing", "1-missing", None),
        pod("crash", "1-crash", None),
        pod("never", "1-never-ready", None),
        pod("slow", "1-slow", None),
        pod("failed", "1", Some("failed")),
        pod("chosen", "1-missing", Some("never-ready")),
    ];
    create(&cluster, &json!({"apiVersion": "v1", "kind": "List", "items": pods}));

    let plain = wait_object(&cluster, "pod", "plain", |pod| is(pod, "Ready", "True"));
    assert_eq!(plain["status"]["phase"], "Running");
    assert!(plain["status"]["podIP"].is_string());
    for kind in
        ["PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled", "example.com/gate"]
    {
        assert!(is(&plain, kind, "True"), "{kind}: {}", plain["status"]);
        assert!(condition(&plain, kind)["lastTransitionTime"].is_string());
    }
    assert_eq!(plain["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 0);

    let reason = |pod: &Value| container(pod, "app")["state"]["waiting"]["reason"].clone();
    let missing = wait_object(&cluster, "pod", "missing", |pod| reason(pod) == "ImagePullBackOff");
    assert_eq!(missing["status"]["phase"], "Pending");
    let message = container(&missing, "app")["state"]["waiting"]["message"].as_str().unwrap();
    assert!(message.contains("registry.example:5000/team/app:1-missing"), "{message}");
    assert_eq!(container(&missing, "side")["ready"], true);
    assert!(is(&missing, "Ready", "False"));

    let restarts = |pod: &Value| container(pod, "app")["restartCount"].as_u64().unwrap_or_default();
    let crash = wait_object(&cluster, "pod", "crash", |pod| restarts(pod) >= 3);
    assert_eq!((&crash["status"]["phase"], reason(&crash)), (&json!("Running"), json!("CrashLoopBackOff")));
    let last = &container(&crash, "app")["lastState"]["terminated"];
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(1), &json!("Error")));
    assert!(is(&crash, "Ready", "False"));

    let never = wait_object(&cluster, "pod", "never", |pod| is(pod, "Ready", "False"));
    assert_eq!(condition(&never, "Ready")["reason"], "ContainersNotReady");
    assert_eq!(condition(&never, "Ready")["message"], "containers with unready status: [app]");
    assert!(container(&never, "app")["state"]["running"].is_object());

    let chosen = wait_object(&cluster, "pod", "chosen", |pod| is(pod, "Ready", "False"));
    assert_eq!(condition(&chosen, "Ready")["message"], "containers with unready status: [side app]");

    let failed = wait_object(&cluster, "pod", "failed", |pod| pod["status"]["phase"] == "Failed");
    assert_eq!(failed["status"]["reason"], "Evicted");

    let slow = wait_object(&cluster, "pod", "slow", |pod| is(pod, "Ready", "True"));
    assert!(condition(&slow, "Ready")["reason"].is_null());
    assert_ne!(condition(&slow, "Ready")["lastTransitionTime"], slow["status"]["startTime"]);

    // A pod changes its behaviour with its annotation.
    let annotate = |value: &str| {
        cluster.kubectl(&["annotate", "pod", "plain", &format!("{BEHAVIOUR_ANNOTATION}{value}")]).unwrap()
    };
    annotate("=never-ready");
    wait_object(&cluster, "pod", "plain", |pod| is(pod, "Ready", "False"));
    annotate("-");
    wait_object(&cluster, "pod", "plain", |pod| is(pod, "Ready", "True"));

    // A finalizer holds a pod that has stopped; without it the pod goes.
    let finalizers = |value: Value| json!({"metadata": {"finalizers": value}}).to_string();
    cluster
        .kubectl(&[
            "patch",
            "pod",
            "never",
            "--type=merge",
            "--patch",
            &finalizers(json!(["example.com/hold"])),
        ])
        .unwrap();
    cluster.kubectl(&["delete", "pods", "--all", "--wait=false"]).unwrap();
    for name in ["plain", "missing", "crash", "slow", "failed", "chosen"] {
        wait_gone(&cluster, "pod", name);
    }
    wait_object(&cluster, "pod", "never", |pod| pod["status"]["phase"] == "Succeeded");
    cluster.kubectl(&["patch", "pod", "never", "--type=merge", "--patch", &finalizers(Value::Null)]).unwrap();
    wait_gone(&cluster, "pod", "never");
}

#[test]
fn simulated_kubelets_delete_no_pod_that_nobody_asked_them_to() {
    let cluster = Cluster::start(Options { nodes: 1, ..Options::default() }).unwrap();
    create(
        &cluster,
        &json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"},
            "spec": {
                "replicas": 10, "podManagementPolicy": "Parallel", "serviceName": "web",
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
        }),
    );
    // Namesakes follow each other as fast as they can.
    for _ in 0..8 {
        wait_object(&cluster, "statefulset", "web", |set| set["status"]["readyReplicas"] == 10);
        cluster.kubectl(&["delete", "pods", "--all", "--wait=false"]).unwrap();
    }
    wait_object(&cluster, "statefulset", "web", |set| set["status"]["readyReplicas"] == 10);
    let mut asked = BTreeSet::new();
    for event in cluster.audit().unwrap() {
        let about_a_pod = event.resource == "pods" && event.subresource.is_empty() && event.code < 300;
        match event.verb.as_str() {
            "delete" if about_a_pod && event.user == "kwok" => {
                assert!(asked.remove(&event.name), "nobody asked: {event:?}");
            }
            "delete" if about_a_pod => {
                asked.insert(event.name);
            }
            _ => {}
        }
    }
}

#[test]
fn a_cluster_has_nodes_volumes_accounts_and_an_audit_log() {
    let cluster = Cluster::start(Options { nodes: 2, ..Options::default() }).unwrap();

    create(
        &cluster,
        &json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }),
    );
    let claim =
        wait_object(&cluster, "persistentvolumeclaim", "data", |claim| claim["status"]["phase"] == "Bound");
    let volume = cluster
        .kubectl(&["get", "pv", claim["spec"]["volumeName"].as_str().unwrap(), "--output=json"])
        .unwrap();
    let volume: Value = serde_json::from_str(&volume).unwrap();
    let path = PathBuf::from(volume["spec"]["hostPath"]["path"].as_str().unwrap());
    assert!(path.exists());

    cluster.kubectl(&["create", "configmap", "rehearsal", "--dry-run=server"]).unwrap();
    let events = cluster.audit().unwrap();
    let created = events.iter().find(|event| event.verb == "create" && event.name == "data").unwrap();
    assert_eq!(
        (created.user.as_str(), created.resource.as_str(), created.code),
        ("admin", "persistentvolumeclaims", 201)
    );
    assert_eq!((created.namespace.as_str(), created.dry_run), ("default", false));
    assert!(events.iter().any(|event| event.resource == "configmaps" && event.dry_run));
    assert!(events.iter().all(|event| !["get", "list", "watch"].contains(&event.verb.as_str())));

    let kubeconfig = cluster.kubeconfig_for_service_account("default", "default").unwrap();
    let mut who = Command::new(&cluster.binaries().kubectl);
    who.args(["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"]);
    who.env("KUBECONFIG", kubeconfig);
    let process = cluster.spawn("whoami", who).unwrap();
    assert!(process.wait_exit(SOON).unwrap().success(), "{}", process.log().unwrap());
    assert_eq!(process.log().unwrap(), "system:serviceaccount:default:default");

    // A node is not Ready and Ready again, goes, and comes back under its name.
    cluster.set_node_ready("node-0", false).unwrap();
    wait_object(&cluster, "node", "node-0", |node| is(node, "Ready", "False"));
    cluster.set_node_ready("node-0", true).unwrap();
    let first = wait_object(&cluster, "node", "node-0", |node| is(node, "Ready", "True"));
    cluster.remove_node("node-0").unwrap();
    wait_gone(&cluster, "node", "node-0");
    cluster.add_node("node-0", &[("example.com/zone", "a")]).unwrap();
    cluster.wait_nodes_ready(&["node-0".to_owned()], SOON).unwrap();
    let second = wait_object(&cluster, "node", "node-0", |node| is(node, "Ready", "True"));
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
    assert_eq!(second["metadata"]["labels"]["example.com/zone"], "a");
    let mut bound = pod("bound", "1", None);
    bound["spec"]["nodeName"] = json!("node-0");
    create(&cluster, &bound);
    wait_object(&cluster, "pod", "bound", |pod| is(pod, "Ready", "True"));

    // A component that died is the error of whatever comes next.
    let apiserver = fs::read_to_string(cluster.dir().join("pids/plane/kube-apiserver")).unwrap();
    Command::new("kill").args(["-KILL", apiserver.trim()]).status().unwrap();
    eventually("the death to be noticed", || match cluster.kubectl(&["get", "nodes"]) {
        Ok(text) => Err(text),
        Err(error) if error.to_string().contains("kube-apiserver ended") => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    drop(cluster);
    assert!(!path.exists(), "the volume's directory is left");
}

#[test]
fn sigkill_of_the_owner_leaves_nothing() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_local-cluster"))
        .args(["up", "--nodes", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(owner.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let kubeconfig = PathBuf::from(line.strip_prefix("export KUBECONFIG=").unwrap());
    let dir = kubeconfig.parent().unwrap().to_owned();
    let pids = pids(&dir);
    assert_eq!(pids.len(), 5);
    assert!(pids.iter().all(|pid| alive(pid)));
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the directory to go", || if dir.exists() { Err(dir.display().to_string()) } else { Ok(()) });
    assert!(!pids.iter().any(|pid| alive(pid)), "processes are left");
}

/// Without Go and without a cache there is one way left: binaries from elsewhere.
#[test]
fn what_is_missing_is_one_line_that_says_what_to_install_or_set() {
    let built = Binaries::locate().unwrap();
    let empty = std::env::temp_dir().join(format!("berth-empty-{}", std::process::id()));
    fs::create_dir_all(&empty).unwrap();
    let run = |assets: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cluster"));
        command.arg("build").env("PATH", &empty).env("BERTH_CACHE", empty.join("cache"));
        match assets {
            Some(assets) => command.env("KUBEBUILDER_ASSETS", assets),
            None => command.env_remove("KUBEBUILDER_ASSETS"),
        };
        command.output().unwrap()
    };
    let missing = run(None);
    let elsewhere = run(built.etcd.parent());
    let wrong = run(Some(Path::new("/nowhere")));
    fs::remove_dir_all(&empty).unwrap();
    for output in [&missing, &wrong] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains("Go 1.26") && stderr.contains("KUBEBUILDER_ASSETS"), "{stderr}");
    }
    assert!(elsewhere.status.success(), "{}", String::from_utf8_lossy(&elsewhere.stderr));
}

/// A build that is killed takes the compiler with it.
#[test]
fn sigkill_of_a_build_ends_the_compiler() {
    let home = std::env::temp_dir().join(format!("berth-build-{}", std::process::id()));
    fs::create_dir_all(&home).unwrap();
    // In place of the compiler, a program that says who it is and never ends.
    let go = home.join("go");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = version ] && echo go version go1.26.0 && exit\nsleep 1000 & echo $$ $! >{}; wait\n",
        home.join("pids").display()
    );
    fs::write(&go, script).unwrap();
    fs::set_permissions(&go, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", home.display(), std::env::var("PATH").unwrap());
    let mut owner = Command::new(env!("CARGO_BIN_EXE_local-cluster"));
    owner.arg("build").env("PATH", path).env("BERTH_CACHE", &home).env_remove("KUBEBUILDER_ASSETS");
    let mut owner = owner.stderr(Stdio::null()).spawn().unwrap();
    let compiler = eventually("the compiler to start", || {
        let pids = fs::read_to_string(home.join("pids")).map_err(|e| e.to_string())?;
        if pids.ends_with('\n') { Ok(pids) } else { Err(pids) }
    });
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the compiler to end", || match compiler.split_whitespace().find(|pid| alive(pid)) {
        Some(pid) => Err(pid.to_owned()),
        None => Ok(()),
    });
    fs::remove_dir_all(&home).unwrap();
}

#[test]
fn wrong_flags_are_one_line_and_exit_2() {
    for arguments in
        [&["up", "--wrong"][..], &["up", "--nodes", "-1"], &["up", "--nodes", "many"], &["nothing"], &[]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_local-cluster")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}
