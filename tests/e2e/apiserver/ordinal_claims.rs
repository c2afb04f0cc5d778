//! Claims and the retention policy. Berth deletes no claim: the garbage collector does, by the owner references.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::manifests::with_claims;
use crate::support::read::{CLAIM, POD, uid};
use crate::support::surface::rows;
use crate::support::{Scene, Surface};

/// Name of a set, its `whenScaled` and `whenDeleted`.
const POLICIES: [(&str, &str, &str); 4] = [
    ("keep", "Retain", "Retain"),
    ("scaled", "Delete", "Retain"),
    ("deleted", "Retain", "Delete"),
    ("both", "Delete", "Delete"),
];

rows!(claims_stay_or_go_as_the_retention_policy_says, a_claim_that_is_being_deleted_is_waited_for);

fn claims_stay_or_go_as_the_retention_policy_says(surface: Surface) {
    let scene = Scene::on(surface, "retention");
    for (name, scaled, deleted) in POLICIES {
        let mut set = with_claims(name, 3);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({"whenScaled": scaled, "whenDeleted": deleted});
        scene.apply(&set);
    }
    for (name, _, deleted) in POLICIES {
        let set = scene.settled(scene.set, name);
        for index in 0..3 {
            let claim = scene.get(CLAIM, &format!("data-{name}-{index}"));
            let owners: Vec<&str> = owners(&claim).collect();
            let expected = if deleted == "Delete" { vec![uid(&set)] } else { vec![] };
            assert_eq!(owners, expected, "{name}-{index}");
        }
    }

    for (name, _, _) in POLICIES {
        scene.kubectl(&["scale", scene.set.plural, name, "--replicas=1"]);
    }
    for (name, scaled, _) in POLICIES {
        scene.settled(scene.set, name);
        for index in [1, 2] {
            let claim = format!("data-{name}-{index}");
            if scaled == "Delete" {
                scene.gone(CLAIM, &claim);
            } else {
                assert_eq!(scene.get(CLAIM, &claim)["status"]["phase"], "Bound");
            }
        }
    }
    // The claims that went with their ordinals are gone: those of wanted ordinals have had their chance to go wrongly.
    assert_eq!(claims(&scene), BTreeMap::from([("both", 1), ("deleted", 3), ("keep", 3), ("scaled", 1)]));

    // Scaled up again, a claim that stayed is the same claim.
    let kept = uid(&scene.get(CLAIM, "data-keep-1")).to_owned();
    scene.kubectl(&["scale", scene.set.plural, "keep", "--replicas=2"]);
    scene.settled(scene.set, "keep");
    assert_eq!(uid(&scene.get(CLAIM, "data-keep-1")), kept);

    for (name, _, _) in POLICIES {
        scene.kubectl(&["delete", scene.set.plural, name, "--wait=false"]);
    }
    for claim in ["data-deleted-0", "data-deleted-1", "data-deleted-2", "data-both-0"] {
        scene.gone(CLAIM, claim);
    }
    scene.wait("all pods to go", || if scene.list(POD).is_empty() { Ok(()) } else { Err(String::new()) });
    assert_eq!(claims(&scene), BTreeMap::from([("keep", 3), ("scaled", 1)]));
}

fn a_claim_that_is_being_deleted_is_waited_for(surface: Surface) {
    let scene = Scene::on(surface, "claim-leaves");
    scene.apply(&with_claims("web", 2));
    scene.settled(scene.set, "web");
    let before = uid(&scene.get(CLAIM, "data-web-1")).to_owned();
    // It stays until no pod uses it.
    scene.kubectl(&["delete", "pvc", "data-web-1", "--wait=false"]);
    scene.kubectl(&["delete", "pod", "web-1", "--wait=false"]);
    let claim = scene.until(CLAIM, "data-web-1", "a new one", |claim| uid(claim) != before);
    scene.settled(scene.set, "web");
    assert!(claim["metadata"].get("deletionTimestamp").is_none());
}

fn owners(claim: &Value) -> impl Iterator<Item = &str> {
    claim["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owner| owner["uid"].as_str())
}

/// How many claims each set has that are not on their way out.
fn claims(scene: &Scene) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for claim in scene.list(CLAIM) {
        let app = claim["metadata"]["labels"]["app"].as_str().unwrap();
        let (name, _, _) = POLICIES.iter().find(|(name, _, _)| *name == app).unwrap();
        if claim["metadata"].get("deletionTimestamp").is_none() {
            *counts.entry(*name).or_default() += 1;
        }
    }
    counts
}
