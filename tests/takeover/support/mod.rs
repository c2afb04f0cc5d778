//! What the tests stand on.

pub mod facts;
pub mod manifests;
pub mod read;
pub mod world;
pub mod writes;

pub use facts::{Facts, incarnations};
pub use world::World;
