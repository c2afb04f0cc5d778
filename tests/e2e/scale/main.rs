//! A node daemon set on a thousand simulated nodes, on a control plane of its own: what it costs, counted by the API server, and
//! how much of a CPU the operator takes while nodes do nothing but say that they live.
//!
//! `BERTH_SCALE_NODES=100` takes fewer nodes. `cargo test -p berth-e2e --test scale -- --ignored --show-output` runs kube-controller-manager
//! through the same, for comparison. CPU is that of the build that runs: `cargo test --release -p berth-e2e --test scale` for the shipped one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod heartbeats;
mod sizing;
mod subject;
// What the tests on an API server share; most of it is not used here.
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with other tests")]
#[path = "../apiserver/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use subject::Subject;
use support::chronicle::{Change, Entry};
use support::manifests::{NEW, node_daemon_set, with_image};
use support::plane::{MEMBER, pool};
use support::read::{is_ready, name};
use support::writes::Writes;
use support::{Scene, existing, number};

/// How long any part may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(300);
/// The namespace, and the pool of its nodes.
const SCALE: &str = "scale";

fn nodes() -> usize {
    std::env::var("BERTH_SCALE_NODES").ok().map_or(1000, |count| count.parse().unwrap())
}

#[test]
fn a_thousand_nodes_cost_what_they_need_and_no_more() {
    if existing::leaves_out("a thousand nodes are simulated") {
        return;
    }
    let Costs { created, left, back, rolled, quiet } = through(Subject::Berth);
    let all = nodes();
    assert_eq!(
        (created.pods("create"), created.pods("delete")),
        (all, 0),
        "1 write a pod: {}",
        created.writes
    );
    created.few_status_writes();
    assert_eq!((left.pods("create"), left.pods("delete")), (0, 1), "only that node: {}", left.writes);
    assert_eq!((back.pods("create"), back.pods("delete")), (1, 0), "only that node: {}", back.writes);
    for cost in [&left, &back] {
        cost.few_status_writes();
        assert_eq!(cost.writes.total(), 1 + cost.status(), "nothing else: {}", cost.writes);
    }
    let most = all * 202 / 100;
    let pods = rolled.pods("create") + rolled.pods("delete");
    assert!(pods <= most, "{pods} writes of pods, at most {most} expected: {}", rolled.writes);
    rolled.few_status_writes();
    assert_eq!(quiet.writes, Writes::default(), "heartbeats concern nobody");
}

/// Not in every run: it says how kube-controller-manager does, and nothing about Berth. `cargo test -p berth-e2e --test scale comparison -- --ignored`
#[test]
#[ignore = "says how kube-controller-manager does, and nothing about Berth"]
fn kube_controller_manager_for_comparison() {
    through(Subject::ControllerManager);
}

/// What each part cost.
struct Costs {
    created: Cost,
    left: Cost,
    back: Cost,
    rolled: Cost,
    quiet: Cost,
}

/// What one part cost.
struct Cost {
    writes: Writes,
    sets: &'static str,
    took: Duration,
}

impl Cost {
    fn pods(&self, verb: &str) -> usize {
        self.writes.count(&format!("{verb} pods"))
    }

    fn status(&self) -> usize {
        let of = |verb: &str| self.writes.count(&format!("{verb} {}/status", self.sets));
        of("patch") + of("update")
    }

    /// Ten, one more in five seconds, and the two that name the revisions: they wait for no token.
    fn few_status_writes(&self) {
        let most = 12 + usize::try_from(self.took.as_secs() / 5).unwrap();
        assert!(self.status() <= most, "at most {most} in {:?}: {}", self.took, self.writes);
    }
}

