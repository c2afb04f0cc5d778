use super::{key, ms};
use crate::work::queue::Queue;

#[test]
fn each_owner_is_there_once_and_in_turn() {
    let mut queue = Queue::default();
    for name in ["a", "b", "a"] {
        queue.add(key(name));
    }
    assert_eq!(queue.pop(ms(0)), Some(key("a")));
    queue.add(key("a"));
    assert_eq!(queue.pop(ms(0)), Some(key("b")));
    assert_eq!(queue.pop(ms(0)), None, "a is being worked on");
    queue.done(&key("a"));
    assert_eq!(queue.pop(ms(0)), Some(key("a")), "it was asked for meanwhile");
}

#[test]
fn a_removed_owner_leaves_nothing_behind() {
    let mut queue = Queue::default();
    queue.add(key("a"));
    queue.add_at(key("a"), ms(50));
    queue.retry(key("a"), ms(0));
    queue.remove(&key("a"));
    assert_eq!((queue.pop(ms(100)), queue.depth(), queue.delayed()), (None, 0, 0));
}

#[test]
fn the_earlier_time_wins() {
    let mut queue = Queue::default();
    queue.add_at(key("a"), ms(50));
    queue.add_at(key("a"), ms(20));
    queue.add_at(key("a"), ms(80));
    assert_eq!(queue.next_at(), Some(ms(20)));
    assert_eq!(queue.pop(ms(19)), None);
    assert_eq!(queue.pop(ms(20)), Some(key("a")));
    assert_eq!(queue.next_at(), None);
}

#[test]
fn failures_of_one_owner_slow_down_no_other() {
    let mut queue = Queue::default();
    let mut pauses = vec![];
    let mut now = ms(0);
    for _ in 0..12 {
        queue.retry(key("a"), now);
        let at = queue.next_at().unwrap();
        pauses.push((at - now).as_millis());
        now = at;
        queue.pop(now);
        queue.done(&key("a"));
    }
    assert_eq!(pauses[..4], [10, 20, 40, 80]);
    assert_eq!(pauses[11], 10_000, "there is an upper bound");
    queue.retry(key("b"), now);
    assert_eq!(queue.next_at(), Some(now + ms(10)));
    queue.succeed(&key("a"));
    queue.pop(now + ms(10));
    queue.retry(key("a"), now);
    assert_eq!(queue.next_at(), Some(now + ms(10)), "a success forgets");
}

#[test]
fn an_owner_that_rests_is_worked_on_once_when_it_has_rested() {
    let mut queue = Queue::default();
    queue.add(key("a"));
    assert_eq!(queue.pop(ms(0)), Some(key("a")));
    queue.rest(&key("a"), ms(20));
    queue.add(key("a"));
    queue.done(&key("a"));
    for now in [5, 10, 15] {
        assert_eq!(queue.pop(ms(now)), None);
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(queue.pop(ms(now)), Some(key("b")), "others do not wait for it");
        queue.done(&key("b"));
    }
    assert_eq!(queue.next_at(), Some(ms(20)));
    assert_eq!(queue.pop(ms(20)), Some(key("a")));
    queue.done(&key("a"));
    assert_eq!((queue.pop(ms(20)), queue.next_at()), (None, None), "once");
}

#[test]
fn whoever_is_asked_for_after_its_rest_does_not_wait() {
    let mut queue = Queue::default();
    queue.rest(&key("a"), ms(20));
    assert_eq!((queue.pop(ms(30)), queue.next_at()), (None, None), "rest alone asks for nothing");
    queue.add(key("a"));
    assert_eq!(queue.pop(ms(30)), Some(key("a")));
}

#[test]
fn at_the_end_nobody_rests() {
    let mut queue = Queue::default();
    queue.rest(&key("a"), ms(20));
    queue.add(key("a"));
    assert_eq!(queue.pop(ms(5)), None);
    queue.wake_all();
    assert_eq!(queue.pop(ms(5)), Some(key("a")));
}
