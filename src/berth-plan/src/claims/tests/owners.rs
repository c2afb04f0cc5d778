//! Every combination of owner references under every policy, compared with a second account of the rules (A5.4–A5.7).

use berth_api::ordinal_set::Retention;
use berth_api::{Claim, Key, Kind, OwnerReference, Surface, Uid};
use serde_json::{Value, json};

use crate::claims::owners::Owners;
use crate::fixture::claim;

const SET: &str = "set-uid";
const POD: &str = "web-0-uid";

/// What a claim says about the set, or about the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mention {
    Nothing,
    /// The full reference.
    Ours,
    /// Ours, but not as the controller.
    Weak,
    /// Of an earlier one of this name.
    Stale,
}

const MENTIONS: [Mention; 4] = [Mention::Nothing, Mention::Ours, Mention::Weak, Mention::Stale];
const RETENTIONS: [Retention; 2] = [Retention::Retain, Retention::Delete];

fn reference(surface: Surface, of_pod: bool, uid: &str, controller: bool) -> OwnerReference {
    let (api_version, kind, name) = match (of_pod, surface) {
        (true, _) => ("v1", "Pod", "web-0"),
        (false, Surface::Berth) => ("berth.dev/v1", "OrdinalSet", "web"),
        (false, Surface::Apps) => ("apps/v1", "StatefulSet", "web"),
    };
    OwnerReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: Uid(uid.to_owned()),
        controller: Some(controller),
        block_owner_deletion: Some(true),
    }
}

fn mentioned(surface: Surface, of_pod: bool, mention: Mention) -> Option<OwnerReference> {
    let own = if of_pod { POD } else { SET };
    match mention {
        Mention::Nothing => None,
        Mention::Ours => Some(reference(surface, of_pod, own, true)),
        Mention::Weak => Some(reference(surface, of_pod, own, false)),
        Mention::Stale => Some(reference(surface, of_pod, "earlier", true)),
    }
}

/// A third party: one that controls, or one that does not.
fn third(controller: bool) -> OwnerReference {
    let name = if controller { "boss" } else { "friend" };
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: name.to_owned(),
        uid: Uid(name.to_owned()),
        controller: controller.then_some(true),
        block_owner_deletion: None,
    }
}

/// The rules once more, step by step as upstream takes them: `None` leaves the claim alone.
fn by_the_book(
    [set, pod]: [Mention; 2],
    thirds: &[OwnerReference],
    (scaled, deleted): (Retention, Retention),
    condemned: bool,
) -> Option<Vec<&'static str>> {
    // 1. A reference to an earlier one of this name: hands off.
    if [set, pod].contains(&Mention::Stale) {
        return None;
    }
    let retains = (scaled, deleted) == (Retention::Retain, Retention::Retain);
    // 2. Somebody else controls it: only ours are taken off.
    let foreign = !retains && thirds.iter().any(|r| r.controller == Some(true));
    let present = [set, pod].map(|mention| mention != Mention::Nothing);
    if foreign {
        return present.contains(&true).then(Vec::new);
    }
    // 4. The table.
    let (set_owns, pod_owns) = match (scaled, deleted, condemned) {
        (Retention::Retain, Retention::Retain, _) => (false, false),
        (Retention::Retain, Retention::Delete, _) => (true, false),
        (Retention::Delete, Retention::Retain, condemned) => (false, condemned),
        (Retention::Delete, Retention::Delete, condemned) => (!condemned, condemned),
    };
    // 3. What is ours and does not control is mended, else what differs from the table.
    let weak = [set, pod].contains(&Mention::Weak);
    (weak || present != [set_owns, pod_owns]).then(|| {
        let ours = [(set_owns, SET), (pod_owns, POD)];
        ours.into_iter().filter(|(owns, _)| *owns).map(|(_, uid)| uid).collect()
    })
}

fn combination(
    surface: Surface,
    mentions: [Mention; 2],
    thirds: &[OwnerReference],
    ours_first: bool,
) -> Claim {
    let ours = mentions.into_iter().zip([false, true]);
    let ours = ours.filter_map(|(mention, of_pod)| mentioned(surface, of_pod, mention));
    let all: Vec<OwnerReference> = if ours_first {
        ours.chain(thirds.iter().cloned()).collect()
    } else {
        thirds.iter().cloned().chain(ours).collect()
    };
    (*claim("www-web-0", json!(all))).clone()
}

