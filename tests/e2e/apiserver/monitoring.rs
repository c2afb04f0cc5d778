//! `/metrics` of an operator at work, and what `deploy/monitoring/` and `docs/operating.md` say of it.

use std::collections::BTreeSet;
use std::fs;

use crate::support::health::{ask, free_address};
use crate::support::manifests::{node_daemon_set, ordinal_set};
use crate::support::plane::project;
use crate::support::read::{NDS, OSET};
use crate::support::surface::Surface;
use crate::support::{Plane, Scene, number};

#[test]
fn the_metrics_are_true_and_the_alerts_and_the_dashboard_know_them() {
    if Plane::shared().lacks_nodes(1) {
        return;
    }
    let scene = Scene::without_operator(Surface::Berth, "monitored");
    scene.add_nodes(&["a"]);
    let address = free_address();
    let arguments = ["--leader-elect=false", "--metrics-sets=2", &format!("--listen={address}")];
    scene.operator("operator", &arguments);
    for (name, replicas) in [("alpha", 1), ("beta", 2), ("gamma", 3), ("delta", 1)] {
        scene.apply(&ordinal_set(name, replicas));
        scene.settled(OSET, name);
    }
    scene.apply(&node_daemon_set("agent", "monitored"));
    scene.until(NDS, "agent", "1 available", |set| number(set, "/status/numberAvailable") == 1);

    // The cache may be behind for a moment.
    let scrape = scene.wait("all to be ready in the metrics", || {
        let (status, text) = ask(&address, "/metrics");
        assert_eq!(status, 200, "{text}");
        let scrape = Scrape(text);
        let ready = scrape.sum("berth_set_ready", &[]);
        if ready == 8.0 { Ok(scrape) } else { Err(format!("{ready}")) }
    });
    assert!(scrape.0.ends_with("# EOF\n"));
    let values = [
        ("berth_leader", &[][..], 1.0),
        ("berth_sets", &["kind=\"OrdinalSet\""], 4.0),
        ("berth_sets", &["kind=\"NodeDaemonSet\""], 1.0),
        // The first two by name; the others added up.
        ("berth_set_desired", &["set=\"alpha\"", "set_namespace=\"monitored\""], 1.0),
        ("berth_set_desired", &["set=\"beta\""], 2.0),
        ("berth_set_desired", &["set=\"\"", "kind=\"OrdinalSet\""], 4.0),
        ("berth_set_desired", &["set=\"\"", "kind=\"NodeDaemonSet\""], 1.0),
        ("berth_set_updated", &[], 8.0),
        ("berth_set_available", &[], 8.0),
        ("berth_set_stalled", &[], 0.0),
        ("berth_cache_objects", &["resource=\"pods\""], 8.0),
        ("berth_queue_depth", &[], 0.0),
        ("berth_pending_writes", &[], 0.0),
        ("berth_lists_total", &["resource=\"pods\""], 1.0),
    ];
    for (name, labels, expected) in values {
        assert_eq!(scrape.sum(name, labels), expected, "{name} {labels:?}\n{}", scrape.0);
    }
    let created =
        scrape.sum("berth_requests_total", &["verb=\"create\"", "resource=\"pods\"", "code=\"2xx\""]);
    assert_eq!(created, 8.0, "as many as there are");
    let latency =
        scrape.sum("berth_request_duration_seconds_count", &["verb=\"create\"", "resource=\"pods\""]);
    assert_eq!(latency, scrape.sum("berth_requests_total", &["verb=\"create\"", "resource=\"pods\""]));
    let written = scrape.sum("berth_reconciles_total", &["outcome=\"written\""]);
    assert!(written >= 5.0 && scrape.sum("berth_reconciles_total", &["outcome=\"unchanged\""]) >= 5.0);
    assert!(scrape.sum("berth_cache_lag_seconds", &[]) < 6.0 * 150.0);

    let names = scrape.names();
    for file in ["deploy/monitoring/alerts.yaml", "deploy/monitoring/dashboard.json"] {
        let used = used(&fs::read_to_string(project(file)).unwrap());
        assert!(used.len() >= 5, "{file}: {used:?}");
        let unheard: Vec<_> = used.difference(&names).collect();
        assert!(unheard.is_empty(), "{file} uses what is not there: {unheard:?}");
    }
    let told = fs::read_to_string(project("docs/operating.md")).unwrap();
    let untold: Vec<_> =
        scrape.families().into_iter().filter(|name| !told.contains(&format!("`{name}`"))).collect();
    assert!(untold.is_empty(), "docs/operating.md does not know {untold:?}");
    let alerts = fs::read_to_string(project("deploy/monitoring/alerts.yaml")).unwrap();
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(told.contains(&format!("`{alert}`")), "docs/operating.md does not say what {alert} means");
    }
}

/// What `/metrics` answered.
struct Scrape(String);

impl Scrape {
    fn samples(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| !line.starts_with('#'))
    }

    /// The names of all samples.
    fn names(&self) -> BTreeSet<String> {
        self.samples().map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
    }

    /// The names of all families.
    fn families(&self) -> BTreeSet<String> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.map(|rest| rest.split(' ').next().unwrap().to_owned()).collect()
    }

    /// The sum of the samples of a name that have these labels.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let ours = self.samples().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let labelled = ours.filter(|line| labels.iter().all(|label| line.contains(label)));
        labelled.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

/// The names of metrics in a text.
fn used(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("berth_")).map(str::to_owned).collect()
}
