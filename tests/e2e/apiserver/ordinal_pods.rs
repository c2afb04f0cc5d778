//! Ordinal sets: which pods there are, in which order they come and go, and who they are.

use serde_json::json;

use crate::support::manifests::{never_ready, ordinal_set, with_claims};
use crate::support::read::{self, CLAIM, POD, is_ready, names, revision, seconds, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, existing, number, text};

rows!(
    pods_come_in_order_each_with_an_identity_and_a_claim,
    a_deleted_or_failed_pod_comes_back_with_its_name_and_claim,
    a_parallel_set_waits_for_nobody,
    scaling_goes_up_in_order_and_down_in_reverse,
    ordinals_begin_where_the_spec_says,
    a_pod_counts_only_after_min_ready_seconds,
    available_pods_follow_a_change_of_min_ready_seconds,
);

fn pods_come_in_order_each_with_an_identity_and_a_claim(surface: Surface) {
    let scene = Scene::on(surface, "in-order");
    let chronicle = scene.chronicle();
    scene.apply(&with_claims("web", 3));
    let set = scene.settled(scene.set, "web");

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
        assert_eq!((text(owner, "/kind"), text(owner, "/uid")), (surface.name(), uid(&set)));
        assert_eq!(text(owner, "/apiVersion"), surface.version());
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

fn a_deleted_or_failed_pod_comes_back_with_its_name_and_claim(surface: Surface) {
    let scene = Scene::on(surface, "comes-back");
    scene.apply(&with_claims("web", 3));
    scene.settled(scene.set, "web");
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

fn a_parallel_set_waits_for_nobody(surface: Surface) {
    let scene = Scene::on(surface, "in-parallel");
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
    let set = scene.until(scene.set, "web", "4 replicas", |set| number(set, "/status/replicas") == 4);
    assert_eq!(number(&set, "/status/readyReplicas"), 0);

    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=1"]);
    scene.until(scene.set, "web", "1 replica", |set| number(set, "/status/replicas") == 1);
    assert_eq!(names(&scene.list(POD)), ["web-0"]);
}

fn scaling_goes_up_in_order_and_down_in_reverse(surface: Surface) {
    let scene = Scene::on(surface, "scaling");
    scene.apply(&ordinal_set("web", 1));
    scene.settled(scene.set, "web");
    let chronicle = scene.chronicle();

    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=4"]);
    scene.settled(scene.set, "web");
    assert_eq!(chronicle.created(), ["web-0", "web-1", "web-2", "web-3"]);
    let scale = scene.plane.read(&format!("{}/web/scale", scene.set.path(&scene.namespace))).unwrap();
    assert_eq!(scale["status"], json!({"replicas": 4, "selector": "app=web"}));

    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=1"]);
    scene.settled(scene.set, "web");
    assert_eq!(chronicle.deleted(), ["web-3", "web-2", "web-1"]);
    for (_, state) in chronicle.states() {
        let leaving = state.values().filter(|pod| pod["metadata"].get("deletionTimestamp").is_some()).count();
        assert!(leaving <= 1, "one at a time");
    }

    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=0"]);
    let set = scene.settled(scene.set, "web");
    assert_eq!(number(&set, "/status/replicas"), 0);
    assert!(scene.list(POD).is_empty());
}

fn ordinals_begin_where_the_spec_says(surface: Surface) {
    let scene = Scene::on(surface, "start");
    let mut set = ordinal_set("web", 2);
    set["spec"]["ordinals"] = json!({"start": 5});
    scene.apply(&set);
    let mut far = ordinal_set("far", 2);
    far["spec"]["ordinals"] = json!({"start": 2_147_483_000});
    scene.apply(&far);
    scene.settled(scene.set, "web");
    scene.settled(scene.set, "far");
    assert_eq!(names(&scene.list(POD)), ["far-2147483000", "far-2147483001", "web-5", "web-6"]);

    // Raised and lowered again by one, and taken away. Counts alone do not tell: those of a native set may be of other pods.
    let kept = uid(&scene.get(POD, "web-6")).to_owned();
    for (start, pods) in
        [(json!(6), ["web-6", "web-7"]), (json!(5), ["web-5", "web-6"]), (json!(null), ["web-0", "web-1"])]
    {
        scene.patch(scene.set, "web", &json!({"spec": {"ordinals": {"start": start}}}));
        scene.wait(&format!("{pods:?}"), || {
            let present = scene.list(POD);
            if names(&present)[2..] == pods && present.iter().all(is_ready) {
                Ok(())
            } else {
                Err(format!("{:?}", names(&present)))
            }
        });
        scene.settled(scene.set, "web");
        if pods.contains(&"web-6") {
            assert_eq!(uid(&scene.get(POD, "web-6")), kept);
        }
    }
}

fn a_pod_counts_only_after_min_ready_seconds(surface: Surface) {
    let scene = Scene::on(surface, "min-ready");
    let mut set = ordinal_set("web", 2);
    // Longer than the five seconds for which a change of the counts may be held back: the first pod is seen ready, not available.
    set["spec"]["minReadySeconds"] = json!(7);
    scene.apply(&set);
    let seen = scene
        .until(scene.set, "web", "ready, not available", |set| number(set, "/status/readyReplicas") == 1);
    assert_eq!(number(&seen, "/status/availableReplicas"), 0);
    let set = scene.settled(scene.set, "web");
    assert_eq!(number(&set, "/status/availableReplicas"), 2);
    let (first, second) = (scene.get(POD, "web-0"), scene.get(POD, "web-1"));
    let ready = seconds(read::condition(&first, "Ready")["lastTransitionTime"].as_str().unwrap());
    let created = seconds(text(&second, "/metadata/creationTimestamp"));
    assert!(created >= ready + 7, "web-1 came {} s after web-0 was ready", created - ready);
    assert_eq!(revision(&first), revision(&second));
}

fn available_pods_follow_a_change_of_min_ready_seconds(surface: Surface) {
    let scene = Scene::on(surface, "min-ready-changes");
    let mut set = ordinal_set("web", 2);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    let mut change_to = |seconds: u32, available: i64| {
        set["spec"]["minReadySeconds"] = json!(seconds);
        scene.apply(&set);
        let set = scene.until(scene.set, "web", &format!("{available} available"), |set| {
            let observed = set["status"]["observedGeneration"] == set["metadata"]["generation"];
            observed
                && number(set, "/status/readyReplicas") == 2
                && number(set, "/status/availableReplicas") == available
        });
        assert_eq!(number(&set, "/status/replicas"), 2);
    };
    // 0: those that are ready are not available yet. Then they turn available by themselves.
    change_to(8, 0);
    change_to(8, 2);
    change_to(3600, 0);
    change_to(0, 2);
    assert_eq!(scene.list(POD).len(), 2);
}

fn number_of(pod: &str) -> usize {
    pod.rsplit('-').next().unwrap().parse().unwrap()
}
