//! How the tests look at a cluster: by polling with a deadline, never by sleeping for luck.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::{BEHAVIOUR_ANNOTATION, Cluster};
use serde_json::{Value, json};

/// Long enough for a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

/// Calls `look` until it answers `Ok`; its `Err` is shown when the time is over.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) => assert!(Instant::now() < deadline, "waited in vain for {what}; last seen: {seen}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the object satisfies `condition`.
pub fn wait_object(cluster: &Cluster, kind: &str, name: &str, condition: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{kind}/{name}"), || {
        let text =
            cluster.kubectl(&["get", kind, name, "--output=json"]).map_err(|error| error.to_string())?;
        let object: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if condition(&object) { Ok(object) } else { Err(object["status"].to_string()) }
    })
}

pub fn wait_gone(cluster: &Cluster, kind: &str, name: &str) {
    eventually(&format!("{kind}/{name} to be gone"), || {
        let text = cluster.kubectl(&["get", kind, name, "--ignore-not-found", "--output=name"]).unwrap();
        if text.is_empty() { Ok(()) } else { Err(text) }
    });
}

pub fn create(cluster: &Cluster, object: &Value) {
    cluster.kubectl_stdin(&["create", "-f", "-"], &object.to_string()).unwrap();
}

/// A pod with a healthy container `side` beside the container `app`, whose image's tag is given.
pub fn pod(name: &str, tag: &str, behaviour: Option<&str>) -> Value {
    let annotations = behaviour.map_or(json!({}), |value| json!({BEHAVIOUR_ANNOTATION: value}));
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "initContainers": [{"name": "init", "image": "registry.example:5000/crash/init:1"}],
            "readinessGates": [{"conditionType": "example.com/gate"}],
            // `crash` in the repository's name is not the tag.
            "containers": [
                {"name": "side", "image": "registry.example:5000/crash/side:1"},
                {"name": "app", "image": format!("registry.example:5000/team/app:{tag}")},
            ],
        },
    })
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

pub fn is(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind)["status"] == status
}

pub fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let statuses = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    statuses.iter().find(|status| status["name"] == name).unwrap_or(&Value::Null)
}

pub fn alive(pid: &str) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // A zombie is a process that has ended.
        Ok(stat) => !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success(),
    }
}

/// The pids of everything that a cluster has started.
pub fn pids(dir: &Path) -> Vec<String> {
    ["plane", "spawned"]
        .iter()
        .flat_map(|kind| fs::read_dir(dir.join("pids").join(kind)).unwrap())
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().trim().to_owned())
        .collect()
}
