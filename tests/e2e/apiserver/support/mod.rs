//! What the tests stand on.

pub mod berth;
pub mod chronicle;
pub mod existing;
pub mod health;
pub mod manifests;
pub mod plane;
pub mod read;
pub mod scene;
pub mod surface;
pub mod templates;
pub mod writes;

pub use chronicle::Chronicle;
pub use plane::Plane;
pub use read::{number, text};
pub use scene::Scene;
pub use surface::Surface;
