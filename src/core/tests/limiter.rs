use super::{key, ms};
use crate::core::limiter::{Class, Outbox};

fn drain(outbox: &mut Outbox<&'static str>, now: u64) -> Vec<&'static str> {
    std::iter::from_fn(|| outbox.pop(ms(now))).collect()
}

#[test]
fn the_rate_is_kept() {
    let mut outbox = Outbox::new(10, 3);
    for _ in 0..6 {
        outbox.push(Class::Work, None, "x");
    }
    assert_eq!(drain(&mut outbox, 0).len(), 3, "the burst");
    assert!(outbox.next_at().unwrap() > ms(99));
    assert_eq!(drain(&mut outbox, 101).len(), 1);
    assert_eq!(drain(&mut outbox, 10_000).len(), 2);
    assert_eq!(outbox.next_at(), None);
}

#[test]
fn the_important_goes_first_and_owners_take_turns() {
    let mut outbox = Outbox::new(1, 9);
    outbox.push(Class::Event, None, "event");
    outbox.push(Class::Status, Some(key("a")), "status");
    for item in ["a1", "a2", "a3"] {
        outbox.push(Class::Work, Some(key("a")), item);
    }
    outbox.push(Class::Work, Some(key("b")), "b1");
    assert_eq!(drain(&mut outbox, 0), ["a1", "b1", "a2", "a3", "status", "event"]);
}

#[test]
fn the_lease_never_waits() {
    let mut outbox = Outbox::new(1, 1);
    outbox.push(Class::Work, None, "work");
    outbox.push(Class::Lease, None, "lease");
    outbox.push(Class::Lease, None, "lease");
    assert_eq!(drain(&mut outbox, 0), ["lease", "lease", "work"]);
}
