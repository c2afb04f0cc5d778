use berth_api::{Meta, ObjectRef, Resource, ResourceVersion, Uid};

use super::{key, ms};
use crate::send::expectations::{Expected, Pending, View};

fn pod() -> ObjectRef {
    ObjectRef::new(Resource::Pods, "ns", "web-0")
}

fn meta(uid: &str, version: u64) -> Meta {
    let resource_version = ResourceVersion(version.to_string());
    Meta { uid: Uid(uid.to_owned()), resource_version, ..Meta::default() }
}

fn nothing(seen: u64) -> View<'static> {
    View { meta: None, seen }
}

fn expecting(expected: Expected, view: View<'_>) -> Pending {
    let mut pending = Pending::default();
    pending.expect(&key("web"), &pod(), expected, view, ms(0));
    pending
}

#[test]
fn a_write_blocks_its_owner_until_the_cache_shows_it() {
    let mut pending = expecting(Expected::Version(7), nothing(6));
    assert!(pending.blocks(&key("web")) && !pending.blocks(&key("other")));
    let older = meta("u", 6);
    assert!(pending.observed(&pod(), View { meta: Some(&older), seen: 6 }).is_empty());
    let shown = meta("u", 7);
    assert_eq!(pending.observed(&pod(), View { meta: Some(&shown), seen: 7 }), [key("web")]);
    assert!(pending.is_empty());
}

#[test]
fn what_is_visible_already_blocks_nobody() {
    assert!(expecting(Expected::Version(7), nothing(7)).is_empty(), "the watch was faster than the answer");
    let terminating = Meta { deletion_timestamp: Some(jiff::Timestamp::UNIX_EPOCH), ..meta("u", 3) };
    let shown = View { meta: Some(&terminating), seen: 3 };
    assert!(expecting(Expected::Deletion(Uid("u".to_owned())), shown).is_empty());
}

#[test]
fn a_deletion_is_seen_as_gone_going_or_replaced() {
    let expected = || Expected::Deletion(Uid("u".to_owned()));
    let present = meta("u", 3);
    let going = Meta { deletion_timestamp: Some(jiff::Timestamp::UNIX_EPOCH), ..meta("u", 4) };
    let replaced = meta("v", 5);
    for (seen, view) in [(false, Some(&present)), (true, Some(&going)), (true, Some(&replaced)), (true, None)]
    {
        let mut pending = expecting(expected(), View { meta: Some(&present), seen: 3 });
        let woken = pending.observed(&pod(), View { meta: view, seen: 5 });
        assert_eq!(!woken.is_empty(), seen, "{view:?}");
    }
}

#[test]
fn an_unknown_outcome_is_read_afresh_and_then_awaited() {
    let mut pending = expecting(Expected::Unknown, nothing(3));
    assert!(
        pending.checks(ms(100)).is_empty(),
        "not at once: the answer may still be on its way to the cache"
    );
    assert_eq!(pending.checks(ms(500)), [pod()]);
    assert!(pending.checks(ms(600)).is_empty());
    assert!(pending.checked(&pod(), Some(9), nothing(3)).is_empty(), "it was done; the cache must show it");
    assert_eq!(pending.advanced(Resource::Pods, |_| nothing(9)), [key("web")]);

    let mut never_done = expecting(Expected::Unknown, nothing(3));
    assert_eq!(never_done.checked(&pod(), None, nothing(3)), [key("web")]);
}

#[test]
fn a_read_that_found_nothing_is_not_believed_for_ever() {
    let present = meta("u", 4);
    let shown = || View { meta: Some(&present), seen: 4 };
    let mut pending = expecting(Expected::Unknown, shown());
    assert_eq!(pending.checks(ms(500)), [pod()]);
    assert!(pending.checked(&pod(), None, shown()).is_empty(), "the cache must show that too");
    assert!(pending.checks(ms(60_000)).is_empty(), "it is known");
    assert!(pending.relisted(Resource::Pods, ms(500), 4).is_empty(), "begun before the read was answered");
    assert_eq!(pending.overdue(ms(300_000)), [Resource::Pods]);
    assert_eq!(pending.relisted(Resource::Pods, ms(300_001), 4), [key("web")], "it is still there");
}

#[test]
fn what_was_not_found_is_awaited_until_the_cache_lacks_it() {
    let going = Meta { deletion_timestamp: Some(jiff::Timestamp::UNIX_EPOCH), ..meta("u", 4) };
    let shown = || View { meta: Some(&going), seen: 4 };
    let mut pending = expecting(Expected::Newer(4), shown());
    assert!(pending.checked(&pod(), None, shown()).is_empty(), "the cache shows it as being deleted");
    assert_eq!(pending.observed(&pod(), nothing(5)), [key("web")]);
}

#[test]
fn an_old_view_waits_for_a_newer_one() {
    let cached = meta("u", 4);
    let mut pending = expecting(Expected::Newer(4), View { meta: Some(&cached), seen: 4 });
    assert!(pending.observed(&pod(), View { meta: Some(&cached), seen: 6 }).is_empty());
    assert_eq!(pending.observed(&pod(), nothing(7)), [key("web")]);
    let taken = expecting(Expected::Newer(0), nothing(4));
    assert!(taken.blocks(&key("web")), "a name is taken by something that the cache does not show yet");
}

#[test]
fn a_later_list_shows_every_earlier_write() {
    let mut pending = expecting(Expected::Version(7), nothing(3));
    assert!(pending.relisted(Resource::Claims, ms(9), 7).is_empty());
    assert!(pending.relisted(Resource::Pods, ms(0), 7).is_empty(), "begun before the write was known");
    assert!(pending.relisted(Resource::Pods, ms(1), 6).is_empty(), "read by a replica that lags");
    assert_eq!(pending.relisted(Resource::Pods, ms(1), 7), [key("web")]);
    let mut deletion = expecting(Expected::Deletion(Uid("u".to_owned())), nothing(0));
    assert!(deletion.relisted(Resource::Pods, ms(1), 9).is_empty(), "the cache shows whether it is done");
    let overdue = expecting(Expected::Version(7), nothing(3));
    assert!(overdue.overdue(ms(299_999)).is_empty());
    assert_eq!(overdue.overdue(ms(300_000)), [Resource::Pods]);
}
