//! The owner references of a claim, by the retention policy (A5).

use berth_api::ordinal_set::Retention;
use berth_api::{Claim, Key, Meta, OwnerReference, Surface, Uid};

use crate::workload;

/// What decides who owns a claim.
#[derive(Clone, Debug)]
pub struct Owners<'a> {
    /// The set.
    pub key: &'a Key,
    /// Its incarnation.
    pub set: &'a Uid,
    /// The pod's name.
    pub pod: &'a str,
    /// The pod's incarnation; `None` while it is not made yet.
    pub pod_uid: Option<&'a Uid>,
    /// What happens when the set is deleted.
    pub when_deleted: Retention,
    /// What happens when the ordinal is scaled away.
    pub when_scaled: Retention,
    /// Whether the ordinal is outside the wanted range.
    pub condemned: bool,
}

impl Owners<'_> {
    fn pod_reference(&self, uid: &Uid) -> OwnerReference {
        OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: self.pod.to_owned(),
            uid: uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }

    /// The reference that the policy asks for, if any (A5.2).
    pub fn wanted(&self) -> Option<OwnerReference> {
        match (self.when_scaled, self.when_deleted, self.condemned) {
            (Retention::Delete, _, true) => self.pod_uid.map(|uid| self.pod_reference(uid)),
            (_, Retention::Delete, _) => Some(workload::reference(self.key, self.set)),
            _ => None,
        }
    }

    /// Whether a reference names our set or our pod, whatever incarnation (A5.4).
    fn names_us(&self, reference: &OwnerReference) -> bool {
        let set = workload::reference(self.key, self.set);
        let names = |version: &str, kind: &str, name: &str| {
            reference.api_version == version && reference.kind == kind && reference.name == name
        };
        names(&set.api_version, &set.kind, &set.name) || names("v1", "Pod", self.pod)
    }

    /// Whether the claim belongs to an earlier set of this name. The garbage collector takes it or lets it go; a pod that used
    /// it before that would lose its data at its first replacement (S4).
    pub fn is_of_earlier_set(&self, claim: &Meta) -> bool {
        let set = workload::reference(self.key, self.set);
        let named =
            |r: &OwnerReference| r.api_version == set.api_version && r.kind == set.kind && r.name == set.name;
        claim.owner_references.iter().any(|r| named(r) && r.uid != set.uid)
    }

    /// Whether a reference is to our very set or our very pod.
    fn is_ours(&self, reference: &OwnerReference) -> bool {
        &reference.uid == self.set || self.pod_uid.is_some_and(|uid| uid == &reference.uid)
    }

    /// Whether somebody else manages the claim, so that a policy which would have it deleted is ignored (A5.6).
    pub fn is_ignored_for(&self, claim: &Meta) -> bool {
        let retains = self.when_deleted == Retention::Retain && self.when_scaled == Retention::Retain;
        !retains && claim.owner_references.iter().any(|r| r.is_controller() && !self.is_ours(r))
    }

    /// The references that the claim should have, or `None` when they are right or not ours to change (A5.5–A5.7).
    pub fn mend(&self, claim: &Claim) -> Option<Vec<OwnerReference>> {
        let present = &claim.metadata.owner_references;
        // A reference to an earlier set or pod of this name: that incarnation's claim, hands off.
        if present.iter().any(|r| self.names_us(r) && !self.is_ours(r)) {
            return None;
        }
        let others = || present.iter().filter(|r| !self.is_ours(r)).cloned();
        let wanted = if self.is_ignored_for(&claim.metadata) { None } else { self.wanted() };
        let mended: Vec<OwnerReference> = others().chain(wanted.clone()).collect();
        let ours: Vec<_> = present.iter().filter(|r| self.is_ours(r)).collect();
        let right = match &wanted {
            None => ours.is_empty(),
            Some(reference) => ours.len() == 1 && ours[0].uid == reference.uid && ours[0].is_controller(),
        };
        (!right).then_some(mended)
    }
}

/// Annotation of a claim: the uid of the set that made it. It is written in the creation of the claim.
pub const SET_UID: &str = "berth.dev/set-uid";

/// Whether claims that a set of this surface makes carry [`SET_UID`]. Native sets leave claims without a pod alone when the policy
/// becomes `Delete`, as upstream does (A5.11), so theirs need none.
pub fn marks(surface: Surface) -> bool {
    surface == Surface::Berth
}

/// Whether the incarnation `set` made the claim, as its annotation says.
pub fn is_made_by(claim: &Meta, set: &Uid) -> bool {
    claim.annotations.get(SET_UID) == Some(&set.0)
}

/// Whether the incarnation `set` is the only owner of the claim, and manages it.
pub fn names_only(claim: &Meta, set: &Uid) -> bool {
    matches!(claim.owner_references.as_slice(), [only] if &only.uid == set && only.is_controller())
}

/// Whether the claim belongs to an earlier pod of this name and is about to go with it (A5.12).
pub fn is_left_over(claim: &Meta, pod: &str, pod_uid: Option<&Uid>) -> bool {
    claim
        .owner_references
        .iter()
        .any(|r| r.api_version == "v1" && r.kind == "Pod" && r.name == pod && Some(&r.uid) != pod_uid)
}
