//! Lists of native kinds, which `kubectl apply` merges element by element where those of custom resources are replaced.

use berth_plan::forecast::simulate;
use serde_json::{Map, Value};

use crate::cli::plan::three_way::three_way;

/// The lists of a pod template that are merged, and the field that tells their elements apart: `patchMergeKey` in the types of
/// `k8s.io/api/core/v1`. All others are replaced.
const MERGED: [(&str, &str); 11] = [
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ports", "containerPort"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// The manifest with each such list as an apply would leave it: elements of others stay, elements that were applied before and are
/// no longer said go.
pub(super) fn merged(applied: Option<&Value>, manifest: &Value, present: &Value) -> Value {
    let Value::Object(fields) = manifest else { return manifest.clone() };
    let below = |(name, wanted): (&String, &Value)| {
        let applied = applied.and_then(|applied| applied.get(name));
        let there = present.get(name).unwrap_or(&Value::Null);
        let key = MERGED.iter().find(|(list, _)| list == name).map(|(_, key)| *key);
        let value = match (key, wanted, there) {
            (Some(key), Value::Array(wanted), Value::Array(there)) => {
                let applied = applied.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                Value::Array(list(key, applied, wanted, there))
            }
            _ => merged(applied, wanted, there),
        };
        (name.clone(), value)
    };
    Value::Object(fields.iter().map(below).collect::<Map<_, _>>())
}

fn list(key: &str, applied: &[Value], wanted: &[Value], present: &[Value]) -> Vec<Value> {
    let find = |list: &[Value], element: &Value| list.iter().position(|one| one[key] == element[key]);
    let whole = |element: &Value| {
        let Some(there) = find(present, element).map(|at| &present[at]) else { return element.clone() };
        let before = find(applied, element).map(|at| &applied[at]);
        let mut whole = there.clone();
        simulate::merge(&mut whole, &three_way(before, &merged(before, element, there), there));
        whole
    };
    let of_others = |one: &&Value| find(wanted, one).is_none() && find(applied, one).is_none();
    let places: Vec<Option<usize>> = wanted.iter().map(|element| find(present, element)).collect();
    // Where the order is that of the manifest already, what others have put between stays between.
    if places.iter().all(Option::is_some) && places.is_sorted() {
        let kept = present.iter().filter_map(|one| match find(wanted, one) {
            Some(at) => Some(whole(&wanted[at])),
            None => Some(one).filter(of_others).cloned(),
        });
        return kept.collect();
    }
    wanted.iter().map(whole).chain(present.iter().filter(of_others).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(applied: &Value, manifest: &Value, present: &Value) -> Value {
        let of = |containers: &Value| json!({ "spec": { "containers": containers } });
        merged(Some(&of(applied)), &of(manifest), &of(present))["spec"]["containers"].clone()
    }

    #[test]
    fn what_others_have_added_stays_and_what_was_said_before_goes() {
        let said = json!([{ "name": "a", "image": "a:1", "env": [{ "name": "X", "value": "1" }] }]);
        let injected = json!({ "name": "proxy", "image": "proxy:1" });
        let present = json!([injected, { "name": "a", "image": "a:1", "imagePullPolicy": "Always",
                                          "env": [{ "name": "X", "value": "1" }, { "name": "Y", "value": "2" }] }]);
        assert_eq!(result(&said, &said, &present), present, "nothing changes, not even the order");

        let other = json!([{ "name": "a", "image": "a:2" }]);
        let expected = json!([injected, { "name": "a", "image": "a:2", "imagePullPolicy": "Always" }]);
        assert_eq!(
            result(&said, &other, &present),
            expected,
            "env was said, as a whole, and is not any more"
        );
        let without_x = json!([{ "name": "a", "image": "a:1", "env": [] }]);
        let left = result(&said, &without_x, &present)[1]["env"].clone();
        assert_eq!(left, json!([{ "name": "Y", "value": "2" }]));

        let renamed = json!([{ "name": "b", "image": "b:1" }]);
        assert_eq!(result(&said, &renamed, &present), json!([renamed[0], injected]));
        let both = json!([said[0], renamed[0]]);
        let swapped = json!([renamed[0], said[0]]);
        assert_eq!(result(&both, &swapped, &both), swapped);
    }
}
