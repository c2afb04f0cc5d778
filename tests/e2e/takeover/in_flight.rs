//! Rollouts that are under way change hands, in both directions, and are finished by whoever has them then.

mod daemons;

use serde_json::json;

use crate::support::manifests::{daemon_set, stateful_set};
use crate::support::read::{
    DS, POD, REVISION, STS, image, is_observed, is_ready, lacks_image, name, number, text, uid,
};
use crate::support::writes::{BERTH, UPSTREAM};
use crate::support::{Facts, World};

/// A partition holds this one at its highest ordinal.
const PARTED: &str = "statefulset/parted";
/// A bad image holds this one at its highest ordinal. In ordered mode upstream then waits for a person, and so does Berth for
/// native sets.
const HELD: &str = "statefulset/held";
/// The same with the annotation by which Berth does not.
const CURED: &str = "statefulset/cured";
/// A bad image holds this one at its first node.
const AGENT: &str = "daemonset/agent";

#[test]
fn rollouts_under_way_change_hands_and_are_finished() {
    let world = World::of_upstream();
    for set in ["parted", "held", "cured"] {
        world.apply(&stateful_set(set, "Retain"));
    }
    world.apply(&daemon_set("agent"));
    daemons::create(&world);
    world.kubectl(&["annotate", CURED, "berth.dev/replace-broken=true"]);
    world.rolled_out(&[PARTED, HELD, CURED, AGENT]);
    begin(&world, 2);
    daemons::begin(&world, 2);

    let (before, mark) = (Facts::now(&world), world.mark());
    world.upstream(false);
    let berth = world.berth(&["--apis=apps"]);
    world.marker();
    before.assert_same(&Facts::now(&world), "after the takeover");
    world.assert_silent(&[BERTH], mark, "nothing was left to do");
    finish(&world, 2, true);
    daemons::finish(&world, 2);
    world.assert_silent(&UPSTREAM, mark, "upstream's controllers are off");

    begin(&world, 3);
    daemons::begin(&world, 3);
    let (before, mark) = (Facts::now(&world), world.mark());
    world.end(&berth);
    world.upstream(true);
    world.marker();
    before.assert_same(&Facts::now(&world), "after the hand-back");
    world.assert_silent(&UPSTREAM, mark, "nothing was left to do");
    finish(&world, 3, false);
    daemons::finish(&world, 3);
    world.assert_silent(&[BERTH], mark, "it has ended");
}

/// Begins four rollouts that come to a halt.
fn begin(world: &World, tag: u32) {
    let partition = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}});
    world.patch(PARTED, &partition);
    world.set_image(PARTED, &tag.to_string());
    for set in [HELD, CURED, AGENT] {
        world.set_image(set, &format!("{tag}-missing"));
    }
    world.until(STS, "parted", "halted at its partition", |set| {
        let counts =
            [("updatedReplicas", 1), ("currentReplicas", 2), ("readyReplicas", 3), ("availableReplicas", 3)];
        halted(set, &counts)
    });
    for set in ["held", "cured"] {
        world.until(STS, set, "halted by its image", |set| {
            let counts = [
                ("updatedReplicas", 1),
                ("currentReplicas", 2),
                ("readyReplicas", 2),
                ("availableReplicas", 2),
            ];
            halted(set, &counts)
        });
        world.until(POD, &format!("{set}-2"), "without its image", lacks_image);
    }
    world.until(DS, "agent", "halted by its image", |set| {
        let counts = [("updatedNumberScheduled", 1), ("numberUnavailable", 1), ("numberReady", 2)];
        halted(set, &counts)
    });
    world.wait("the agent without its image", || {
        if world.of("agent", POD).iter().filter(|pod| lacks_image(pod)).count() == 1 {
            Ok(())
        } else {
            Err(String::new())
        }
    });
}

/// Whether a status is of the present spec, has these counts, and names another revision as the update than as current.
fn halted(set: &serde_json::Value, counts: &[(&str, i64)]) -> bool {
    let status = &set["status"];
    let differ = status["updateRevision"].is_null() || status["updateRevision"] != status["currentRevision"];
    is_observed(set) && differ && counts.iter().all(|(count, wanted)| status[count] == *wanted)
}

/// Takes away what holds the rollouts. `cures` says whether a set that asks for it is cured without a person.
fn finish(world: &World, tag: u32, cures: bool) {
    let done = uid(&world.get(POD, "parted-2")).to_owned();
    let broken = uid(&world.get(POD, "held-2")).to_owned();
    world.patch(PARTED, &json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}));
    for set in [HELD, CURED, AGENT] {
        world.set_image(set, &tag.to_string());
    }
    world.rolled_out(&[PARTED, AGENT]);
    assert_eq!(uid(&world.get(POD, "parted-2")), done, "it was up to date");

    let cured_by_hand: &[&str] = if cures { &["held-2"] } else { &["held-2", "cured-2"] };
    if cures {
        world.rolled_out(&[CURED]);
    }
    world.marker();
    assert_eq!(uid(&world.get(POD, "held-2")), broken, "it waits for a person, as upstream does");
    for pod in cured_by_hand {
        world.kubectl(&["delete", "pod", pod]);
    }
    world.rolled_out(&[HELD, CURED]);

    for set in ["parted", "held", "cured"] {
        world.until(STS, set, "at rest", |set| {
            let counts =
                ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"];
            is_observed(set)
                && text(set, "/status/currentRevision") == text(set, "/status/updateRevision")
                && counts.iter().all(|count| set["status"][count] == 3)
        });
    }
    let pods: Vec<_> =
        ["parted", "held", "cured", "agent"].iter().flat_map(|set| world.of(set, POD)).collect();
    let right = |pod: &serde_json::Value| is_ready(pod) && image(pod) == format!("registry.test/app:{tag}");
    assert!(pods.len() == 12 && pods.iter().all(right), "{:?}", pods.iter().map(name).collect::<Vec<_>>());
    // Every template once, however often it changed hands: with the bad ones, two of a round.
    for (set, each_round) in [("parted", 1), ("held", 2), ("cured", 2), ("agent", 2)] {
        let mut numbers: Vec<i64> = world.of(set, REVISION).iter().map(|r| number(r, "/revision")).collect();
        numbers.sort_unstable();
        let last = 1 + each_round * (i64::from(tag) - 1);
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "{set}");
    }
}
