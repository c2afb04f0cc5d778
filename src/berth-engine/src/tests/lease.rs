use berth_api::request::{Answer, Refusal, Request, Verb};
use berth_api::{Lease, Meta, ResourceVersion};
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ms;
use crate::election::lease;
use crate::election::lease::{Config, Verdict, micro_time};

fn at(milliseconds: u64) -> Now {
    let wall = Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(milliseconds).unwrap()).unwrap();
    Now { wall, mono: ms(milliseconds) }
}

fn lease(holder: &str, version: &str) -> Answer {
    Answer::Done(json!({
        "metadata": { "name": "berth", "namespace": "ns", "resourceVersion": version },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3 },
    }))
}

fn refused(code: u16) -> Answer {
    Answer::Refused(Refusal { code, message: format!("code {code}"), ..Refusal::default() })
}

/// An election whose last request is the one that is answered.
struct Election {
    election: lease::Election,
    last: u64,
}

impl Election {
    fn ask(&mut self, now: Now) -> Option<Request> {
        let (number, request) = self.election.ask(now)?;
        self.last = number;
        Some(request)
    }

    fn release(&mut self) -> Option<Request> {
        let (number, request) = self.election.release()?;
        self.last = number;
        Some(request)
    }

    fn answer(&mut self, answer: Answer, now: std::time::Duration) -> Verdict {
        self.election.answer(self.last, answer, now)
    }
}

impl std::ops::Deref for Election {
    type Target = lease::Election;
    fn deref(&self) -> &lease::Election {
        &self.election
    }
}

impl std::ops::DerefMut for Election {
    fn deref_mut(&mut self) -> &mut lease::Election {
        &mut self.election
    }
}

fn election() -> Election {
    Election { election: lease::Election::new(Config::new("ns", "berth", "me")), last: 0 }
}

#[test]
fn a_lease_that_is_missing_is_made() {
    let mut election = election();
    assert_eq!(election.ask(at(0)).unwrap().verb, Verb::Get);
    assert_eq!(election.ask(at(0)), None, "one request at a time");
    assert_eq!(election.answer(refused(404), ms(1)), Verdict::Unchanged);
    let create = election.ask(at(1)).unwrap();
    assert_eq!((create.verb, &create.body["spec"]["leaseTransitions"]), (Verb::Create, &json!(0)));
    assert_eq!(election.answer(lease("me", "1"), ms(2)), Verdict::Acquired);
    assert!(election.leads(ms(2)));
}

#[test]
fn a_held_lease_is_taken_only_after_we_have_seen_it_unchanged_for_its_whole_time() {
    let mut election = election();
    election.ask(at(0));
    assert_eq!(election.answer(lease("other", "1"), ms(0)), Verdict::HeldBy("other".to_owned()));
    let mut now = 0;
    // However old its renewTime is, for the clocks of two machines need not agree.
    while now < 15_000 {
        now = u64::try_from(election.next_at().unwrap().as_millis()).unwrap();
        let request = election.ask(at(now)).unwrap();
        if request.verb == Verb::Patch {
            assert!(now >= 15_000, "taken after {now} ms");
            assert_eq!(request.body["metadata"]["resourceVersion"], "1", "guarded by what was seen");
            assert_eq!(request.body["spec"]["leaseTransitions"], 4);
            return;
        }
        election.answer(lease("other", "1"), ms(now));
    }
    assert_eq!(election.ask(at(now)).map(|r| r.verb), Some(Verb::Patch));
}

#[test]
fn a_renewed_lease_is_not_taken() {
    let mut election = election();
    for now in (0..60_000).step_by(2_000) {
        let request = election.ask(at(now)).unwrap();
        assert_eq!(request.verb, Verb::Get, "at {now} ms");
        let renewed = format!("2027-01-15T08:00:{:02}.000000Z", now / 1000);
        let mut answer = lease("other", &now.to_string());
        if let Answer::Done(value) = &mut answer {
            value["spec"]["renewTime"] = json!(renewed);
        }
        election.answer(answer, ms(now));
    }
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    let mut election = election();
    election.ask(at(0));
    election.answer(lease("", "7"), ms(1));
    assert_eq!(election.ask(at(1)).unwrap().verb, Verb::Patch);
    assert_eq!(election.answer(refused(409), ms(2)), Verdict::Unchanged, "another was faster");
    assert_eq!(election.ask(at(2)).unwrap().verb, Verb::Get);
}

fn leading() -> Election {
    let mut election = election();
    election.ask(at(0));
    election.answer(lease("", "1"), ms(0));
    election.ask(at(0));
    assert_eq!(election.answer(lease("me", "2"), ms(100)), Verdict::Acquired);
    election
}

