//! Several plans in a row on a small fleet: each is carried out as soon as it is made, and what becomes of the pods is said in
//! between. The rows follow upstream's tests of updates.

use std::collections::BTreeMap;

use super::*;
use crate::plan::{Act, Pace};

/// Nodes, pods, and a set.
struct Fleet {
    set: Set,
    nodes: BTreeMap<String, Value>,
    pods: Vec<Pod>,
    revisions: Vec<Arc<berth_api::Revision>>,
    /// Seconds since the beginning.
    time: i64,
    made: usize,
}

impl Fleet {
    fn new(nodes: usize, spec: Value) -> Self {
        let mut set = fixture::daemon_set(spec);
        set.status.observed_generation = 1;
        let mut fleet = Fleet {
            set,
            nodes: (0..nodes).map(|n| (format!("n{n}"), json!({}))).collect(),
            pods: vec![],
            revisions: vec![],
            time: 0,
            made: 0,
        };
        fleet.update(json!({}));
        fleet
    }

    /// Changes the spec and records the template.
    fn update(&mut self, spec: Value) {
        let mut whole = serde_json::to_value(&self.set).unwrap();
        fixture::merge(&mut whole["spec"], spec);
        self.set = serde_json::from_value(whole).unwrap();
        let data = berth_api::Json::from(crate::revisions::record::record(&self.set.spec.template));
        let number = self.revisions.len() as i64 + 1;
        let known = self.revisions.iter().find(|r| r.data == data).map(|r| r.metadata.name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("r{number}");
            let mut recorded = (*revision::<Set>(&name, number, "")).clone();
            recorded.data = data;
            self.revisions.push(Arc::new(recorded));
            name
        });
        self.set.status.update_revision.clone_from(&name);
        if self.set.status.current_revision.is_empty() {
            self.set.status.current_revision = name;
        }
    }

    fn observation(&self) -> Observation<Set> {
        let pods = self.pods.iter().cloned().map(Arc::new).collect();
        let mut observation = fixture::observe(self.set.clone(), pods, self.revisions.clone());
        observation.nodes =
            fixture::nodes(self.nodes.iter().map(|(name, patch)| node(name, patch.clone())).collect());
        observation.now.wall += jiff::SignedDuration::from_secs(self.time);
        observation.now.mono += std::time::Duration::from_secs(self.time.unsigned_abs());
        observation
    }

    /// Carries out one plan: how many pods were made and how many were taken away.
    fn sync(&mut self) -> (usize, usize) {
        let (mut made, mut gone) = (0, 0);
        for action in fixture::work(&plan(&self.observation())) {
            match &action.act {
                Act::Create { body, .. } => {
                    made += 1;
                    self.made += 1;
                    let mut pod: Pod = serde_json::from_value(body.clone()).unwrap();
                    pod.metadata.uid = berth_api::Uid(format!("made-{}", self.made));
                    pod.metadata.resource_version = berth_api::ResourceVersion("20".to_owned());
                    pod.metadata.creation_timestamp = Some(self.observation().now.stamp());
                    pod.status.phase = "Pending".to_owned();
                    self.pods.push(pod);
                }
                Act::Delete { object, .. } => {
                    gone += 1;
                    self.pods.retain(|pod| pod.metadata.name != object.name);
                }
                _ => {}
            }
        }
        (made, gone)
    }

    /// Has the pods that `which` chooses run, and be ready or not, from now on.
    fn mark(&mut self, ready: bool, which: impl Fn(&Pod) -> bool) {
        let status = if ready { "True" } else { "False" };
        let now = self.observation().now.stamp();
        let condition: berth_api::pod::PodCondition =
            serde_json::from_value(json!({ "type": "Ready", "status": status, "lastTransitionTime": now }))
                .unwrap();
        for pod in self.pods.iter_mut().filter(|pod| which(pod)) {
            pod.spec.node_name = node_fit::node_of(pod).unwrap().to_owned();
            pod.status.phase = "Running".to_owned();
            pod.status.conditions = vec![condition.clone()];
        }
    }

    fn all_ready(&mut self) {
        self.mark(true, |_| true);
    }

    /// Brings the set up on all nodes.
    fn up(nodes: usize, spec: Value) -> Self {
        let mut fleet = Fleet::new(nodes, spec);
        assert_eq!(fleet.sync(), (nodes, 0));
        fleet.all_ready();
        assert_eq!(fleet.sync(), (0, 0));
        fleet
    }
}

