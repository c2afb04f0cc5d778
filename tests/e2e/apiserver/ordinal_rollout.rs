//! Ordinal sets: how pods get a changed template.

use serde_json::{Value, json};

use crate::support::manifests::{MISSING, NEW, OLD, OTHER, crashing, ordinal_set, with_image};
use crate::support::read::{POD, REVISION, condition, image, is_ready, name, revision, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface, existing, number, text};

rows!(
    a_partition_holds_the_update_back_until_it_is_lowered,
    a_failing_pod_below_the_partition_comes_back_as_it_was,
    max_unavailable_lets_that_many_go_at_once_and_no_more,
    on_delete_leaves_the_moment_to_people,
    a_bad_image_stops_at_the_highest_ordinal_and_the_old_template_cures_it,
    a_set_that_crashes_from_the_start_is_cured_by_another_template,
    revisions_are_numbered_reused_and_limited,
);

fn a_partition_holds_the_update_back_until_it_is_lowered(surface: Surface) {
    let scene = Scene::on(surface, "partition");
    let mut set = ordinal_set("web", 4);
    set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    scene.apply(&set);
    let before = scene.settled(scene.set, "web");
    let chronicle = scene.chronicle();

    let mut set = with_image(&set, NEW);
    scene.apply(&set);
    let after = scene.settled(scene.set, "web");
    assert_eq!(chronicle.deleted(), ["web-3", "web-2"]);
    assert_eq!(images(&scene), [OLD, OLD, NEW, NEW]);
    assert_eq!(after["status"]["currentRevision"], before["status"]["currentRevision"]);
    assert_ne!(after["status"]["updateRevision"], after["status"]["currentRevision"]);
    assert_eq!(
        (number(&after, "/status/updatedReplicas"), number(&after, "/status/currentReplicas")),
        (2, 2)
    );

    // Below the partition a pod comes back as it was.
    let gone = uid(&scene.get(POD, "web-0")).to_owned();
    scene.kubectl(&["delete", "pod", "web-0", "--wait=false"]);
    scene.until(POD, "web-0", "a new one, ready", |pod| uid(pod) != gone && is_ready(pod));
    assert_eq!(images(&scene), [OLD, OLD, NEW, NEW]);

    set["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(0);
    scene.apply(&set);
    let after = scene.settled(scene.set, "web");
    assert_eq!(chronicle.deleted(), ["web-3", "web-2", "web-0", "web-1", "web-0"]);
    assert_eq!(images(&scene), [NEW; 4]);
    assert_eq!(after["status"]["currentRevision"], after["status"]["updateRevision"]);
    assert_eq!(chronicle.most_unavailable(4), 1);
}

fn a_failing_pod_below_the_partition_comes_back_as_it_was(surface: Surface) {
    let scene = Scene::on(surface, "partition-failing");
    let mut set = ordinal_set("web", 3);
    set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    scene.apply(&set);
    let before = text(&scene.settled(scene.set, "web"), "/status/currentRevision").to_owned();
    scene.patch(POD, "web-0", &json!({"metadata": {"finalizers": ["tests.berth.dev/hold"]}}));
    scene.apply(&with_image(&set, NEW));
    let after = scene.settled(scene.set, "web");
    assert_eq!(
        (text(&after, "/status/currentRevision"), images(&scene)),
        (&*before, vec![OLD.into(), NEW.into(), NEW.into()])
    );

    // It ends with a failure and stays for a while: there is no twin, and those above stay.
    let uids: Vec<String> = scene.list(POD).iter().map(|pod| uid(pod).to_owned()).collect();
    scene.fail("web-0");
    scene.until(POD, "web-0", "failed and being deleted", |pod| {
        pod["status"]["phase"] == "Failed" && pod["metadata"].get("deletionTimestamp").is_some()
    });
    let set = scene.until(scene.set, "web", "two ready", |set| number(set, "/status/readyReplicas") == 2);
    assert_eq!((number(&set, "/status/updatedReplicas"), number(&set, "/status/replicas")), (2, 3));
    assert_eq!(scene.list(POD).iter().map(uid).collect::<Vec<_>>(), uids);

    scene.patch(POD, "web-0", &json!({"metadata": {"finalizers": null}}));
    scene.until(POD, "web-0", "a new one, ready", |pod| uid(pod) != uids[0] && is_ready(pod));
    let after = scene.settled(scene.set, "web");
    assert_eq!(images(&scene), [OLD, NEW, NEW]);
    assert_eq!(revision(&scene.get(POD, "web-0")), before);
    assert_ne!(text(&after, "/status/updateRevision"), before);
    assert_eq!(scene.list(POD)[1..].iter().map(uid).collect::<Vec<_>>(), uids[1..]);
}

fn max_unavailable_lets_that_many_go_at_once_and_no_more(surface: Surface) {
    for (namespace, policy) in [("two-at-once", "Parallel"), ("two-in-order", "OrderedReady")] {
        let scene = Scene::on(surface, namespace);
        let mut set = ordinal_set("web", 5);
        set["spec"]["podManagementPolicy"] = json!(policy);
        // 40 % of 5.
        set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"maxUnavailable": "40%"}});
        scene.apply(&set);
        scene.settled(scene.set, "web");
        let chronicle = scene.chronicle();
        scene.apply(&with_image(&set, NEW));
        scene.settled(scene.set, "web");
        assert_eq!(images(&scene), [NEW; 5], "{policy}");
        assert_eq!(chronicle.most_unavailable(5), 2, "{policy}");
    }
}

