//! A broken template never blocks its own cure (S19), and the cure never costs a member that is merely unwell.

use std::time::Duration;

use berth_sim::api_server::object;
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{Weather, World, ordinals, pod};
use serde_json::json;

const POLICIES: [&str; 2] = ["OrderedReady", "Parallel"];

/// A set of three pods that run `app:1`.
fn running(policy: &str) -> World {
    let mut world = World::new(7, Weather::calm());
    world.add_node("a", &json!({}));
    world.add_operator();
    let web = ordinals("web");
    world.create_set(&web, "app:1", &json!({ "replicas": 3, "podManagementPolicy": policy }));
    world.run_until(Duration::from_secs(120), |w| reached(w, &web));
    world
}

fn image(world: &World, name: &str) -> String {
    world.server.get(&pod(name)).map(|p| object::image(p).to_owned()).unwrap_or_default()
}

#[test]
fn a_rollback_replaces_what_the_bad_template_broke() {
    for policy in POLICIES {
        for bad in ["app:bad", "app:bad-nopull"] {
            let mut world = running(policy);
            let web = ordinals("web");
            world.set_image(&web, bad);
            world.run_for(Duration::from_secs(300));
            assert_eq!(image(&world, "web-2"), bad, "{policy}");
            assert_eq!(image(&world, "web-1"), "app:1", "{policy}: the budget is one");
            let before = world.writes.len();
            world.set_image(&web, "app:1");
            comes_to_rest(&mut world, &web);
            let replaced: Vec<_> = world.writes[before..]
                .iter()
                .filter(|w| w.verb == berth_api::request::Verb::Delete && w.done)
                .map(|w| w.object.name.clone())
                .filter(|name| name.starts_with("web-") && name.len() == 5)
                .collect();
            assert_eq!(replaced, ["web-2"], "{policy}: only what was broken is replaced");
        }
    }
}

#[test]
fn a_way_forward_replaces_what_the_bad_template_broke() {
    for policy in POLICIES {
        let mut world = running(policy);
        let web = ordinals("web");
        world.set_image(&web, "app:bad");
        world.run_for(Duration::from_secs(300));
        world.set_image(&web, "app:2");
        comes_to_rest(&mut world, &web);
        assert_eq!(image(&world, "web-0"), "app:2", "{policy}");
    }
}

#[test]
fn a_member_that_turns_unready_under_a_bad_template_is_not_replaced_by_it() {
    for policy in POLICIES {
        let mut world = running(policy);
        let web = ordinals("web");
        world.set_image(&web, "app:bad");
        world.run_for(Duration::from_secs(120));
        assert_eq!(image(&world, "web-2"), "app:bad", "{policy}");
        let member = world.server.get(&pod("web-1")).map(|p| object::uid(p).to_owned());
        world.sicken(&pod("web-1"));
        world.run_for(Duration::from_secs(1800));
        let now = world.server.get(&pod("web-1")).map(|p| object::uid(p).to_owned());
        assert_eq!(now, member, "{policy}: the quorum would be lost");
        // Once the template is good again, all of them come back.
        world.set_image(&web, "app:1");
        world.heal();
        comes_to_rest(&mut world, &web);
    }
}

#[test]
fn an_update_waits_until_a_member_is_well() {
    for policy in POLICIES {
        let mut world = running(policy);
        let web = ordinals("web");
        world.sicken(&pod("web-0"));
        world.run_for(Duration::from_secs(30));
        world.change(&web, &json!({ "updateStrategy": { "rollingUpdate": { "partition": 1 } } }));
        world.set_image(&web, "app:2");
        world.run_for(Duration::from_secs(300));
        assert_eq!(image(&world, "web-1"), "app:1", "{policy}: web-0 is unwell and stays where it is");
        world.heal();
        comes_to_rest(&mut world, &web);
        assert_eq!([image(&world, "web-0"), image(&world, "web-1")], ["app:1", "app:2"], "{policy}");
    }
}
