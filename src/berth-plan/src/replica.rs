//! The names of replicas.

/// The name of the pod of an ordinal.
pub fn pod_name(set: &str, ordinal: i64) -> String {
    format!("{set}-{ordinal}")
}

/// The ordinal that a pod name stands for, if it is a canonical name of the set: `web-1`, but not `web-01`, `web-+1` or
/// `web-x-1` (upstream takes the first of these for ordinal 1, see kubernetes/kubernetes#141094).
pub fn ordinal(set: &str, pod: &str) -> Option<i64> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    let canonical = digits == "0" || (!digits.starts_with('0') && !digits.is_empty());
    if !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i32>().ok().map(i64::from)
}
