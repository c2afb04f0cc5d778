use std::time::Duration;

use serde_json::{Value, json};

use super::ms;
use crate::work::status_throttle::StatusThrottle;

/// When the writes are done, in milliseconds, of a status that changes as `status` says, with a plan every ten milliseconds.
fn writes(throttle: &mut StatusThrottle, until: u64, status: impl Fn(u64) -> u64) -> Vec<u64> {
    let (mut done, mut written) = (vec![], 0);
    for at in (0..until).step_by(10) {
        let wanted = status(at);
        if wanted == written {
            throttle.unchanged();
        } else if throttle.due(&json!({ "readyReplicas": wanted }), ms(at)) <= ms(at) {
            throttle.wrote(ms(at));
            done.push(at);
            written = wanted;
        }
    }
    done
}

#[test]
fn a_change_is_written_when_it_has_lasted_a_moment() {
    let mut throttle = StatusThrottle::default();
    assert_eq!(writes(&mut throttle, 5_000, |at| u64::from(at >= 1_000)), [1_100]);
    let mut throttle = StatusThrottle::default();
    // One that changes all the time is written a second after the first change.
    assert_eq!(writes(&mut throttle, 3_000, |at| at.saturating_sub(1_000) / 50)[..1], [2_050]);
}

#[test]
fn a_set_has_ten_writes_and_one_more_every_five_seconds() {
    let mut throttle = StatusThrottle::default();
    let done = writes(&mut throttle, 100_000, |at| at / 50);
    for seconds in 1..100 {
        let count = done.iter().filter(|at| **at < seconds * 1_000).count() as u64;
        assert!(count <= 10 + seconds / 5, "{count} in {seconds} s: {done:?}");
    }
    assert!(done.len() >= 29, "{done:?}");
}

#[test]
fn rest_gives_the_tokens_back() {
    let mut throttle = StatusThrottle::default();
    let waits = |throttle: &mut StatusThrottle, changes: &Value, at: Duration| {
        throttle.due(changes, at);
        throttle.due(changes, at + ms(100)).saturating_sub(at + ms(100))
    };
    for n in 0..20 {
        throttle.wrote(ms(n));
    }
    let changes = json!({ "replicas": 1 });
    assert!(waits(&mut throttle, &changes, ms(1_000)) > ms(3_000), "what must not wait takes tokens too");
    assert_eq!(waits(&mut throttle, &changes, ms(60_000)), Duration::ZERO);
    for n in 0..10 {
        throttle.wrote(ms(60_000 + n));
    }
    assert!(waits(&mut throttle, &changes, ms(61_000)) > Duration::ZERO, "ten, no more");
}
