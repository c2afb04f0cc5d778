//! What goes out: the requests that wait for their turn, what an answer means, and writes that the caches do not show yet.

pub mod classify;
pub mod expectations;
pub mod outbox;
