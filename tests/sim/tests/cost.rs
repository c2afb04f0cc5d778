//! What a node daemon set of a thousand nodes costs: plans and writes, counted on the shipped engine in simulated time. Each
//! watch event comes in by itself, which is the worst case. What the API server itself counts is in `apiserver/scale.rs`; what
//! it costs in time is a benchmark, `tests/sim/benches/daemon_scale.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use berth_sim::instant::{Cluster, Cost};

const NODES: usize = 1000;

/// Ten writes of the status, one more in five seconds, and the two that name the revisions: they wait for no token.
fn few_status_writes(cost: &Cost) {
    let most = 12 + usize::try_from(cost.took.as_secs()).unwrap() / 5;
    assert!(cost.status <= most, "at most {most} writes of the status in {:?}: {cost:?}", cost.took);
}

#[test]
fn a_thousand_nodes_cost_one_write_each_and_few_plans() {
    let mut cluster = Cluster::new(NODES);
    cluster.apply("app:1", "10%");
    let created = cluster.run(Duration::from_secs(300));
    assert_eq!(cluster.status()["numberAvailable"], NODES);
    assert_eq!(created.pods, NODES);
    few_status_writes(&created);
    // Stored, bound and ready: three events a pod.
    assert!(created.events >= 3 * NODES, "{created:?}");
    assert!(created.plans <= 300, "a plan for every ten events: {created:?}");

    cluster.apply("app:2", "10%");
    let rolled = cluster.run(Duration::from_secs(900));
    assert_eq!(cluster.status()["updatedNumberScheduled"], NODES);
    assert_eq!(cluster.status()["numberAvailable"], NODES);
    assert_eq!(rolled.pods, 2 * NODES);
    few_status_writes(&rolled);
    assert!(rolled.events >= 5 * NODES, "{rolled:?}");
    assert!(rolled.plans <= 1000, "a plan for every five events: {rolled:?}");
}

#[test]
fn what_concerns_nobody_costs_nothing_and_one_node_costs_what_it_needs() {
    let mut cluster = Cluster::new(NODES);
    cluster.apply("app:1", "10%");
    cluster.run(Duration::from_secs(300));
    for _ in 0..5 {
        for node in 0..NODES {
            cluster.heartbeat(node);
        }
        cluster.pass(Duration::from_secs(10));
    }
    let heartbeats = cluster.run(Duration::from_secs(60));
    assert_eq!((heartbeats.events, heartbeats.plans, heartbeats.writes), (5 * NODES, 0, 0));

    cluster.label(7, "b");
    let left = cluster.run(Duration::from_secs(60));
    assert_eq!(left.pods, 1, "the pod of that node goes: {left:?}");
    assert!(left.writes <= 3 && left.plans <= 8, "{left:?}");
    cluster.label(7, "a");
    let back = cluster.run(Duration::from_secs(60));
    assert_eq!(back.pods, 1, "it comes back: {back:?}");
    assert!(back.writes <= 3 && back.plans <= 10, "{back:?}");

    for node in 0..NODES {
        cluster.restart_container(node);
    }
    let restarts = cluster.run(Duration::from_secs(60));
    assert_eq!(restarts.writes, 0);
    assert!(restarts.plans <= 10, "a burst of events is one or two plans: {restarts:?}");
}

#[test]
fn nodes_that_join_one_by_one_do_not_make_a_write_of_the_status_each() {
    let mut cluster = Cluster::new(3);
    cluster.apply("app:1", "10%");
    cluster.run(Duration::from_secs(60));
    // A pod takes one second to be ready, so the set is settled between two nodes or not, as it happens.
    for (pause, joined) in [(2000, 30), (900, 60), (200, 200)] {
        for node in 0..joined {
            cluster.join(1000 * joined + node);
            cluster.pass(Duration::from_millis(pause));
        }
        let cost = cluster.run(Duration::from_secs(60));
        assert_eq!(cost.pods, joined);
        few_status_writes(&cost);
    }
    assert_eq!(cluster.status()["numberAvailable"], 3 + 30 + 60 + 200);
}
