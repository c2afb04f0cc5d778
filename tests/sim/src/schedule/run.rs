//! Schedules come true.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::{Kind, ObjectRef, Resource};
use serde_json::{Value, json};

use super::{Drawn, Schedule, Step, steps};
use crate::api_server::object;
use crate::invariants::{Rules, ordinals};
use crate::outcome::{come_to_rest, comes_to_rest, reached};
use crate::world::{Limits, Weather, World};

/// How long a set may take to settle between two steps of a patient schedule.
const SETTLED: Duration = Duration::from_secs(30 * 60);
/// How long the garbage collectors take at most for what people have left.
const SWEPT: Duration = Duration::from_secs(60);
/// How often people look for broken pods at most.
const MOST_ROUNDS: u32 = 20;
/// How long a deleted set may take to go.
const GONE: u64 = 20 * 60;

impl Schedule {
    /// The sets as objects.
    pub fn objects(&self) -> Vec<ObjectRef> {
        self.sets.iter().map(Drawn::object).collect()
    }

    /// Lets it happen, to its end; panics at the first thing that is wrong. `telling`: whether the story is kept.
    pub fn run(&self, telling: bool) -> World {
        let world = self.history(telling);
        if self.patient {
            let calm = Schedule { weather: Weather::calm(), steps: self.deeds(), ..self.clone() };
            let (expected, found) = (calm.history(false).summary(), world.summary());
            if expected != found {
                let wrong = |(what, count): (&(ObjectRef, &'static str), &usize)| {
                    let other = expected.get(what).copied().unwrap_or(0);
                    (*count != other).then(|| format!("{count} {} of {}, not {other}", what.1, what.0))
                };
                let more: Vec<String> = found.iter().filter_map(wrong).collect();
                world.fail(&format!("S21: without faults it would be otherwise: {}", more.join(", ")));
            }
        }
        world
    }

    /// The steps that are no faults.
    fn deeds(&self) -> Vec<(Duration, Step)> {
        let fault = |step: &Step| {
            matches!(step, Step::Pause(..) | Step::Crash(_) | Step::Restart(_) | Step::Freeze(..))
        };
        self.steps.iter().filter(|(_, step)| !fault(step)).cloned().collect()
    }

    /// Lets it happen, without a comparison.
    pub fn history(&self, telling: bool) -> World {
        let mut world = World::new(self.seed, self.weather.clone());
        world.telling = telling;
        world.surface = self.sets[0].surface;
        world.both = self.sets.iter().any(|drawn| drawn.surface != world.surface);
        world.gates = self.gates;
        world.limits =
            self.limits.unwrap_or(if self.seed % 3 == 1 { Limits::shipped() } else { world.limits });
        world.lease = self.lease;
        world.invariants.terms.deadline = self.lease.map(|tenure| tenure.deadline);
        world.muted = self.muted.clone();
        world.script.extend(self.fate.clone());
        world.deliveries.extend(self.delivery);
        world.listings.extend(self.listing);
        let alone = self.operators == 1 || self.elects;
        world.invariants.rules = Rules {
            disruption: !self.disturbed && alone && !self.sees_the_past(),
            crowd: !alone,
            past: self.sees_the_past(),
            serial: !self.gates.max_unavailable,
            gated: !self.gates.recreate,
            compares: self.gates.comparison,
            told: alone && !self.sees_the_past(),
        };
        for node in &steps::NODES[..self.nodes] {
            world.add_node(node, &json!({ "disk": "ssd" }));
        }
        if self.disturbed && self.seed.is_multiple_of(4) {
            world.add_foreign_pod("web-2", "web", true);
            world.add_foreign_pod("web-01", "web", false);
            world.add_foreign_pod("agent-", "agent", true);
        }
        if self.namesakes {
            world.add_namesake("StatefulSet", "web", "web-9");
            world.add_namesake("CloneSet", "web", "web-b7x2k");
            world.add_namesake("DaemonSet", "agent", "agent-b7x2k");
        }
        for _ in 0..self.operators {
            if self.elects {
                world.add_candidate()
            } else {
                world.add_operator()
            };
        }
        let sets = self.objects();
        self.sets.iter().for_each(|drawn| create(&mut world, drawn));
        for (pause, step) in &self.steps {
            if self.patient {
                let all = |w: &World| sets.iter().try_for_each(|of| reached(w, of));
                world.run_until(SETTLED, all);
            } else {
                world.run_for(*pause);
            }
            step.apply(&mut world, self);
        }
        self.set_right(&mut world);
        if self.disturbed || !alone {
            // A claim that the garbage collector takes only now keeps the pod that uses it from ever coming back.
            world.run_for(SWEPT);
            let stuck = |(pod, v): (&ObjectRef, &Value)| uses_what_goes(&world, v).then(|| pod.clone());
            let stuck: Vec<ObjectRef> = world.server.all(Resource::Pods).filter_map(stuck).collect();
            world.invariants.rules.disruption &= stuck.is_empty();
            stuck.iter().for_each(|pod| world.delete(pod, "Background"));
        }
        people_replace_what_is_broken(&mut world, &sets);
        come_to_rest(&mut world, &sets);
        for of in &sets {
            if world.spec(of)["updateStrategy"]["type"] == "OnDelete" && !self.patient {
                people_finish_the_update(&mut world, of);
            }
        }
        world
    }

    /// Whatever stands in the way goes.
    fn set_right(&self, world: &mut World) {
        for drawn in &self.sets {
            let of = &drawn.object();
            if world.server.get(of).is_none() {
                create(world, drawn);
            }
            if drawn.is_gated(self.gates.recreate) {
                world.change(of, &json!({ "updateStrategy": { "type": "RollingUpdate" } }));
            }
            if world.spec(of)["paused"] == true {
                world.change(of, &json!({ "paused": false }));
            }
            let bad = object::text(&world.spec(of), "/template/spec/containers/0/image").contains("bad");
            if bad {
                world.set_image(of, "app:4");
            }
            // A bad template may be the one that the set comes from: then what is below a partition has nowhere else to go, nor what is
            // counted as current where there are no parameters (A9.2).
            let strategy = &world.spec(of)["updateStrategy"];
            let rolls = !["OnDelete", "Recreate"].map(Value::from).contains(&strategy["type"]);
            let partition = strategy["rollingUpdate"]["partition"].as_i64();
            let stays = drawn.kind == Kind::Ordinal && rolls && partition != Some(0);
            if (bad || comes_from_bad(world, of)) && stays {
                world.change(of, &json!({ "updateStrategy": { "rollingUpdate": { "partition": 0 } } }));
            }
        }
        world.server.admission.pod_quota = None;
        world.server.admission.refuses_pods = false;
        world.server.admission.strips_labels = false;
        world.server.admission.policies.clear();
        world.server.admission.reverts.clear();
        world.server.roles.give_back();
        world.troubles.clear();
        for node in steps::NODES {
            world.rejoin(node);
            world.fill(node, false);
        }
        if self.sets.iter().any(|drawn| drawn.kind == Kind::Ordinal) {
            make_room(world);
        }
        steps::take_back(world);
        let others: Vec<ObjectRef> = world
            .server
            .all(Resource::Pods)
            .filter(|(_, v)| {
                let elsewhere = object::controller(v).is_some_and(|r| r["kind"] == "ReplicaSet");
                let stripped = object::text(v, "/metadata/labels/app").is_empty();
                elsewhere
                    || stripped
                    || world.invariants.foreign.contains(object::uid(v)) && !is_beside(v)
                    || uses_what_goes(world, v)
            })
            .map(|(pod, _)| pod.clone())
            .collect();
        others.iter().for_each(|pod| world.delete(pod, "Background"));
        // Whoever switches the rival off starts the operators again.
        if self.steps.iter().any(|(_, step)| matches!(step, Step::Rival(_))) {
            (0..world.operators.len()).for_each(|operator| world.crash(operator));
        }
        for operator in 0..world.operators.len() {
            let off = world.operators[operator].skew.as_secs();
            if off != 0 {
                world.jump(operator, -off);
            }
        }
        world.heal();
    }

    /// A person deletes a set, waits until it is gone, and makes it again.
    pub fn replace(&self, world: &mut World, set: usize, how: &str) {
        let of = &self.objects()[set];
        // What was taken out of the set would keep its claim, and that would keep the set.
        steps::remove_apart(world);
        world.delete(of, how);
        for _ in 0..GONE {
            if world.server.get(of).is_none() {
                return create(world, &self.sets[set]);
            }
            world.run_for(Duration::from_secs(1));
        }
        // A foreground deletion waits for pods on nodes that are cut off.
    }
}

fn create(world: &mut World, drawn: &Drawn) {
    world.create_annotated(&drawn.object(), "app:1", &drawn.spec, drawn.replaces_broken);
}

/// One node at least takes any pod: daemons need none, and the others have nowhere else to go.
fn make_room(world: &mut World) {
    let nodes: Vec<(String, bool)> = world
        .server
        .all(Resource::Nodes)
        .map(|(node, v)| (node.name.clone(), object::entries(v, "/spec/taints").is_empty()))
        .collect();
    match nodes.first() {
        _ if nodes.iter().any(|(_, free)| *free) => {}
        Some((first, _)) => world.taint(first, ""),
        None => world.add_node(steps::NODES[0], &json!({ "disk": "ssd" })),
    }
}

/// Pods of other controllers that stand in nobody's way.
fn is_beside(pod: &Value) -> bool {
    object::controller(pod).is_some_and(|r| object::text(r, "/apiVersion").starts_with("apps.kruise.io"))
}

/// Where pods that are broken are not replaced, people have to delete those that keep a broken template (kubernetes#67250).
fn people_replace_what_is_broken(world: &mut World, sets: &[ObjectRef]) {
    let stays = |of: &&ObjectRef| {
        let set = world.server.get(of).filter(|_| matches!(of.resource, Resource::OrdinalSets(_)));
        set.is_some_and(|set| !ordinals::Spec::of(set).replaces_broken)
    };
    let sets: Vec<ObjectRef> = sets.iter().filter(stays).cloned().collect();
    if sets.is_empty() {
        return;
    }
    world.weather = world.weather.clone().after_the_storm();
    let mut quiet = 0;
    for _ in 0..MOST_ROUNDS {
        world.run_for(SWEPT);
        let mut broken: Vec<ObjectRef> = vec![];
        for set in sets.iter().filter_map(|of| world.server.get(of)) {
            let pods = world.server.managed(Resource::Pods, object::uid(set)).into_iter();
            let bad = pods.filter(|p| object::image(p).contains("bad") && !object::is_terminating(p));
            broken.extend(bad.map(|p| ObjectRef::new(Resource::Pods, object::namespace(p), object::name(p))));
        }
        quiet = if broken.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            return;
        }
        broken.iter().for_each(|pod| world.delete(pod, "Background"));
    }
}

