//! What must hold for ordinal sets.

use berth_api::request::Verb;
use berth_api::{Kind, ObjectRef, Resource, Surface};
use serde_json::Value;

use super::acts::Pods;
use super::{Act, Invariants, Judgement, Rules, Verdict};
use crate::api_server::{ApiServer, Change, object};
use crate::world::{Sent, set_in};

/// What a spec says, with its defaults.
pub struct Spec {
    /// The lowest ordinal.
    pub start: i64,
    /// One above the highest ordinal.
    pub end: i64,
    /// The lowest ordinal that is updated.
    pub first_updated: i64,
    /// Pods come and go one by one.
    pub ordered: bool,
    /// Pods are replaced for an update.
    pub rolls: bool,
    /// The rolling update has parameters: without, an old pod may come back just as it was (A9.2).
    pub has_parameters: bool,
    /// The rollout stands still.
    pub paused: bool,
    /// How many may be unavailable for an update.
    pub budget: i64,
    /// Pods that are broken and not at the revision that they should have are replaced before any other.
    pub replaces_broken: bool,
    /// Claims go with the set.
    pub deletes_with_set: bool,
    /// Claims go with their ordinal.
    pub deletes_with_ordinal: bool,
}

impl Spec {
    /// Reads the spec of a set.
    pub fn of(set: &Value) -> Self {
        let spec = &set["spec"];
        let rolling = &spec["updateStrategy"]["rollingUpdate"];
        let start = spec["ordinals"]["start"].as_i64().unwrap_or(0);
        let replicas = spec["replicas"].as_i64().unwrap_or(1);
        let policy = |when: &str| spec["persistentVolumeClaimRetentionPolicy"][when] == "Delete";
        let budget = match &rolling["maxUnavailable"] {
            Value::String(percent) => {
                percent.trim_end_matches('%').parse::<i64>().unwrap_or(0) * replicas / 100
            }
            count => count.as_i64().unwrap_or(1),
        };
        Spec {
            start,
            end: start + replicas,
            first_updated: start + rolling["partition"].as_i64().unwrap_or(0),
            ordered: spec["podManagementPolicy"] != "Parallel",
            has_parameters: rolling.is_object(),
            rolls: !["OnDelete", "Recreate"].map(Value::from).contains(&spec["updateStrategy"]["type"]),
            paused: spec["paused"] == true,
            budget: budget.max(1),
            replaces_broken: match object::text(set, "/metadata/annotations/berth.dev~1replace-broken") {
                "true" => true,
                "false" => false,
                _ => set["kind"] == "OrdinalSet",
            },
            deletes_with_set: policy("whenDeleted"),
            deletes_with_ordinal: policy("whenScaled"),
        }
    }
}

/// The ordinal of a pod.
pub fn ordinal(pod: &Value) -> i64 {
    object::name(pod).rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(-1)
}

/// Whether a pod of the set would have this name.
pub fn is_name_of(set: &str, name: &str) -> bool {
    let ordinal = name.rsplit('-').next().and_then(|n| n.parse::<i64>().ok());
    ordinal.is_some_and(|ordinal| name == format!("{set}-{ordinal}"))
}

/// The revision of a pod.
pub fn revision(pod: &Value) -> &str {
    object::text(pod, "/metadata/labels/controller-revision-hash")
}

/// Judges the creation or deletion of a pod for the set as it was at some time.
pub fn judge(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    if act.creates { create(rules, act, set) } else { delete(rules, act, set) }
}

