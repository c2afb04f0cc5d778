//! How many writes things cost, counted from the API server's audit log.

use std::time::Instant;

use crate::support::manifests::{NEW, node_daemon_set, with_claims, with_image};
use crate::support::read::{NDS, POD, is_settled, name, number};
use crate::support::surface::rows;
use crate::support::writes::Writes;
use crate::support::{Scene, Surface, existing};

const PODS: usize = 20;
/// Why an existing cluster is of no use here.
const LOG: &str = "writes are counted in the audit log";

rows!(an_ordinal_set_costs_one_write_for_a_claim_and_a_pod_and_two_for_a_replacement);

fn an_ordinal_set_costs_one_write_for_a_claim_and_a_pod_and_two_for_a_replacement(surface: Surface) {
    if existing::leaves_out(LOG) {
        return;
    }
    let scene = Scene::on(surface, "counted-ordinals");
    let sets = scene.set.plural;
    let set = with_claims("web", u32::try_from(PODS).unwrap());
    let began = Instant::now();
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let created = scene.writes("web");
    expect(&created, began, sets, &[("create pods", PODS), ("create persistentvolumeclaims", PODS)]);

    let began = Instant::now();
    scene.apply(&with_image(&set, NEW));
    scene.settled(scene.set, "web");
    let rolled = scene.writes("web");
    expect(&rolled.since(&created), began, sets, &[("create pods", PODS), ("delete pods", PODS)]);

    quiet(&scene, "web", &rolled);
    println!("{} of {PODS}: creation: {created}; rolling update: {}", surface.name(), rolled.since(&created));
}

#[test]
fn a_node_daemon_set_costs_one_write_a_pod_and_two_for_a_replacement() {
    if existing::leaves_out(LOG) {
        return;
    }
    let scene = Scene::new("counted-daemons");
    scene.add_nodes(&["a", "b", "c", "d", "e"]);
    // The nodes become ready one by one; the count begins when all are.
    let nodes: Vec<String> = ["a", "b", "c", "d", "e"].iter().map(|node| scene.node(node)).collect();
    scene.plane.cluster.wait_nodes_ready(&nodes, std::time::Duration::from_secs(60)).unwrap();
    let set = node_daemon_set("agent", "counted-daemons");
    let began = Instant::now();
    scene.apply(&set);
    scene.until(NDS, "agent", "settled on 5 nodes", |s| {
        is_settled(s) && number(s, "/status/numberAvailable") == 5
    });
    let created = scene.writes("agent");
    expect(&created, began, "nodedaemonsets", &[("create pods", 5)]);

    let began = Instant::now();
    scene.apply(&with_image(&set, NEW));
    scene.settled(NDS, "agent");
    let rolled = scene.writes("agent");
    expect(&rolled.since(&created), began, "nodedaemonsets", &[("create pods", 5), ("delete pods", 5)]);

    quiet(&scene, "agent", &rolled);
    println!("node daemon set of 5: creation: {created}; rolling update: {}", rolled.since(&created));
}

/// These writes, one revision, and the status as often as its token bucket allows: ten times, once more in five seconds, and twice for the revisions; nothing
/// else.
fn expect(writes: &Writes, began: Instant, sets: &str, exactly: &[(&str, usize)]) {
    let status = writes.count(&format!("patch {sets}/status"));
    let most = 12 + usize::try_from(began.elapsed().as_secs() / 5).unwrap();
    assert!(status <= most, "{status} status writes, at most {most} expected: {writes}");
    assert_eq!(writes.count("create controllerrevisions"), 1, "{writes}");
    for (what, count) in exactly {
        assert_eq!(writes.count(what), *count, "{what}: {writes}");
    }
    let expected = status + 1 + exactly.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(writes.total(), expected, "{writes}");
}

/// Nothing is written in the steady state, and nothing after a restart.
fn quiet(scene: &Scene, set: &str, before: &Writes) {
    // A whole set later: whatever the operator still had in mind, it has done.
    scene.marker("first");
    assert_eq!(scene.writes(set).since(before), Writes::default(), "in the steady state");
    let dry_runs = scene.dry_runs();
    // The changed template and the one before it, as the API server defaults them; none when a set is new.
    assert_eq!(dry_runs, 2, "of a creation and a change of the template");
    scene.stop_operators();
    scene.operator("restarted", &["--leader-elect=false"]);
    scene.marker("second");
    assert_eq!(scene.writes(set).since(before), Writes::default(), "after a restart");
    assert_eq!(scene.dry_runs(), dry_runs, "dry runs, after a restart");
    assert!(scene.list(POD).iter().any(|pod| name(pod) == "second-0"));
}
