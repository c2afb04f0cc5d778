//! What must hold for ordinal sets.

use berth::api::Resource;
use serde_json::Value;

use super::{Act, Judgement, Rules};
use crate::api_server::{ApiServer, Change, object};

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
    /// The rollout stands still.
    pub paused: bool,
    /// How many may be unavailable for an update.
    pub budget: i64,
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
            rolls: spec["updateStrategy"]["type"] != "OnDelete",
            paused: spec["paused"] == true,
            budget: budget.max(1),
            deletes_with_set: policy("whenDeleted"),
            deletes_with_ordinal: policy("whenScaled"),
        }
    }
}

/// The ordinal of a pod.
pub fn ordinal(pod: &Value) -> i64 {
    object::name(pod).rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(-1)
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
        return Err(format!("S1: it is outside {}..{}", spec.start, spec.end));
    }
    let name = object::name(act.pod);
    if object::text(act.pod, "/spec/hostname") != name
        || object::text(act.pod, "/metadata/labels/statefulset.kubernetes.io~1pod-name") != name
        || object::text(act.pod, "/metadata/labels/apps.kubernetes.io~1pod-index") != ordinal.to_string()
    {
        return Err("S10: it has another identity".to_owned());
    }
    let (current, update) =
        (object::text(set, "/status/currentRevision"), object::text(set, "/status/updateRevision"));
    let has_parameters = set["spec"]["updateStrategy"]["rollingUpdate"].is_object();
    let last = act.last_revision();
    // Also the one that the rollout was bringing it to when it was paused: its old pod had been deleted for that.
    let at_rest = [current, last.as_str(), update];
    let wanted: &[&str] = match () {
        () if spec.paused => &at_rest,
        () if spec.rolls && has_parameters && ordinal < spec.first_updated => &[current],
        () if spec.rolls && !has_parameters => &[current, update],
        () => &[update],
    };
    if !wanted.contains(&revision(act.pod)) {
        return Err(format!("S8: it is made at {}, not at one of {wanted:?}", revision(act.pod)));
    }
    for volume in object::entries(act.pod, "/spec/volumes") {
        let claim = object::text(volume, "/persistentVolumeClaim/claimName");
        let doomed = |c: &&Value| object::is_terminating(c) || is_of_earlier_set(c, act);
        if !claim.is_empty() && act.claim(claim).all(|c| doomed(&c)) {
            return Err(format!("S4, S5: claim {claim} does not exist, or is about to go"));
        }
    }
    if rules.disruption && act.owner_stays() && spec.ordered {
        let pods = act.pods();
        let serves = |below: i64| pods.iter().any(|p| self::ordinal(p) == below && act.is_available(set, p));
        if let Some(below) = (spec.start..ordinal).find(|below| !serves(*below)) {
            return Err(format!("S6: ordinal {below} is not available"));
        }
    }
    Ok(())
}

fn is_of_earlier_set(claim: &Value, act: &Act<'_>) -> bool {
    let kind = act.owner.resource.kind();
    let named = |r: &&Value| r["kind"] == kind && r["name"] == act.owner.name.as_str();
    object::owners(claim).iter().filter(named).any(|r| r["uid"] != act.owner_uid())
}

fn delete(rules: Rules, act: &Act<'_>, set: &Value) -> Judgement {
    let spec = Spec::of(set);
    let ordinal = ordinal(act.pod);
    // Nobody is harmed by the deletion of what has ended or is on its way out.
    if object::is_terminal(act.pod) || object::is_terminating(act.pod) {
        return Ok(());
    }
    let pods = act.pods();
    if !(spec.start..spec.end).contains(&ordinal) {
        let above = |p: &&Value| self::ordinal(p) > ordinal;
        if rules.disruption && act.owner_stays() && spec.ordered && pods.iter().any(above) {
            return Err("S6: a higher ordinal is still there".to_owned());
        }
        return Ok(());
    }
    let (current, update) =
        (object::text(set, "/status/currentRevision"), object::text(set, "/status/updateRevision"));
    let wanted = if ordinal < spec.first_updated { current } else { update };
    if !spec.rolls || spec.paused {
        return Err("S7: nobody asked for that (OnDelete, or paused)".to_owned());
    }
    if revision(act.pod) == wanted {
        return Err(format!("S7: it is wanted, and at the revision {wanted} that it should have"));
    }
    if ordinal < spec.first_updated && object::is_serving(act.pod) {
        return Err("S7: it is below the partition and serves".to_owned());
    }
    if rules.disruption && act.owner_stays() && act.was_available(set) {
        let wanted = |p: &&&Value| (spec.start..spec.end).contains(&self::ordinal(p));
        let left = pods.iter().filter(wanted).filter(|p| act.is_available(set, p)).count() as i64 - 1;
        let unavailable = spec.end - spec.start - left;
        if unavailable > spec.budget {
            return Err(format!("S7: {unavailable} would be unavailable, {} may", spec.budget));
        }
    }
    Ok(())
}

/// S3: a claim goes only when the policy says so. What counts is the policy of the set as it is, or as it was last.
pub fn claim_gone(server: &ApiServer, change: &Change) -> Judgement {
    for (owner, set) in server.all(Resource::OrdinalSets(berth::api::Surface::Berth)) {
        let spec = Spec::of(set);
        let ours = change.object.name.contains(&format!("-{}-", owner.name));
        if ours && !object::is_terminating(set) && !spec.deletes_with_ordinal && !spec.deletes_with_set {
            return Err(format!("S3: {} is gone though {owner} retains its claims", change.object));
        }
    }
    Ok(())
}