fn create(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    let spec = Spec::of(set);
    let ordinal = ordinal(act.pod);
    if !(spec.start..spec.end).contains(&ordinal) {
        return Err(format!("S1, S17: it is outside {}..{}", spec.start, spec.end));
    }
    let name = object::name(act.pod);
    if name != format!("{}-{ordinal}", object::name(set))
        || object::text(act.pod, "/spec/hostname") != name
        || object::text(act.pod, "/metadata/labels/statefulset.kubernetes.io~1pod-name") != name
        || object::text(act.pod, "/metadata/labels/apps.kubernetes.io~1pod-index") != ordinal.to_string()
    {
        return Err("S10: it has another identity".to_owned());
    }
    for template in object::entries(set, "/spec/volumeClaimTemplates") {
        let claim = format!("{}-{name}", object::name(template));
        let uses = |v: &Value| v["persistentVolumeClaim"]["claimName"] == claim.as_str();
        if !object::entries(act.pod, "/spec/volumes").iter().any(uses) {
            return Err(format!("S10: it does not use its claim {claim}"));
        }
    }
    act.is_as_recorded()?;
    let (current, update) =
        (object::text(set, "/status/currentRevision"), object::text(set, "/status/updateRevision"));
    let has_parameters = set["spec"]["updateStrategy"]["rollingUpdate"].is_object();
    let last = act.last_revision();
    // Also the one that the rollout was bringing it to when it was paused: its old pod had been deleted for that.
    let at_rest = [current, last.as_str(), update];
    let wanted: &[&str] = match () {
        () if spec.paused => &at_rest,
        // Left-over parameters count too, as upstream (A9.2).
        () if has_parameters && ordinal < spec.first_updated => &[current],
        () if spec.rolls && !has_parameters => &[current, update],
        () => &[update],
    };
    if !wanted.contains(&revision(act.pod)) {
        return Err(format!("S8: it is made at {}, not at one of {wanted:?}", revision(act.pod)));
    }
    for volume in object::entries(act.pod, "/spec/volumes") {
        let claim = object::text(volume, "/persistentVolumeClaim/claimName");
        let of_earlier_pod = |c: &Value| {
            let gone = |r: &Value| act.server.by_uid(object::text(r, "/uid")).is_none();
            object::owners(c).iter().any(|r| r["kind"] == "Pod" && gone(r))
        };
        let doomed = |c: &&Value| object::is_terminating(c) || is_of_earlier_set(c, act) || of_earlier_pod(c);
        if !claim.is_empty() && act.claim(claim).into_iter().flatten().all(|c| doomed(&c)) {
            return Err(format!("S4, S5: claim {claim} does not exist, or is about to go"));
        }
    }
    let recreates = set["spec"]["updateStrategy"]["type"] == "Recreate";
    act.in_order(rules.disruption, |pods| {
        let serves = |below: i64| {
            let below = format!("{}-{below}", object::name(set));
            pods.excuses(&below) || pods.all.get(below.as_str()).is_some_and(|p| pods.available(set, p))
        };
        if spec.ordered
            && let Some(below) = (spec.start..ordinal).find(|below| !serves(*below))
        {
            return Err(format!("S6: ordinal {below} is not available"));
        }
        // While it is paused pods come back as they were, beside whatever there is.
        let recreates = recreates && !spec.paused;
        let old = pods.all.values().find(|p| recreates && revision(p) != revision(act.pod));
        old.map_or(Ok(()), |old| Err(format!("S20: {} is still there", object::name(old))))
    })
}

fn is_of_earlier_set(claim: &Value, act: &Act<'_>) -> bool {
    let kind = act.owner.resource.kind();
    let version = act.owner.resource.api_version();
    let named =
        |r: &&Value| r["kind"] == kind && r["apiVersion"] == version && r["name"] == act.owner.name.as_str();
    object::owners(claim).iter().filter(named).any(|r| r["uid"] != act.owner_uid())
}