fn is_new(pod: &Pod) -> bool {
    crate::pod::revision(pod) == "r2"
}

fn unavailable(max: Value) -> Value {
    json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": max } } })
}

fn surge(max: Value) -> Value {
    json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": max } } })
}

fn v2() -> Value {
    json!({ "template": fixture::template("v2") })
}

#[test]
fn an_update_goes_on_as_pods_get_ready() {
    let mut fleet = Fleet::up(5, unavailable(json!(2)));
    fleet.update(v2());
    for gone in [2, 2, 1] {
        assert_eq!(fleet.sync(), (0, gone));
        assert_eq!(fleet.sync(), (gone, 0));
        assert_eq!(fleet.sync(), (0, 0), "they are not ready yet");
        fleet.all_ready();
    }
    assert_eq!(fleet.sync(), (0, 0));
    assert!(fleet.pods.iter().all(is_new));
}

#[test]
fn a_surge_goes_on_as_pods_get_ready() {
    let mut fleet = Fleet::up(5, surge(json!(2)));
    fleet.update(v2());
    let (mut made, mut gone) = (0, 0);
    for _ in 0..20 {
        let done = fleet.sync();
        (made, gone) = (made + done.0, gone + done.1);
        let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
        fleet.pods.iter().for_each(|pod| *nodes.entry(node_fit::node_of(pod).unwrap()).or_default() += 1);
        assert_eq!(nodes.len(), 5, "no node is without");
        assert!(nodes.values().filter(|count| **count > 1).count() <= 2, "two may have two");
        assert!(nodes.values().all(|count| *count <= 2));
        fleet.all_ready();
    }
    assert_eq!((made, gone), (5, 5));
    assert!(fleet.pods.iter().all(is_new));
}

/// A node that the new template does not tolerate any more keeps its pod until enough others are available.
#[test]
fn a_surge_takes_the_pod_of_a_node_that_no_longer_fits() {
    let mut spec = surge(json!(1));
    spec["template"] = json!({ "spec": { "tolerations": [{ "key": "k", "operator": "Exists" }] } });
    let mut fleet = Fleet::new(5, spec);
    fleet
        .nodes
        .insert("n0".to_owned(), json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } }));
    assert_eq!(fleet.sync(), (5, 0));
    fleet.all_ready();
    fleet.update(json!({ "template": { "spec": { "tolerations": null } } }));
    assert_eq!(fleet.sync(), (1, 1), "four should run one, five do: the fifth may go");
    assert!(fleet.pods.iter().all(|pod| node_fit::node_of(pod) != Some("n0")));
    for _ in 0..12 {
        fleet.all_ready();
        fleet.sync();
    }
    assert!(fleet.pods.len() == 4 && fleet.pods.iter().all(is_new));
}

#[test]
fn new_pods_that_are_not_ready_stop_an_update_and_the_next_template_replaces_them_at_once() {
    let mut fleet = Fleet::up(5, unavailable(json!(3)));
    fleet.update(v2());
    assert_eq!(fleet.sync(), (0, 3));
    assert_eq!(fleet.sync(), (3, 0));
    assert_eq!(fleet.sync(), (0, 0));
    fleet.mark(false, is_new);
    assert_eq!(fleet.sync(), (0, 0));
    fleet.update(json!({ "template": fixture::template("v3") }));
    assert_eq!(fleet.sync(), (0, 3), "they serve nobody");
    assert_eq!(fleet.sync(), (3, 0));
    assert_eq!(fleet.sync(), (0, 0), "and those that serve wait for them");
}

#[test]
fn old_pods_that_are_not_ready_go_first_whatever_the_budget() {
    for (what, unready, budget, first) in [
        ("they use the budget up", 2, 2, 2),
        ("they go beyond it", 3, 1, 3),
        ("all of them", 5, 2, 5),
        ("what is left of it goes to one that serves", 1, 2, 2),
    ] {
        let mut fleet = Fleet::up(5, unavailable(json!(budget)));
        fleet.mark(false, |pod| (0..unready).any(|n| node_fit::node_of(pod) == Some(&format!("n{n}"))));
        fleet.update(v2());
        assert_eq!(fleet.sync(), (0, first), "{what}");
        let left: Vec<&str> = fleet.pods.iter().map(|pod| node_fit::node_of(pod).unwrap()).collect();
        assert!((0..unready).all(|n| !left.contains(&format!("n{n}").as_str())), "{what}: {left:?}");
    }
}

