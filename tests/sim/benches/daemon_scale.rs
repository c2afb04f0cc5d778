//! What the engine's own work on one big node daemon set costs, next to what it costs to read the watch events that cause
//! it: `cargo bench --bench daemon_scale`.
//!
//! Each event comes in by itself, which is the worst case for the number of plans. Times are those of the machine that runs
//! this; the last column, engine over reading, is what can be compared between machines and between versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]

use std::time::Duration;

use berth_sim::instant::{Cluster, Cost};

fn main() {
    println!(
        "{:>6}  {:<22}{:>8}{:>8}{:>8}{:>12}{:>12}{:>10}",
        "nodes", "what", "events", "plans", "writes", "engine ms", "reading ms", "ratio"
    );
    for nodes in [100, 1000, 4000] {
        let mut cluster = Cluster::new(nodes);
        cluster.apply("app:1", "10%");
        show(nodes, "create the set", &cluster.run(Duration::from_secs(600)));
        cluster.apply("app:2", "10%");
        show(nodes, "roll, 10% at a time", &cluster.run(Duration::from_secs(3600)));
        for node in 0..nodes {
            cluster.heartbeat(node);
        }
        show(nodes, "a heartbeat each", &cluster.run(Duration::from_secs(60)));
        cluster.label(0, "b");
        show(nodes, "one node does not fit", &cluster.run(Duration::from_secs(60)));
        for node in 1..nodes {
            cluster.restart_container(node);
        }
        show(nodes, "a restart each", &cluster.run(Duration::from_secs(60)));
    }
}

fn show(nodes: usize, what: &str, cost: &Cost) {
    let (engine, reading) = (cost.engine.as_secs_f64() * 1e3, cost.reading.as_secs_f64() * 1e3);
    println!(
        "{nodes:>6}  {what:<22}{:>8}{:>8}{:>8}{engine:>12.1}{reading:>12.1}{:>10.2}",
        cost.events,
        cost.plans,
        cost.writes,
        engine / reading
    );
}
