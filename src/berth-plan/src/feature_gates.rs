//! Feature gates, under the names that Kubernetes gives them.

/// The gates that change what is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// `StatefulSetRecreateStrategy` (KEP-3541): alpha in 1.37, off. Only native sets know the strategy.
    pub recreate: bool,
    /// `MaxUnavailableStatefulSet` (KEP-961): beta in 1.37, on. Off, pods are replaced strictly one after the other.
    pub max_unavailable: bool,
    /// `TaintTolerationComparisonOperators` (KEP-5471): alpha in 1.37, off. Off, the operators `Lt` and `Gt` tolerate nothing.
    pub comparison: bool,
}

/// Gates of Kubernetes for what Berth always does.
const ALWAYS_ON: [&str; 3] = [
    "StatefulSetSemanticRevisionComparison",
    "StaleControllerConsistencyStatefulSet",
    "StaleControllerConsistencyDaemonSet",
];

impl Default for Gates {
    fn default() -> Self {
        Gates { recreate: false, max_unavailable: true, comparison: false }
    }
}

impl Gates {
    /// Reads `Name=true` or `Name=false`, one each.
    ///
    /// # Errors
    /// A sentence that names what is not known, or not true or false.
    pub fn parse<'a>(settings: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut gates = Gates::default();
        for setting in settings.into_iter().filter(|s| !s.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let value: bool =
                value.parse().map_err(|_| format!("{setting:?} must be {name}=true or {name}=false"))?;
            match name {
                "StatefulSetRecreateStrategy" => gates.recreate = value,
                "MaxUnavailableStatefulSet" => gates.max_unavailable = value,
                "TaintTolerationComparisonOperators" => gates.comparison = value,
                always if ALWAYS_ON.contains(&always) => {
                    if !value {
                        return Err(format!("{name} is always on in berth and cannot be turned off"));
                    }
                }
                _ => {
                    let known = "StatefulSetRecreateStrategy, MaxUnavailableStatefulSet, TaintTolerationComparisonOperators";
                    return Err(format!(
                        "{name:?} is not known; known are {known}, {}",
                        ALWAYS_ON.join(", ")
                    ));
                }
            }
        }
        Ok(gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_have_kubernetes_names() {
        assert_eq!(Gates::parse([""]), Ok(Gates::default()));
        let both = Gates::parse(["StatefulSetRecreateStrategy=true", "MaxUnavailableStatefulSet=false"]);
        assert_eq!(both, Ok(Gates { recreate: true, max_unavailable: false, comparison: false }));
        assert_eq!(Gates::parse(["StatefulSetSemanticRevisionComparison=true"]), Ok(Gates::default()));
        for wrong in [
            "Nonsense=true",
            "StatefulSetRecreateStrategy",
            "MaxUnavailableStatefulSet=maybe",
            "StaleControllerConsistencyDaemonSet=false",
        ] {
            assert!(Gates::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
