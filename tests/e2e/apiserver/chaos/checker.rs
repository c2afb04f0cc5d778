//! Reads what was stored, commit by commit in the order of their resourceVersions, and says what should not have been. It knows
//! nothing of Berth's code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::support::chronicle::{Change, Entry};
use crate::support::read::{is_ready, name, number, revision, text, uid};

/// What is wrong, and what was seen.
#[derive(Debug, Default)]
pub struct Found {
    /// What is wrong, with the invariant.
    pub wrong: Vec<String>,
    commits: usize,
    pods_made: usize,
    pods_gone: usize,
    /// Pods that were made before those below them were ready: requests that a former leader had on its way.
    out_of_order: usize,
    /// Ready pods whose deletion was asked for though that left more than the budget without one: the same.
    over_budget: usize,
    /// Pods whose deletion was asked for though they were wanted just as they were: the same, after people had changed their minds.
    in_vain: usize,
}

impl Found {
    /// How many acts were right only for an earlier state.
    pub fn beyond(&self) -> usize {
        self.out_of_order + self.over_budget + self.in_vain
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commits, pods_made, pods_gone, out_of_order, over_budget, in_vain, .. } = self;
        write!(
            f,
            "{commits} commits, {pods_made} pods made, {pods_gone} gone, {out_of_order} made out of order, {over_budget} deleted \
             beyond the budget, {in_vain} in vain"
        )
    }
}

/// One commit of a resource.
struct Commit {
    version: u64,
    plural: &'static str,
    entry: Entry,
}

/// See the module.
pub struct Checker {
    commits: Vec<Commit>,
    /// What there is, by resource and name.
    now: BTreeMap<(&'static str, String), Value>,
    found: Found,
}

impl Checker {
    /// Takes in the entries of each resource.
    pub fn new(all: impl Iterator<Item = (&'static str, Vec<Entry>)>) -> Self {
        let mut commits = vec![];
        for (plural, entries) in all {
            for entry in entries.into_iter().filter(|e| !matches!(e.change, Change::Bookmark | Change::Error))
            {
                let version = text(&entry.object, "/metadata/resourceVersion").parse().unwrap();
                commits.push(Commit { version, plural, entry });
            }
        }
        // One store, one counter: the versions of all resources compare.
        commits.sort_by_key(|commit| commit.version);
        Self { commits, now: BTreeMap::new(), found: Found::default() }
    }

    /// Goes over all of it.
    pub fn check(mut self) -> Found {
        self.found.commits = self.commits.len();
        for commit in std::mem::take(&mut self.commits) {
            let key = (commit.plural, name(&commit.entry.object).to_owned());
            let before = self.now.get(&key).cloned();
            match (commit.plural, commit.entry.change) {
                ("pods", Change::Added) => self.pod_made(&commit.entry.object),
                ("pods", Change::Deleted) => self.found.pods_gone += 1,
                ("persistentvolumeclaims", Change::Deleted) => {
                    self.wrong(format!("S3: claim {} is gone though claims are retained", key.1));
                }
                ("controllerrevisions", Change::Modified)
                    if before.as_ref().is_some_and(|b| b["data"] != commit.entry.object["data"]) =>
                {
                    self.wrong(format!("S9: revision {} changed", key.1));
                }
                ("ordinalsets" | "nodedaemonsets", Change::Modified) => {
                    let observed = |set: &Value| number(set, "/status/observedGeneration");
                    let now = observed(&commit.entry.object);
                    let ahead = now > number(&commit.entry.object, "/metadata/generation");
                    if ahead || before.as_ref().is_some_and(|b| observed(b) > now) {
                        self.wrong(format!("S13: {} observes {now}", key.1));
                    }
                }
                _ => {}
            }
            if let Some(before) = before.filter(|_| commit.plural == "pods") {
                self.pod_changed(&before, &commit.entry.object);
            }
            match commit.entry.change {
                Change::Deleted => drop(self.now.remove(&key)),
                _ => drop(self.now.insert(key, commit.entry.object)),
            }
        }
        self.found
    }

    fn wrong(&mut self, what: String) {
        self.found.wrong.push(what);
    }

    fn pods_of(&self, owner: &str) -> Vec<&Value> {
        let pods = self.now.iter().filter(|((plural, _), _)| *plural == "pods").map(|(_, pod)| pod);
        pods.filter(|pod| text(pod, "/metadata/ownerReferences/0/uid") == owner).collect()
    }

    /// The set that a pod names as its owner.
    fn set_of(&self, pod: &Value) -> Option<&Value> {
        let ordinals = text(pod, "/metadata/ownerReferences/0/kind") == "OrdinalSet";
        let plural = if ordinals { "ordinalsets" } else { "nodedaemonsets" };
        self.now.get(&(plural, text(pod, "/metadata/ownerReferences/0/name").to_owned()))
    }

    fn pod_made(&mut self, pod: &Value) {
        let (owner, kind) =
            (text(pod, "/metadata/ownerReferences/0/uid"), text(pod, "/metadata/ownerReferences/0/kind"));
        self.found.pods_made += 1;
        match kind {
            "OrdinalSet" => self.ordinal_made(pod, owner),
            "NodeDaemonSet" => {
                let node = node_of(pod);
                // With surge a new pod comes beside an old one, or beside one that is on its way out.
                let surges = name(pod).starts_with("surging-");
                let makes_room = |p: &Value| surges && (revision(p) != revision(pod) || is_leaving(p));
                let twins: Vec<String> = self
                    .pods_of(owner)
                    .into_iter()
                    .filter(|p| node_of(p) == node && !makes_room(p))
                    .map(|p| name(p).to_owned())
                    .collect();
                if !twins.is_empty() {
                    self.wrong(format!("D1: {} comes to node {node}, where {twins:?} is", name(pod)));
                }
            }
            _ => self.found.pods_made -= 1,
        }
    }

    fn ordinal_made(&mut self, pod: &Value, owner: &str) {
        let (set, ordinal) = name(pod).rsplit_once('-').unwrap();
        let key = ("ordinalsets", set.to_owned());
        let Some(owner_now) = self.now.get(&key).cloned() else {
            return self.wrong(format!("S12: {} is made without its set", name(pod)));
        };
        if uid(&owner_now) != owner {
            self.wrong(format!("S12: {} is made for another set", name(pod)));
        }
        let labels = &pod["metadata"]["labels"];
        if text(pod, "/spec/hostname") != name(pod)
            || labels["statefulset.kubernetes.io/pod-name"] != name(pod)
            || labels["apps.kubernetes.io/pod-index"] != ordinal
        {
            self.wrong(format!("S10: {} has another identity", name(pod)));
        }
        let recorded: BTreeSet<&str> =
            self.now.keys().filter(|(p, _)| *p == "controllerrevisions").map(|(_, n)| n.as_str()).collect();
        if !recorded.contains(revision(pod)) {
            self.wrong(format!("S8: {} is made at {}, which is not recorded", name(pod), revision(pod)));
        }
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let claim = text(volume, "/persistentVolumeClaim/claimName").to_owned();
            if !claim.is_empty() && !self.now.contains_key(&("persistentvolumeclaims", claim.clone())) {
                self.wrong(format!("S5: {} is made before its claim {claim}", name(pod)));
            }
        }
        if owner_now["spec"]["podManagementPolicy"] != "Parallel" {
            let ordinal: i64 = ordinal.parse().unwrap();
            let ready = |n: i64| self.now.get(&("pods", format!("{set}-{n}"))).is_some_and(is_ready);
            self.found.out_of_order += usize::from((0..ordinal).any(|n| !ready(n)));
        }
    }

