use berth_api::{ObjectRef, Resource, Uid};
use berth_plan::plan::{Act, Action, Pace, Part, Stage};
use berth_plan::reason::Reason;

use crate::work::run::{Ended, Run};

fn action(name: &str) -> Action {
    let object = ObjectRef::new(Resource::Pods, "ns", name);
    Action {
        act: Act::Confirm {
            object,
            uid: Uid::default(),
            generation: None,
            live: false,
            not_of: Uid::default(),
        },
        why: Reason::Orphan,
    }
}

fn stage(part: Part, pace: Pace, units: &[&[&str]]) -> Stage {
    Stage::new(part, pace, units.iter().map(|unit| unit.iter().map(|n| action(n)).collect()).collect())
}

/// Runs the stages, with the named actions failing; what was started, batch by batch.
fn run(stages: Vec<Stage>, failing: &[&str]) -> Vec<String> {
    let mut run = Run::new(stages);
    let mut batches = vec![];
    loop {
        let mut started = run.start();
        if started.is_empty() {
            assert!(run.is_done());
            return batches;
        }
        let mut names = vec![];
        while let Some((unit, action)) = started.pop() {
            let name = action.act.object().name.clone();
            let how = if failing.contains(&name.as_str()) { Ended::Failed } else { Ended::Done };
            names.push(name);
            started.extend(run.ended(unit, how).map(|next| (unit, next)));
        }
        names.sort();
        batches.push(names.join(" "));
    }
}

#[test]
fn the_pace_is_kept() {
    let units: &[&[&str]] = &[&["a"], &["b"], &["c"], &["d"]];
    assert_eq!(run(vec![stage(Part::Pods, Pace::OneByOne, units)], &[]), ["a", "b", "c", "d"]);
    assert_eq!(run(vec![stage(Part::Pods, Pace::SlowStart, units)], &[]), ["a", "b c", "d"]);
    assert_eq!(run(vec![stage(Part::Pods, Pace::Together, units)], &[]), ["a b c d"]);
}

#[test]
fn a_failure_ends_what_rests_on_it() {
    let units: &[&[&str]] = &[&["a"], &["b", "b2"], &["c"], &["d"]];
    let later = || {
        vec![
            stage(Part::Pods, Pace::OneByOne, &[&["later"]]),
            stage(Part::Status, Pace::OneByOne, &[&["status"]]),
            stage(Part::History, Pace::Together, &[&["history"]]),
        ]
    };
    for (pace, expected) in [
        (Pace::OneByOne, vec!["a", "b", "status", "history"]),
        (Pace::SlowStart, vec!["a", "b c", "status", "history"]),
        (Pace::Together, vec!["a b c d", "status", "history"]),
    ] {
        let stages = [vec![stage(Part::Claims, pace, units)], later()].concat();
        assert_eq!(
            run(stages, &["b"]),
            expected,
            "{pace:?}: neither the rest of the unit nor a later stage is begun"
        );
    }
}

#[test]
fn a_stop_lets_end_what_is_on_its_way() {
    let stages = vec![
        stage(Part::Pods, Pace::OneByOne, &[&["a", "a2"], &["b"]]),
        stage(Part::Status, Pace::OneByOne, &[&["status"]]),
        stage(Part::History, Pace::Together, &[&["history"]]),
    ];
    let mut run = Run::new(stages);
    let (unit, _) = run.start().remove(0);
    run.stop();
    assert!(!run.is_done());
    assert_eq!(run.ended(unit, Ended::Done), None, "the next action of the unit is not begun");
    let (unit, status) = run.start().remove(0);
    assert_eq!(status.act.object().name, "status");
    run.ended(unit, Ended::Done);
    assert!(run.start().is_empty() && run.is_done());
}

#[test]
fn an_independent_stage_stops_nothing() {
    let stages = vec![
        stage(Part::Pods, Pace::Together, &[&["a"], &["b"]]).independent(),
        stage(Part::Pods, Pace::OneByOne, &[&["later"]]),
    ];
    assert_eq!(run(stages, &["a"]), ["a b", "later"]);
}
