use super::ms;
use crate::watch::reflector::{Ask, Reflector};

fn list(token: &str) -> Ask {
    Ask::List { token: token.to_owned() }
}

#[test]
fn it_lists_page_by_page_then_watches_from_there() {
    let mut reflector: Reflector<u8> = Reflector::default();
    let (first, ask) = reflector.ask(ms(5)).unwrap();
    assert_eq!(ask, list(""));
    assert_eq!(reflector.ask(ms(5)), None, "one at a time");
    assert_eq!(reflector.page(vec![1], "more".to_owned(), 10), None);
    let (second, ask) = reflector.ask(ms(6)).unwrap();
    assert_eq!(ask, list("more"));
    assert!(reflector.is_current(second) && !reflector.is_current(first));
    let whole = reflector.page(vec![2], String::new(), 10).unwrap();
    assert_eq!((whole.items, whole.version, whole.started), (vec![1, 2], 10, ms(5)));
    reflector.taken(ms(5));
    assert_eq!(reflector.ask(ms(7)).unwrap().1, Ask::Watch { version: 10 });
    reflector.advance(12);
    reflector.ended(ms(8));
    assert_eq!(reflector.ask(ms(8)).unwrap().1, Ask::Watch { version: 12 });
}

#[test]
fn it_lists_anew_when_the_version_is_too_old() {
    let mut reflector: Reflector<u8> = Reflector::default();
    reflector.ask(ms(0));
    reflector.page(vec![], String::new(), 10);
    reflector.taken(ms(0));
    reflector.ask(ms(0));
    reflector.expired(ms(3));
    assert_eq!(reflector.ask(ms(3)).unwrap().1, list(""));
    assert_eq!(reflector.listed(), Some(ms(0)), "what was listed stands until the new list is in");
}

#[test]
fn failures_are_told_and_slow_it_down() {
    let mut reflector: Reflector<u8> = Reflector::default();
    let mut now = ms(0);
    let mut pauses = vec![];
    for _ in 0..7 {
        reflector.ask(now).unwrap();
        reflector.failed("forbidden".to_owned(), now);
        let at = reflector.next_at().unwrap();
        assert_eq!(reflector.ask(at - ms(1)), None);
        pauses.push((at - now).as_secs());
        now = at;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 10, 10, 10]);
    assert_eq!(reflector.problem(), Some("forbidden"));
    reflector.ask(now);
    reflector.page(vec![], String::new(), 1);
    reflector.taken(now);
    assert_eq!(reflector.problem(), None);
}

#[test]
fn a_server_that_ends_every_watch_at_once_is_not_hammered() {
    let mut reflector: Reflector<u8> = Reflector::default();
    reflector.ask(ms(0));
    reflector.page(vec![], String::new(), 10);
    reflector.taken(ms(0));
    reflector.ask(ms(0));
    reflector.ended(ms(1));
    reflector.ask(ms(1)).unwrap();
    reflector.ended(ms(2));
    assert_eq!(reflector.ask(ms(2)), None);
    assert!(reflector.next_at().unwrap() >= ms(1000));
}

#[test]
fn a_list_that_was_not_taken_is_asked_for_again() {
    let mut reflector: Reflector<u8> = Reflector::default();
    reflector.ask(ms(0));
    reflector.page(vec![], String::new(), 10);
    reflector.failed("older than what was seen".to_owned(), ms(0));
    assert_eq!(
        reflector.ask(ms(1000)).unwrap().1,
        list(""),
        "whoever waits for a list waits for ever otherwise"
    );
}

/// As a proxy does that takes a watch on and ends it.
#[test]
fn a_watch_that_is_opened_and_ends_at_once_is_begun_after_a_pause_too() {
    let mut reflector: Reflector<u8> = Reflector::default();
    reflector.ask(ms(0));
    reflector.page(vec![], String::new(), 10);
    reflector.taken(ms(0));
    for at in [1, 2] {
        reflector.ask(ms(at)).unwrap();
        reflector.opened();
        reflector.ended(ms(at));
    }
    assert_eq!(reflector.ask(ms(2)), None);
    assert!(reflector.next_at().unwrap() >= ms(1000));
}

/// A server that can watch from no version that it lists at.
#[test]
fn lists_that_cannot_be_watched_from_are_asked_for_ever_more_rarely() {
    let mut reflector: Reflector<u8> = Reflector::default();
    let (mut lists, mut now) = (0, 0);
    while now < 600_000 && lists < 100 {
        match reflector.ask(ms(now)) {
            Some((_, asked)) if asked == list("") => {
                lists += 1;
                reflector.page(vec![], String::new(), 10);
                reflector.taken(ms(now));
            }
            Some(_) => reflector.expired(ms(now)),
            None => now += 100,
        }
    }
    assert!((5..=70).contains(&lists), "{lists} lists in ten minutes");
}