fn delete(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    let spec = Spec::of(set);
    let ordinal = ordinal(act.pod);
    // Nobody is harmed by the deletion of what has ended or is on its way out.
    if object::is_terminal(act.pod) || object::is_terminating(act.pod) {
        return Ok(Verdict::Fine);
    }
    if !(spec.start..spec.end).contains(&ordinal) {
        claims_go_along(act, set, &spec)?;
        return act.in_order(rules.disruption, |pods| {
            let condemned = |p: &Value| !(spec.start..spec.end).contains(&self::ordinal(p));
            let above = pods
                .all
                .values()
                .find(|p| self::ordinal(p) > ordinal && condemned(p) && !pods.excuses(object::name(p)));
            // What Recreate takes away goes all at once, wanted or not.
            let recreated = set["spec"]["updateStrategy"]["type"] == "Recreate"
                && revision(act.pod) != object::text(set, "/status/updateRevision");
            let above = above.filter(|_| spec.ordered && !recreated);
            above.map_or(Ok(()), |p| Err(format!("S6: {} is still there", object::name(p))))?;
            let serves = |slot: &String| {
                pods.excuses(slot) || pods.all.get(slot.as_str()).is_some_and(|p| pods.available(set, p))
            };
            let broken = (spec.start..spec.end)
                .map(|n| format!("{}-{n}", object::name(set)))
                .find(|slot| !serves(slot));
            let broken = broken.filter(|_| spec.ordered && !recreated && act.was_available(set));
            broken.map_or(Ok(()), |slot| Err(format!("S6: {slot} is not available")))
        });
    }
    if !spec.rolls || spec.paused {
        let recreates = set["spec"]["updateStrategy"]["type"] == "Recreate";
        let update = object::text(set, "/status/updateRevision");
        if recreates && !spec.paused && revision(act.pod) != update {
            return Ok(Verdict::Fine);
        }
        if recreates && spec.paused {
            return Err("S7: it is recreated, and the set is paused".to_owned());
        }
        return Err(
            "S7: nobody asked for that (OnDelete, paused, or it is at the update revision)".to_owned()
        );
    }
    let (current, update) =
        (object::text(set, "/status/currentRevision"), object::text(set, "/status/updateRevision"));
    let wanted = if ordinal < spec.first_updated { current } else { update };
    if revision(act.pod) == wanted {
        return Err(format!("S7: it is wanted, and at the revision {wanted} that it should have"));
    }
    if ordinal < spec.first_updated && object::is_serving(act.pod) {
        return Err("S7: it is below the partition and serves".to_owned());
    }
    // The deletion names the version that was decided on.
    if spec.ordered && !spec.replaces_broken && !rules.serial && !object::is_serving(act.pod) {
        return Err("S19: it is broken, and nobody asked that such pods are replaced".to_owned());
    }
    if !act.was_available(set) {
        return Ok(Verdict::Fine);
    }
    if !act.names_version() {
        return Err("X2, S2: it serves, and its deletion does not say which version it means".to_owned());
    }
    act.in_order(rules.disruption, |pods| {
        if rules.serial {
            return one_after_the_other(set, &spec, pods, ordinal);
        }
        let wanted = |name: &str| {
            let ordinal = name.rsplit('-').next().and_then(|n| n.parse::<i64>().ok());
            ordinal.is_some_and(|n| (spec.start..spec.end).contains(&n)) && name != object::name(act.pod)
        };
        let slots = (spec.start..spec.end).map(|n| format!("{}-{n}", object::name(set)));
        let left = slots.filter(|name| wanted(name)).filter(|name| {
            pods.excuses(name) || pods.all.get(name.as_str()).is_some_and(|p| pods.available(set, p))
        });
        let unavailable = spec.end - spec.start - left.count() as i64;
        if unavailable > spec.budget {
            return Err(format!("S7: {unavailable} would be unavailable, {} may", spec.budget));
        }
        let outdated_above = pods.all.iter().find(|(name, p)| {
            let (above, here) = (self::ordinal(p), wanted(name));
            here && above > ordinal
                && revision(p) != update
                && pods.available(set, p)
                && !act.also_goes(p, spec.ordered)
        });
        outdated_above.map_or(Ok(()), |(name, _)| Err(format!("S7: {name} goes before it")))?;
        let broken = pods.all.iter().find(|(name, p)| {
            let outdated = self::ordinal(p) >= spec.first_updated && revision(p) != update;
            let stays =
                !object::is_terminal(p) && !object::is_terminating(p) && !act.also_goes(p, spec.ordered);
            wanted(name) && outdated && stays && !object::is_serving(p) && !pods.excuses(name)
        });
        let broken = broken.filter(|_| spec.has_parameters && spec.replaces_broken);
        broken.map_or(Ok(()), |(name, _)| Err(format!("S7: {name} is broken, and goes before it")))
    })
}

/// S7 without `MaxUnavailableStatefulSet`: a pod goes only when all above it are available and up to date (A9.3).
fn one_after_the_other(set: &Value, spec: &Spec, pods: &Pods<'_>, ordinal: i64) -> Result<(), String> {
    let update = object::text(set, "/status/updateRevision");
    let above = (ordinal + 1..spec.end).map(|above| format!("{}-{above}", object::name(set)));
    let done = |name: &String| {
        let pod = pods.all.get(name.as_str());
        pods.excuses(name) || pod.is_some_and(|p| pods.available(set, p) && revision(p) == update)
    };
    let left = above.into_iter().find(|name| !done(name));
    left.map_or(Ok(()), |name| Err(format!("S7: {name} above it is not up to date and available")))
}

