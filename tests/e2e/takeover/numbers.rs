//! What a hundred ordered pods with a claim each cost in writes, Berth beside kube-controller-manager, counted in the audit log of
//! one API server. Events and leases are not in it.

use std::fmt;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::manifests::{of_kind, stateful_set};
use crate::support::read::{Kind, OSET, POD, STS, is_observed, is_ready, number, uid};
use crate::support::writes::{BERTH, Mark, UPSTREAM};

/// Pods of a set.
const PODS: usize = 100;
/// Writes that a phase may cost besides those of its pods and claims: a revision and what becomes of an old one.
const BESIDES: usize = 2;

/// A set, and who looks after it.
#[derive(Clone, Copy, Debug)]
struct Subject {
    who: &'static str,
    user: &'static str,
    kind: Kind,
    name: &'static str,
}

const OURS: Subject = Subject { who: "berth, OrdinalSet", user: BERTH, kind: OSET, name: "ours" };
const NATIVE: Subject = Subject { who: "berth, StatefulSet", user: BERTH, kind: STS, name: "native" };
const THEIRS: Subject =
    Subject { who: "kube-controller-manager", user: UPSTREAM[0], kind: STS, name: "theirs" };

/// What one phase cost.
#[derive(Clone, Debug)]
struct Cost {
    subject: Subject,
    phase: &'static str,
    pods: usize,
    /// To pods, claims and revisions.
    objects: usize,
    status: usize,
    /// Of all these, how many were refused.
    refused: usize,
    seconds: u64,
}

#[test]
fn a_hundred_ordered_pods_cost_what_they_must() {
    let world = World::of_upstream();
    world.install("crds");
    world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    world.cluster.add_node("more", &[]).unwrap();
    let berth = world.berth(&["--apis=berth"]);
    let mut costs = side_by_side(&world, [OURS, THEIRS]);
    costs.push(restarted(&world, OURS, || {
        world.end(&berth);
        world.berth(&["--apis=berth"])
    }));
    world.upstream(false);
    let berth = world.berth(&["--apis=apps"]);
    costs.extend(side_by_side(&world, [NATIVE]));
    costs.push(restarted(&world, NATIVE, || {
        world.end(&berth);
        world.berth(&["--apis=apps"])
    }));

    println!("{}", table(&costs));
    for cost in costs.iter().filter(|cost| cost.subject.user == BERTH) {
        within_limits(cost);
    }
}

