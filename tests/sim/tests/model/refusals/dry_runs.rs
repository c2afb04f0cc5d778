//! A dry run changes nothing: without its answer nothing freezes, and nothing rolls.

use berth_api::Resource;
use berth_api::request::Refusal;
use berth_sim::api_server::{Pattern, refusal};
use berth_sim::outcome::{comes_to_rest, reached};
use berth_sim::world::{MINUTE, SECOND, Trouble, daemons, ordinals};
use serde_json::json;

use super::{settled, ten_minutes_of_refusals, uids};

/// The answer to a dry run does not come, or says that the name is taken. A dry run changes nothing: it is asked again.
#[test]
fn a_lost_answer_to_a_dry_run_freezes_nothing() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({}));
        world.trouble(Pattern::dry_runs(), Trouble::AnswerLost);
        world.set_image(&of, "app:2");
        world.run_for(MINUTE);
        world.troubles.clear();
        world.run_until(5 * MINUTE + 30 * SECOND, |w| reached(w, &of));
        comes_to_rest(&mut world, &of);
    }
}

#[test]
fn a_dry_run_whose_name_is_taken_freezes_nothing() {
    let web = ordinals("web");
    let mut world = settled(&web, &json!({}));
    world.server.admission.refuse(Pattern::dry_runs(), refusal(409, "AlreadyExists", "it exists"));
    world.set_image(&web, "app:2");
    world.run_for(MINUTE);
    world.server.admission.policies.clear();
    comes_to_rest(&mut world, &web);
}

/// A template differs in a default only, and the API server does not answer what it would make of it: that says nothing about the
/// template, so no pod goes.
#[test]
fn a_dry_run_that_is_refused_rolls_nothing() {
    let says: [Option<Refusal>; 5] = [
        None,
        // What policies and webhooks answer that say no more than no.
        Some(refusal(
            422,
            "Invalid",
            "ValidatingAdmissionPolicy 'labels' denied request: a label is missing",
        )),
        Some(refusal(400, "", "admission webhook \"w\" denied the request without explanation")),
        Some(refusal(401, "Unauthorized", "Unauthorized")),
        Some(refusal(405, "MethodNotAllowed", "no")),
    ];
    for refusal in says {
        for of in [ordinals("web"), daemons("agent")] {
            let mut world = settled(&of, &json!({}));
            let before = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
            match refusal.clone() {
                Some(refusal) => world.server.admission.refuse(Pattern::dry_runs(), refusal),
                None => world.server.roles.take("create", "podtemplates"),
            }
            world.write_down(&of, true);
            ten_minutes_of_refusals(&mut world, &of, 1);
            world.server.roles.give_back();
            world.server.admission.policies.clear();
            comes_to_rest(&mut world, &of);
            let after = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
            assert_eq!(after, before, "{of}");
        }
    }
}

#[test]
fn a_default_that_is_written_down_rolls_nothing() {
    for of in [ordinals("web"), daemons("agent")] {
        let mut world = settled(&of, &json!({}));
        let before = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
        for written in [true, false, true] {
            world.write_down(&of, written);
            comes_to_rest(&mut world, &of);
        }
        let after = [Resource::Pods, Resource::Revisions].map(|resource| uids(&world, resource));
        assert_eq!(after, before, "{of}");
    }
}
