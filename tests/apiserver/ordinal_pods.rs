//! Ordinal sets: which pods there are, in which order they come and go, and who they are.

use serde_json::json;

use crate::support::manifests::{never_ready, ordinal_set, with_claims};
use crate::support::read::{self, CLAIM, OSET, POD, is_ready, names, revision, seconds, uid};
use crate::support::{Scene, existing, number, text};

#[test]
fn pods_come_in_order_each_with_an_identity_and_a_claim() {
    let scene = Scene::new("in-order");
    let chronicle = scene.chronicle();
    scene.apply(&with_claims("web", 3));
    let set = scene.settled(OSET, "web");

    assert_eq!(chronicle.created(), ["web-0", "web-1", "web-2"]);
    for (entry, state) in chronicle.states() {
        let index = number_of(read::name(&entry.object));
        let lower_ready = (0..index).all(|lower| is_ready(&state[&format!("web-{lower}")]));
        assert!(lower_ready, "{} was there before all below it were ready", read::name(&entry.object));
    }
    for index in 0..3 {
        let name = format!("web-{index}");
        let pod = scene.get(POD, &name);
        assert_eq!(text(&pod, "/spec/hostname"), name);
        assert_eq!(text(&pod, "/spec/subdomain"), "members");
        let labels = &pod["metadata"]["labels"];
        assert_eq!(labels["app"], "web");
        assert_eq!(labels["statefulset.kubernetes.io/pod-name"], name);
        assert_eq!(labels["apps.kubernetes.io/pod-index"], index.to_string());
        assert_eq!(labels["controller-revision-hash"], set["status"]["updateRevision"]);
        let owner = &pod["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["kind"], owner["uid"].as_str().unwrap()), (&json!("OrdinalSet"), uid(&set)));
        assert_eq!((&owner["controller"], &owner["blockOwnerDeletion"]), (&json!(true), &json!(true)));
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == "data").unwrap();
        assert_eq!(volume["persistentVolumeClaim"]["claimName"], format!("data-{name}"));
        let claim = scene.get(CLAIM, &format!("data-{name}"));
        assert_eq!(claim["metadata"]["labels"]["app"], "web");
        assert_eq!(claim["status"]["phase"], "Bound");
    }
    if existing::leaves_out("the order of the writes is in the audit log") {
        return;
    }
    let created: Vec<String> = scene
        .plane
        .cluster
        .audit()
        .unwrap()
        .into_iter()
        .filter(|event| {
            event.user == scene.user() && event.verb == "create" && event.resource != "controllerrevisions"
        })
        .map(|event| event.name)
        .collect();
    assert_eq!(created, ["data-web-0", "web-0", "data-web-1", "web-1", "data-web-2", "web-2"]);
}

#[test]
fn a_deleted_or_failed_pod_comes_back_with_its_name_and_claim() {
    let scene = Scene::new("comes-back");
    scene.apply(&with_claims("web", 3));
    scene.settled(OSET, "web");
    let claims = scene.list(CLAIM);

    let before = scene.get(POD, "web-1");
    scene.kubectl(&["delete", "pod", "web-1", "--wait=false"]);
    let after =
        scene.until(POD, "web-1", "a new one, ready", |pod| uid(pod) != uid(&before) && is_ready(pod));
    assert_eq!(after["spec"]["volumes"][0], before["spec"]["volumes"][0]);

    let before = scene.get(POD, "web-2");
    scene.fail("web-2");
    scene.until(POD, "web-2", "a new one, ready", |pod| uid(pod) != uid(&before) && is_ready(pod));

    let uids = |claims: &[serde_json::Value]| claims.iter().map(|c| uid(c).to_owned()).collect::<Vec<_>>();
    assert_eq!(uids(&scene.list(CLAIM)), uids(&claims));
}

