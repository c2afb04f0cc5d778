use berth_api::Surface;
use berth_api::condition::{Condition, ConditionReason};
use berth_api::ordinal_set::OrdinalSetStatus;
use serde_json::json;

use crate::fixture;
use crate::workload::conditions::{Progress, Report, Serving, conditions, status_changes};

fn report(progress: &Progress, generation: i64) -> Report<'_> {
    Report { progress, serving: None, surface: Surface::Berth, generation }
}

fn status(conditions: Vec<Condition>) -> OrdinalSetStatus {
    OrdinalSetStatus { replicas: 1, conditions, ..OrdinalSetStatus::default() }
}

#[test]
fn times_change_with_the_status_only_and_foreign_conditions_stay() {
    let (early, late) =
        (fixture::now().wall, fixture::now().wall.checked_add(std::time::Duration::from_secs(9)).unwrap());
    let foreign = Condition { type_: "Theirs".to_owned(), status: "True".to_owned(), ..Condition::default() };
    let working = |message: &str| Progress::Working(message.to_owned());
    let first = conditions(std::slice::from_ref(&foreign), &report(&working("a"), 1), early);
    let second = conditions(&first, &report(&working("b"), 2), late);
    assert_eq!(second[0], foreign);
    assert!(second[1..].iter().all(|c| c.last_transition_time == Some(early)), "{second:?}");
    assert_eq!(second[1].message, "b");
    let third = conditions(&second, &report(&Progress::Settled, 2), late);
    let ready = third.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.last_transition_time), ("True", Some(late)));
}

#[test]
fn only_what_differs_is_written() {
    let before = status(vec![]);
    assert_eq!(status_changes(&before, &before.clone()), None);
    let after = OrdinalSetStatus { replicas: 2, ..before.clone() };
    assert_eq!(status_changes(&before, &after), Some(json!({ "replicas": 2 })));
}

#[test]
fn native_objects_carry_only_what_is_in_the_way() {
    let now = fixture::now().wall;
    let serving = Some(Serving { available: 0, needed: 1, wanted: 1 });
    let apps = |before: &[Condition], progress| {
        conditions(
            before,
            &Report { progress: &progress, serving, surface: Surface::Apps, generation: 7 },
            now,
        )
    };
    assert_eq!(apps(&[], Progress::Working("web-0".to_owned())), []);
    let stalled = apps(&[], Progress::Stalled(ConditionReason::FailedCreate, "quota".to_owned()));
    let shown: Vec<_> =
        stalled.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.observed_generation)).collect();
    assert_eq!(shown, [("Stalled", "True", 0)], "a native condition knows no generation");
    assert_eq!(apps(&stalled, Progress::Settled)[0].status, "False", "what was told is taken back");
}

#[test]
fn after_a_restart_only_what_was_told_of_this_spec_stands() {
    let told = conditions(
        &[],
        &report(
            &Progress::Stalled(ConditionReason::FailedCreate, "pod ns/web-4: exceeded quota".to_owned()),
            1,
        ),
        fixture::now().wall,
    );
    let memory = crate::memory::Memory::default();
    let progress = |generation| {
        crate::workload::conditions::progress(
            false,
            &memory,
            None,
            &crate::plan::Plan::default(),
            &told,
            generation,
        )
    };
    assert!(matches!(progress(1), Progress::Stalled(..)));
    assert!(matches!(progress(2), Progress::Working(_)), "scaled down since, say");
}
