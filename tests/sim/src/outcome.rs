//! What a person sees once everything has come to rest: pods, claims, revisions and the status are as the spec says, and
//! nobody writes anything any more.

use std::time::Duration;

use berth_api::{Key, Kind, ObjectRef, Resource, Surface};
use berth_plan::plan::Plan;
use serde_json::Value;

use crate::api_server::object;
use crate::invariants::{daemons, ordinals};
use crate::world::{SHARED, World};

/// How long it may take after the last fault. The longest pause after failures is a quarter of an hour.
const BOUND: Duration = Duration::from_secs(30 * 60);
/// How long it takes at most until every cache shows that, and every broken connection is noticed.
const ECHO: Duration = Duration::from_secs(3 * 60);
/// How long nobody may write anything then.
const REST: Duration = Duration::from_secs(10 * 60);

macro_rules! ensure {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}

/// Whether a set of either kind, or its absence, is as it should be.
pub fn reached(world: &World, of: &ObjectRef) -> Result<(), String> {
    let Some(set) = world.server.get(of) else { return cleaned_up(world, of) };
    ensure!(!object::is_terminating(set), "{of} is still being deleted");
    match of.resource {
        Resource::OrdinalSets(_) => ordinal_set(world, of, set)?,
        _ => daemon_set(world, set)?,
    }
    ensure!(
        set["status"]["observedGeneration"] == set["metadata"]["generation"],
        "the status is old: {}",
        set["status"]
    );
    let custom = surface_of(of) == Surface::Berth;
    ensure!(!custom || object::holds(set, "Ready"), "{of} is not Ready: {}", set["status"]);
    history(world, set)?;
    taken_over(world, of, set)?;
    for plan in plans(world, of) {
        ensure!(plan.as_ref().is_some_and(Plan::is_empty), "there is still a plan: {plan:?}");
    }
    Ok(())
}

fn surface_of(of: &ObjectRef) -> Surface {
    match of.resource {
        Resource::OrdinalSets(surface) | Resource::DaemonSets(surface) => surface,
        _ => Surface::Berth,
    }
}

/// What each operator that runs would do now.
fn plans(world: &World, of: &ObjectRef) -> Vec<Option<Plan>> {
    let kind = if matches!(of.resource, Resource::OrdinalSets(_)) { Kind::Ordinal } else { Kind::Daemon };
    let key = Key::new(surface_of(of), kind, &of.namespace, &of.name);
    let engines = world.operators.iter().filter_map(|o| o.engine.as_ref());
    engines.map(|engine| engine.plan(&key, world.now())).collect()
}

/// What operators say about a set that is not as it should be.
fn why(world: &World, of: &ObjectRef) -> String {
    let plans = plans(world, of).into_iter().flatten().map(|p| p.to_string());
    let set = world.server.get(of).map(|set| format!("spec {}\nstatus {}\n", set["spec"], set["status"]));
    set.into_iter().chain(plans).collect()
}

/// S14, S15, D15: after the last fault the goal is reached, then nothing is written, not even after a restart.
pub fn comes_to_rest(world: &mut World, of: &ObjectRef) {
    come_to_rest(world, std::slice::from_ref(of));
}

/// [`comes_to_rest`] for several sets.
pub fn come_to_rest(world: &mut World, sets: &[ObjectRef]) {
    world.weather = world.weather.clone().after_the_storm();
    world.calmed = true;
    let all = |w: &World| {
        sets.iter().try_for_each(|of| reached(w, of).map_err(|reason| format!("{reason}\n{}", why(w, of))))
    };
    world.run_until(BOUND, all);
    world.run_for(ECHO);
    stay_at_rest(world, sets, "in the steady state");
    for operator in 0..world.operators.len() {
        world.crash(operator);
    }
    stay_at_rest(world, sets, "after a restart in the steady state");
}

fn stay_at_rest(world: &mut World, sets: &[ObjectRef], when: &str) {
    let before = world.sent;
    world.run_for(REST);
    for of in sets {
        if let Err(reason) = reached(world, of) {
            world.fail(&format!("S14: {when} it was left: {reason}"));
        }
    }
    if world.sent > before {
        world.fail(&format!("S15: {} writes {when}", world.sent - before));
    }
}