/// S3: when claims go with their ordinal, they belong to the pod before it is deleted.
fn claims_go_along(act: &Act<'_>, set: &Value, spec: &Spec) -> Result<(), String> {
    if !spec.deletes_with_ordinal {
        return Ok(());
    }
    for template in object::entries(set, "/spec/volumeClaimTemplates") {
        let name = format!("{}-{}", object::name(template), object::name(act.pod));
        let claims = act.claim(&name);
        if claims.iter().any(Option::is_none) {
            continue;
        }
        let claims: Vec<&Value> = claims.into_iter().flatten().collect();
        let belongs = |c: &&Value| {
            object::is_terminating(c)
                || object::owners(c).iter().any(|r| r["uid"] == act.pod["metadata"]["uid"])
        };
        // What belongs to an earlier set or pod is left to the garbage collector.
        let stale = |c: &&Value| {
            object::owners(c).iter().any(|r| act.server.by_uid(object::text(r, "/uid")).is_none())
        };
        if !claims.iter().any(|c| belongs(c) || stale(c)) {
            return Err(format!("S3: claim {name} would outlive the pod"));
        }
    }
    Ok(())
}

/// S3: the owners that an operator gives a claim are those of the retention matrix, for the set as it saw it or as it has been
/// since: the set when claims go with it, the pod when they go with their ordinal and that is not wanted.
pub fn claim_owners(server: &ApiServer, sent: &Sent) -> Result<(), String> {
    let request = &sent.request;
    if request.object.resource != Resource::Claims || !request.is_write() {
        return Ok(());
    }
    let before: Vec<Value> =
        server.get(&request.object).map(|v| object::owners(v).to_vec()).unwrap_or_default();
    for reference in object::owners(&request.body).iter().filter(|r| !before.contains(r)) {
        let name = object::text(reference, "/name");
        let of_pod = reference["kind"] == "Pod";
        let set = if of_pod { name.rsplit_once('-').map_or("", |(set, _)| set) } else { name };
        let ordinal = name.rsplit_once('-').and_then(|(_, n)| n.parse::<i64>().ok()).unwrap_or(-1);
        let allowed = [Surface::Berth, Surface::Apps].into_iter().any(|surface| {
            let of = set_in(&request.object.namespace, Kind::Ordinal, surface, set);
            let since = sent.seen(of.resource);
            server.since(&of, since).into_iter().flatten().any(|set| {
                let spec = Spec::of(set);
                let condemned = !(spec.start..spec.end).contains(&ordinal);
                if of_pod {
                    spec.deletes_with_ordinal && condemned
                } else {
                    spec.deletes_with_set && set["metadata"]["uid"] == reference["uid"]
                }
            })
        });
        if !allowed {
            return Err(format!("S3: {} would go with {}", request.object, reference["kind"]));
        }
        if request.verb == Verb::Patch && !of_pod && !is_its_own(server, sent, reference) {
            return Err(format!(
                "S3: {} would go with a set that has not made it and has no pod that uses it",
                request.object
            ));
        }
    }
    Ok(())
}

/// Whether the set that a reference names made the claim of a request, or had a pod of its ordinal when the sender looked, or since.
fn is_its_own(server: &ApiServer, sent: &Sent, reference: &Value) -> bool {
    let claim = &sent.request.object;
    let made_by =
        server.get(claim).map_or("", |v| object::text(v, "/metadata/annotations/berth.dev~1set-uid"));
    let ordinal = claim.name.rsplit('-').next().unwrap_or_default();
    let pod = ObjectRef::new(
        Resource::Pods,
        &claim.namespace,
        format!("{}-{ordinal}", object::text(reference, "/name")),
    );
    let mut pods = server.since(&pod, sent.seen(Resource::Pods)).into_iter().flatten();
    reference["uid"] == made_by
        || pods.any(|p| object::controller(p).is_some_and(|r| r["uid"] == reference["uid"]))
}

/// S3: nobody deletes a claim but people and the garbage collector, and that only what has an owner when its deletion begins.
pub fn claim_gone(known: &Invariants, server: &ApiServer, change: &Change) -> Result<(), String> {
    let uid = object::uid(&change.value);
    let views = server.since(&change.object, 0).into_iter().flatten().filter(|v| object::uid(v) == uid);
    let mut ending = views.filter(|v| object::is_terminating(v));
    let owners = object::owners(ending.next().unwrap_or(&change.value));
    if owners.is_empty() && !known.dropped.contains(uid) {
        return Err(format!("S3: {} is gone though nobody owned it", change.object));
    }
    Ok(())
}
