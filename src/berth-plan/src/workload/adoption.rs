//! Which pods and revisions belong to an owner, which are taken over and which are let go (A8, B8.1, B9).

use std::sync::Arc;

use berth_api::meta::Object;
use berth_api::{Meta, ObjectRef, Resource, Uid};

use crate::observation::Observation;
use crate::plan::{Act, Action, Guard, Pace, Part, Plan, Unit};
use crate::reason::Reason;
use crate::workload::{self, Set};

/// Objects of one kind, sorted by what they are to the owner.
#[derive(Debug)]
pub struct Members<'a, T> {
    /// Managed by this owner and matching.
    pub ours: Vec<&'a Arc<T>>,
    /// Without a managing owner, matching, to be taken over.
    pub adopt: Vec<&'a Arc<T>>,
    /// Managed by this owner but no longer matching, to be let go.
    pub release: Vec<&'a Arc<T>>,
    /// All others that were observed: they can only be in the way.
    pub foreign: Vec<&'a Arc<T>>,
}

/// Sorts `objects`; `matches` says whether the selector (and the name, where that counts) fits.
pub fn sort<'a, S: Set, T: Object>(
    observation: &Observation<S>,
    objects: &'a [Arc<T>],
    matches: impl Fn(&T) -> bool,
) -> Members<'a, T> {
    let owner = observation.set.meta();
    let mut members = Members { ours: vec![], adopt: vec![], release: vec![], foreign: vec![] };
    for object in objects {
        let meta = object.meta();
        let fits = matches(object);
        match meta.controller() {
            Some(reference) if reference.uid == owner.uid => {
                if fits {
                    members.ours.push(object);
                } else if owner.is_terminating() {
                    members.foreign.push(object);
                } else {
                    members.release.push(object);
                }
            }
            None if fits && !owner.is_terminating() && !meta.is_terminating() => members.adopt.push(object),
            _ => members.foreign.push(object),
        }
    }
    members
}

/// Plans what is adopted and what is released. Pods for which that was taken back when it was made last are postponed: nothing waits for
/// them, and it is made again after its back-off. Before anything is adopted the owner is read live (A8.3): nothing is
/// adopted for an owner that is gone or being deleted.
pub fn stages<S: Set, T: Object>(
    observation: &Observation<S>,
    resource: Resource,
    members: &Members<'_, T>,
    plan: &mut Plan,
) {
    let owner = observation.set.meta();
    let change = |meta: &Meta, references: Vec<_>, why| {
        vec![Action {
            act: Act::Patch {
                object: ObjectRef::new(resource, &meta.namespace, &meta.name),
                guard: Guard::version(meta),
                body: workload::references(&references),
                status: false,
            },
            why,
        }]
    };
    let (rejections, now) = (&observation.memory.rejections, observation.now.mono);
    let mut is_due = |unit: &Unit| {
        let [action] = unit.as_slice() else { return true };
        let known = rejections.of(&action.act).filter(|known| known.taken_back && resource == Resource::Pods);
        let Some(delay) = known.and_then(|known| known.retry_at.checked_sub(now)).filter(|d| !d.is_zero())
        else {
            return true;
        };
        plan.recheck(delay);
        plan.postponed.push(action.clone());
        false
    };
    let release: Vec<_> = members
        .release
        .iter()
        .map(|o| change(o.meta(), workload::without_reference(o.meta(), &owner.uid), Reason::NoLongerOurs))
        .filter(&mut is_due)
        .collect();
    let adopt: Vec<_> = members
        .adopt
        .iter()
        .map(|o| {
            change(o.meta(), workload::with_reference(o.meta(), observation.reference()), Reason::Orphan)
        })
        .filter(&mut is_due)
        .collect();
    plan.stage(Part::Membership, Pace::Together, release);
    if !adopt.is_empty() {
        plan.stage(Part::Membership, Pace::OneByOne, vec![vec![owner_is_there(observation)]]);
        plan.stage(Part::Membership, Pace::Together, adopt);
    }
}

/// Makes sure that the owner is there as it was seen, and is not being deleted, before anything rests on it.
pub fn owner_is_there<S: Set>(observation: &Observation<S>) -> Action {
    let (object, owner) = (observation.key.object(), observation.set.meta());
    let (uid, generation) = (owner.uid.clone(), Some(owner.generation));
    Action {
        act: Act::Confirm { object, uid, generation, live: true, not_of: Uid::default() },
        why: Reason::OwnerMayBeGone,
    }
}
