//! Which revision each ordinal should have (A9).

use std::ops::Range;
use std::sync::Arc;

use berth_api::int_or_percent::{Rounding, scaled};
use berth_api::ordinal_set::{IntOrPercent, OrdinalRollingUpdate, OrdinalUpdateType};
use berth_api::{OrdinalSet, Pod, Revision, Surface};

use super::replicas::Replicas;
use crate::observation::Observation;
use crate::pod;
use crate::reason::Slot;

/// Annotation that says whether broken pods are replaced: `"true"` or `"false"`.
const REPLACE_BROKEN: &str = "berth.dev/replace-broken";

/// The two revisions of a rollout and where the line between them runs.
#[derive(Clone, Debug)]
pub struct Target {
    /// The revision that the set comes from.
    pub current: Arc<Revision>,
    /// The revision of the present template.
    pub update: Arc<Revision>,
    /// Parameters of the rolling update; `None` for a rolling update without parameters, which is not the same as one with
    /// empty parameters (A9.2).
    pub rolling: Option<OrdinalRollingUpdate>,
    /// Whether pods are replaced at all, one after the other.
    pub rolls: bool,
    /// Whether all old pods go before new ones come.
    pub recreates: bool,
    /// While the set is paused, the ordinals that had come to the update revision before; `None` when it is not paused.
    pub paused: Option<Range<i64>>,
    /// Whether it is not known if the template is another than that of the update revision. Then nothing is replaced.
    pub undecided: bool,
}

impl Target {
    /// What the spec asks for.
    pub fn new(set: &OrdinalSet, current: Arc<Revision>, update: Arc<Revision>) -> Self {
        let strategy = set.spec.strategy();
        let rolls = strategy.type_ == Some(OrdinalUpdateType::RollingUpdate);
        let recreates = strategy.type_ == Some(OrdinalUpdateType::Recreate);
        Target {
            current,
            update,
            rolling: strategy.rolling_update,
            rolls,
            recreates,
            paused: None,
            undecided: false,
        }
    }

    /// The same for a set that is paused, if it is. A rollout goes from the highest ordinal down, so the pods that are there,
    /// and the counts in the status, say how far it had come. Recreate has no pods at two revisions: once one is at the update
    /// revision, all others have gone.
    pub fn held(self, set: &OrdinalSet, replicas: &Replicas<'_>) -> Self {
        if !set.spec.paused {
            return self;
        }
        let (start, status) = (set.spec.start(), &set.status);
        let to = &self.update.metadata.name;
        let places = start + i64::from(status.replicas.max(0));
        let updated =
            if &status.update_revision == to { i64::from(status.updated_replicas.max(0)) } else { 0 };
        let lowest =
            replicas.wanted.iter().find(|(_, pod)| pod::is_current(pod, to)).map(|(ordinal, _)| *ordinal);
        if self.recreates {
            let began = lowest.is_some() || updated > 0;
            return Target { paused: Some(if began { start..i64::MAX } else { start..start }), ..self };
        }
        let from = lowest.unwrap_or(places).min(places - updated).max(self.first_updated(set));
        Target { paused: Some(from..places), ..self }
    }

    /// Whether nothing is replaced now.
    pub fn stands(&self) -> bool {
        self.paused.is_some() || self.undecided
    }

    /// Whether old pods go before new ones come, and may go now.
    pub fn recreates_now(&self) -> bool {
        self.recreates && !self.stands()
    }

    /// The first ordinal that goes to the update revision. The partition counts from the start (A9.5).
    pub fn first_updated(&self, set: &OrdinalSet) -> i64 {
        let partition = self.rolling.as_ref().and_then(|r| r.partition).unwrap_or(0);
        set.spec.start() + i64::from(partition.max(0))
    }

    /// The revision that the pod of `ordinal` should have in the end.
    pub fn wanted(&self, set: &OrdinalSet, ordinal: i64) -> &Arc<Revision> {
        if self.rolls && ordinal < self.first_updated(set) { &self.current } else { &self.update }
    }