#[test]
fn a_lease_that_cannot_be_renewed_is_given_up_in_time() {
    let mut election = leading();
    assert_eq!(election.ask(at(4_999)), None);
    assert!(election.ask(at(5_000)).is_some(), "renewed from when it was asked for");
    election.answer(Answer::Unknown("no answer".to_owned()), ms(9_000));
    assert!(election.leads(ms(9_999)) && !election.expired(ms(9_999)));
    assert!(!election.leads(ms(10_000)), "ten seconds after the last renewal was asked for");
    assert!(election.expired(ms(10_000)));
    assert!(!election.expired(ms(10_001)), "told once");
}

#[test]
fn a_lease_that_another_holds_is_lost() {
    let mut election = leading();
    election.ask(at(5_000));
    election.answer(refused(409), ms(5_001));
    election.ask(at(5_001));
    assert_eq!(election.answer(lease("other", "9"), ms(5_002)), Verdict::Lost);
}

/// How a watch shows the lease.
fn shown(holder: &str, version: &str) -> Lease {
    let Answer::Done(value) = lease(holder, version) else { unreachable!() };
    let mut lease: Lease = serde_json::from_value(value).unwrap();
    // Each renewal is another spec.
    lease.spec.lease_transitions = version.parse().ok();
    lease
}

/// An election that stands by and watches a lease that `other` has renewed at `since`.
fn watching(since: u64) -> Election {
    let mut election = election();
    election.ask(at(0));
    election.answer(lease("other", "1"), ms(0));
    election.watched(true, ms(0));
    assert_eq!(election.observed(shown("other", "2"), ms(since)), Verdict::HeldBy("other".to_owned()));
    election
}

#[test]
fn a_watched_lease_is_not_looked_at_and_taken_as_soon_as_it_runs_out() {
    let mut election = watching(3_000);
    assert_eq!(election.next_at(), Some(ms(18_000)), "no request in between");
    assert_eq!(election.ask(at(17_999)), None);
    election.observed(shown("other", "3"), ms(8_000));
    assert_eq!(election.ask(at(18_000)), None, "it was renewed");
    let take = election.ask(at(23_000)).unwrap();
    assert_eq!((take.verb, &take.body["metadata"]["resourceVersion"]), (Verb::Patch, &json!("3")));
}

#[test]
fn what_a_watch_shows_is_taken_in_whenever_it_is_news() {
    // What is shown, and when the election has something to do after that.
    for (what, holder, version, next) in [
        ("given back", "", "3", 4_000),
        ("renewed", "other", "3", 4_000 + 15_000),
        ("taken by a third", "third", "3", 4_000 + 15_000),
        ("an old event", "", "2", 3_000 + 15_000),
        ("a very old event", "", "1", 3_000 + 15_000),
    ] {
        let mut election = watching(3_000);
        election.observed(shown(holder, version), ms(4_000));
        assert_eq!(election.next_at(), Some(ms(next)), "{what}");
    }
    let mut election = watching(3_000);
    election.observed(
        Lease { metadata: Meta { name: "else".to_owned(), ..meta("9") }, ..shown("", "9") },
        ms(4_000),
    );
    assert_eq!(election.next_at(), Some(ms(18_000)), "another lease");
}

fn meta(version: &str) -> Meta {
    Meta {
        name: "berth".to_owned(),
        resource_version: ResourceVersion(version.to_owned()),
        ..Meta::default()
    }
}

#[test]
fn a_lease_that_was_deleted_is_made_anew() {
    let mut election = watching(3_000);
    election.vanished(&meta("1"), ms(4_000));
    assert_eq!(election.ask(at(4_000)), None, "an old event");
    election.vanished(&meta("3"), ms(4_000));
    assert_eq!(election.ask(at(4_000)).unwrap().verb, Verb::Get);
    election.answer(refused(404), ms(4_001));
    assert_eq!(election.ask(at(4_001)).unwrap().verb, Verb::Create);

    // Also by who leads, and it goes on leading.
    let mut election = leading();
    election.vanished(&meta("3"), ms(200));
    election.ask(at(200));
    election.answer(refused(404), ms(201));
    assert_eq!(election.ask(at(201)).unwrap().verb, Verb::Create);
    assert_eq!(election.answer(lease("me", "4"), ms(202)), Verdict::Unchanged);
    assert!(election.leads(ms(9_000)));
}

#[test]
fn without_a_watch_the_lease_is_looked_at_every_two_seconds() {
    let mut election = watching(3_000);
    election.watched(false, ms(5_000));
    assert_eq!(election.next_at(), Some(ms(7_000)));
    assert_eq!(election.ask(at(7_000)).unwrap().verb, Verb::Get);
    election.answer(lease("other", "5"), ms(7_001));
    assert_eq!(election.next_at(), Some(ms(9_001)));
    election.watched(true, ms(7_500));
    assert_eq!(election.next_at(), Some(ms(22_001)));
}

