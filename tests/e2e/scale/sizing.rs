//! How large an operator gets and what it takes, for `docs/operating.md`: many ordinal sets, their pods on simulated nodes, and two
//! operators of which one stands by.
//!
//! `cargo test --release -p berth-e2e --test scale -- --ignored sizing --nocapture`; `BERTH_SCALE_SETS=500` takes more sets than 100.
//! With `BERTH_TEST_PROGRAM` it is that program that is measured, such as the one that `.ci/image` makes.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::Process;
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::subject::cpu;
use crate::support::health::{ask, free_address};
use crate::support::manifests::{NEW, ordinal_set, with_image};
use crate::support::plane::{MEMBER, ORDINALS, Plane, pool};
use crate::support::read::{OSET, REVISION, is_settled};
use crate::support::{Scene, existing};

/// Pods of each set.
const PODS: u32 = 10;
/// Pods that a node takes.
const ON_A_NODE: u32 = 50;
/// Revisions of each set, as the default limit of the history keeps them: ten old ones and the present one.
const REVISIONS: u32 = 11;
/// For how long nothing happens.
const STILL: Duration = Duration::from_secs(60);

/// Not in every run: it measures, and nothing is right or wrong about that. `docs/operating.md` has the command and what came of it.
#[test]
#[ignore = "a measurement: nothing is right or wrong about it"]
fn sizing() {
    if existing::leaves_out("nodes are simulated") {
        return;
    }
    let sets: u32 = std::env::var("BERTH_SCALE_SETS").map_or(100, |sets| sets.parse().unwrap());
    let program = std::env::var("BERTH_TEST_PROGRAM");
    let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_berth-under-test").to_owned());
    let plane = Plane::start();
    for part in ["crds", "deploy/namespace.yaml", "deploy/rbac.yaml"] {
        plane.install(part);
    }
    let nodes: Vec<String> = (0..(sets * PODS).div_ceil(ON_A_NODE)).map(|n| format!("node-{n}")).collect();
    plane.cluster.add_nodes(&nodes, &[(&pool(ORDINALS), MEMBER)]).unwrap();
    let scene = Scene::begin(Arc::new(plane), "sizing", "berth-system", "");
    let addresses = [free_address(), free_address()];
    let start = |n: usize| {
        let listen = format!("--listen={}", addresses[n]);
        let operator = scene.run_build(&program, &format!("operator-{n}"), &[&listen]);
        scene.wait("readiness", || match ask(&addresses[n], "/readyz") {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        operator
    };
    let (leader, other) = (start(0), start(1));
    say("with nothing", &leader, &other);

    let all = |image: &str| {
        let manifests = (0..sets).map(|n| {
            let mut set = with_image(&ordinal_set(&format!("set-{n}"), PODS), image);
            set["spec"]["podManagementPolicy"] = json!("Parallel");
            set["spec"]["updateStrategy"] = json!({ "type": "RollingUpdate" });
            as_people_write(&mut set["spec"]["template"]["spec"]);
            set.to_string()
        });
        scene.apply_text(&manifests.collect::<Vec<_>>().join("\n---\n"));
        let settled = || scene.list(OSET).iter().filter(|set| is_settled(set)).count();
        scene.wait_at_most(PATIENCE, "all sets to be settled", || {
            thread::sleep(Duration::from_secs(1));
            let settled = settled();
            if settled == sets as usize { Ok(()) } else { Err(format!("{settled} of {sets}")) }
        });
    };
    let measure = |what: &str, part: &dyn Fn()| {
        let (began, before) = (Instant::now(), [cpu(leader.pid()), cpu(other.pid())]);
        part();
        let used = [cpu(leader.pid()) - before[0], cpu(other.pid()) - before[1]];
        println!(
            "{what}: {:.0} s, CPU of the leader {:?}, of the other {:?}",
            began.elapsed().as_secs_f64(),
            used[0],
            used[1]
        );
        say(what, &leader, &other);
    };
    measure(&format!("{sets} sets of {PODS} pods made"), &|| all(crate::support::manifests::OLD));
    measure("nothing for a minute", &|| thread::sleep(STILL));
    // Revisions alone: a template that changes rolls nothing under OnDelete.
    measure(&format!("{REVISIONS} revisions of each set"), &|| {
        for revision in 1..REVISIONS {
            let patch = json!({ "spec": {
                "updateStrategy": { "type": "OnDelete", "rollingUpdate": null },
                "template": { "metadata": { "annotations": { "example.com/release": revision.to_string() } } },
            } });
            for n in 0..sets {
                scene.patch(OSET, &format!("set-{n}"), &patch);
            }
            scene.wait_at_most(PATIENCE, "the revisions", || {
                thread::sleep(Duration::from_secs(1));
                let all = scene.list(REVISION).len();
                if all >= ((revision + 1) * sets) as usize { Ok(()) } else { Err(format!("{all} revisions")) }
            });
        }
    });
    measure("all rolled, one pod of each set at a time", &|| all(NEW));

    // The other takes over, and lists everything anew before it acts.
    let server = scene.plane.cluster.component("kube-apiserver").unwrap().pid();
    let before = [cpu(other.pid()), cpu(server)];
    let began = Instant::now();
    leader.terminate().unwrap();
    scene.kubectl(&["scale", "oset", "set-0", "--replicas=11"]);
    scene.wait("the other to act", || match other.log().unwrap().contains("create pod") {
        true => Ok(()),
        false => Err(String::new()),
    });
    let acted = began.elapsed();
    thread::sleep(Duration::from_secs(3));
    println!(
        "the other acts {acted:?} after SIGTERM, the command that gives it something to do included; CPU {:?}, of the API server {:?}",
        cpu(other.pid()) - before[0],
        cpu(server) - before[1]
    );
    println!("after a change of the leader: {}", memory(&other));
}

/// Makes a template as large as those that people write: three containers, twenty variables, probes, resources and volumes.
fn as_people_write(spec: &mut Value) {
    let variables: Vec<Value> = (0..20)
        .map(|n| json!({ "name": format!("SETTING_{n}"), "value": format!("value of setting {n}") }))
        .collect();
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": 8080 }, "periodSeconds": 10, "failureThreshold": 3 });
    let resources = json!({ "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } });
    let main = &mut spec["containers"][0];
    main["env"] = json!(variables);
    main["livenessProbe"] = probe("/healthz");
    main["readinessProbe"] = probe("/readyz");
    main["resources"] = resources.clone();
    main["volumeMounts"] = json!([{ "name": "settings", "mountPath": "/etc/settings" }]);
    let image = main["image"].clone();
    let beside = |name: &str| {
        json!({
            "name": name, "image": image, "args": ["--listen=0.0.0.0:9090", "--log-format=json", "--level=info"],
            "env": variables[..5], "resources": resources, "readinessProbe": probe("/metrics"),
            "volumeMounts": [{ "name": "settings", "mountPath": "/etc/settings" }],
        })
    };
    let others = [beside("exporter"), beside("proxy")];
    if let Some(containers) = spec["containers"].as_array_mut() {
        containers.extend(others);
    }
    spec["volumes"] = json!([{ "name": "settings", "configMap": { "name": "settings", "optional": true } }]);
}

fn say(what: &str, leader: &Process, other: &Process) {
    println!("{what}: memory of the leader {}, of the other {}", memory(leader), memory(other));
}

/// Resident memory now and at most, in MiB.
fn memory(process: &Process) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    };
    format!("{} MiB (at most {})", field("VmRSS:"), field("VmHWM:"))
}
