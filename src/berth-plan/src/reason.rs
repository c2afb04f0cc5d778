//! Why something is done, and why something is waited for.

use std::fmt;
use std::time::Duration;

use berth_api::ObjectRef;
use jiff::Timestamp;
use serde::Serialize;

/// The place of a pod in its owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The ordinal, in an ordinal set.
    Ordinal(i64),
    /// The node, in a node daemon set.
    Node(String),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Ordinal(ordinal) => write!(f, "ordinal {ordinal}"),
            Slot::Node(node) => write!(f, "node {node}"),
        }
    }
}

/// Why an action is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Reason {
    /// The slot has no pod.
    Missing {
        /// Which slot.
        slot: Slot,
        /// The revision that it gets.
        revision: String,
    },
    /// The pod that is about to be made, or that waits to run, needs this claim.
    ClaimNeeded {
        /// The pod.
        pod: String,
    },
    /// The claim's owners are not those that the retention policy asks for.
    Retention,
    /// The pod has ended and is replaced.
    Ended {
        /// Which slot.
        slot: Slot,
        /// Failed or Succeeded.
        phase: String,
        /// What the kubelet said.
        detail: String,
    },
    /// The ordinal is outside the wanted range.
    Condemned {
        /// Which slot.
        slot: Slot,
    },
    /// The pod is at another revision than it should be, and it is its turn.
    Outdated {
        /// Which slot.
        slot: Slot,
        /// The revision that it has.
        from: String,
        /// The revision that it should have.
        to: String,
    },
    /// As [`Reason::Outdated`], and the pod is broken, so replacing it costs nobody anything (S19).
    BrokenAndOutdated {
        /// Which slot.
        slot: Slot,
        /// The revision that it has.
        from: String,
        /// The revision that it should have.
        to: String,
    },
    /// The node has another pod of the set that stays.
    Duplicate {
        /// Which slot.
        slot: Slot,
        /// The pod that stays.
        survivor: String,
    },
    /// The node should not run this pod.
    NodeUnfit {
        /// Which slot.
        slot: Slot,
        /// What is wrong with it.
        because: String,
    },
    /// The node that the pod is meant for does not exist.
    NodeGone {
        /// Which slot.
        slot: Slot,
    },
    /// The pod's labels do not say who it is.
    IdentityLost,
    /// An orphan that the selector matches.
    Orphan,
    /// An object of ours that the selector, or the name, no longer matches.
    NoLongerOurs,
    /// Nothing rests on an owner that may be gone or have changed.
    OwnerMayBeGone,
    /// A name further on is used only if the earlier ones are really held.
    NameHeld,
    /// A pod is made only if no other name of its node turns out to be in use (D1).
    NameUnseen,
    /// The template differs from every recorded revision.
    NewTemplate,
    /// The template is not recorded as it stands, but may differ from the newest revision in defaults only (A7.5).
    DefaultsMayDiffer,
    /// The template is again that of an older revision.
    Rollback {
        /// The number that it had.
        from: i64,
        /// The number that it gets.
        to: i64,
    },
    /// The template means the same as the newest revision, which is noted there so that it need not be asked again.
    SameInDefaults,
    /// Several revisions record the present template: the newest is kept, pods get its label, and the others go (B8.6).
    TwinRevision {
        /// The name of the revision that is kept.
        kept: String,
    },
    /// More old revisions than `revisionHistoryLimit`.
    HistoryLimit,
    /// A later plan reads this.
    ReadLater,
    /// The status tells what is the case.
    StatusChanged,
}

