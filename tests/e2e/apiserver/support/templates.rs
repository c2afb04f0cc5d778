//! Wrong and right pod templates, for both kinds: what the API server makes of them is compared between `apps/v1` and `berth.dev`.

use berth_plan::forecast::simulate::merge;
use serde::Deserialize;
use serde_json::{Value, json};

use super::manifests::{OLD, node_daemon_set, ordinal_set};
use super::plane::project;

/// What a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The spec of the template, of both kinds.
    Pod,
    /// The template, of both kinds.
    Template,
    /// The spec of an ordinal set.
    Ordinal,
    /// The spec of a node daemon set.
    Daemon,
}

/// A change of a set that is right otherwise.
pub struct Case {
    /// In words; a name for the set too.
    pub what: String,
    /// What is changed.
    pub to: To,
    /// The change, a JSON merge patch.
    pub patch: Value,
    /// The path that the refusal of a custom resource names; where nothing is refused, why that is so.
    pub says: String,
}

impl Case {
    /// The sets with this change that there are: native ones, or custom ones.
    pub fn sets(&self, is_native: bool) -> Vec<Value> {
        let name: String = self
            .what
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let name = name.trim_matches('-');
        let mut sets = vec![];
        if self.to != To::Daemon {
            sets.push(("StatefulSet", ordinal_set(name, 1)));
        }
        if self.to != To::Ordinal {
            sets.push(("DaemonSet", node_daemon_set(name, "nowhere")));
        }
        let changed = sets.into_iter().map(|(native, mut set)| {
            let at = match self.to {
                To::Pod => "/spec/template/spec",
                To::Template => "/spec/template",
                To::Ordinal | To::Daemon => "/spec",
            };
            merge(set.pointer_mut(at).unwrap(), &self.patch);
            if is_native {
                set["apiVersion"] = json!("apps/v1");
                set["kind"] = json!(native);
            }
            set
        });
        changed.collect()
    }
}

/// A case as it stands in `tests/manifests/templates`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    what: String,
    #[serde(default)]
    says: String,
    container: Option<Value>,
    init: Option<Value>,
    volume: Option<Value>,
    mount: Option<Value>,
    pod: Option<Value>,
    template: Option<Value>,
    claim: Option<Value>,
    ordinal: Option<Value>,
    daemon: Option<Value>,
}

impl Line {
    fn case(self) -> Case {
        let changed = |mut value: Value, patch: &Value| {
            merge(&mut value, patch);
            value
        };
        let container = || json!({"name": "main", "image": OLD});
        let changes = [
            self.container.map(|patch| (To::Pod, json!({"containers": [changed(container(), &patch)]}))),
            self.init.map(|patch| {
                let container = changed(json!({"name": "before", "image": OLD}), &patch);
                (To::Pod, json!({"initContainers": [container]}))
            }),
            self.volume.map(|patch| (To::Pod, json!({"volumes": [changed(json!({"name": "v"}), &patch)]}))),
            self.mount.map(|patch| {
                let mut container = container();
                container["volumeMounts"] = json!([changed(json!({"name": "v", "mountPath": "/v"}), &patch)]);
                (To::Pod, json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [container]}))
            }),
            self.claim.map(|patch| {
                let size = json!({"requests": {"storage": "1Gi"}});
                let spec = changed(json!({"accessModes": ["ReadWriteOnce"], "resources": size}), &patch);
                (To::Ordinal, json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}]}))
            }),
            self.pod.map(|patch| (To::Pod, patch)),
            self.template.map(|patch| (To::Template, patch)),
            self.ordinal.map(|patch| (To::Ordinal, patch)),
            self.daemon.map(|patch| (To::Daemon, patch)),
        ];
        let mut changes = changes.into_iter().flatten();
        let (to, patch) = changes.next().unwrap_or_else(|| panic!("{}: no change", self.what));
        assert!(changes.next().is_none(), "{}: two changes", self.what);
        Case { what: self.what, to, patch, says: self.says }
    }
}

/// The cases of a file.
fn file(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(project(&format!("tests/manifests/templates/{name}.yaml"))).unwrap();
    let lines: Vec<Line> =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}.yaml: {error}"));
    lines.into_iter().map(Line::case).collect()
}

/// A case of many.
fn pod(what: &str, patch: Value, says: &str) -> Case {
    Case { what: what.to_owned(), to: To::Pod, patch, says: says.to_owned() }
}

fn container(what: &str, mut more: Value, says: &str) -> Case {
    merge(&mut more, &json!({"name": "main", "image": OLD}));
    pod(what, json!({"containers": [more]}), &format!("spec.template.spec.containers[0]{says}"))
}

/// What `apps/v1` refuses, and so do the custom resources.
pub fn wrong() -> Vec<Case> {
    let rule =
        |values: Vec<i32>| json!({"action": "Restart", "exitCodes": {"operator": "In", "values": values}});
    let rules = |rules: Vec<Value>| json!({"restartPolicy": "Never", "restartPolicyRules": rules});
    let mut cases = file("wrong");
    cases.extend([
        container("21 restart rules", rules(vec![rule(vec![1]); 21]), ".restartPolicyRules"),
        container(
            "256 exit codes",
            rules(vec![rule((0..256).collect())]),
            ".restartPolicyRules[0].exitCodes.values",
        ),
    ]);
    cases
}

/// What both take.
pub fn right() -> Vec<Case> {
    let list = |one: &dyn Fn(i32) -> Value, count: i32| (1..=count).map(one).collect::<Vec<_>>();
    let ports = list(&|n| json!({"containerPort": n, "protocol": "UDP"}), 500);
    let volumes = list(&|n| json!({"name": format!("v{n}"), "emptyDir": {}}), 200);
    let mounts = list(&|n| json!({"name": format!("v{n}"), "mountPath": format!("/v{n}")}), 200);
    let containers =
        list(&|n| json!({"name": format!("c{n}"), "image": OLD, "volumeMounts": mounts.clone()}), 20);
    let mut cases = file("right");
    cases.extend([
        container("many ports", json!({"ports": ports}), ""),
        pod("many mounts", json!({"volumes": volumes, "containers": containers}), ""),
    ]);
    cases
}

/// What `apps/v1` refuses and the custom resources take: the refusal comes when a pod is made.
pub fn left_to_pods() -> Vec<Case> {
    file("left")
}

/// What only the custom resources refuse.
pub fn stricter() -> Vec<Case> {
    file("stricter")
}
