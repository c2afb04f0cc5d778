//! The owners of all claims of a set, also of those without a pod, and of those whose pod is not reached in this plan.

use std::collections::BTreeSet;

use berth_api::ordinal_set::Retention;
use berth_api::{Claim, OrdinalSet, OwnerReference, Pod, Resource};
use serde_json::json;

use super::owners::{is_made_by, names_only};
use super::plan::{mend, owners, prefix, untie};
use crate::observation::Observation;
use crate::plan::{Act, Action, Pace, Part, Plan, Stage, Unit};
use crate::reason::Waiting;
use crate::replica;
use crate::workload::adoption;

/// How many claims are named where there are many.
const NAMED: usize = 5;

/// Brings the owners of claims that the plan does not change yet in line with the retention policy (A5.11). `pod` gives the set's own
/// pod of an ordinal, wanted or not.
///
/// Towards `Retain` the set, or its pod, is taken off every claim: whatever keeps a pod from its turn, the data must outlive the set,
/// or the pod, from then on. Towards `Delete` a claim with a pod gets its owner when it is its pod's turn. One without a pod gets the set as its
/// owner only if the set itself made it (`berth.dev/set-uid`): any other may hold what an earlier set of this name, or a person, left
/// there. Such claims are named in [`Waiting::ClaimsUntied`].
///
/// These stages come first, and a failure in them stops nothing after them: no pod needs them. Towards `Retain` they come also where
/// nothing else is `decided`: whatever is rejected elsewhere, the data must outlive the set.
pub fn settle<'a>(
    observation: &Observation<OrdinalSet>,
    pod: impl Fn(i64) -> Option<&'a Pod>,
    decided: bool,
    plan: &mut Plan,
) {
    let set = &observation.set;
    let of_claims = |action: &&Action| action.act.object().resource == Resource::Claims;
    let changed: BTreeSet<String> =
        plan.actions().filter(of_claims).map(|action| action.act.object().name.clone()).collect();
    let (mut unties, mut ties, mut left): (Vec<Unit>, Vec<Unit>, Vec<&str>) = (vec![], vec![], vec![]);
    for (pod_name, ordinal, claim) in claims(observation) {
        let pod = pod(ordinal);
        if claim.metadata.is_terminating()
            || is_right(observation, ordinal, pod, claim)
            || changed.contains(&claim.metadata.name)
        {
            continue;
        }
        // Without a pod only the set can be the owner, in or out of the wanted range.
        let condemned = pod.is_some() && !(set.spec.start()..set.spec.end()).contains(&ordinal);
        let owners = owners(observation, pod_name, pod, condemned);
        let Some(action) = mend(&owners, claim) else { continue };
        if !gets_set(observation, &action) {
            unties.push(vec![action]);
        } else if !decided {
            continue;
        } else if pod.is_some() || is_made_by(&claim.metadata, &set.metadata.uid) {
            ties.push(vec![action]);
        } else {
            left.push(&claim.metadata.name);
        }
    }
    let mut stages = vec![];
    if !ties.is_empty() {
        // See `hand_over`.
        let look = vec![vec![adoption::owner_is_there(observation)]];
        stages.push(Stage::new(Part::Claims, Pace::OneByOne, look).independent());
        stages.push(Stage::new(Part::Claims, Pace::Together, ties).independent().following());
    }
    plan.stages.splice(0..0, stages);
    untie(unties, plan);
    if !left.is_empty() {
        let names = left.iter().take(NAMED).map(|name| (*name).to_owned()).collect();
        plan.waiting
            .push(Waiting::ClaimsUntied { claims: i64::try_from(left.len()).unwrap_or(i64::MAX), names });
    }
}

/// The claims that are those of ordinals, wanted or not, each with its ordinal and the name of the pod of that.
fn claims(observation: &Observation<OrdinalSet>) -> impl Iterator<Item = (&str, i64, &Claim)> {
    let set = &observation.key.name;
    let templates = &observation.set.spec.volume_claim_templates;
    let prefixes: BTreeSet<String> = templates.iter().map(|template| prefix(template, set)).collect();
    prefixes.into_iter().flat_map(move |prefix| {
        let from = prefix.len() - set.len() - 1;
        let all = observation.claims.range(prefix.clone()..);
        all.take_while(move |(name, _)| name.starts_with(&prefix)).filter_map(move |(name, claim)| {
            let pod = name.get(from..)?;
            Some((pod, replica::ordinal(set, pod)?, &**claim))
        })
    })
}

/// Whether nothing is to be done about a claim, as far as that can be told without a closer look: by far the most common case.
fn is_right(observation: &Observation<OrdinalSet>, ordinal: i64, pod: Option<&Pod>, claim: &Claim) -> bool {
    let (spec, set) = (&observation.set.spec, &observation.set.metadata.uid);
    let (when_deleted, when_scaled) = spec.retention();
    let goes_with_set = when_deleted == Retention::Delete;
    let owners = &claim.metadata.owner_references;
    let Some(pod) = pod else {
        return if goes_with_set { names_only(&claim.metadata, set) } else { owners.is_empty() };
    };
    let condemned = !(spec.start()..spec.end()).contains(&ordinal);
    // What is to be added is added when it is the pod's turn; only what is to be taken off cannot wait.
    let goes_with_pod = condemned && when_scaled == Retention::Delete;
    let unwanted = |r: &OwnerReference| r.uid == pod.metadata.uid || &r.uid == set && !goes_with_set;
    goes_with_pod || !owners.iter().any(unwanted)
}

/// Whether a change of a claim's owners makes the set one of them that was none.
fn gets_set(observation: &Observation<OrdinalSet>, action: &Action) -> bool {
    let uid = &observation.set.metadata.uid;
    let Act::Patch { object, body, .. } = &action.act else { return false };
    let had = |claim: &Claim| claim.metadata.owner_references.iter().any(|r| &r.uid == uid);
    let references = body["metadata"]["ownerReferences"].as_array();
    references.is_some_and(|all| all.iter().any(|reference| reference["uid"] == json!(uid)))
        && !observation.claims.get(&object.name).is_some_and(|claim| had(claim))
}