impl Reason {
    /// The slot whose pod is made or deleted, if it is one of a slot.
    pub fn slot(&self) -> Option<&Slot> {
        match self {
            Reason::Missing { slot, .. }
            | Reason::Ended { slot, .. }
            | Reason::Condemned { slot }
            | Reason::Outdated { slot, .. }
            | Reason::BrokenAndOutdated { slot, .. }
            | Reason::Duplicate { slot, .. }
            | Reason::NodeUnfit { slot, .. }
            | Reason::NodeGone { slot } => Some(slot),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Missing { slot, revision } => write!(f, "{slot} has no pod; it gets revision {revision}"),
            Reason::ClaimNeeded { pod } => write!(f, "pod {pod} needs it"),
            Reason::Retention => f.write_str("its owners are not those of the retention policy"),
            Reason::Ended { slot, phase, detail } if detail.is_empty() => {
                write!(f, "pod of {slot} is {phase}")
            }
            Reason::Ended { slot, phase, detail } => write!(f, "pod of {slot} is {phase}: {detail}"),
            Reason::Condemned { slot } => write!(f, "{slot} is no longer wanted"),
            Reason::Outdated { slot, from, to } => write!(f, "{slot} goes from revision {from} to {to}"),
            Reason::BrokenAndOutdated { slot, from, to } => {
                write!(f, "{slot} is not ready and goes from revision {from} to {to}")
            }
            Reason::Duplicate { slot, survivor } => write!(f, "{slot} has pod {survivor} already"),
            Reason::NodeUnfit { slot, because } => write!(f, "{slot} should not run it: {because}"),
            Reason::NodeGone { slot } => write!(f, "{slot} does not exist"),
            Reason::IdentityLost => f.write_str("its labels do not say who it is"),
            Reason::Orphan => f.write_str("it matches the selector and has no owner"),
            Reason::NoLongerOurs => f.write_str("the selector or the name no longer matches"),
            Reason::OwnerMayBeGone => f.write_str("nothing rests on an owner that is gone or has changed"),
            Reason::NameHeld => f.write_str("the next name is used only while this one is held"),
            Reason::NameUnseen => f.write_str("a pod of this name may be there that is not seen yet"),
            Reason::DefaultsMayDiffer => {
                f.write_str("the template may differ from the newest revision in defaults only")
            }
            Reason::SameInDefaults => {
                f.write_str("the template means the same, which need not be found out again")
            }
            Reason::NewTemplate => f.write_str("the template is new"),
            Reason::Rollback { from, to } => {
                write!(f, "the template is that of revision {from} again, now {to}")
            }
            Reason::TwinRevision { kept } => {
                write!(f, "revision {kept} records the same template and is kept")
            }
            Reason::HistoryLimit => f.write_str("more old revisions than revisionHistoryLimit"),
            Reason::ReadLater => f.write_str("later decisions rest on it"),
            Reason::StatusChanged => f.write_str("it tells what is the case"),
        }
    }
}

/// Why nothing more is done now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Waiting {
    /// A pod is not ready yet (or not for `minReadySeconds` yet).
    PodNotAvailable {
        /// The pod.
        pod: String,
        /// What it is doing, as far as that stays the same while nothing happens.
        because: String,
    },
    /// A pod is on its way out.
    PodTerminating {
        /// The pod.
        pod: String,
    },
    /// A pod should have ended, and its node does not confirm that it did: nobody can know whether it still runs.
    NodeSilent {
        /// The pod.
        pod: String,
        /// Its node.
        node: String,
        /// When it should have ended, its grace period included.
        due: Timestamp,
    },
    /// A claim is in the way.
    Claim {
        /// The claim.
        claim: ObjectRef,
        /// What is wrong with it.
        because: String,
    },
    /// A pod that is not ours has the name, or the node, of one of ours, and goes by itself: it is being deleted, or it belongs to an
    /// earlier set of this name, and the garbage collector takes it.
    PodLeaving {
        /// The pod.
        object: ObjectRef,
        /// What it is doing, as far as that stays the same while nothing happens.
        because: String,
    },
    /// Claims of ordinals without a pod do not go with the set although its policy is to delete claims: the set has not made them,
    /// and no pod of it uses them. Nothing waits for that ([`Waiting::is_remark`]).
    ClaimsUntied {
        /// How many.
        claims: i64,
        /// Which; at most five.
        names: Vec<String>,
    },
    /// A name is held by an object that is not ours.
    NameTaken {
        /// The object.
        object: ObjectRef,
    },
    /// As many pods as allowed are unavailable already.
    Budget {
        /// How many may be unavailable.
        limit: i64,
        /// How many are.
        used: i64,
        /// Which; at most five.
        by: Vec<String>,
    },
    /// As many nodes as allowed run two pods already.
    Surge {
        /// How many may.
        limit: i64,
        /// How many do.
        used: i64,
        /// Which; at most five.
        by: Vec<String>,
    },
    /// A pod that should be replaced must stay as long as pods at the wanted revision are not available (S19).
    WantedRevisionBroken {
        /// The pod at the wanted revision that is not available.
        pod: String,
    },
    /// The pods below the partition keep their revision.
    Partition {
        /// How many.
        pods: i64,
    },
    /// The pods get the new template when somebody deletes them.
    OnDelete {
        /// How many are at an older revision.
        pods: i64,
    },
    /// The rollout is paused (`spec.paused`).
    Paused {
        /// How many pods are at another revision than they should be.
        pods: i64,
    },
    /// Nothing has moved for `progressDeadlineSeconds`. The work goes on all the same.
    DeadlinePassed {
        /// How many seconds were allowed.
        seconds: i64,
    },
    /// An earlier try failed; the next one comes later.
    Backoff {
        /// What failed.
        object: Option<ObjectRef>,
        /// What the API server said.
        message: String,
    },
    /// A pod of this slot keeps failing; its next replacement comes later.
    FailedPod {
        /// Which slot.
        slot: Slot,
        /// How long from now.
        #[serde(skip)]
        delay: Duration,
    },
    /// Pods of this slot keep vanishing without our doing; the next one is made later (X9).
    Vanishing {
        /// Which slot.
        slot: Slot,
        /// How long from now.
        #[serde(skip)]
        delay: Duration,
    },
    /// Somebody else renumbers or deletes the revisions of this owner; ours is made the newest again later (X10).
    Renumbering {
        /// How long from now.
        #[serde(skip)]
        delay: Duration,
    },
    /// kube-controller-manager's own controller works on the owner too (F1).
    Rival,
    /// The owner is being deleted.
    OwnerTerminating,
    /// The spec cannot be carried out.
    Invalid {
        /// The field and what is wrong with it.
        message: String,
    },
}