fn on_delete_leaves_the_moment_to_people(surface: Surface) {
    let scene = Scene::on(surface, "on-delete");
    let mut set = ordinal_set("web", 3);
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let uids: Vec<String> = scene.list(POD).iter().map(|pod| uid(pod).to_owned()).collect();

    scene.apply(&with_image(&set, NEW));
    // Settled: there is nothing that the set itself is to do.
    let status = scene.settled(scene.set, "web");
    assert_eq!(number(&status, "/status/updatedReplicas"), 0);
    assert_eq!(scene.list(POD).iter().map(uid).collect::<Vec<_>>(), uids);

    scene.kubectl(&["delete", "pod", "web-1", "--wait=false"]);
    scene.until(POD, "web-1", "a new one, ready", |pod| uid(pod) != uids[1] && is_ready(pod));
    scene.until(scene.set, "web", "one updated, and all ready", |set| {
        number(set, "/status/updatedReplicas") == 1 && number(set, "/status/readyReplicas") == 3
    });
    assert_eq!(images(&scene), [OLD, NEW, OLD]);
}

fn a_bad_image_stops_at_the_highest_ordinal_and_the_old_template_cures_it(surface: Surface) {
    let scene = Scene::on(surface, "bad-image");
    let set = ordinal_set("web", 3);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    let chronicle = scene.chronicle();

    scene.apply(&with_image(&set, MISSING));
    scene.until(POD, "web-2", "waiting for its image", |pod| {
        let reason = text(pod, "/status/containerStatuses/0/state/waiting/reason");
        ["ErrImagePull", "ImagePullBackOff"].contains(&reason)
    });
    if surface == Surface::Berth {
        let says = |set: &Value| text(condition(set, "Ready"), "/message").contains("web-2");
        let status = scene.until(scene.set, "web", "says so", says);
        assert_eq!(condition(&status, "Ready")["status"], "False");
        assert_eq!(condition(&status, "Reconciling")["status"], "True");
    }

    scene.apply(&set);
    if surface == Surface::Apps {
        // As upstream it waits for a person, unless it is asked not to.
        let broken = uid(&scene.get(POD, "web-2")).to_owned();
        scene.until(scene.set, "web", "observed", |set| {
            set["status"]["observedGeneration"] == set["metadata"]["generation"]
        });
        scene.marker("marker");
        assert_eq!(uid(&scene.get(POD, "web-2")), broken);
        scene.kubectl(&["delete", scene.set.plural, "marker"]);
        scene.gone(POD, "marker-0");
        scene.kubectl(&["annotate", scene.set.plural, "web", REPLACE_BROKEN]);
    }
    let status = scene.settled(scene.set, "web");
    let deleted: Vec<String> = chronicle.deleted().into_iter().filter(|pod| pod != "marker-0").collect();
    assert_eq!(deleted, ["web-2", "web-2"], "only the first pod was touched");
    assert_eq!(images(&scene), [OLD; 3]);
    assert_eq!(status["status"]["currentRevision"], status["status"]["updateRevision"]);
    if existing::leaves_out("who deleted what is in the audit log") {
        return;
    }
    let users = scene.plane.cluster.audit().unwrap().into_iter().filter(|event| {
        event.namespace == scene.namespace
            && event.resource == "pods"
            && event.verb == "delete"
            && event.user == "admin"
    });
    assert_eq!(users.count(), 0, "nobody deleted a pod");
}

