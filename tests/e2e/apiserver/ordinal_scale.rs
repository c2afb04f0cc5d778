//! What others do through the scale of an ordinal set: autoscalers set it, disruption budgets read it.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::manifests::{never_ready, ordinal_set};
use crate::support::read::{BUDGET, HPA, POD, condition, holds, names, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, existing, number, text};

rows!(
    an_autoscaler_reads_and_sets_the_scale,
    a_disruption_budget_in_percent_knows_how_many_pods_are_expected,
);

/// Nobody measures anything here, so the autoscaler has nothing but its limits to go by.
fn an_autoscaler_reads_and_sets_the_scale(surface: Surface) {
    let scene = Scene::on(surface, "autoscaled");
    scene.apply(&ordinal_set("web", 1));
    scene.settled(scene.set, "web");
    scene.kubectl(&["autoscale", scene.set.plural, "web", "--min=3", "--max=4", "--cpu=50%"]);
    let autoscaler = scene.get(HPA, "web");
    let target = &autoscaler["spec"]["scaleTargetRef"];
    assert_eq!((text(target, "/apiVersion"), text(target, "/kind")), (surface.version(), surface.name()));

    // Below the least it scales up, without a measurement.
    scene.until(scene.set, "web", "scaled up", |set| number(set, "/spec/replicas") == 3);
    let set = scene.settled(scene.set, "web");
    assert_eq!(number(&set, "/status/readyReplicas"), 3);
    let read = scene.until(HPA, "web", "having read the scale", |autoscaler| {
        holds(autoscaler, "AbleToScale") && number(autoscaler, "/status/currentReplicas") == 3
    });
    assert_eq!(text(condition(&read, "ScalingActive"), "/reason"), "FailedGetResourceMetric", "{read}");

    // Above the most it scales down.
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=6"]);
    scene.until(scene.set, "web", "scaled down", |set| number(set, "/spec/replicas") == 4);
    scene.settled(scene.set, "web");
    assert_eq!(names(&scene.list(POD)), ["web-0", "web-1", "web-2", "web-3"]);
    if existing::leaves_out("who scaled is in the audit log") {
        return;
    }
    let who = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
    let audit = scene.plane.cluster.audit().unwrap().into_iter();
    let scaled = audit.filter(|event| {
        event.user == who && event.namespace == scene.namespace && event.subresource == "scale"
    });
    let scaled: Vec<_> = scaled.collect();
    // A conflict with a status that was written meanwhile is answered with 409, and changes nothing.
    assert_eq!(scaled.iter().filter(|event| event.code == 200).count(), 2, "{scaled:?}");
}

fn a_disruption_budget_in_percent_knows_how_many_pods_are_expected(surface: Surface) {
    let scene = Scene::on(surface, "budgets");
    // A pod is counted for one budget only, so each has a set of its own.
    for (set, limit) in
        [("most", json!({"maxUnavailable": "50%"})), ("least", json!({"minAvailable": "75%"}))]
    {
        let mut manifest = never_ready(&ordinal_set(set, 4));
        manifest["spec"]["podManagementPolicy"] = json!("Parallel");
        scene.apply(&manifest);
        let mut spec = json!({"selector": {"matchLabels": {"app": set}}});
        spec.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
        scene.apply(&json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": set}, "spec": spec,
        }));
        (0..4).for_each(|ordinal| scene.mend(&format!("{set}-{ordinal}")));
    }
    counts(&scene, "most", [4, 2, 4, 2]);
    counts(&scene, "least", [4, 3, 4, 1]);

    // Expected are those that the set wants, whether they are ready or not.
    for set in ["most", "least"] {
        scene.harm(&format!("{set}-3"));
    }
    counts(&scene, "most", [4, 2, 3, 1]);
    counts(&scene, "least", [4, 3, 3, 0]);
    assert!(!evict(&scene, "least-0"), "the budget is spent");
    let evicted = scene.get(POD, "most-0");
    assert!(evict(&scene, "most-0"), "one may go");
    scene.until(POD, "most-0", "another", |pod| uid(pod) != uid(&evicted));
    counts(&scene, "most", [4, 2, 2, 0]);
    assert!(!evict(&scene, "most-1"), "the budget is spent");

    scene.kubectl(&["scale", scene.set.plural, "most", "--replicas=7"]);
    for ordinal in [0, 3, 4, 5, 6] {
        scene.mend(&format!("most-{ordinal}"));
    }
    // 3.5 is rounded up.
    counts(&scene, "most", [7, 3, 7, 4]);
}

/// Waits until a budget says: expected, at least healthy, healthy, may be disrupted.
fn counts(scene: &Scene, budget: &str, wanted: [i64; 4]) {
    let said = |budget: &Value| {
        ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"]
            .map(|count| number(budget, &format!("/status/{count}")))
    };
    let mut attempt = 0;
    scene.wait(&format!("the budget {budget} to be {wanted:?}"), || {
        let budget = scene.get(BUDGET, budget);
        if condition(&budget, "DisruptionAllowed")["reason"] == "SyncFailed" {
            // kube-controller-manager learns of new kinds every 30 s, and does not look at a budget again by itself.
            attempt += 1;
            let touched = json!({"metadata": {"annotations": {"touched": attempt.to_string()}}});
            scene.patch(BUDGET, text(&budget, "/metadata/name"), &touched);
            thread::sleep(Duration::from_secs(1));
        }
        if said(&budget) == wanted { Ok(()) } else { Err(budget["status"].to_string()) }
    });
}

/// Asks for the eviction of a pod, as `kubectl drain` does; answers whether it was granted.
fn evict(scene: &Scene, pod: &str) -> bool {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    match scene.plane.create(&format!("{}/{pod}/eviction", POD.path(&scene.namespace)), &eviction) {
        201 => true,
        // Too many requests: not now.
        429 => false,
        code => panic!("the eviction of {pod} was answered with {code}"),
    }
}