fn ordinal_set(world: &World, of: &ObjectRef, set: &Value) -> Result<(), String> {
    let (spec, status) = (ordinals::Spec::of(set), &set["status"]);
    let pods = world.server.managed(Resource::Pods, object::uid(set));
    let mut present: Vec<i64> = pods.iter().map(|p| ordinals::ordinal(p)).collect();
    present.sort_unstable();
    let wanted: Vec<i64> = (spec.start..spec.end).collect();
    ensure!(present == wanted, "ordinals {present:?} instead of {wanted:?}");
    let (current, update) =
        (object::text(status, "/currentRevision"), object::text(status, "/updateRevision"));
    let image = object::text(set, "/spec/template/spec/containers/0/image");
    let recreates = set["spec"]["updateStrategy"]["type"] == "Recreate" && !spec.paused;
    for pod in &pods {
        let (name, ordinal) = (object::name(pod), ordinals::ordinal(pod));
        ensure!(object::is_serving(pod), "{name} does not serve");
        let updated = ordinals::revision(pod) == update;
        ensure!(
            !updated || object::image(pod) == image,
            "S9: {name} runs {} at {update}",
            object::image(pod)
        );
        // Below the partition a pod may have stopped half way, at whatever revision an earlier rollout gave it.
        let right = updated || if spec.rolls { ordinal < spec.first_updated } else { !recreates };
        ensure!(right, "{name} is at {} ({current} -> {update})", ordinals::revision(pod));
        claims(world, set, &spec, name)?;
    }
    let at = |revision: &str| pods.iter().filter(|p| ordinals::revision(p) == revision).count();
    let all = pods.len();
    let expected = [
        ("replicas", all),
        ("readyReplicas", all),
        ("availableReplicas", all),
        ("updatedReplicas", at(update)),
        ("currentReplicas", at(current)),
    ];
    for (field, count) in expected {
        ensure!(
            status[field].as_u64() == Some(count as u64),
            "S13: {field} is {} instead of {count}",
            status[field]
        );
    }
    // Without pods a custom set stays where it is below a partition, and while it is paused.
    let between = spec.paused || spec.rolls && spec.first_updated > spec.start;
    let held = all == 0 && between && surface_of(of) == Surface::Berth;
    ensure!(
        at(update) < all || current == update || held,
        "the rollout is complete, but {current} is current"
    );
    unused_claims(world, set, &spec)
}

/// S3: the owners of the claims of a pod that is wanted are those of the retention matrix.
fn claims(world: &World, set: &Value, spec: &ordinals::Spec, pod: &str) -> Result<(), String> {
    for template in object::entries(set, "/spec/volumeClaimTemplates") {
        let name = format!("{}-{pod}", object::name(template));
        let claim = world.server.get(&ObjectRef::new(Resource::Claims, object::namespace(set), &name));
        let Some(claim) = claim else { return Err(format!("S5: claim {name} is missing")) };
        ensure!(!object::is_terminating(claim), "S4: {name} is being deleted");
        ensure!(claim["status"]["phase"] == "Bound", "S5: {name} is {}", claim["status"]["phase"]);
        let owners: Vec<&Value> =
            object::owners(claim).iter().map(|r| &r["uid"]).filter(|uid| *uid != SHARED).collect();
        let wanted: Vec<&Value> = if spec.deletes_with_set { vec![&set["metadata"]["uid"]] } else { vec![] };
        ensure!(owners == wanted, "S3: {name} is owned by {owners:?} instead of {wanted:?}");
    }
    Ok(())
}

/// S3: a claim of an ordinal without a pod goes with the set only if the policy says so, and if the set made it.
fn unused_claims(world: &World, set: &Value, spec: &ordinals::Spec) -> Result<(), String> {
    let uid = &set["metadata"]["uid"];
    for template in object::entries(set, "/spec/volumeClaimTemplates") {
        let prefix = format!("{}-{}-", object::name(template), object::name(set));
        for (of, claim) in world.server.all(Resource::Claims) {
            let ordinal = of.name.strip_prefix(&prefix).and_then(|n| n.parse::<i64>().ok());
            let unused = ordinal.is_some_and(|n| !(spec.start..spec.end).contains(&n));
            if !unused || object::is_terminating(claim) {
                continue;
            }
            let owned = object::owners(claim).iter().any(|r| r["uid"] == *uid);
            let made = *uid == object::text(claim, "/metadata/annotations/berth.dev~1set-uid");
            ensure!(!owned || spec.deletes_with_set, "S3: {of} would go with the set");
            ensure!(owned || !made || !spec.deletes_with_set, "S3: {of} would outlive the set");
        }
    }
    Ok(())
}

