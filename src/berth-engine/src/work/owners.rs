//! The owners that are worked on.

use berth_api::{Meta, Uid};
use jiff::Timestamp;

use super::run::Run;

/// A plan that is being carried out.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) run: Run,
    /// Whether a write failed because the view was old.
    pub(crate) stale: bool,
    /// Whether the API server refused a write.
    pub(crate) refused: bool,
    /// Whether anything was sent.
    pub(crate) acted: bool,
    /// Which of all plans it is.
    pub(crate) number: u64,
    /// The owner that the plan was made for.
    pub(crate) basis: Basis,
    /// Whether it was begun at the end: it writes the last status.
    pub(crate) last: bool,
}

/// What a plan rests on: the incarnation and the generation of its owner, and when kube-controller-manager wrote its status last.
pub(crate) type Basis = (Uid, i64, Option<Timestamp>);

/// See [`Basis`]: an owner that is deleted, or whose spec is changed, gets a new generation; beside a rival nothing is written (F1).
pub(crate) fn basis(owner: &Meta) -> Basis {
    (owner.uid.clone(), owner.generation, owner.upstream_wrote)
}
