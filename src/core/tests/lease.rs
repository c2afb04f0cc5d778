use jiff::Timestamp;
use serde_json::{Value, json};

use super::ms;
use crate::core::lease::{Config, Election, Verdict, micro_time};
use crate::core::request::{Answer, Refusal, Verb};
use crate::core::time::Now;

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

fn election() -> Election {
    Election::new(Config::new("ns", "berth", "me"))
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