fn daemon_set(world: &World, set: &Value) -> Result<(), String> {
    let pods = world.server.managed(Resource::Pods, object::uid(set));
    let revisions = world.server.managed(Resource::Revisions, object::uid(set));
    let image = object::text(set, "/spec/template/spec/containers/0/image");
    let rolls = set["spec"]["updateStrategy"]["type"] != "OnDelete";
    let (mut desired, mut updated, mut misscheduled) = (0, 0, 0);
    for (of, node) in world.server.all(Resource::Nodes) {
        let here: Vec<&&Value> = pods.iter().filter(|p| daemons::node_of(p) == of.name).collect();
        if !daemons::fits(world.invariants.rules, set, node) {
            // What runs there may stay unless the node drives it out.
            let taints = object::entries(node, "/spec/taints");
            let stays = taints
                .iter()
                .all(|t| t["effect"] == "NoSchedule" || daemons::tolerated(world.invariants.rules, set, t));
            let most = usize::from(stays && daemons::selected(set, node));
            ensure!(here.len() <= most, "D2: {} runs {} pods", of.name, here.len());
            misscheduled += here.len();
            continue;
        }
        desired += 1;
        ensure!(here.len() == 1, "D2: {} runs {} pods", of.name, here.len());
        ensure!(object::is_serving(here[0]), "{} does not serve", object::name(here[0]));
        let current = object::image(here[0]) == image;
        // A pod that was taken over from an earlier set may be at a revision that this one does not know.
        // What differs from an earlier revision than the newest in defaults only is another template.
        let default = |template: &Value| template["spec"]["restartPolicy"].clone();
        let newest = revisions.iter().filter_map(|r| r["revision"].as_i64()).max();
        let known = revisions.iter().any(|r| {
            object::text(r, "/metadata/labels/controller-revision-hash") == ordinals::revision(here[0])
                && (r["revision"].as_i64() == newest
                    || default(&r["data"]["spec"]["template"]) == default(&set["spec"]["template"]))
        });
        ensure!(current || !rolls, "{} runs {}", object::name(here[0]), object::image(here[0]));
        updated += usize::from(current && known);
    }
    let homeless =
        pods.iter().filter(|p| world.server.get(&crate::world::node(daemons::node_of(p))).is_none());
    ensure!(homeless.count() == 0, "D7: a pod is on a node that is gone");
    let status = &set["status"];
    let expected = [
        ("desiredNumberScheduled", desired),
        ("currentNumberScheduled", desired),
        ("numberMisscheduled", misscheduled),
        ("numberReady", desired),
        ("numberAvailable", desired),
        ("numberUnavailable", 0),
        ("updatedNumberScheduled", updated),
    ];
    for (field, count) in expected {
        ensure!(
            status[field].as_u64() == Some(count as u64),
            "D13: {field} is {} instead of {count}",
            status[field]
        );
    }
    Ok(())
}

/// S11: what the selector matches and nobody manages is ours in the end; of an ordinal set, if its name is that of a pod of it.
fn taken_over(world: &World, of: &ObjectRef, set: &Value) -> Result<(), String> {
    let label = &set["spec"]["selector"]["matchLabels"]["app"];
    let orphan = world.server.all(Resource::Pods).find(|(pod, v)| {
        let named = of.resource.kind().ends_with("DaemonSet") || ordinals::is_name_of(&of.name, &pod.name);
        let over = object::is_terminal(v) || object::is_terminating(v);
        let here = pod.namespace == of.namespace;
        here && named && !over && object::controller(v).is_none() && v["metadata"]["labels"]["app"] == *label
    });
    orphan.map_or(Ok(()), |(pod, _)| Err(format!("S11: {pod} is left to nobody")))
}

/// S9: no more old revisions than the limit allows.
fn history(world: &World, set: &Value) -> Result<(), String> {
    let uid = object::uid(set);
    let pods = world.server.managed(Resource::Pods, uid);
    let revisions = world.server.managed(Resource::Revisions, uid);
    // A native daemon set does not say which is its update revision: the newest.
    let newest = revisions.iter().filter_map(|r| r["revision"].as_i64()).max();
    let is_live = |r: &&&Value| {
        let (name, hash) = (object::name(r), object::text(r, "/metadata/labels/controller-revision-hash"));
        let status = &set["status"];
        [&status["currentRevision"], &status["updateRevision"]].into_iter().any(|n| n == name)
            || newest.is_some() && r["revision"].as_i64() == newest
            || pods.iter().any(|p| [name, hash].contains(&ordinals::revision(p)))
    };
    let live = revisions.iter().filter(is_live).count();
    let limit = set["spec"]["revisionHistoryLimit"].as_u64().unwrap_or(10) as usize;
    let all = revisions.len();
    ensure!(all <= limit + live, "S9: {all} revisions, {live} of them live, the limit is {limit}");
    Ok(())
}

/// Nothing is left of a set that is gone but claims that were to be kept.
fn cleaned_up(world: &World, of: &ObjectRef) -> Result<(), String> {
    for resource in [Resource::Pods, Resource::Revisions] {
        let ours = |(o, v): &(&ObjectRef, &Value)| {
            super::invariants::owner_in(&o.namespace, v).is_some_and(|owner| owner == *of)
        };
        let left = world.server.all(resource).find(ours);
        ensure!(left.is_none(), "{} is left of {of}", left.map(|(o, _)| o.to_string()).unwrap_or_default());
    }
    Ok(())
}