#[test]
fn a_parallel_set_waits_for_nobody() {
    let scene = Scene::new("in-parallel");
    let mut set = never_ready(&ordinal_set("web", 4));
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    let running = |pod: &serde_json::Value| pod["status"]["phase"] == "Running";
    scene.wait("four running pods", || {
        let pods = scene.list(POD);
        if pods.iter().filter(|pod| running(pod)).count() == 4 {
            Ok(())
        } else {
            Err(format!("{:?}", names(&pods)))
        }
    });
    let set = scene.until(OSET, "web", "4 replicas", |set| number(set, "/status/replicas") == 4);
    assert_eq!(number(&set, "/status/readyReplicas"), 0);

    scene.kubectl(&["scale", "oset", "web", "--replicas=1"]);
    scene.until(OSET, "web", "1 replica", |set| number(set, "/status/replicas") == 1);
    assert_eq!(names(&scene.list(POD)), ["web-0"]);
}

#[test]
fn scaling_goes_up_in_order_and_down_in_reverse() {
    let scene = Scene::new("scaling");
    scene.apply(&ordinal_set("web", 1));
    scene.settled(OSET, "web");
    let chronicle = scene.chronicle();

    scene.kubectl(&["scale", "oset", "web", "--replicas=4"]);
    scene.settled(OSET, "web");
    assert_eq!(chronicle.created(), ["web-0", "web-1", "web-2", "web-3"]);
    let scale = scene.plane.read(&format!("{}/web/scale", OSET.path(&scene.namespace))).unwrap();
    assert_eq!(scale["status"], json!({"replicas": 4, "selector": "app=web"}));

    scene.kubectl(&["scale", "oset", "web", "--replicas=1"]);
    scene.settled(OSET, "web");
    assert_eq!(chronicle.deleted(), ["web-3", "web-2", "web-1"]);
    for (_, state) in chronicle.states() {
        let leaving = state.values().filter(|pod| pod["metadata"].get("deletionTimestamp").is_some()).count();
        assert!(leaving <= 1, "one at a time");
    }

    scene.kubectl(&["scale", "oset", "web", "--replicas=0"]);
    let set = scene.settled(OSET, "web");
    assert_eq!(number(&set, "/status/replicas"), 0);
    assert!(scene.list(POD).is_empty());
}

#[test]
fn ordinals_begin_where_the_spec_says() {
    let scene = Scene::new("start");
    let mut set = ordinal_set("web", 2);
    set["spec"]["ordinals"] = json!({"start": 5});
    scene.apply(&set);
    let mut far = ordinal_set("far", 2);
    far["spec"]["ordinals"] = json!({"start": 2_147_483_000});
    scene.apply(&far);
    scene.settled(OSET, "web");
    scene.settled(OSET, "far");
    assert_eq!(names(&scene.list(POD)), ["far-2147483000", "far-2147483001", "web-5", "web-6"]);

    let kept = uid(&scene.get(POD, "web-6")).to_owned();
    set["spec"]["ordinals"] = json!({"start": 6});
    scene.apply(&set);
    scene.settled(OSET, "web");
    assert_eq!(names(&scene.list(POD))[2..], ["web-6", "web-7"]);
    assert_eq!(uid(&scene.get(POD, "web-6")), kept);
}

#[test]
fn a_pod_counts_only_after_min_ready_seconds() {
    let scene = Scene::new("min-ready");
    let mut set = ordinal_set("web", 2);
    // Longer than the five seconds for which a change of the counts may be held back: the first pod is seen ready, not available.
    set["spec"]["minReadySeconds"] = json!(7);
    scene.apply(&set);
    let seen =
        scene.until(OSET, "web", "ready, not available", |set| number(set, "/status/readyReplicas") == 1);
    assert_eq!(number(&seen, "/status/availableReplicas"), 0);
    let set = scene.settled(OSET, "web");
    assert_eq!(number(&set, "/status/availableReplicas"), 2);
    let (first, second) = (scene.get(POD, "web-0"), scene.get(POD, "web-1"));
    let ready = seconds(read::condition(&first, "Ready")["lastTransitionTime"].as_str().unwrap());
    let created = seconds(text(&second, "/metadata/creationTimestamp"));
    assert!(created >= ready + 7, "web-1 came {} s after web-0 was ready", created - ready);
    assert_eq!(revision(&first), revision(&second));
}

fn number_of(pod: &str) -> usize {
    pod.rsplit('-').next().unwrap().parse().unwrap()
}
