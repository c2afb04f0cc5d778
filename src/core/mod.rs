//! The pure world: everything that decides, and nothing that does.
//!
//! No client, no clock, no log, no randomness. Time comes in as [`time::Now`]; requests go out as values
//! ([`request::Request`]) and come back as values ([`request::Answer`]). The shell carries them to a real API server, the
//! simulator to a model of one; both run the very machines of this module.

pub mod apply;
pub mod assume;
pub mod backoff;
pub mod budget;
pub mod cache;
pub mod classify;
pub mod condition;
pub mod deadline;
pub mod decode;
pub mod engine;
pub mod events;
#[cfg(test)]
pub mod fixture;
pub mod forecast;
pub mod gates;
pub mod hash;
pub mod images;
pub mod json;
pub mod lease;
pub mod limiter;
pub mod membership;
pub mod memory;
pub mod notice;
pub mod observation;
pub mod owner;
pub mod pace;
pub mod pending;
pub mod plan;
pub mod pod;
pub mod queue;
pub mod reason;
pub mod reflect;
pub mod rejections;
pub mod request;
pub mod round;
pub mod tally;
pub mod time;
pub mod triggers;

#[cfg(test)]
mod tests;
