//! Revisions of node daemon sets that somebody else makes, changes and deletes (Kubernetes' conformance test of the life cycle of a
//! ControllerRevision, and what should hold besides).

use serde_json::{Value, json};

use crate::support::read::{POD, REVISION, is_settled, name, number, revision, text, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface};

rows!(
    a_revision_has_a_life_of_its_own,
    a_revision_that_is_deleted_restarts_nothing,
    history_is_kept_within_its_limit,
);

/// Two revisions with the same data stay beside each other as long as nothing else happens; the older one may be deleted; the next
/// template gets the next number. No pod is restarted but by that template.
fn a_revision_has_a_life_of_its_own(surface: Surface) {
    // Custom sets have no generation of the template to go by (B12.1): where the revision that pods carry is deleted and a
    // twin of another hash stays, they are rolled.
    if surface == Surface::Berth {
        return;
    }
    let Some(scene) = Scene::on_nodes(surface, "revision-life", &["a", "b"]) else { return };
    scene.apply(&scene.agent());
    scene.settled_on(2);
    let pods = pods(&scene);
    let first = only(&scene);
    let patched = json!({"metadata": {"labels": {"patched": "yes"}}});
    scene.patch(REVISION, name(&first), &patched);

    let mut second = first.clone();
    // The members of a list do not say what they are.
    (second["apiVersion"], second["kind"]) = (json!("apps/v1"), json!("ControllerRevision"));
    second["metadata"] = json!({
        "name": "agent-by-hand",
        "labels": {"app": "agent", "controller-revision-hash": "by-hand"},
        "ownerReferences": first["metadata"]["ownerReferences"],
    });
    (second["apiVersion"], second["kind"]) = (json!("apps/v1"), json!("ControllerRevision"));
    second["revision"] = json!(number(&first, "/revision") + 1);
    let namespace = format!("--namespace={}", scene.namespace);
    scene.plane.cluster.kubectl_stdin(&["create", "-f", "-", &namespace], &second.to_string()).unwrap();
    // A set that is made afterwards is settled: what the operator was going to do about the new revision, it has done.
    scene.marker("after-creation");
    assert_eq!(numbers(&scene), [1, 2], "both are there: that one appeared is no reason to look");

    scene.kubectl(&["delete", REVISION.plural, name(&first)]);
    let updated = json!({"metadata": {"labels": {"updated": "yes"}}});
    scene.patch(REVISION, "agent-by-hand", &updated);
    scene.marker("after-deletion");
    assert_eq!(numbers(&scene), [2]);
    assert_eq!(self::pods(&scene), pods, "the data is the same, so nothing is restarted");

    let patch = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}});
    scene.patch(scene.daemons(), "agent", &patch);
    scene.wait("a second revision", || match numbers(&scene).as_slice() {
        [2, 3] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    scene.kubectl(&["delete", REVISION.plural, "--selector=updated=yes"]);
    let rolled = |set: &Value| is_settled(set) && number(set, "/status/updatedNumberScheduled") == 2;
    scene.until(scene.daemons(), "agent", "rolled out", rolled);
    scene.wait("one revision", || match numbers(&scene).as_slice() {
        [3] => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// It comes back, and the pods stay.
fn a_revision_that_is_deleted_restarts_nothing(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "revision-deleted", &["a", "b"]) else { return };
    scene.apply(&scene.agent());
    scene.settled_on(2);
    let (pods, first) = (pods(&scene), only(&scene));
    scene.kubectl(&["delete", REVISION.plural, name(&first)]);
    scene.wait("the revision to come back", || match scene.list(REVISION).as_slice() {
        [one] if uid(one) != uid(&first) => Ok(()),
        _ => Err("it does not".to_owned()),
    });
    scene.marker("marker");
    scene.settled_on(2);
    assert_eq!(only(&scene)["data"], first["data"]);
    assert_eq!(self::pods(&scene), pods);
}

fn history_is_kept_within_its_limit(surface: Surface) {
    let Some(scene) = Scene::on_nodes(surface, "daemon-history", &["a"]) else { return };
    let mut set = scene.agent();
    set["spec"]["revisionHistoryLimit"] = json!(1);
    for version in 1..=4 {
        set["spec"]["template"]["metadata"]["annotations"] = json!({"version": version.to_string()});
        scene.apply(&set);
        scene.wait(&format!("version {version} to run"), || {
            let pod = scene.pod_on("agent", &scene.node("a")).filter(crate::support::read::is_ready);
            let runs = pod.map(|pod| text(&pod, "/metadata/annotations/version").to_owned());
            if runs == Some(version.to_string()) { Ok(()) } else { Err(format!("{runs:?}")) }
        });
    }
    // Upstream counts live ones against the limit of a daemon set, Berth's ordinal sets do not; both keep what runs and one more.
    scene.wait("the newest two", || match numbers(&scene).as_slice() {
        [3, 4] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let newest = scene.list(REVISION).into_iter().find(|one| number(one, "/revision") == 4).unwrap();
    let hash = text(&newest, "/metadata/labels/controller-revision-hash");
    assert_eq!(revision(&scene.pod_on("agent", &scene.node("a")).unwrap()), hash);
}

/// The revisions of `agent`.
fn of_agent(scene: &Scene) -> Vec<Value> {
    let mut all = scene.list(REVISION);
    all.retain(|one| text(one, "/metadata/labels/app") == "agent");
    all
}

fn only(scene: &Scene) -> Value {
    let all = of_agent(scene);
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

/// The numbers of the revisions of `agent`, sorted.
fn numbers(scene: &Scene) -> Vec<i64> {
    let mut numbers: Vec<i64> = of_agent(scene).iter().map(|one| number(one, "/revision")).collect();
    numbers.sort_unstable();
    numbers
}

/// The uids of the pods of `agent`, sorted.
fn pods(scene: &Scene) -> Vec<String> {
    let pods = scene.list(POD);
    let pods = pods.iter().filter(|pod| text(pod, "/metadata/labels/app") == "agent");
    let mut uids: Vec<String> = pods.map(|pod| uid(pod).to_owned()).collect();
    uids.sort();
    uids
}
