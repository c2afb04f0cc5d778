//! Two operators with the shipped roles, killed (SIGKILL), ended (SIGTERM) and paused (SIGSTOP) at random while sets are created, updated and scaled.
//! An independent checker reads the history of the API server's store through watches of its own, compares it with that of etcd, and
//! asserts what must hold.
//!
//! One minute; `BERTH_CHAOS_SECONDS=600` takes ten. `BERTH_CHAOS_SEED` chooses what happens; when, the machine decides.

mod checker;
mod store;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::Process;
use checker::Checker;
use serde_json::json;
use store::Store;

use crate::support::manifests::{NEW, OLD, OTHER, node_daemon_set, ordinal_set, with_claims, with_image};
use crate::support::plane::{ORDINALS, Plane, project};
use crate::support::read::{CLAIM, NDS, OSET, POD, REVISION};
use crate::support::{Chronicle, Scene, existing};

const NAMESPACE: &str = "chaos";
/// How long it takes unless somebody says otherwise, in seconds.
const USUAL: u64 = 60;
/// What a leader may have on its way: one pod of `web`, two of `bulk`, one of `agent` and one of `surging`.
const BATCH: usize = 5;
/// How long nobody may write anything at the end.
const QUIET: Duration = Duration::from_secs(10);
/// A lease is valid for 15 s; some pauses are longer.
const LONGEST_PAUSE: u64 = 25;

/// A small generator (xorshift): chance is a number that can be chosen again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn number(name: &str, usual: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// An operator that is started again whenever it has ended.
struct Candidate {
    name: String,
    process: Process,
    paused_until: Option<Instant>,
    /// Whether it was killed or asked to end.
    ends: bool,
}

impl Candidate {
    fn start(scene: &Scene, name: &str) -> Self {
        let lease = format!("--lease-namespace={NAMESPACE}");
        let process = scene.operator(name, &[&lease]);
        Self { name: name.to_owned(), process, paused_until: None, ends: false }
    }

    /// Sends a signal that it does not survive.
    fn end(&mut self, signal: &str) {
        self.process.signal(signal).unwrap();
        self.ends = true;
    }

    /// Whether it runs, and will.
    fn runs(&mut self, scene: &Scene) -> Result<(), String> {
        self.paused_until = self.paused_until.map(|_| Instant::now());
        self.tend(scene);
        if self.ends { Err(format!("{} has not ended yet", self.name)) } else { Ok(()) }
    }

    /// Goes on after a pause, and comes back after an end.
    fn tend(&mut self, scene: &Scene) {
        if self.paused_until.is_some_and(|until| Instant::now() >= until) {
            self.process.signal("CONT").unwrap();
            self.paused_until = None;
        }
        if self.process.exit_status().unwrap().is_some() {
            *self = Self::start(scene, &self.name);
        }
    }
}

