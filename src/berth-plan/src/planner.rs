//! What a kind of set has to be able to do to be planned for and forecast.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::observation::Observation;
use crate::plan::Plan;
use crate::workload::Set;

/// A kind of set that can be planned for.
pub trait Planned: Set + DeserializeOwned {
    /// What is to be done now.
    fn plan(observation: &Observation<Self>) -> Plan;
    /// How its pods stand.
    fn tally(observation: &Observation<Self>) -> Tally;
    /// The claims that no wanted pod uses.
    fn unused_claims(observation: &Observation<Self>) -> Vec<String>;
}

/// How the pods of a set stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many places should have a pod.
    pub wanted: i64,
    /// How many of them have none that is available.
    pub unavailable: i64,
    /// How many of them have no pod, or one at another revision than the present template's.
    pub unfinished: i64,
}
