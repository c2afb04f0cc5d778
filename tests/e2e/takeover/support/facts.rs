//! What a change of hands must not change.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use super::read::{CLAIM, DS, Kind, POD, REVISION, STS, name, number, uid};

/// The pods, revisions, claims and statuses of the namespace `default`, one line each.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    lines: BTreeMap<String, String>,
}

impl Facts {
    /// What there is now: of pods the uid and the restarts of their containers, of revisions everything (a write of any
    /// kind would show), of claims the uid and the owners, of sets the status.
    pub fn now(world: &World) -> Self {
        let mut lines = BTreeMap::new();
        let mut note = |kind: Kind, say: &dyn Fn(&Value) -> String| {
            for object in world.list(kind) {
                lines.insert(format!("{}/{}", kind.plural, name(&object)), say(&object));
            }
        };
        note(POD, &|pod| format!("{} of {}", incarnation(pod), owners(pod)));
        note(CLAIM, &|claim| format!("{} of {}", incarnation(claim), owners(claim)));
        note(REVISION, &|revision| format!("{} {}", uid(revision), revision["metadata"]["resourceVersion"]));
        note(STS, &|set| set["status"].to_string());
        note(DS, &|set| set["status"].to_string());
        Self { lines }
    }

    /// Fails where the two differ.
    pub fn assert_same(&self, later: &Self, when: &str) {
        let keys = self.lines.keys().chain(later.lines.keys());
        let both = keys.map(|key| (key, (self.lines.get(key), later.lines.get(key))));
        let changed: BTreeMap<_, _> = both.filter(|(_, (before, after))| before != after).collect();
        assert!(changed.is_empty(), "{when}: {changed:#?}");
    }
}

/// Who the pods, claims and revisions are, whoever owns them: the uid, and of pods the restarts.
pub fn incarnations(world: &World) -> BTreeMap<String, String> {
    let all = [POD, CLAIM, REVISION].map(|kind| (kind, world.list(kind)));
    let lines = all.iter().flat_map(|(kind, objects)| {
        let line = |object| (format!("{}/{}", kind.plural, name(object)), incarnation(object));
        objects.iter().map(line)
    });
    lines.collect()
}

/// The uid, and how often each container was restarted.
fn incarnation(object: &Value) -> String {
    let containers = object["status"]["containerStatuses"].as_array();
    let restarts = containers.into_iter().flatten().map(|container| number(container, "/restartCount"));
    format!("{} {:?}", uid(object), restarts.collect::<Vec<_>>())
}

fn owners(object: &Value) -> String {
    object["metadata"]["ownerReferences"].to_string()
}