/// Takes a set through its life, prints what each part cost, and says so.
fn through(subject: Subject) -> Costs {
    let all = nodes();
    let scene = subject.scene(SCALE);
    join(&scene, all);
    let process = subject.start(&scene);
    let mut set = node_daemon_set("agent", SCALE);
    set["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}});
    let set = subject.of(&set);
    let everywhere = i64::try_from(all).unwrap();
    let mut meter = Meter { subject, scene: &scene, before: Writes::default() };

    let created = meter.measure("create the set", || {
        scene.apply(&set);
        settled(&scene, subject, everywhere);
    });

    let node = scene.node_name(0);
    let label = |value: &str| {
        scene.kubectl(&["label", "node", &node, &format!("{}={value}", pool(SCALE)), "--overwrite"]);
    };
    let left = meter.measure("one node leaves the pool", || {
        label("elsewhere");
        settled(&scene, subject, everywhere - 1);
    });
    let back = meter.measure("it comes back", || {
        label(MEMBER);
        settled(&scene, subject, everywhere);
    });

    let chronicle = scene.chronicle();
    let rolled = meter.measure("roll, 10% at a time", || {
        scene.apply(&with_image(&set, NEW));
        settled(&scene, subject, everywhere);
    });
    let worst = most_unavailable(&chronicle.entries(), all);
    println!("at most {worst} nodes were without a ready pod");
    assert!(subject != Subject::Berth || worst <= all.div_ceil(10), "{worst} of {all}");

    let quiet = meter.measure("heartbeats", || heartbeats::measure(&scene, &process, all));
    Costs { created, left, back, rolled, quiet }
}

/// Adds nodes and waits until pods may be bound to all of them.
fn join(scene: &Scene, count: usize) {
    let names: Vec<String> = (0..count).map(|n| scene.node_name(n)).collect();
    let began = Instant::now();
    scene.plane.add_nodes(&names, SCALE);
    scene.wait_at_most(PATIENCE, "the nodes to be ready", || {
        let list = scene.plane.read("/api/v1/nodes").unwrap();
        let free = existing::free_nodes(&list).len();
        if free == count {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(2));
        Err(format!("{free} of {count}"))
    });
    println!("{count} nodes joined in {:?}", began.elapsed());
}

/// Waits until the set says that all of its spec is carried out on so many nodes.
fn settled(scene: &Scene, subject: Subject, desired: i64) {
    let counts =
        ["desiredNumberScheduled", "currentNumberScheduled", "numberAvailable", "updatedNumberScheduled"];
    scene.wait_at_most(PATIENCE, &format!("the set to be settled on {desired} nodes"), || {
        let set = scene.get(subject.kind(), "agent");
        let observed = set["status"]["observedGeneration"] == set["metadata"]["generation"];
        let all = counts.iter().all(|count| number(&set, &format!("/status/{count}")) == desired);
        if observed && all { Ok(()) } else { Err(set["status"].to_string()) }
    });
}

/// How many nodes were without a ready pod at the worst moment.
fn most_unavailable(entries: &[Entry], all: usize) -> usize {
    let mut ready: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut count, mut began, mut worst) = (0, false, 0);
    for Entry { change, object } in entries {
        let now = *change != Change::Deleted && is_ready(object);
        let before = ready.insert(name(object), now).unwrap_or(false);
        count = count + usize::from(now) - usize::from(before);
        began |= count == all;
        if began {
            worst = worst.max(all.saturating_sub(count));
        }
    }
    worst
}

/// Counts the writes between two moments.
struct Meter<'a> {
    subject: Subject,
    scene: &'a Scene,
    before: Writes,
}

impl Meter<'_> {
    fn measure(&mut self, what: &str, part: impl FnOnce()) -> Cost {
        let began = Instant::now();
        part();
        let took = began.elapsed();
        let now = self.subject.writes(self.scene);
        let cost = Cost { writes: now.since(&self.before), sets: self.subject.kind().plural, took };
        self.before = now;
        println!("{what}: {} ({:.1} s)", cost.writes, took.as_secs_f64());
        cost
    }
}

impl Scene {
    /// The name of the n-th node of the pool.
    fn node_name(&self, n: usize) -> String {
        format!("{}-{n:04}", self.namespace)
    }
}

/// A JSON merge patch of a node's status, as a kubelet's heartbeat.
fn heartbeat() -> Value {
    let now = jiff::Timestamp::now().to_string();
    json!({"status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": now}]}})
}
