use std::time::Duration;

use crate::core::pace::Pacer;
use crate::core::plan::Urgency::{self, AtOnce, Paced};

/// When the writes are done that are asked for, second by second, from `asked`.
fn writes(pacer: &mut Pacer, asked: impl IntoIterator<Item = (u64, Urgency)>) -> Vec<u64> {
    let mut done = vec![];
    let mut waits: Option<Urgency> = None;
    let mut asked = asked.into_iter().peekable();
    for second in 0..200 {
        let now = Duration::from_secs(second);
        if let Some((_, urgency)) = asked.next_if(|(at, _)| *at == second) {
            waits = waits.max(Some(urgency));
        }
        if let Some(urgency) = waits
            && pacer.due(urgency, now) <= now
        {
            pacer.wrote(now);
            done.push(second);
            waits = None;
        }
    }
    done
}

#[test]
fn what_is_urgent_is_written_at_once_three_times_then_every_five_seconds() {
    let always = |urgency| (10..31).map(move |second| (second, urgency));
    assert_eq!(writes(&mut Pacer::new(1), always(AtOnce)), [10, 11, 12, 15, 20, 25, 30]);
    assert_eq!(writes(&mut Pacer::new(1), always(Paced)), [10, 15, 20, 25, 30]);
}

#[test]
fn the_end_of_a_long_rollout_is_written_at_once() {
    let mut pacer = Pacer::new(1);
    // The new generation, the new revision, counts for a minute and a half, and the end between two of them.
    let counts = (12..100).map(|second| (second, Paced));
    let asked = [(10, AtOnce), (11, AtOnce)].into_iter().chain(counts).chain([(102, AtOnce), (103, AtOnce)]);
    let done = writes(&mut pacer, asked);
    assert_eq!(done[..4], [10, 11, 16, 21]);
    assert_eq!(done[done.len() - 2..], [102, 105], "a state that does not last waits for its turn: {done:?}");
}

#[test]
fn rest_gives_the_burst_back_and_so_does_a_new_generation() {
    let mut pacer = Pacer::new(1);
    let burst = |from: u64| (from..from + 3).map(|second| (second, AtOnce));
    assert_eq!(writes(&mut pacer, burst(10).chain(burst(30))), [10, 11, 12, 30, 31, 32]);
    let mut pacer = Pacer::new(1);
    writes(&mut pacer, burst(10));
    let now = Duration::from_secs(13);
    assert!(pacer.due(AtOnce, now) > now);
    pacer.concerns(1);
    assert!(pacer.due(AtOnce, now) > now, "the same generation");
    pacer.concerns(2);
    assert!(pacer.due(AtOnce, now) <= now);
    assert!(pacer.due(Paced, now) > now, "what is not urgent waits all the same");
}