/// 4 mentions of the set, 4 of the pod, 4 choices of third parties in two orders, 4 policies, condemned or not, 2 surfaces.
#[test]
fn every_combination_is_as_the_book_says() {
    let thirds = [vec![], vec![third(false)], vec![third(true)], vec![third(false), third(true)]];
    let (mut cases, mut writes) = (0, 0);
    for surface in [Surface::Berth, Surface::Apps] {
        let key = Key::new(surface, Kind::Ordinal, "ns", "web");
        for (set, pod) in MENTIONS.into_iter().flat_map(|set| MENTIONS.map(|pod| (set, pod))) {
            for (thirds, ours_first) in thirds.iter().flat_map(|t| [(t, true), (t, false)]) {
                let claim = combination(surface, [set, pod], thirds, ours_first);
                for policy in RETENTIONS.into_iter().flat_map(|s| RETENTIONS.map(|d| (s, d))) {
                    for condemned in [false, true] {
                        let owners = Owners {
                            key: &key,
                            set: &Uid(SET.to_owned()),
                            pod: "web-0",
                            pod_uid: Some(&Uid(POD.to_owned())),
                            when_scaled: policy.0,
                            when_deleted: policy.1,
                            condemned,
                        };
                        let mended = owners.mend(&claim);
                        let what = format!(
                            "{surface:?}: {set:?} {pod:?} {thirds:?}, {policy:?}, condemned {condemned}"
                        );
                        let expected = by_the_book([set, pod], thirds, policy, condemned).map(|ours| {
                            // Third parties stay as they are, ours come after them.
                            let ours = ours.into_iter().map(|uid| reference(surface, uid == POD, uid, true));
                            thirds.iter().cloned().chain(ours).collect::<Vec<_>>()
                        });
                        assert_eq!(mended, expected, "{what}");
                        cases += 1;
                        writes += usize::from(mended.is_some());
                        // What was mended needs no second write.
                        if let Some(references) = mended {
                            let mended = (*crate::fixture::claim("www-web-0", json!(references))).clone();
                            assert_eq!(owners.mend(&mended), None, "{what}: settled");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 2 * 4 * 4 * 4 * 2 * 4 * 2);
    assert!(writes > cases / 4, "{writes} of {cases}");
}

/// Kind and name decide whose name it is, the uid whose reference it is (A5.4).
#[test]
fn a_name_alone_does_not_make_a_reference_ours() {
    let key = Key::new(Surface::Berth, Kind::Ordinal, "ns", "web");
    let (set, pod) = (Uid(SET.to_owned()), Uid(POD.to_owned()));
    let owners = Owners {
        key: &key,
        set: &set,
        pod: "web-0",
        pod_uid: Some(&pod),
        when_scaled: Retention::Retain,
        when_deleted: Retention::Delete,
        condemned: false,
    };
    let ours = json!(reference(Surface::Berth, false, SET, true));
    let of = |api_version: &str, kind: &str, name: &str| json!({ "apiVersion": api_version, "kind": kind, "name": name, "uid": "another", "controller": false });
    for (what, other, hands_off) in [
        ("an earlier set", of("berth.dev/v1", "OrdinalSet", "web"), true),
        ("an earlier pod", of("v1", "Pod", "web-0"), true),
        ("a set of another name", of("berth.dev/v1", "OrdinalSet", "web2"), false),
        ("a native set of this name", of("apps/v1", "StatefulSet", "web"), false),
        ("another version of our kind", of("berth.dev/v2", "OrdinalSet", "web"), false),
        ("another pod", of("v1", "Pod", "web-1"), false),
        ("another kind of this name", of("v1", "ConfigMap", "web"), false),
    ] {
        let mended = owners.mend(&claim("www-web-0", json!([other])));
        let mended: Option<Value> = mended.map(|references| json!(references));
        if hands_off {
            assert_eq!(mended, None, "{what}");
        } else {
            let uids = mended.unwrap()[1]["uid"].clone();
            assert_eq!(uids, ours["uid"], "{what}: ours comes after it");
        }
    }
}
