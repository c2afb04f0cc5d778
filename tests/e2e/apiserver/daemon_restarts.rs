//! Node daemon sets while the operator or the scheduler is restarted (Kubernetes' disruptive tests of daemon sets, as far as a
//! simulated node can serve them).

use serde_json::json;

use crate::support::manifests::{NEW, with_image};
use crate::support::plane::pool;
use crate::support::read::{POD, image, is_ready, name, number, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, existing};

rows!(
    a_restart_of_the_operator_restarts_no_pod,
    an_operator_that_is_killed_in_a_rollout_goes_on_where_it_was,
    a_scheduler_that_is_away_for_a_while_gets_its_pods_bound_later,
);

fn a_restart_of_the_operator_restarts_no_pod(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-restart", &["a", "b", "c"]) else { return };
    scene.apply(&scene.agent());
    scene.settled_on(3);
    let before = scene.live_pods();
    scene.stop_operators();
    // Somebody deletes one while nobody looks.
    scene.kubectl(&["delete", "pod", name(&before[0])]);
    scene.operator("restarted", &["--leader-elect=false"]);
    scene.wait("three ready pods", || {
        let ready = scene.live_pods().iter().filter(|pod| is_ready(pod)).count();
        if ready == 3 { Ok(()) } else { Err(format!("{ready}")) }
    });
    scene.settled_on(3);
    for pod in &before[1..] {
        assert_eq!(uid(&scene.get(POD, name(pod))), uid(pod));
    }
}

/// It has lost its memory, not its place: every pod is replaced once, and never more are away than may be.
fn an_operator_that_is_killed_in_a_rollout_goes_on_where_it_was(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-killed", &["a", "b", "c"]) else { return };
    let mut set = scene.agent();
    set["spec"]["minReadySeconds"] = json!(1);
    scene.apply(&set);
    scene.settled_on(3);
    let chronicle = scene.chronicle();
    scene.apply(&with_image(&set, NEW));
    for round in 0..2 {
        scene.wait("another updated pod", || {
            let updated = scene.live_pods().iter().filter(|pod| image(pod) == NEW).count();
            if updated > round { Ok(()) } else { Err(format!("{updated}")) }
        });
        scene.kill_operators();
        scene.operator(&format!("next-{round}"), &["--leader-elect=false"]);
    }
    let after = scene.settled_on(3);
    assert_eq!(number(&after, "/status/updatedNumberScheduled"), 3);
    assert!(scene.live_pods().iter().all(|pod| image(pod) == NEW));
    assert_eq!(chronicle.deleted().len(), 3, "each once");
    assert_eq!(chronicle.most_unavailable(3), 1);
}

fn a_scheduler_that_is_away_for_a_while_gets_its_pods_bound_later(surface: Surface) {
    if existing::leaves_out("its scheduler is not ours to restart") {
        return;
    }
    let Some(scene) = Scene::on_nodes(surface, "daemon-scheduler", &["a", "b"]) else { return };
    scene.apply(&scene.agent());
    scene.settled_on(2);
    let kept = scene.pod_on("agent", &scene.node("b")).unwrap();
    let away = || {
        let gone = scene.pod_on("agent", &scene.node("a")).unwrap();
        scene.kubectl(&["delete", "pod", name(&gone)]);
        scene.add_nodes(&["c"]);
        // Two pods wait for the scheduler, and it is not one more every time somebody looks.
        scene.wait("two unbound pods", || {
            let pods = scene.list(POD);
            let unbound = pods.iter().filter(|pod| pod["spec"].get("nodeName").is_none()).count();
            if unbound == 2 { Ok(()) } else { Err(format!("{unbound} of {}", pods.len())) }
        });
        scene.kubectl(&[
            "label",
            "node",
            &scene.node("b"),
            &format!("{}-touched=yes", pool(&scene.namespace)),
        ]);
        scene.until(scene.daemons(), "agent", "its counts", |set| {
            number(set, "/status/currentNumberScheduled") == 3 && number(set, "/status/numberReady") == 1
        });
        assert_eq!(scene.live_pods().len(), 3);
        Ok(())
    };
    scene.plane.cluster.restart_scheduler(away).unwrap();
    scene.settled_on(3);
    assert_eq!(uid(&scene.get(POD, name(&kept))), uid(&kept));
}