#[test]
fn an_answer_that_the_watch_has_overtaken_is_ignored() {
    let mut election = watching(3_000);
    election.watched(false, ms(3_000));
    assert_eq!(election.ask(at(5_000)).unwrap().verb, Verb::Get);
    election.observed(shown("", "8"), ms(5_001));
    assert_eq!(election.answer(lease("other", "7"), ms(5_002)), Verdict::Unchanged);
    let take = election.ask(at(7_002)).unwrap();
    assert_eq!((take.verb, &take.body["metadata"]["resourceVersion"]), (Verb::Patch, &json!("8")));
    // The watch shows what we have written before we have the answer.
    assert_eq!(election.observed(shown("me", "9"), ms(7_003)), Verdict::Unchanged);
    assert_eq!(election.answer(lease("me", "9"), ms(7_004)), Verdict::Acquired);
    // Somebody else took it before we had the answer to a renewal.
    assert_eq!(election.ask(at(12_002)).unwrap().verb, Verb::Patch);
    assert_eq!(election.observed(shown("other", "11"), ms(12_003)), Verdict::Lost);
    assert_eq!(election.answer(lease("me", "10"), ms(12_004)), Verdict::Unchanged);
    assert!(!election.leads(ms(12_004)));
}

#[test]
fn a_read_from_a_restored_store_is_believed() {
    let mut election = watching(3_000);
    election.watched(false, ms(3_000));
    election.ask(at(5_000));
    election.answer(lease("", "1"), ms(5_001));
    assert_eq!(election.ask(at(5_001)).unwrap().body["metadata"]["resourceVersion"], "1");
}

#[test]
fn a_leader_that_sees_its_own_renewals_renews_no_more_often() {
    let mut election = leading();
    assert_eq!(election.observed(shown("other", "1"), ms(150)), Verdict::Unchanged, "before our time");
    assert_eq!(election.observed(shown("me", "2"), ms(150)), Verdict::Unchanged);
    assert_eq!(election.next_at(), Some(ms(5_000)));
    assert_eq!(election.observed(shown("other", "3"), ms(160)), Verdict::Lost, "at once");
}

#[test]
fn it_is_not_given_back_before_a_renewal_is_answered() {
    let mut election = leading();
    assert!(election.ask(at(5_000)).is_some());
    assert_eq!(election.release(), None, "its version is not known");
    election.answer(lease("me", "3"), ms(5_001));
    assert_eq!(election.release().unwrap().body["metadata"]["resourceVersion"], "3");
}

#[test]
fn it_is_given_back_at_the_end() {
    let mut election = leading();
    let request = election.release().unwrap();
    assert_eq!(request.body["spec"]["holderIdentity"], Value::from(""));
    assert_eq!(request.body["metadata"]["resourceVersion"], "2");
    assert!(!election.leads(ms(101)));
    assert_eq!(self::election().release(), None, "what we do not hold we do not give back");
}

#[test]
fn times_have_six_digits() {
    assert_eq!(micro_time(at(0).wall), json!("2027-01-15T08:00:00.000000Z"));
    assert_eq!(micro_time(at(1).wall), json!("2027-01-15T08:00:00.001000Z"));
}

#[test]
fn a_renewal_that_hangs_gets_a_second_try_in_time() {
    let mut election = leading();
    assert!(election.ask(at(5_000)).is_some());
    let first = election.last;
    assert_eq!(election.ask(at(6_999)), None, "an answer may take a moment");
    assert_eq!(election.next_at(), Some(ms(7_000)));
    assert!(election.ask(at(7_000)).is_some(), "one that hangs does not cost the lease");
    let second = election.last;
    assert_eq!(election.election.answer(second, lease("me", "3"), ms(7_100)), Verdict::Unchanged);
    assert!(election.leads(ms(16_999)), "ten seconds from the second try");
    let lost = Answer::Unknown("no answer within 10 s".to_owned());
    assert_eq!(
        election.election.answer(first, lost, ms(15_000)),
        Verdict::Unchanged,
        "it says nothing any more"
    );
    assert!(election.leads(ms(16_999)) && !election.leads(ms(17_000)));
}

#[test]
fn a_late_answer_to_the_first_try_counts_from_the_first() {
    let mut election = leading();
    election.ask(at(5_000));
    let first = election.last;
    election.ask(at(7_000));
    let second = election.last;
    assert_eq!(election.election.answer(first, lease("me", "3"), ms(8_000)), Verdict::Unchanged);
    assert!(election.leads(ms(14_999)) && !election.leads(ms(15_000)));
    // The first try has changed what the second was guarded by.
    election.election.answer(second, refused(409), ms(8_100));
    assert!(election.leads(ms(14_999)), "that says nothing of the lease");
}
