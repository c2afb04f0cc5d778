//! What people do instead with native sets, which are kubectl's.

use berth_api::Kind;

use crate::cli::target::SetName;

/// The command that does for a native set what `berth rollout <verb>` does for one of Berth. kubectl pauses Deployments only: the
/// others are held by their update strategy.
pub(super) fn instead(set: &SetName, verb: &str, namespace: Option<&str>) -> String {
    let kind = set.key("").resource().kind();
    let named = format!("{}/{}", kind.to_lowercase(), set.name);
    let within = namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    let patch = |strategy: &str| {
        format!("kubectl patch {named}{within} -p '{{\"spec\":{{\"updateStrategy\":{strategy}}}}}'")
    };
    let partition = |number: i32| patch(&format!("{{\"rollingUpdate\":{{\"partition\":{number}}}}}"));
    let type_ = |name: &str| patch(&format!("{{\"type\":\"{name}\"}}"));
    let cannot = format!("a {kind} cannot be paused, but");
    match (verb, set.kind) {
        ("pause", Kind::Ordinal) => {
            format!("{cannot} a partition above its ordinals holds its rollout: {}", partition(i32::MAX))
        }
        ("resume", Kind::Ordinal) => {
            format!("{cannot} a rollout that a partition holds goes on at 0: {}", partition(0))
        }
        ("pause", Kind::Daemon) => format!("{cannot} OnDelete holds its rollout: {}", type_("OnDelete")),
        ("resume", Kind::Daemon) => {
            format!(
                "{cannot} a rollout that OnDelete holds goes on with RollingUpdate: {}",
                type_("RollingUpdate")
            )
        }
        _ => format!("kubectl rollout serves a {kind}: kubectl rollout {verb} {named}{within}"),
    }
}
