//! `docs/installing.md`, "Uninstalling": which steps keep the pods, and which do not.

use std::collections::BTreeMap;

use berth_cluster::Process;
use serde_json::json;

use crate::support::manifests::{node_daemon_set, with_claims};
use crate::support::plane::{ORDINALS, project};
use crate::support::read::{CLAIM, NDS, OSET, POD, name, text, uid};
use crate::support::{Scene, number};

/// The steps as they are written down, and back again: no pod and no claim is another one.
pub fn keeps_pods_and_claims(scene: &Scene, operator: &Process) {
    let mut set = with_claims("kept", 2);
    set["spec"]["persistentVolumeClaimRetentionPolicy"] =
        json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
    let sets = [set, node_daemon_set("kept-agent", ORDINALS)];
    let apply = || {
        sets.iter().for_each(|set| scene.apply(set));
        scene.settled(OSET, "kept");
        scene.until(NDS, "kept-agent", "2 available", |set| number(set, "/status/numberAvailable") == 2);
    };
    apply();
    let before = facts(scene);
    assert!(before.len() >= 4, "pods and claims: {before:?}");

    operator.terminate().unwrap();
    assert!(operator.wait_exit(std::time::Duration::from_secs(20)).unwrap().success());
    let kubectl = |arguments: &[&str]| scene.plane.cluster.kubectl(arguments).unwrap();
    let all = ["delete", "ordinalsets,nodedaemonsets", "--all", "--all-namespaces", "--cascade=orphan"];
    kubectl(&all);
    kubectl(&["delete", "-f", project("crds").to_str().unwrap()]);
    kubectl(&["delete", "-f", project("deploy/rbac.yaml").to_str().unwrap()]);
    collected(scene);
    assert_eq!(facts(scene), before, "everything is as it was");
    for pod in scene.list(POD).iter().filter(|pod| name(pod).starts_with("kept")) {
        assert!(pod["metadata"].get("ownerReferences").is_none(), "nobody owns it: {}", pod["metadata"]);
    }

    // And installed again: the pods are taken over.
    scene.plane.install("crds");
    scene.plane.install("deploy/rbac.yaml");
    scene.run("again", &[]);
    apply();
    assert_eq!(facts(scene), before, "nothing is restarted");
}

/// What looks as if it did the same does not: the flag is about what the *definitions* own.
pub fn deleting_the_definitions_takes_the_pods_with_it(scene: &Scene) {
    scene
        .plane
        .cluster
        .kubectl(&["delete", "-f", project("crds").to_str().unwrap(), "--cascade=orphan"])
        .unwrap();
    scene.wait("the pods to go", || match facts(scene) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

/// Waits until the garbage collector has come round: it has collected what was orphaned here before.
fn collected(scene: &Scene) {
    let metadata = json!({"name": "owned", "ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "00000000-0000-0000-0000-000000000000"},
    ]});
    scene.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
    scene.wait("the garbage collector", || {
        let path = format!("/api/v1/namespaces/{}/configmaps/owned", scene.namespace);
        scene.plane.read(&path).map_or(Ok(()), |_| Err("it has not come yet".to_owned()))
    });
}

/// Uids and states of the pods and claims of the sets.
fn facts(scene: &Scene) -> BTreeMap<String, (String, String)> {
    let all = [POD, CLAIM].into_iter().flat_map(|kind| scene.list(kind).into_iter().map(move |o| (kind, o)));
    let ours = all.filter(|(_, object)| name(object).contains("kept"));
    ours.map(|(kind, object)| {
        let leaving = text(&object, "/metadata/deletionTimestamp").to_owned();
        (format!("{} {}", kind.plural, name(&object)), (uid(&object).to_owned(), leaving))
    })
    .collect()
}
