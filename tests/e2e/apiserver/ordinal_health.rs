//! Ordinal sets with pods that are not healthy: what waits for them, and what does not.

use serde_json::Value;

use crate::support::manifests::{never_ready, ordinal_set, with_claims};
use crate::support::read::{POD, is_ready, name, names, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, number};

rows!(
    a_pod_comes_back_while_one_above_it_is_unhealthy,
    an_ordered_set_goes_up_and_down_past_healthy_pods_only,
    a_single_unhealthy_pod_holds_no_ordered_removal_up,
);

/// The predecessor of an unhealthy pod fails: the two do not wait for each other.
fn a_pod_comes_back_while_one_above_it_is_unhealthy(surface: Surface) {
    let scene = Scene::on(surface, "predecessor");
    scene.apply(&never_ready(&with_claims("web", 2)));
    scene.mend("web-0");
    let upper = scene.until(POD, "web-1", "running", |pod| pod["status"]["phase"] == "Running");
    let gone = uid(&scene.get(POD, "web-0")).to_owned();
    scene.kubectl(&["delete", "pod", "web-0", "--wait=false"]);
    scene.until(POD, "web-0", "a new one, running", |pod| {
        uid(pod) != gone && pod["status"]["phase"] == "Running"
    });
    assert!(!is_ready(&scene.get(POD, "web-1")));
    scene.mend("web-1");
    scene.mend("web-0");
    scene.settled(scene.set, "web");
    assert_eq!(uid(&scene.get(POD, "web-1")), uid(&upper), "nobody touched it");
}

fn an_ordered_set_goes_up_and_down_past_healthy_pods_only(surface: Surface) {
    let scene = Scene::on(surface, "halts");
    let chronicle = scene.chronicle();
    scene.apply(&never_ready(&ordinal_set("web", 3)));
    for pod in ["web-0", "web-1", "web-2"] {
        scene.mend(pod);
    }
    scene.settled(scene.set, "web");
    assert_eq!(chronicle.created(), ["web-0", "web-1", "web-2"]);
    for (entry, state) in chronicle.states() {
        let ordinal = name(&entry.object).trim_start_matches("web-").parse().unwrap();
        let below = (0..ordinal).all(|below: u32| is_ready(&state[&format!("web-{below}")]));
        assert!(below, "{} was there before all below it were ready", name(&entry.object));
    }

    // All are unhealthy: nothing is added, and nothing is taken away.
    for pod in ["web-0", "web-1", "web-2"] {
        scene.harm(pod);
    }
    scene.until(scene.set, "web", "none ready", |set| number(set, "/status/readyReplicas") == 0);
    for replicas in [4, 0] {
        scene.kubectl(&["scale", scene.set.plural, "web", &format!("--replicas={replicas}")]);
        observed(&scene);
        scene.marker(&format!("marker-{replicas}"));
        let pods = scene.live_pods();
        let pods: Vec<&str> = names(&pods).into_iter().filter(|pod| pod.starts_with("web")).collect();
        assert_eq!(pods, ["web-0", "web-1", "web-2"], "scaled to {replicas}");
    }
    // With one unhealthy pod left, which is the lowest, the way is free.
    scene.mend("web-0");
    scene.mend("web-1");
    scene.settled(scene.set, "web");
    assert_eq!(chronicle.deleted(), ["web-2", "web-1", "web-0"]);
}

/// Of the pods that are to go, only one is unhealthy: it goes in its turn. Two would wait for a person.
fn a_single_unhealthy_pod_holds_no_ordered_removal_up(surface: Surface) {
    let scene = Scene::on(surface, "halts-not");
    scene.apply(&never_ready(&ordinal_set("web", 3)));
    for pod in ["web-0", "web-1", "web-2"] {
        scene.mend(pod);
    }
    scene.settled(scene.set, "web");
    let chronicle = scene.chronicle();
    scene.harm("web-1");
    scene.until(scene.set, "web", "one unready", |set| number(set, "/status/readyReplicas") == 2);
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=1"]);
    scene.settled(scene.set, "web");
    assert_eq!(chronicle.deleted(), ["web-2", "web-1"]);
}

/// Waits until the operator has seen the present spec.
fn observed(scene: &Scene) {
    let seen = |set: &Value| set["status"]["observedGeneration"] == set["metadata"]["generation"];
    scene.until(scene.set, "web", "observed", seen);
}
