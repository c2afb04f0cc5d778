//! What goes into the engine and what comes out of it.

use std::time::Duration;

use berth_api::object::Item;
use berth_api::request::{Answer, Request};
use berth_api::{Key, Meta, ObjectRef, Resource, Surface};
use berth_plan::feature_gates::Gates;
use berth_plan::plan::Action;

use crate::election::lease;

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Config {
    /// The surfaces that are served.
    pub surfaces: Vec<Surface>,
    /// The only namespace that is looked at; empty for all.
    pub namespace: String,
    /// How many owners are worked on at the same time; at least 1.
    pub workers: usize,
    /// Requests per second over time; at least 1.
    pub qps: u32,
    /// Requests at once; at least 1.
    pub burst: u32,
    /// How many requests may be on their way at the same time; at least 1.
    pub in_flight: usize,
    /// How the leader is elected; `None` to lead at once.
    pub lease: Option<lease::Config>,
    /// What events say they come from.
    pub component: String,
    /// Feature gates.
    pub gates: Gates,
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A page of a list.
    Page {
        /// Of what.
        resource: Resource,
        /// The session of [`Output::List`].
        session: u64,
        /// The objects.
        items: Vec<Item>,
        /// Continue token; empty on the last page.
        token: String,
        /// The version that the list was read at.
        version: u64,
    },
    /// An event of a watch.
    Event {
        /// Of what.
        resource: Resource,
        /// The session of [`Output::Watch`].
        session: u64,
        /// What happened.
        event: Event,
    },
    /// The answer to a request.
    Answer {
        /// The id of [`Output::Send`].
        id: u64,
        /// The answer.
        answer: Answer,
    },
    /// Time has passed.
    Tick,
    /// End: what is on its way ends, held-back status is written, the lease is given back.
    Stop,
}

/// What a watch, or a failed list, reports.
#[derive(Clone, Debug)]
pub enum Event {
    /// The server has taken the watch on; what happens from now on will come.
    Opened,
    /// An object was added or changed.
    Put(Box<Item>),
    /// An object was deleted.
    Deleted(Box<Meta>),
    /// Everything up to this version was reported.
    Bookmark(u64),
    /// The version is too old to list or watch from.
    Expired,
    /// The watch has ended as watches do.
    Ended,
    /// The list or the watch failed, and why.
    Failed(String),
}

/// What goes out.
#[derive(Clone, Debug)]
pub enum Output {
    /// A page of a list is wanted.
    List {
        /// Of what.
        resource: Resource,
        /// To be given back with the answer.
        session: u64,
        /// In which namespace; empty for all.
        namespace: String,
        /// Of this name only; empty for all.
        name: String,
        /// Continue token; empty for the first page, which must be read from the newest state.
        token: String,
    },
    /// A watch is wanted, with bookmarks.
    Watch {
        /// Of what.
        resource: Resource,
        /// To be given back with the events.
        session: u64,
        /// In which namespace; empty for all.
        namespace: String,
        /// Of this name only; empty for all.
        name: String,
        /// From which version on.
        version: u64,
    },
    /// A request is to be sent.
    Send {
        /// To be given back with the answer.
        id: u64,
        /// The request.
        request: Request,
        /// How long its answer may take. After that it is unknown whether the request was done.
        timeout: Duration,
    },
    /// Something to be logged.
    Note(Note),
    /// The lease was lost: the process must end at once.
    LeaseLost,
    /// Everything has ended after [`Input::Stop`].
    Stopped,
}

/// Something for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A write met a newer state than it was decided on, or nobody knows what became of it; it is looked at again.
    Retried {
        /// For whom.
        key: Key,
        /// What and why.
        action: Box<Action>,
        /// What was in the way.
        because: String,
    },
    /// A write was done, or failed with this message.
    Acted {
        /// For whom.
        key: Key,
        /// What and why.
        action: Box<Action>,
        /// What went wrong, if anything.
        error: Option<String>,
    },
    /// A resource cannot be listed or watched.
    Unwatched {
        /// Which.
        resource: Resource,
        /// Why.
        problem: String,
    },
    /// An object cannot be read. It counts as present.
    Unreadable {
        /// Which.
        object: ObjectRef,
        /// Why.
        problem: String,
    },
    /// A resource is being watched.
    Watched {
        /// Which.
        resource: Resource,
    },
    /// We lead.
    Leading,
    /// Somebody else leads.
    Following {
        /// Who.
        leader: String,
    },
    /// The lease cannot be read or written.
    LeaseProblem {
        /// Why.
        problem: String,
    },
}
