use super::{key, ms};
use crate::send::outbox::{Class, Outbox, Party};

/// An outbox, and the last id that it was given.
struct Stand {
    outbox: Outbox<&'static str>,
    last: u64,
}

impl Stand {
    fn new(per_second: u32, burst: u32, slots: usize) -> Self {
        Stand { outbox: Outbox::new(per_second, burst, slots), last: 0 }
    }

    fn push(&mut self, class: Class, party: &Party, item: &'static str) -> u64 {
        self.last += 1;
        self.outbox.push(class, party.clone(), self.last, item);
        self.last
    }

    fn drain(&mut self, now: u64) -> Vec<&'static str> {
        std::iter::from_fn(|| self.outbox.pop(ms(now))).map(|(_, item)| item).collect()
    }
}

/// An owner in a namespace.
fn party(namespace: &str, name: &str) -> Party {
    Party::from(&berth_api::Key { namespace: namespace.to_owned(), ..key(name) })
}

#[test]
fn the_rate_is_kept() {
    let mut stand = Stand::new(10, 3, 100);
    for _ in 0..6 {
        stand.push(Class::Work, &party("ns", "a"), "x");
    }
    assert_eq!(stand.drain(0).len(), 3, "the burst");
    assert!(stand.outbox.next_at().unwrap() > ms(99));
    assert_eq!(stand.drain(101).len(), 1);
    assert_eq!(stand.drain(10_000).len(), 2);
    assert_eq!(stand.outbox.next_at(), None);
}

#[test]
fn the_important_goes_first_and_owners_take_turns() {
    let (a, b) = (party("ns", "a"), party("ns", "b"));
    let mut stand = Stand::new(1, 9, 100);
    stand.push(Class::Event, &a, "event");
    for item in ["a1", "a2", "a3"] {
        stand.push(Class::Work, &a, item);
    }
    stand.push(Class::Status, &b, "status of b");
    stand.push(Class::Read, &b, "read");
    assert_eq!(stand.drain(0), ["read", "a1", "status of b", "a2", "a3", "event"], "b waits for one of a");
}

#[test]
fn the_lease_never_waits() {
    let mut stand = Stand::new(1, 1, 1);
    let a = party("ns", "a");
    stand.push(Class::Work, &a, "work");
    stand.push(Class::Lease, &a, "lease");
    stand.push(Class::Lease, &a, "lease");
    stand.outbox.hold(Class::Lease, ms(60_000));
    assert_eq!(stand.drain(0), ["lease", "lease", "work"], "neither for a token nor for a slot");
    stand.push(Class::Lease, &a, "lease");
    assert_eq!(stand.drain(0), ["lease"], "nor for an answer to work");
}

#[test]
fn one_namespace_takes_half_of_the_slots() {
    let mut stand = Stand::new(100, 100, 4);
    let big: Vec<u64> = (0..4).map(|_| stand.push(Class::Work, &party("big", "a"), "big")).collect();
    stand.push(Class::Read, &party("big", "b"), "big read");
    stand.push(Class::Work, &party("small", "a"), "small");
    assert_eq!(stand.drain(0), ["big read", "big", "small"], "of owners and of reads together");
    assert_eq!(stand.outbox.next_at(), None, "the rest waits for an answer");
    stand.outbox.landed(big[0]);
    assert_eq!(stand.drain(0), ["big"]);
}

#[test]
fn slow_events_hold_nothing_up() {
    let mut stand = Stand::new(100, 100, 4);
    let a = party("ns", "a");
    let events: Vec<u64> = (0..9).map(|_| stand.push(Class::Event, &a, "event")).collect();
    assert_eq!(stand.drain(0).len(), 4, "they have few slots");
    stand.push(Class::Work, &a, "work");
    assert_eq!(stand.drain(0), ["work"], "of their own");
    stand.outbox.landed(events[0]);
    assert_eq!(stand.drain(0), ["event"]);
}

#[test]
fn a_class_that_is_held_waits_and_the_others_go_on() {
    let (a, b) = (party("ns", "a"), party("ns", "b"));
    let mut stand = Stand::new(100, 100, 100);
    stand.outbox.hold(Class::Work, ms(5_000));
    stand.outbox.hold(Class::Work, ms(2_000));
    stand.push(Class::Work, &a, "work");
    stand.push(Class::Status, &b, "status");
    stand.push(Class::Event, &a, "event");
    assert_eq!(stand.drain(0), ["status", "event"]);
    assert_eq!(stand.outbox.next_at(), Some(ms(5_000)), "the later of two answers holds");
    assert_eq!(stand.drain(4_999), Vec::<&str>::new());
    assert_eq!(stand.drain(5_000), ["work"]);
}

#[test]
fn what_waits_for_an_owner_that_changed_is_withdrawn() {
    let (a, b) = (party("ns", "a"), party("ns", "b"));
    let mut stand = Stand::new(100, 100, 4);
    let first = stand.push(Class::Work, &a, "a1");
    let waiting = [stand.push(Class::Work, &a, "a2"), stand.push(Class::Read, &a, "a3")];
    stand.push(Class::Status, &a, "status of a");
    stand.push(Class::Work, &b, "b1");
    assert_eq!(stand.outbox.pop(ms(0)).map(|(_, item)| item), Some("a3"));
    assert_eq!(stand.outbox.pop(ms(0)).map(|(id, _)| id), Some(first));
    stand.outbox.hold(Class::Status, ms(1_000));
    assert_eq!(stand.drain(0), Vec::<&str>::new(), "their namespace has its half");
    assert_eq!(stand.outbox.withdraw(&key_of(&a)), [waiting[0]]);
    stand.outbox.landed(first);
    stand.outbox.landed(waiting[1]);
    assert_eq!(stand.drain(0), ["b1"]);
    assert_eq!(stand.drain(1_000), ["status of a"], "guarded by the version, it stays");
    assert!(stand.outbox.is_empty());
}

fn key_of(party: &Party) -> berth_api::Key {
    party.owner.clone().unwrap()
}
