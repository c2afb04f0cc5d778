//! A real Kubernetes control plane without a container engine.
//!
//! [`Cluster::start`] runs etcd, kube-apiserver (with RBAC and an audit log), kube-controller-manager, kube-scheduler and KWOK as
//! plain processes. Nodes and the containers on them are simulated by KWOK; everything else is the real thing. Any number of
//! clusters run side by side, and none outlives the process that owns it, however that process ends.
//!
//! [`Cluster::attach`] makes the same use of a cluster that was there before, as far as that goes.
//!
//! How a pod behaves on a simulated node is chosen by its images' tags or by an annotation: see [`Behaviour`].
#![forbid(unsafe_code)]

mod access;
mod audit;
mod behaviour;
mod binaries;
mod bound;
mod cluster;
mod compile;
mod directory;
mod error;
mod existing;
mod janitor;
mod kubectl;
mod nodes;
mod plane;
mod process;
mod real;
pub mod versions;

pub use audit::AuditEvent;
pub use behaviour::{BEHAVIOUR_ANNOTATION, Behaviour};
pub use binaries::{Binaries, verdicts};
pub use bound::bound;
pub use cluster::{Cluster, Options};
pub use error::Error;
pub use janitor::Janitor;
pub use kubectl::Output;
pub use process::Process;
pub use real::make_ready_for_real_nodes;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;