fn a_set_that_crashes_from_the_start_is_cured_by_another_template(surface: Surface) {
    let scene = Scene::on(surface, "bad-from-the-start");
    let set = ordinal_set("web", 2);
    scene.apply(&crashing(&set));
    if surface == Surface::Apps {
        scene.kubectl(&["annotate", scene.set.plural, "web", REPLACE_BROKEN]);
    }
    scene.until(POD, "web-0", "crashing", |pod| number(pod, "/status/containerStatuses/0/restartCount") > 0);
    scene.apply(&set);
    scene.settled(scene.set, "web");
    assert_eq!(images(&scene), [OLD; 2]);
}

fn revisions_are_numbered_reused_and_limited(surface: Surface) {
    let scene = Scene::on(surface, "revisions");
    let mut set = ordinal_set("web", 1);
    set["spec"]["revisionHistoryLimit"] = json!(1);
    let roll_to = |image: &str| {
        scene.apply(&with_image(&set, image));
        scene.settled(scene.set, "web")
    };
    let first = text(&roll_to(OLD), "/status/updateRevision").to_owned();
    let second = text(&roll_to(NEW), "/status/updateRevision").to_owned();
    assert_eq!(numbers(&scene), [(first.clone(), 1), (second.clone(), 2)]);
    for revision in scene.list(REVISION) {
        let owner = &revision["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["kind"], &owner["controller"]), (&json!(surface.name()), &json!(true)));
        assert_eq!(revision["metadata"]["labels"]["app"], "web");
    }

    // A rollback is the old revision with a new number.
    let back = roll_to(OLD);
    assert_eq!(text(&back, "/status/updateRevision"), first);
    assert_eq!(numbers(&scene), [(second.clone(), 2), (first.clone(), 3)]);
    assert_eq!(revision(&scene.get(POD, "web-0")), first);

    // One beside those in use: the oldest goes.
    let third = text(&roll_to(OTHER), "/status/updateRevision").to_owned();
    scene.gone(REVISION, &second);
    assert_eq!(numbers(&scene), [(first, 3), (third, 4)]);

    // What is not part of the template makes no revision.
    scene.kubectl(&["scale", scene.set.plural, "web", "--replicas=2"]);
    scene.settled(scene.set, "web");
    assert_eq!(scene.list(REVISION).len(), 2);
}

/// What asks for broken pods of a native set to be replaced as those of a custom one are.
const REPLACE_BROKEN: &str = "berth.dev/replace-broken=true";

/// The images of the pods, by ordinal.
fn images(scene: &Scene) -> Vec<String> {
    scene.list(POD).iter().map(|pod| image(pod).to_owned()).collect()
}

/// Names and numbers of the revisions, by number.
fn numbers(scene: &Scene) -> Vec<(String, i64)> {
    let revisions = scene.list(REVISION);
    let mut numbers: Vec<_> =
        revisions.iter().map(|r: &Value| (name(r).to_owned(), number(r, "/revision"))).collect();
    numbers.sort_by_key(|(_, number)| *number);
    numbers
}
