//! What is remembered, and for how long.

use std::time::Duration;

use berth_api::{Meta, ObjectRef, Resource, Uid};
use serde_json::{Value, json};

use crate::memory::{Memory, Outcome};
use crate::plan::{Act, Action, Guard};
use crate::reason::{Reason, Slot};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn owner(generation: i64) -> Meta {
    Meta { uid: Uid("u".to_owned()), generation, ..Meta::default() }
}

#[test]
fn pods_that_keep_vanishing_are_made_more_and_more_slowly() {
    let slot = Slot::Ordinal(0);
    let (mut memory, mut now, mut made) = (Memory::default(), Duration::ZERO, vec![]);
    while now < at(600) {
        match memory.create_backoff(&slot, now) {
            Some(pause) => now += pause,
            None => {
                memory.record_create(slot.clone(), now);
                made.push(now.as_secs());
            }
        }
    }
    assert_eq!(made[..8], [0, 0, 0, 1, 3, 7, 15, 31], "X9: 8 in the first minute");
    assert!(made[9..].windows(2).all(|pair| pair[1] - pair[0] == 60), "then one a minute: {made:?}");
    assert_eq!(memory.create_backoff(&Slot::Ordinal(1), now), None, "each slot by itself");
    memory.record_delete(&slot);
    assert_eq!(memory.create_backoff(&slot, now), None, "what we deleted ourselves is expected to come back");
    for _ in 0..5 {
        memory.record_create(slot.clone(), now);
    }
    assert_eq!(memory.create_backoff(&slot, now + at(600)), None, "ten quiet minutes forget it");
}

#[test]
fn a_changed_spec_starts_every_pause_anew() {
    let slot = Slot::Node("a".to_owned());
    let mut memory = Memory::default();
    memory.observe_owner(&owner(1));
    for second in 0..4 {
        memory.record_failed_pod(slot.clone(), at(second));
        memory.record_create(slot.clone(), at(second));
    }
    memory.observe_owner(&owner(1));
    assert!(
        memory.failed_pod_backoff(&slot, at(5)).is_some() && memory.create_backoff(&slot, at(4)).is_some()
    );
    memory.observe_owner(&owner(2));
    assert_eq!(
        (memory.failed_pod_backoff(&slot, at(5)), memory.create_backoff(&slot, at(4))),
        (None, None),
        "B4.4"
    );
}

#[test]
fn a_rival_is_who_writes_after_we_came() {
    let written = |time: &str| {
        let fields = json!([
            { "manager": "kubectl", "subresource": "status", "time": "2030-01-01T00:00:00Z" },
            { "manager": "kube-controller-manager", "time": "2030-01-01T00:00:00Z" },
            { "manager": "kube-controller-manager", "subresource": "status", "time": time },
        ]);
        serde_json::from_value::<Meta>(json!({ "name": "web", "uid": "u", "managedFields": fields })).unwrap()
    };
    let mut memory = Memory::default();
    memory.observe_owner(&written("2027-01-01T00:00:00Z"));
    memory.observe_owner(&written("2027-01-01T00:00:00Z"));
    assert!(!memory.has_rival(), "what it wrote before we came is no sign");
    memory.observe_owner(&written("2027-01-01T00:00:05Z"));
    assert!(memory.has_rival());
    let mut fresh = Memory::default();
    fresh.observe_owner(&owner(1));
    fresh.observe_owner(&written("2027-01-01T00:00:00Z"));
    assert!(fresh.has_rival(), "its first write counts too");
}

#[test]
fn two_that_renumber_the_same_revisions_do_not_fight_without_pause() {
    let (mut memory, mut now, mut done) = (Memory::default(), Duration::ZERO, vec![]);
    memory.observe_owner(&owner(1));
    while now < at(600) {
        match memory.revision_backoff(now) {
            Some(pause) => now += pause,
            None => {
                memory.record_revision_write(now);
                done.push(now.as_secs());
            }
        }
    }
    assert_eq!(done[..8], [0, 1, 3, 7, 15, 31, 63, 123]);
    memory.observe_owner(&owner(2));
    assert_eq!(memory.revision_backoff(now), None, "people who go back and forth do not wait");
}

#[test]
fn only_a_few_templates_are_remembered() {
    let mut memory = Memory::default();
    let template = |number: u32| json!({ "spec": { "number": number } });
    for number in 0..100 {
        memory.record_defaults(&template(number), Some(&template(number)));
    }
    let known = (0..100).filter(|number| memory.defaulted(&template(*number)).is_some());
    assert_eq!(known.collect::<Vec<_>>(), (94..100).collect::<Vec<_>>(), "the newest six");
}

#[test]
fn a_read_without_an_answer_waits_for_its_pause() {
    let object = ObjectRef::new(Resource::Pods, "ns", "web-0");
    let read = Action { act: Act::ConfirmAbsent { object }, why: Reason::NameUnseen };
    let mut memory = Memory::default();
    memory.record(&read, Outcome::Unknown("no answer within 30 s"), at(10));
    let held =
        |now| memory.rejections.back_off(&read, std::slice::from_ref(&read), now).map(|(delay, _)| delay);
    assert_eq!((held(at(10)), held(at(11))), (Some(at(1)), None));
}

/// Another client undoes a change as soon as it is made (X10).
#[test]
fn a_change_that_is_undone_again_and_again_waits() {
    let patch = |owner: &str| Action {
        act: Act::Patch {
            object: ObjectRef::new(Resource::Claims, "ns", "data-web-0"),
            guard: Guard { uid: Uid("u".to_owned()), resource_version: None },
            body: json!({ "metadata": { "ownerReferences": [owner] } }),
            status: false,
        },
        why: Reason::Retention,
    };
    let (mut memory, mut now, mut made) = (Memory::default(), Duration::from_secs(100), 0);
    let answer = Value::Null;
    for _ in 0..6000 {
        let patch = patch("set");
        if memory.rejections.back_off(&patch, std::slice::from_ref(&patch), now).is_none() {
            memory.record(&patch, Outcome::Done(&answer), now);
            made += 1;
        }
        now += Duration::from_millis(100);
    }
    assert!((4..=16).contains(&made), "{made} times in ten minutes");
    let known = memory.rejections.of(&patch("set").act).unwrap();
    assert!(known.reported && known.taken_back, "{known:?}");

    let mut memory = Memory::default();
    for n in 0..20 {
        memory.record(&patch(&n.to_string()), Outcome::Done(&answer), Duration::from_secs(100));
    }
    assert!(memory.rejections.is_empty(), "other changes of the same object are none of it");
}

/// A standby never plans, and so never sees in a plan that the set is paused no more.
#[test]
fn where_a_paused_pod_was_is_forgotten_when_one_goes_while_the_set_is_not() {
    let mut memory = Memory::of(&owner(1));
    memory.pod_gone(Slot::Ordinal(2), "v1", true);
    assert_eq!(memory.paused_revision(&Slot::Ordinal(2)), Some("v1"));
    memory.pod_gone(Slot::Ordinal(2), "v1", false);
    assert_eq!(memory.paused_revision(&Slot::Ordinal(2)), None);
}