    /// S7, D4, D5: whether the deletion of a ready pod that is wanted leaves more than the budget without one. Only once the status says
    /// that the present spec was seen: before, an operator may well act on the one before.
    fn exceeds(&self, pod: &Value) -> bool {
        let (owner, kind) =
            (text(pod, "/metadata/ownerReferences/0/uid"), text(pod, "/metadata/ownerReferences/0/kind"));
        let Some(set) = self.set_of(pod) else { return false };
        if number(set, "/status/observedGeneration") != number(set, "/metadata/generation") {
            return false;
        }
        let serves = |p: &&Value| is_ready(p) && !is_leaving(p) && uid(p) != uid(pod);
        let serving: Vec<&Value> = self.pods_of(owner).into_iter().filter(serves).collect();
        if kind != "OrdinalSet" {
            if name(pod).starts_with("surging-") {
                return !serving.iter().any(|p| node_of(p) == node_of(pod));
            }
            let nodes: BTreeSet<&str> = serving.iter().map(|p| node_of(p)).collect();
            return number(set, "/status/desiredNumberScheduled") - i64::try_from(nodes.len()).unwrap() > 1;
        }
        let wanted = number(set, "/spec/replicas");
        if ordinal_of(pod) >= wanted {
            return false;
        }
        let left = serving.iter().filter(|p| ordinal_of(p) < wanted).count();
        let budget = number(set, "/spec/updateStrategy/rollingUpdate/maxUnavailable").max(1);
        wanted - i64::try_from(left).unwrap() > budget
    }

    /// S21, D9: whether a pod is just as its set wants it. Nobody but operators deletes pods here, and no node goes.
    fn is_wanted(&self, pod: &Value) -> bool {
        let Some(set) = self.set_of(pod) else { return false };
        let ordinals = text(pod, "/metadata/ownerReferences/0/kind") == "OrdinalSet";
        let condemned = ordinals && ordinal_of(pod) >= number(set, "/spec/replicas");
        let image = text(set, "/spec/template/spec/containers/0/image");
        !condemned && text(pod, "/spec/containers/0/image") == image
    }

    /// A pod keeps its owner, its node, its revision and its volumes; nobody touches that of somebody else.
    fn pod_changed(&mut self, before: &Value, after: &Value) {
        if uid(before) != uid(after) {
            return self.wrong(format!("S1: {} was replaced while it was there", name(after)));
        }
        let of =
            |pod: &Value| (pod["metadata"]["ownerReferences"].clone(), pod["metadata"]["labels"].clone());
        if of(before) != of(after) {
            self.wrong(format!("S11: {} has other owners or labels than before", name(after)));
        }
        if !is_leaving(before) && is_leaving(after) {
            self.found.over_budget += usize::from(is_ready(before) && self.exceeds(before));
            self.found.in_vain += usize::from(self.is_wanted(before));
        }
        if name(after) == "foreign" && after["metadata"].get("deletionTimestamp").is_some() {
            self.wrong("S11: the pod of somebody else is deleted".to_owned());
        }
    }
}

/// The ordinal of a pod of an ordinal set.
fn ordinal_of(pod: &Value) -> i64 {
    name(pod).rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(-1)
}

fn is_leaving(pod: &Value) -> bool {
    pod["metadata"].get("deletionTimestamp").is_some()
}

fn node_of(pod: &Value) -> &str {
    text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}