#[test]
fn operators_that_are_killed_and_paused_at_random_harm_nothing() {
    if existing::leaves_out("the requests of its operators are counted in the audit log") {
        return;
    }
    let seed = number("BERTH_CHAOS_SEED", 1);
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let scene = scene();
    let store = Store::watch(&scene.plane.cluster.store(), NAMESPACE);
    let kinds = [POD, CLAIM, REVISION, OSET, NDS];
    let chronicles: Vec<Chronicle> = kinds.map(|kind| Chronicle::begin(&scene.plane, kind, NAMESPACE)).into();
    foreign_pod(&scene);
    let mut candidates = [Candidate::start(&scene, "one"), Candidate::start(&scene, "two")];

    let ordered = with_claims("web", 3);
    let mut parallel = ordinal_set("bulk", 4);
    parallel["spec"]["podManagementPolicy"] = json!("Parallel");
    parallel["spec"]["updateStrategy"] = json!({ "rollingUpdate": { "maxUnavailable": 2 } });
    let agent = node_daemon_set("agent", ORDINALS);
    let mut surging = node_daemon_set("surging", ORDINALS);
    surging["spec"]["updateStrategy"] = json!({ "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } });
    for set in [&ordered, &parallel, &agent, &surging] {
        scene.apply(set);
    }
    let until = Instant::now() + Duration::from_secs(number("BERTH_CHAOS_SECONDS", USUAL));
    let (mut kills, mut ends, mut pauses, mut deeds) = (0, 0, 0, 0);
    while Instant::now() < until {
        thread::sleep(Duration::from_millis(300 + chance.below(1500)));
        candidates.iter_mut().for_each(|candidate| candidate.tend(&scene));
        match chance.below(6) {
            0 => {
                kills += 1;
                candidates[chance.below(2) as usize].end("KILL");
            }
            // Whoever leads gives the lease back, and the other goes on at once.
            1 => {
                ends += 1;
                candidates[chance.below(2) as usize].end("TERM");
            }
            2 => {
                let candidate = &mut candidates[chance.below(2) as usize];
                if candidate.paused_until.is_none() {
                    pauses += 1;
                    candidate.process.signal("STOP").unwrap();
                    let time = Duration::from_secs(2 + chance.below(LONGEST_PAUSE));
                    candidate.paused_until = Some(Instant::now() + time);
                }
            }
            _ => {
                deeds += 1;
                let image = [OLD, NEW, OTHER][chance.below(3) as usize];
                let replicas = 1 + chance.below(5);
                match chance.below(7) {
                    0 => scene.apply(&with_image(&agent, image)),
                    6 => scene.apply(&with_image(&surging, image)),
                    1 => scene.patch(OSET, "web", &json!({ "spec": { "replicas": replicas } })),
                    2 => scene.patch(OSET, "bulk", &json!({ "spec": { "replicas": replicas } })),
                    set => {
                        let name = if set == 3 { "bulk" } else { "web" };
                        let containers = json!([{ "name": "main", "image": image }]);
                        let spec = json!({ "template": { "spec": { "containers": containers } } });
                        scene.patch(OSET, name, &json!({ "spec": spec }));
                    }
                }
            }
        }
    }
    scene.wait("both operators to run again", || {
        candidates.iter_mut().try_for_each(|candidate| candidate.runs(&scene))
    });
    scene.settled(OSET, "web");
    scene.settled(OSET, "bulk");
    scene.settled(NDS, "agent");
    scene.settled(NDS, "surging");
    let mut before = scene.requests().len();
    scene.wait("nobody to write anything any more", || {
        candidates.iter_mut().for_each(|candidate| candidate.tend(&scene));
        thread::sleep(QUIET);
        let now = scene.requests().len();
        let more = now - std::mem::replace(&mut before, now);
        if more == 0 { Ok(()) } else { Err(format!("{more} requests in {} s", QUIET.as_secs())) }
    });
    scene.wait("the watches to tell all that etcd has", || {
        let mut all = kinds.iter().zip(&chronicles);
        all.try_for_each(|(kind, chronicle)| store.is_told_by(kind.plural, &chronicle.entries()))
    });
    let checker =
        Checker::new(kinds.iter().map(|kind| kind.plural).zip(chronicles.iter().map(Chronicle::entries)));
    let mut found = checker.check();
    let blind = scene
        .requests()
        .into_iter()
        .filter(|r| r.verb == "delete" && r.resource == "pods" && r.uid.is_empty());
    found.wrong.extend(blind.map(|request| format!("S2: {} is deleted whatever its uid", request.name)));
    println!("seed {seed}: {kills} kills, {ends} ends, {pauses} pauses, {deeds} changes by people; {found}");
    assert!(found.wrong.is_empty(), "seed {seed}: {:#?}", found.wrong);
    // Each end and each pause leaves at most what was on its way: one batch for each of the sets.
    let most = (kills + ends + pauses) * BATCH;
    assert!(
        found.beyond() <= most,
        "seed {seed}: {} acts that were right only for an earlier state, {most} may be",
        found.beyond()
    );
    assert!(kills > 0 && ends > 0 && pauses > 0 && deeds > 0, "nothing happened");
}

/// The namespace, with the rights of `deploy/namespaced.yaml` and of the ClusterRole of `deploy/rbac.yaml`.
fn scene() -> Scene {
    let rights = std::fs::read_to_string(project("deploy/namespaced.yaml")).unwrap();
    let rights = rights.replace("namespace: default", &format!("namespace: {NAMESPACE}"));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": existing::binding(NAMESPACE, "berth") },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berth" },
        "subjects": [{ "kind": "ServiceAccount", "name": "berth", "namespace": NAMESPACE }],
    });
    Scene::begin(Plane::shared(), NAMESPACE, NAMESPACE, &format!("{rights}\n---\n{binding}"))
}

/// A pod that the selector of `web` selects, and that somebody else manages.
fn foreign_pod(scene: &Scene) {
    scene.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "foreign", "labels": { "app": "web" },
            "ownerReferences": [{ "apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "controller": true,
                "uid": scene.get(crate::support::read::ACCOUNT, "default")["metadata"]["uid"] }],
        },
        "spec": { "containers": [{ "name": "main", "image": OLD }] },
    }));
}