#[test]
fn a_template_that_does_not_change_replaces_nothing() {
    let mut fleet = Fleet::up(5, unavailable(json!(3)));
    fleet.update(json!({ "minReadySeconds": 1, "revisionHistoryLimit": 3 }));
    fleet.time += 10;
    assert_eq!(fleet.sync(), (0, 0));
}

#[test]
fn a_rollback_touches_only_what_was_updated() {
    let mut fleet = Fleet::up(4, unavailable(json!(1)));
    let before: Vec<String> = fleet.pods.iter().map(|pod| pod.metadata.uid.0.clone()).collect();
    fleet.update(v2());
    assert_eq!((fleet.sync(), fleet.sync()), ((0, 1), (1, 0)));
    fleet.update(json!({ "template": fixture::template("v1") }));
    // The older revision gets a new number first.
    Arc::make_mut(&mut fleet.revisions[0]).revision = 3;
    assert_eq!((fleet.sync(), fleet.sync()), ((0, 1), (1, 0)), "the one that was updated");
    fleet.all_ready();
    assert_eq!(fleet.sync(), (0, 0));
    let kept = fleet.pods.iter().filter(|pod| before.contains(&pod.metadata.uid.0)).count();
    assert_eq!(kept, 3);
}

/// The new pod has to be ready for `minReadySeconds` before the old one goes, and it is looked at again at that very time.
#[test]
fn a_surge_waits_for_min_ready_seconds() {
    let mut spec = surge(json!(1));
    spec["minReadySeconds"] = json!(15);
    let mut fleet = Fleet::new(2, spec);
    fleet.sync();
    fleet.all_ready();
    fleet.time = 100;
    fleet.update(v2());
    assert_eq!(fleet.sync(), (1, 0));
    assert_eq!(fleet.sync(), (0, 0));
    fleet.mark(true, is_new);
    fleet.time += 4;
    assert_eq!(plan(&fleet.observation()).recheck_after, Some(std::time::Duration::from_secs(11)));
    assert_eq!(fleet.sync(), (0, 0), "ready, but not for long enough");
    fleet.time += 10;
    assert_eq!(fleet.sync(), (0, 0));
    fleet.time += 1;
    assert_eq!(fleet.sync(), (0, 1), "to the second");
    assert_eq!(fleet.sync(), (1, 0));
}

/// While a surging pair is there: which of the two goes, if any.
#[test]
fn of_an_old_and_a_new_pod() {
    for (what, old_ready, new_ready_for, min_ready, gone) in [
        ("both ready: the old one", true, Some(0), 0, Some("r1")),
        ("the new one not ready: neither", true, None, 0, None),
        ("the old one not ready: it is of no use", false, None, 0, Some("r1")),
        ("neither ready for long: neither", true, Some(5), 15, None),
        ("the new one for long enough: the old one", true, Some(15), 15, Some("r1")),
        ("the old one not ready, the new one not for long: the old one", false, Some(5), 15, Some("r1")),
    ] {
        let mut spec = surge(json!(1));
        spec["minReadySeconds"] = json!(min_ready);
        let mut fleet = Fleet::new(1, spec);
        fleet.sync();
        fleet.all_ready();
        fleet.time = 100;
        fleet.update(v2());
        assert_eq!(fleet.sync(), (1, 0), "{what}");
        fleet.mark(false, |pod| !is_new(pod) && !old_ready);
        if let Some(seconds) = new_ready_for {
            fleet.mark(true, is_new);
            fleet.time += seconds;
        }
        let before = fleet.pods.len();
        fleet.sync();
        let left: Vec<&str> = fleet.pods.iter().map(crate::pod::revision).collect();
        match gone {
            Some(revision) => assert!(!left.contains(&revision), "{what}: {left:?}"),
            None => assert_eq!(left.len(), before, "{what}: {left:?}"),
        }
    }
}

#[test]
fn a_plan_makes_and_takes_away_no_more_than_a_burst() {
    let mut fleet = Fleet::new(600, unavailable(json!("100%")));
    let first = plan(&fleet.observation());
    assert_eq!(first.stages[0].pace, Pace::SlowStart);
    assert_eq!([fleet.sync(), fleet.sync(), fleet.sync()], [(250, 0), (250, 0), (100, 0)]);
    fleet.all_ready();
    fleet.update(v2());
    assert_eq!(fleet.sync(), (0, 250));
    assert_eq!(fleet.sync(), (250, 250), "for what comes and for what goes");
}
