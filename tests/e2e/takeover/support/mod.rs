//! What the tests stand on.

#[path = "../../apiserver/support/read.rs"]
#[allow(dead_code, reason = "these tests do not need all of it")]
mod objects;

pub mod facts;
pub mod manifests;
pub mod read;
pub mod world;
pub mod writes;

pub use facts::{Facts, incarnations};
pub use world::World;