/// Whether the revision that a set comes from is broken.
fn comes_from_bad(world: &World, of: &ObjectRef) -> bool {
    let current = world.server.get(of).map_or("", |set| object::text(set, "/status/currentRevision"));
    let revision = world.server.get(&ObjectRef::new(Resource::Revisions, &of.namespace, current));
    revision.is_some_and(|r| object::text(r, "/data/spec/template/spec/containers/0/image").contains("bad"))
}

/// Whether a pod keeps a claim that a person has deleted.
fn uses_what_goes(world: &World, pod: &Value) -> bool {
    object::entries(pod, "/spec/volumes").iter().any(|volume| {
        let claim = object::text(volume, "/persistentVolumeClaim/claimName");
        let claim = ObjectRef::new(Resource::Claims, object::namespace(pod), claim);
        world.server.get(&claim).is_some_and(object::is_terminating)
    })
}

/// With OnDelete a pod that somebody deletes comes back at the update revision.
fn people_finish_the_update(world: &mut World, of: &ObjectRef) {
    let Some(uid) = world.server.get(of).map(|v| object::uid(v).to_owned()) else { return };
    let pods = |w: &World| -> BTreeMap<String, String> {
        let all = w.server.managed(Resource::Pods, &uid);
        all.into_iter().map(|p| (object::name(p).to_owned(), object::image(p).to_owned())).collect()
    };
    for name in pods(world).into_keys() {
        world.delete(&ObjectRef::new(Resource::Pods, &of.namespace, &name), "Background");
    }
    comes_to_rest(world, of);
    let image = object::text(&world.spec(of), "/template/spec/containers/0/image").to_owned();
    if let Some((name, found)) = pods(world).into_iter().find(|(_, found)| *found != image) {
        world.fail(&format!("S8, D8: {name} was deleted and is at {found}, not at {image}"));
    }
}