impl Waiting {
    /// The object whose next change ends the waiting, where it is not one of the owner's own.
    pub fn awaits(&self) -> Option<&ObjectRef> {
        match self {
            Waiting::Claim { claim, .. } => Some(claim),
            Waiting::NameTaken { object } | Waiting::PodLeaving { object, .. } => Some(object),
            _ => None,
        }
    }

    /// Whether people are told this and nothing waits for it.
    pub fn is_remark(&self) -> bool {
        matches!(self, Waiting::ClaimsUntied { .. })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::PodNotAvailable { pod, because } => write!(f, "{pod}: {because}"),
            Waiting::PodTerminating { pod } => write!(f, "{pod}: being deleted"),
            Waiting::NodeSilent { pod, node, due } => write!(
                f,
                "{pod}: should have ended by {due}, and its node {node} does not confirm it, so no second pod is made; if nothing runs \
                 there any more: kubectl taint node {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
            ),
            Waiting::Claim { claim, because } => write!(f, "{claim}: {because}"),
            Waiting::PodLeaving { object, because } => write!(f, "{object}: {because}"),
            Waiting::ClaimsUntied { claims, names } => {
                let listed = names.join(", ");
                let more = if *claims > i64::try_from(names.len()).unwrap_or(i64::MAX) { ", ..." } else { "" };
                write!(
                    f,
                    "claims that stay when the set is deleted, whatever whenDeleted says, for this set has not made them and no pod of \
                     it uses them: {listed}{more}"
                )
            }
            Waiting::NameTaken { object } => {
                write!(f, "{object} exists and does not belong to this set; delete or rename it")
            }
            Waiting::Budget { limit, used, by } => {
                write!(f, "{used} of at most {limit} pods are unavailable: {}", by.join(", "))
            }
            Waiting::Surge { limit, used, by } => {
                write!(f, "{used} of at most {limit} nodes run two pods: {}", by.join(", "))
            }
            Waiting::WantedRevisionBroken { pod } => {
                write!(
                    f,
                    "{pod} is at the wanted revision and not available, so no pod of another revision is replaced"
                )
            }
            Waiting::Partition { pods: 1 } => f.write_str("1 pod below the partition keeps its revision"),
            Waiting::Partition { pods } => write!(f, "{pods} pods below the partition keep their revision"),
            Waiting::OnDelete { pods: 1 } => {
                f.write_str("1 pod gets the new template when it is deleted (OnDelete)")
            }
            Waiting::OnDelete { pods } => {
                write!(f, "{pods} pods get the new template when they are deleted (OnDelete)")
            }
            Waiting::Paused { pods: 1 } => {
                f.write_str("paused: 1 pod keeps its revision until spec.paused is false")
            }
            Waiting::Paused { pods } => {
                write!(f, "paused: {pods} pods keep their revision until spec.paused is false")
            }
            Waiting::DeadlinePassed { seconds } => {
                write!(f, "nothing has moved for {seconds} s (progressDeadlineSeconds); the work goes on")
            }
            Waiting::Backoff { object: Some(object), message } => write!(f, "{object}: {message}"),
            Waiting::Backoff { object: None, message } => f.write_str(message),
            Waiting::FailedPod { slot, .. } => {
                write!(f, "pods of {slot} keep failing; the next one is made later")
            }
            Waiting::Vanishing { slot, .. } => {
                write!(f, "pods of {slot} keep vanishing, though nobody here deletes them; the next one is made later")
            }
            Waiting::Renumbering { .. } => f.write_str(
                "somebody else changes its revisions, as another operator with an older view of it does; ours is made the \
                 newest again later",
            ),
            Waiting::Rival => f.write_str(
                "kube-controller-manager writes its status too, so nothing is done for it; start kube-controller-manager \
                 with --controllers=*,-statefulset-controller,-daemonset-controller, then restart berth",
            ),
            Waiting::OwnerTerminating => f.write_str("the set is being deleted"),
            Waiting::Invalid { message } => f.write_str(message),
        }
    }
}