/// Every phase in turn, several subjects at the same time.
fn side_by_side<const N: usize>(world: &World, subjects: [Subject; N]) -> Vec<Cost> {
    thread::scope(|scope| {
        let running = subjects.map(|subject| scope.spawn(move || all_phases(world, subject)));
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn all_phases(world: &World, subject: Subject) -> Vec<Cost> {
    let mut set = stateful_set(subject.name, "Retain");
    if subject.kind.plural == OSET.plural {
        set = of_kind(&set, "berth.dev/v1", "OrdinalSet");
    }
    set["spec"]["replicas"] = json!(PODS);
    let created = phase(world, subject, "creation", PODS, || world.apply(&set));

    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.test/app:2");
    let rolled = phase(world, subject, "rolling update", PODS, || world.apply(&set));

    let pod = format!("{}-{}", subject.name, PODS / 2);
    let killed = phase(world, subject, "a pod is killed", 1, || {
        let before = world.get(POD, &pod);
        world.kubectl(&["delete", "pod", &pod, "--wait=false"]);
        world.until(POD, &pod, "another, ready", |pod| uid(pod) != uid(&before) && is_ready(pod));
    });

    set["spec"]["replicas"] = json!(0);
    let emptied = phase(world, subject, "scale to 0, Retain", PODS, || world.apply(&set));
    assert_eq!(
        world.list(crate::support::read::CLAIM).iter().filter(|claim| is_of(claim, subject)).count(),
        PODS
    );
    vec![created, rolled, killed, emptied]
}

/// Does something, waits until the set is at rest, and counts.
fn phase(world: &World, subject: Subject, phase: &'static str, pods: usize, act: impl FnOnce()) -> Cost {
    let (mark, began) = (world.mark(), Instant::now());
    act();
    come_to_rest(world, subject, phase);
    cost(world, subject, phase, pods, mark, began)
}

/// Waits for as long as there is progress.
fn come_to_rest(world: &World, subject: Subject, phase: &str) {
    let mut set = world.get(subject.kind, subject.name);
    while !at_rest(&set) {
        let before = set["metadata"]["resourceVersion"].clone();
        let what = format!("progress: {phase}");
        let other = |set: &Value| set["metadata"]["resourceVersion"] != before;
        set = world.until(subject.kind, subject.name, &what, other);
    }
}

/// Whether all pods that are wanted are there, available and up to date, and no others, and the status says so.
fn at_rest(set: &Value) -> bool {
    let counts = ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"];
    is_observed(set)
        && set["status"]["currentRevision"] == set["status"]["updateRevision"]
        && counts
            .iter()
            .all(|count| number(set, &format!("/status/{count}")) == number(set, "/spec/replicas"))
}

/// The operator starts anew, and looks at a set that is at rest.
fn restarted(world: &World, subject: Subject, restart: impl FnOnce() -> berth_cluster::Process) -> Cost {
    world.kubectl(&["scale", subject.kind.plural, subject.name, "--replicas=9"]);
    come_to_rest(world, subject, "nine pods");
    let (mark, began) = (world.mark(), Instant::now());
    let operator = restart();
    // It has looked at everything when it has served a fresh set.
    let fresh = Subject { name: "fresh", ..subject };
    let mut set = stateful_set(&format!("{}-{}", fresh.name, subject.name.len()), "Retain");
    if subject.kind.plural == OSET.plural {
        set = of_kind(&set, "berth.dev/v1", "OrdinalSet");
    }
    world.apply(&set);
    world.until(subject.kind, set["metadata"]["name"].as_str().unwrap(), "three pods", at_rest);
    let cost = cost(world, subject, "restart of the operator", 9, mark, began);
    world.end(&operator);
    cost
}

fn is_of(object: &Value, subject: Subject) -> bool {
    object["metadata"]["labels"]["app"] == subject.name
}

fn cost(
    world: &World,
    subject: Subject,
    phase: &'static str,
    pods: usize,
    mark: Mark,
    began: Instant,
) -> Cost {
    let acts = world.acts(&[subject.user], mark);
    let of_set = |act: &&berth_cluster::AuditEvent| act.name.split('-').any(|part| part == subject.name);
    let acts: Vec<_> = acts.iter().filter(of_set).collect();
    let status = acts.iter().filter(|act| act.subresource == "status").count();
    Cost {
        subject,
        phase,
        pods,
        objects: acts.len() - status,
        status,
        refused: acts.iter().filter(|act| act.code >= 300).count(),
        seconds: began.elapsed().as_secs(),
    }
}

fn within_limits(cost: &Cost) {
    let a_pod = match cost.phase {
        "creation" | "rolling update" => 2,
        "a pod is killed" | "scale to 0, Retain" => 1,
        _ => 0,
    };
    let besides = if cost.pods == PODS { BESIDES } else { 0 };
    assert!(cost.objects <= a_pod * cost.pods + besides, "{cost}");
    let most = if a_pod == 0 { 0 } else { 12 + cost.seconds.div_ceil(5) };
    assert!(cost.status as u64 <= most, "at most {most} writes to the status: {cost}");
    assert_eq!(cost.refused, 0, "{cost}");
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, phase, pods, objects, status, refused, seconds } = self;
        // Hundredths are enough, and exact for a hundred pods.
        let a_pod = |count: usize| format!("{}.{:02}", count / pods, count % pods * 100 / pods);
        let (own, all) = (a_pod(*objects), a_pod(objects + status));
        write!(
            f,
            "{:<24} {phase:<24} {pods:>4} {objects:>7} {own:>6} {status:>7} {all:>6} {refused:>8} {seconds:>5}",
            subject.who
        )
    }
}

fn table(costs: &[Cost]) -> String {
    let head = ["who", "what", "pods", "writes", "a pod", "status", "in all", "refused", "s"];
    let [who, what, pods, writes, a_pod, status, all, refused, seconds] = head;
    let mut text = format!(
        "{who:<24} {what:<24} {pods:>4} {writes:>7} {a_pod:>6} {status:>7} {all:>6} {refused:>8} {seconds:>5}\n"
    );
    costs.iter().for_each(|cost| text += &format!("{cost}\n"));
    text
}