    /// Whether the pod is at a revision that is neither where the set comes from nor where it goes: one that was given up.
    pub fn abandons(&self, pod: &Pod) -> bool {
        [&self.current, &self.update].iter().all(|revision| !pod::is_current(pod, &revision.metadata.name))
    }

    /// The revision at which a missing pod is made (A9.2). Without parameters, pods that the status still counts as current
    /// are made at the current revision. While the set is paused, a pod comes back at the revision that it had, and a new
    /// ordinal gets the current one.
    pub fn for_new_pod<'a>(
        &'a self,
        observation: &'a Observation<OrdinalSet>,
        ordinal: i64,
    ) -> &'a Arc<Revision> {
        if let Some(updated) = &self.paused {
            let had = observation.memory.paused_revision(&Slot::Ordinal(ordinal));
            let recorded = had.and_then(|had| observation.revisions.iter().find(|r| r.metadata.name == had));
            let by_order = if updated.contains(&ordinal) { &self.update } else { &self.current };
            return recorded.unwrap_or(by_order);
        }
        let set = &observation.set;
        self.made_at(set, ordinal, i64::from(set.status.current_replicas))
    }

    fn made_at(&self, set: &OrdinalSet, ordinal: i64, counted_current: i64) -> &Arc<Revision> {
        match &self.rolling {
            None if self.rolls && ordinal < set.spec.start() + counted_current.max(0) => &self.current,
            Some(_) if ordinal < self.first_updated(set) => &self.current,
            _ => &self.update,
        }
    }

    /// Whether a set without pods stays between two revisions, so that its next pods come as they would have come before: below a
    /// partition, and while it is paused, at the current one. Native sets take it as complete, as upstream does (A11.5).
    pub fn holds_at_zero(&self, observation: &Observation<OrdinalSet>) -> bool {
        let set = &observation.set;
        let below = self.rolls && self.first_updated(set) > set.spec.start();
        observation.key.surface == Surface::Berth
            && set.spec.wanted() == 0
            && (below || self.paused.is_some())
    }

    /// Whether the number of pods at the current revision says at which revision a missing pod is made (A9.2).
    pub fn reads_the_count(&self) -> bool {
        self.rolls && self.rolling.is_none() && self.current.metadata.name != self.update.metadata.name
    }

    /// Whether a pod that is deleted comes back at another revision than it has. Without parameters a low ordinal may come
    /// back just as it was, and then deleting it would go on for ever (S16, S19).
    pub fn changes(&self, set: &OrdinalSet, ordinal: i64, pod: &Pod) -> bool {
        let counted = i64::from(set.status.current_replicas);
        let left = counted - i64::from(pod::is_current(pod, &self.current.metadata.name));
        !pod::is_current(pod, &self.made_at(set, ordinal, left).metadata.name)
    }

    /// How many pods may be unavailable; see [`max_unavailable`].
    ///
    /// # Errors
    /// As there.
    pub fn budget(&self, set: &OrdinalSet) -> Result<i64, String> {
        max_unavailable(self.rolling.as_ref(), set.spec.wanted())
    }
}

/// How many pods may be unavailable: at least 1; a percentage of the wanted replicas is rounded down (A9.4).
///
/// # Errors
/// A sentence, when `maxUnavailable` is neither a number nor a percentage.
pub fn max_unavailable(rolling: Option<&OrdinalRollingUpdate>, wanted: i64) -> Result<i64, String> {
    let value = rolling.and_then(|r| r.max_unavailable.clone()).unwrap_or(IntOrPercent::Int(1));
    let count = scaled(&value, wanted, Rounding::Down)
        .map_err(|e| format!("spec.updateStrategy.rollingUpdate.maxUnavailable: {e}"))?;
    Ok(count.max(1))
}

/// Whether broken pods that are not at the revision they should have are replaced without a person deleting them: by
/// default for custom sets, on request for native ones.
pub fn replaces_broken(observation: &Observation<OrdinalSet>) -> bool {
    match observation.set.metadata.annotations.get(REPLACE_BROKEN).map(String::as_str) {
        Some("true") => true,
        Some("false") => false,
        _ => observation.key.surface == Surface::Berth,
    }
}
