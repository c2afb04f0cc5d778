//! What people and nodes do in a history.
#![allow(clippy::explicit_auto_deref, reason = "without the star the type of what is picked cannot be told")]

use std::time::Duration;

use berth_api::request::Verb;
use berth_api::{Kind, ObjectRef, Resource, Surface};
use serde_json::json;

use super::Schedule;
use crate::api_server::{Pattern, denied, object, refusal};
use crate::random::Random;
use crate::world::{Trouble, World, busy, node};

/// The nodes that there are at first, and may be.
pub const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One thing that somebody does. What it is done to is counted among those that are there at the time.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// A person sets the number of replicas.
    Scale(u64),
    /// A person sets the image.
    Image(usize, &'static str),
    /// A person moves the first ordinal.
    Start(u64),
    /// A person goes back to the revision before the newest.
    Undo(usize),
    /// A person moves the partition.
    Partition(u64),
    /// A person changes what becomes of claims.
    Retention(&'static str, &'static str),
    /// A person stops a rollout, or lets it go on.
    Pausing(usize, bool),
    /// A person deletes a set, and makes it again when it is gone.
    Replace(usize, &'static str),
    /// Somebody deletes a pod.
    Kill(u64),
    /// A pod is evicted.
    Evict(u64),
    /// A pod becomes unready.
    Sicken(u64),
    /// A person takes a pod out of the selector.
    Release(u64),
    /// A person puts all pods back into it.
    TakeBack,
    /// A person takes the owner off a pod.
    Disown(u64),
    /// A person gives a pod to another controller.
    GiveAway(u64),
    /// A person names one more owner of a pod, which manages nothing.
    Share(u64),
    /// kube-controller-manager works on a set too.
    Rival(usize),
    /// A person deletes a claim.
    DropClaim(u64),
    /// A person names one more owner of a claim.
    ShareClaim(u64),
    /// A person cordons a node.
    Cordon(usize),
    /// A node joins.
    Join(usize),
    /// A node leaves.
    Leave(usize),
    /// A node is tainted.
    Taint(usize, &'static str),
    /// A node is tainted with a level.
    Level(usize, &'static str, &'static str),
    /// A node gets another disk.
    Disk(usize, &'static str),
    /// A node is cut off.
    CutOff(usize),
    /// A node can be reached again.
    Rejoin(usize),
    /// The kubelet of a node evicts its pods and refuses new ones, or no more.
    Full(usize, bool),
    /// There may be only so many pods.
    Quota(Option<usize>),
    /// A policy refuses pods, or no more.
    Policy(bool),
    /// A webhook changes pods from now on.
    Webhook,
    /// A webhook takes the labels off new pods, or no more.
    Strip(bool),
    /// An operator is paused for so many seconds.
    Pause(usize, u64),
    /// An operator is killed.
    Crash(usize),
    /// An operator is asked to end, and another takes its place.
    Restart(usize),
    /// The clock of an operator jumps.
    Jump(usize, i64),
    /// The watch of a resource sends only bookmarks for so many seconds.
    Freeze(usize, Resource, u64),
    /// The operator's roles lose a verb on a resource, or have all of them again.
    Role(Option<(&'static str, &'static str)>),
    /// From now on requests that fit are refused; or none is any more.
    Refusing(Option<(Pattern, u16)>),
    /// A webhook takes back every change of owners, or no more.
    TakingBack(bool),
    /// A webhook that is asked about new pods does not answer, or is gone again.
    Unanswered(Option<Trouble>),
    /// A person writes a default down in a template, or takes it out again.
    Default(usize, bool),
}

/// A step that fits a schedule.
pub fn any(schedule: &Schedule, random: &mut Random) -> Step {
    let set = random.below(schedule.sets.len() as u64) as usize;
    let (kind, surface) = (schedule.sets[set].kind, schedule.sets[set].surface);
    let nth = random.below(8);
    let place = random.below(NODES.len() as u64) as usize;
    let operator = random.below(schedule.operators as u64) as usize;
    let on_delete = schedule.sets[set].spec["updateStrategy"]["type"] == "OnDelete";
    let image = || {
        let mut images = vec!["app:1", "app:2", "app:3", "app:2"];
        if !schedule.patient && !on_delete {
            images.extend(["app:bad", "app:bad-nopull", "app:bad-crash"]);
        }
        images
    };
    let seconds = 1 + random.below(60);
    if random.chance(150) {
        return unkind(schedule, random, set);
    }
    match random.below(if schedule.disturbed { 40 } else { 16 }) {
        // What there is to go back to is a question of time.
        3 if random.chance(300) && !schedule.patient => Step::Undo(set),
        0..=3 => Step::Image(set, *random.pick(&image())),
        5 if kind == Kind::Ordinal && random.chance(200) => Step::Start(random.below(3)),
        4 | 5 if kind == Kind::Ordinal => Step::Scale(random.below(5)),
        6 if kind == Kind::Ordinal => Step::Partition(random.below(3)),
        7 if kind == Kind::Ordinal && random.chance(500) => {
            let when = *random.pick(&["whenDeleted", "whenScaled"]);
            Step::Retention(when, *random.pick(&["Retain", "Delete"]))
        }
        7 if surface == Surface::Berth && !schedule.patient => Step::Pausing(set, random.chance(600)),
        8 if !schedule.patient => Step::Replace(set, *random.pick(&["Background", "Foreground", "Orphan"])),
        9 if schedule.patient || schedule.weather.mishap == 0 => Step::Rest,
        9 | 10 => Step::Pause(operator, seconds),
        11 if random.chance(500) => Step::Crash(operator),
        11 => Step::Restart(operator),
        12 if schedule.disturbed => {
            let jump = random.below(7200) as i64 - 3600;
            Step::Jump(operator, jump)
        }
        13 | 14 => {
            let all = [
                Resource::Pods,
                Resource::Claims,
                Resource::Revisions,
                Resource::Nodes,
                schedule.sets[set].object().resource,
            ];
            Step::Freeze(operator, *random.pick(&all), seconds)
        }
        15 => Step::Webhook,
        16 | 17 => Step::Kill(nth),
        18 => Step::Evict(nth),
        19 => Step::Sicken(nth),
        20 => Step::Release(nth),
        21 => Step::TakeBack,
        22 => Step::Disown(nth),
        23 => random.pick(&[Step::Join(place), Step::Leave(place)]).clone(),
        24 if random.chance(500) => {
            Step::Level(place, *random.pick(&["3", "7"]), *random.pick(&["NoSchedule", "NoExecute"]))
        }
        24 => Step::Taint(place, *random.pick(&["", "NoSchedule", "NoExecute"])),
        25 => Step::Disk(place, *random.pick(&["ssd", "hdd"])),
        26 => random.pick(&[Step::CutOff(place), Step::CutOff(place), Step::Rejoin(place)]).clone(),
        27 | 34 => Step::Full(place, random.chance(600)),
        28 => Step::Quota(random.chance(600).then_some(nth as usize)),
        29 => Step::Policy(random.chance(600)),
        // To who has seen the past, what was written then is new.
        30 if surface == Surface::Apps && schedule.weather.past == 0 => Step::Rival(set),
        30 => Step::GiveAway(nth),
        31 => Step::Share(nth),
        32 => Step::DropClaim(nth),
        33 | 37 => Step::Strip(random.chance(600)),
        35 => Step::ShareClaim(nth),
        36 => Step::Cordon(place),
        38 => Step::Taint(place, "NoSchedule"),
        _ => Step::Rest,
    }
}

impl Step {
    /// Does it.
    pub fn apply(&self, world: &mut World, schedule: &Schedule) {
        let sets = schedule.objects();
        let ordinals = || sets.iter().filter(|of| matches!(of.resource, Resource::OrdinalSets(_)));
        match self {
            Step::Rest => {}
            Step::Scale(replicas) => {
                for of in ordinals() {
                    // A broken template that all of no pods run would become the current one.
                    let least = u64::from(image_of(world, of).contains("bad"));
                    world.change(of, &json!({ "replicas": (*replicas).max(least) }));
                }
            }
            Step::Start(start) => {
                ordinals().for_each(|of| world.change(of, &json!({ "ordinals": { "start": start } })));
            }
            Step::Image(set, image) => set_image(world, &sets[*set], image),
            Step::Undo(set) => {
                // See set_image.
                let bad = |t: &serde_json::Value| object::text(t, "/spec/containers/0/image").contains("bad");
                if let Some(template) = world.earlier(&sets[*set]).filter(|t| !bad(t)) {
                    world.undo(&sets[*set], template);
                }
            }
            Step::Partition(partition) => {
                for of in ordinals() {
                    if world.spec(of)["updateStrategy"]["rollingUpdate"].is_object() {
                        let rolling = json!({ "rollingUpdate": { "partition": partition } });
                        world.change(of, &json!({ "updateStrategy": rolling }));
                    }
                }
            }
            Step::Retention(when, policy) => {
                let policy = json!({ "persistentVolumeClaimRetentionPolicy": { *when: policy } });
                ordinals().for_each(|of| world.change(of, &policy));
            }
            Step::Pausing(set, paused) => {
                if world.server.get(&sets[*set]).is_some() {
                    world.change(&sets[*set], &json!({ "paused": paused }));
                }
            }
            Step::Replace(set, how) => schedule.replace(world, *set, how),
            Step::Kill(nth) => with_pod(world, *nth, |w, pod| w.delete(pod, "Background")),
            Step::Evict(nth) => with_pod(world, *nth, World::fail_pod),
            Step::Sicken(nth) => with_pod(world, *nth, World::sicken),
            Step::Release(nth) => with_pod(world, *nth, |w, pod| w.relabel(pod, false)),
            Step::TakeBack => take_back(world),
            // A pod of a set that is gone would be saved, and its claim would not.
            Step::Disown(nth) => with_pod(world, *nth, |w, pod| {
                let owner = w
                    .server
                    .get(pod)
                    .and_then(object::controller)
                    .map(|r| object::text(r, "/uid").to_owned());
                if owner.is_some_and(|uid| w.server.by_uid(&uid).is_some()) {
                    w.disown(pod);
                }
            }),
            Step::GiveAway(nth) => with_pod(world, *nth, World::give_away),
            Step::Share(nth) => with_pod(world, *nth, World::share),
            Step::Rival(set) => world.rival(&sets[*set]),
            Step::DropClaim(nth) => with_claim(world, *nth, World::drop_claim),
            Step::ShareClaim(nth) => with_claim(world, *nth, World::share),
            Step::Join(n) => world.add_node(NODES[*n], &json!({ "disk": "ssd" })),
            Step::Leave(n) => world.delete(&node(NODES[*n]), "Background"),
            Step::Taint(n, effect) => world.taint(NODES[*n], effect),
            Step::Level(n, level, effect) => world.taint_level(NODES[*n], level, effect),
            Step::Cordon(n) => world.cordon(NODES[*n]),
            Step::Disk(n, disk) => world.label_node(NODES[*n], &json!({ "disk": disk })),
            Step::CutOff(n) => world.cut_off(NODES[*n]),
            Step::Rejoin(n) => world.rejoin(NODES[*n]),
            Step::Full(n, full) => {
                world.fill(NODES[*n], *full);
                if *full {
                    world.evict_from(NODES[*n]);
                }
            }
            Step::Quota(quota) => world.server.admission.pod_quota = *quota,
            Step::Policy(refuses) => world.server.admission.refuses_pods = *refuses,
            Step::Strip(strips) => world.server.admission.strips_labels = *strips,
            Step::Webhook => world.server.admission.mutates_pods = true,
            Step::Pause(operator, seconds) => world.pause(*operator, Duration::from_secs(*seconds)),
            Step::Crash(operator) => world.crash(*operator),
            Step::Restart(operator) => world.replace_operator(*operator),
            Step::Jump(operator, seconds) => world.jump(*operator, *seconds),
            Step::Freeze(operator, resource, seconds) => {
                world.freeze(*operator, *resource, Duration::from_secs(*seconds));
            }
            Step::Role(Some((verb, resource))) => world.server.roles.take(verb, resource),
            Step::Role(None) => world.server.roles.give_back(),
            Step::Refusing(Some((pattern, code))) => {
                let refusal = match code {
                    403 => denied(),
                    429 => busy(7),
                    code => refusal(*code, "Refused", "the schedule says so"),
                };
                world.server.admission.refuse(pattern.clone(), refusal);
            }
            Step::Refusing(None) => world.server.admission.policies.clear(),
            Step::TakingBack(true) => {
                let all = [Resource::Pods, Resource::Claims].map(|of| (of, "/metadata/ownerReferences"));
                world.server.admission.reverts = all.into();
            }
            Step::TakingBack(false) => world.server.admission.reverts.clear(),
            Step::Unanswered(trouble) => {
                world.troubles.clear();
                let new_pods = Pattern::of(Verb::Create, Resource::Pods);
                trouble.iter().for_each(|trouble| world.trouble(new_pods.clone(), *trouble));
            }
            Step::Default(set, written) => {
                if world.server.get(&sets[*set]).is_some() {
                    world.write_down(&sets[*set], *written);
                }
            }
        }
    }
}

/// A step of a world that refuses for as long as it likes, stalls, and answers late.
fn unkind(schedule: &Schedule, random: &mut Random, set: usize) -> Step {
    let (kind, surface) = (schedule.sets[set].kind, schedule.sets[set].surface);
    let of = schedule.sets[set].object().resource;
    match random.below(if schedule.patient { 1 } else { 10 }) {
        // The API server writes them down itself in a native set. Where it may say that a template is invalid though it is not, another
        // revision comes of it.
        0 if surface == Surface::Berth && !(schedule.patient && schedule.weather.mishap > 0) => {
            Step::Default(set, random.chance(600))
        }
        1..=3 => {
            let (get, status) = match (kind, surface) {
                (Kind::Ordinal, Surface::Berth) => ("ordinalsets", "ordinalsets/status"),
                (Kind::Ordinal, Surface::Apps) => ("statefulsets", "statefulsets/status"),
                (Kind::Daemon, Surface::Berth) => ("nodedaemonsets", "nodedaemonsets/status"),
                (Kind::Daemon, Surface::Apps) => ("daemonsets", "daemonsets/status"),
            };
            let rights = [
                ("create", "pods"),
                ("delete", "pods"),
                ("patch", "pods"),
                ("get", "pods"),
                ("watch", "pods"),
                ("create", "persistentvolumeclaims"),
                ("patch", "persistentvolumeclaims"),
                ("create", "controllerrevisions"),
                ("patch", "controllerrevisions"),
                ("delete", "controllerrevisions"),
                ("create", "podtemplates"),
                ("get", get),
                ("patch", status),
            ];
            Step::Role(random.chance(700).then(|| *random.pick(&rights)))
        }
        4..=6 => {
            let verb = *random.pick(&[Verb::Create, Verb::Delete, Verb::Patch, Verb::Get]);
            let all = [Resource::Pods, Resource::Pods, Resource::Claims, Resource::Revisions, of];
            let pattern = match random.below(6) {
                0 => Pattern::any(),
                1 => Pattern::dry_runs(),
                _ => Pattern::of(verb, *random.pick(&all)),
            };
            let code = *random.pick(&[403, 403, 422, 429, 503, 500]);
            Step::Refusing(random.chance(700).then_some((pattern, code)))
        }
        7 => Step::TakingBack(random.chance(600)),
        8 => {
            let slow = Trouble::Slow(Duration::from_secs(10));
            let all = [None, Some(slow), Some(Trouble::Hangs), Some(Trouble::AnswerLost)];
            Step::Unanswered(*random.pick(&all))
        }
        _ => Step::Rest,
    }
}

/// Pods that a set made; those of others are not touched.
fn with_pod(world: &mut World, nth: u64, act: impl Fn(&mut World, &ObjectRef)) {
    let ours = |v: &serde_json::Value| !world.invariants.foreign.contains(object::uid(v));
    let pods = world.server.all(Resource::Pods).filter(|(_, v)| ours(v)).map(|(p, _)| p.clone());
    let pods: Vec<ObjectRef> = pods.collect();
    if let Some(pod) = pods.get(nth as usize % pods.len().max(1)) {
        act(world, pod);
    }
}

fn with_claim(world: &mut World, nth: u64, act: impl Fn(&mut World, &ObjectRef)) {
    let claims: Vec<ObjectRef> = world.server.all(Resource::Claims).map(|(claim, _)| claim.clone()).collect();
    if let Some(claim) = claims.get(nth as usize % claims.len().max(1)) {
        act(world, claim);
    }
}

/// Puts all pods that were taken out of a selector back into it.
pub fn take_back(world: &mut World) {
    apart(world).iter().for_each(|pod| world.relabel(pod, true));
}

/// Deletes all pods that were taken out of a selector.
pub fn remove_apart(world: &mut World) {
    apart(world).iter().for_each(|pod| world.delete(pod, "Background"));
}

fn apart(world: &World) -> Vec<ObjectRef> {
    let apart = |v: &serde_json::Value| object::text(v, "/metadata/labels/app").ends_with("-apart");
    world.server.all(Resource::Pods).filter(|(_, v)| apart(v)).map(|(p, _)| p.clone()).collect()
}

fn image_of(world: &World, of: &ObjectRef) -> String {
    object::text(&world.spec(of), "/template/spec/containers/0/image").to_owned()
}

fn set_image(world: &mut World, of: &ObjectRef, image: &str) {
    let Some(set) = world.server.get(of) else { return };
    // What is broken from the very first is what the set comes from, and a partition keeps that.
    let ordinal = matches!(of.resource, Resource::OrdinalSets(_));
    let recorded = set["status"]["currentRevision"].is_string() && set["spec"]["replicas"].as_u64() > Some(0);
    if !image.contains("bad") || !ordinal || recorded {
        world.set_image(of, image);
    }
}
