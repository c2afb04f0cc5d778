//! The feature gates that a command goes by: those that the operator runs with.

use berth_plan::feature_gates::Gates;

use super::Failure;

/// See the module.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct FeatureGates {
    /// Feature gates of the operator, as Name=true,Name=false
    #[arg(long, env = "BERTH_FEATURE_GATES", value_delimiter = ',', value_name = "GATES")]
    feature_gates: Vec<String>,
}

impl FeatureGates {
    /// The gates.
    pub(super) fn read(&self) -> Result<Gates, Failure> {
        let read = Gates::parse(self.feature_gates.iter().map(String::as_str));
        read.map_err(|e| Failure::usage(format!("--feature-gates: {e}")))
    }
}
