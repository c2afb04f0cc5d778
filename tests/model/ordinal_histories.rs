//! Chosen histories of ordinal sets.

use std::time::Duration;

use serde_json::json;

use crate::api_server::object;
use crate::outcome::{comes_to_rest, reached};
use crate::world::{Weather, World, ordinals, pod};
use berth::api::Resource;

#[test]
fn claims_that_go_with_the_earlier_set_are_not_used_by_the_next() {
    for seed in 0..10 {
        let mut world = World::new(seed, Weather::calm());
        world.add_node("a", &json!({}));
        world.add_operator();
        let web = ordinals("web");
        let spec = json!({
            "replicas": 2,
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
        });
        world.create_set(&web, "app:1", &spec);
        world.run_until(Duration::from_secs(60), |w| reached(w, &web));
        world.delete(&web, "Background");
        world.create_set(&web, "app:1", &spec);
        comes_to_rest(&mut world, &web);
    }
}

#[test]
fn a_quota_that_comes_back_lets_the_set_grow() {
    let mut world = World::calm(&["a"]);
    world.server.admission.pod_quota = Some(2);
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 4, "podManagementPolicy": "Parallel" }));
    world.run_for(Duration::from_secs(600));
    let set = world.server.get(&web).unwrap();
    assert!(object::holds(set, "Stalled"), "{}", set["status"]);
    assert!(object::condition(set, "Stalled").unwrap()["message"].as_str().unwrap().contains("quota"));
    let tries = world.writes.iter().filter(|w| !w.done && w.object.resource == Resource::Pods).count();
    assert!(tries <= 12, "{tries} tries in ten minutes");
    world.server.admission.pod_quota = None;
    world.run_until(Duration::from_secs(330), |w| reached(w, &web));
    assert!(world.server.get(&pod("web-3")).is_some());
}
