//! Cuts a schedule that fails down as long as it fails in the same way: fewer steps, fewer operators, fewer faults.

use std::time::{Duration, Instant};

use berth_sim::schedule::Schedule;
use berth_sim::world::{Failure, Weather};

use super::run;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The smallest schedule found, and how it fails.
pub fn shrink(schedule: Schedule, failure: Failure) -> (Schedule, Failure) {
    let mut best = (schedule, failure);
    let began = Instant::now();
    let hurried = || began.elapsed() > PATIENCE;
    loop {
        let before = size(&best.0);
        for cut in cuts(&best.0) {
            if hurried() {
                break;
            }
            keep(&mut best, cut);
        }
        // Steps from the last to the first.
        for index in (0..best.0.steps.len()).rev() {
            if hurried() || index >= best.0.steps.len() {
                continue;
            }
            let mut cut = best.0.clone();
            cut.steps.remove(index);
            keep(&mut best, cut);
        }
        mute(&mut best, hurried);
        if size(&best.0) == before || hurried() {
            break;
        }
    }
    // Once more, with the story.
    if let Err(failure) = run(&best.0, true) {
        best.1 = failure;
    }
    best
}

/// Takes a cut if it fails in the same way.
fn keep(best: &mut (Schedule, Failure), cut: Schedule) -> bool {
    match run(&cut, false) {
        Err(failure) if failure.invariant() == best.1.invariant() => {
            *best = (cut, failure);
            true
        }
        _ => false,
    }
}

/// Simpler worlds.
fn cuts(schedule: &Schedule) -> Vec<Schedule> {
    let mut cuts = vec![];
    if schedule.operators > 1 {
        cuts.push(Schedule { operators: 1, elects: false, ..schedule.clone() });
        cuts.push(Schedule { operators: 2, ..schedule.clone() });
    }
    if schedule.weather.mishap > 0 || schedule.weather.stall > 0 || schedule.weather.past > 0 {
        cuts.push(Schedule { weather: Weather::calm(), ..schedule.clone() });
        cuts.push(Schedule {
            weather: Weather { past: 0, slow: None, ..schedule.weather.clone() },
            ..schedule.clone()
        });
    }
    for index in 0..schedule.sets.len() {
        if schedule.sets.len() > 1 && schedule.steps.is_empty() {
            let mut cut = schedule.clone();
            cut.sets.remove(index);
            cuts.push(cut);
        }
    }
    cuts
}

/// Mutes faults: all, then halves, quarters, ... down to single ones.
fn mute(best: &mut (Schedule, Failure), hurried: impl Fn() -> bool) {
    let mut chunk = best.1.faults.max(1);
    while chunk > 0 && !hurried() {
        let mut from = 0;
        while from < best.1.faults && !hurried() {
            let mut cut = best.0.clone();
            let before = cut.muted.len();
            cut.muted.extend(from..from + chunk);
            if cut.muted.len() > before {
                keep(best, cut);
            }
            from += chunk;
        }
        chunk /= 2;
    }
}

fn size(schedule: &Schedule) -> (usize, usize, usize) {
    (schedule.steps.len(), schedule.operators, usize::MAX - schedule.muted.len())
}

/// What is left, in a few lines.
pub fn describe(schedule: &Schedule) -> String {
    let Schedule { sets, gates, limits, lease, namesakes, operators, elects, steps, .. } = schedule;
    let steps: Vec<String> =
        steps.iter().map(|(pause, step)| format!("  after {pause:?} {step:?}")).collect();
    format!(
        "{operators} operators (electing a leader: {elects}, {lease:?}, {limits:?}, {gates:?}), namesakes: {namesakes},\n{sets:#?}\n{}",
        steps.join("\n")
    )
}
