//! Several operators, one lease: with exactly the rights of `deploy/namespaced.yaml`. And two builds, without a lease.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use berth_cluster::Process;
use serde_json::json;

use crate::support::health::{ask, free_address};
use crate::support::manifests::ordinal_set;
use crate::support::plane::{Plane, project};
use crate::support::read::{LEASE, NDS, OSET, POD, REVISION, condition, name, text, uid};
use crate::support::surface::Surface;
use crate::support::writes::Writes;
use crate::support::{Chronicle, Scene, number};

/// The lease is valid for 15 s after its last renewal; the rest is for a machine that does much else.
const LEASE_TIME: Duration = Duration::from_secs(20);
/// Well below the time of a lease: a lease that was given back is seen by a watch. What it takes is in the output.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn one_operator_acts_and_the_other_takes_over() {
    let scene = namespaced("two-leaders");
    let arguments = ["--lease-namespace=two-leaders"];
    let first = scene.operator("first", &arguments);
    says(&scene, &first, r#""leading""#);
    let second = scene.operator("second", &arguments);
    says(&scene, &second, "standing by");
    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    assert!(!second.log().unwrap().contains("create pod"), "{}", second.log().unwrap());

    // Asked to end, it gives the lease back, and the other sees it.
    let (began, pods) = (Instant::now(), uids(&scene));
    first.terminate().unwrap();
    scene.wait_at_most(SOON, "the second to lead", || leads(&second));
    println!("SIGTERM: the other leads after {} ms", began.elapsed().as_millis());
    assert!(first.wait_exit(SOON).unwrap().success(), "{}", first.log().unwrap());
    // What the one has made is as it should be for the other.
    scene.marker("marker");
    assert!(!second.log().unwrap().contains("/web"), "{}", second.log().unwrap());
    scene.kubectl(&["scale", "oset", "web", "--replicas=3"]);
    scene.settled(OSET, "web");
    assert!(pods.is_subset(&uids(&scene)), "the pods are those that were there");

    // Killed, it does not: the lease has to run out.
    let third = scene.operator("third", &arguments);
    says(&scene, &third, "standing by");
    let began = Instant::now();
    second.kill().unwrap();
    scene.kubectl(&["scale", "oset", "web", "--replicas=1"]);
    scene.wait_at_most(LEASE_TIME, "the third to lead", || leads(&third));
    println!("kill -9: the other leads after {} ms", began.elapsed().as_millis());
    scene.wait_at_most(SOON, "the third to act", || match scene.find(POD, "web-2") {
        Some(pod) if pod["metadata"].get("deletionTimestamp").is_none() => Err("web-2 is there".to_owned()),
        _ => Ok(()),
    });
    println!("kill -9: the other acts after {} ms", began.elapsed().as_millis());
    scene.settled(OSET, "web");
}

/// An upgrade in which both builds act, as they do for a moment when a leader is cut off: they agree about everything.
///
/// The other build is the program that `BERTH_TEST_OTHER_BUILD` names, such as the last release; without it, this one again.
#[test]
fn two_builds_side_by_side_roll_nothing_and_undo_nothing() {
    let scene = Scene::without_operator(Surface::Berth, "two-builds");
    if scene.plane.lacks_nodes(2) {
        return;
    }
    scene.add_nodes(&["a", "b"]);
    let other = env::var("BERTH_TEST_OTHER_BUILD")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_berth-under-test").to_owned());
    println!("the other build is {}", version(&other));
    let arguments = ["--namespace=two-builds", "--leader-elect=false"];
    let old = scene.run_build(&other, "old", &arguments);
    scene.apply(&ordinal_set("web", 3));
    scene.apply(&scene.agent());
    let settled = || {
        scene.settled(OSET, "web");
        scene.settled_on(2);
    };
    let written = || [scene.writes("web"), scene.writes("agent")];
    let since = |before: &[Writes; 2]| {
        let [web, agent] = written();
        [web.since(&before[0]), agent.since(&before[1])]
    };
    let nothing = [Writes::default(), Writes::default()];
    settled();
    let (before, writes) = (facts(&scene), written());

    let address = free_address();
    let listen = format!("--listen={address}");
    let new = scene.operator("new", &["--leader-elect=false", &listen]);
    scene.wait("the new one to be ready", || match ask(&address, "/readyz") {
        (200, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    scene.marker("marker");
    assert_eq!(facts(&scene), before, "no pod and no revision is another");
    assert_eq!(since(&writes), nothing, "the new one finds nothing to do");

    // A rollout that both carry out.
    let chronicles = [OSET, NDS].map(|kind| Chronicle::begin(&scene.plane, kind, &scene.namespace));
    let round = json!({"spec": {"template": {"metadata": {"annotations": {"round": "2"}}}}});
    scene.patch(OSET, "web", &round);
    scene.patch(NDS, "agent", &round);
    settled();
    scene.marker("marker-2");
    for ((rolled, pods), (chronicle, set)) in
        since(&writes).iter().zip([3, 2]).zip(chronicles.iter().zip(["web", "agent"]))
    {
        println!("a rollout of {pods} pods by two operators: {rolled}");
        assert_eq!((rolled.count("create pods"), rolled.count("delete pods")), (pods, pods), "{rolled}");
        assert_eq!(rolled.count("create controllerrevisions"), 1, "{rolled}");
        let entries = chronicle.entries();
        let ours = entries.iter().map(|entry| &entry.object).filter(|object| name(object) == set);
        let mut ready: Vec<&str> = ours.map(|set| text(condition(set, "Ready"), "/status")).collect();
        ready.dedup();
        assert_eq!(ready, ["True", "False", "True"], "Ready of {set} changes twice");
    }

    // The old one ends, and nothing else happens.
    let (before, writes) = (facts(&scene), written());
    old.terminate().unwrap();
    assert!(old.wait_exit(SOON).unwrap().success());
    scene.marker("marker-3");
    assert_eq!(facts(&scene), before);
    assert_eq!(since(&writes), nothing);
    assert!(!new.log().unwrap().contains("panicked"));
}

/// What `--version` says.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Names and uids of the pods and revisions of `web` and `agent`.
fn facts(scene: &Scene) -> BTreeSet<(String, String)> {
    let all = [POD, REVISION].into_iter().flat_map(|kind| scene.list(kind));
    let ours = all.filter(|object| ["web-", "agent-"].iter().any(|set| name(object).starts_with(set)));
    ours.map(|object| (name(&object).to_owned(), uid(&object).to_owned())).collect()
}

fn uids(scene: &Scene) -> BTreeSet<String> {
    scene.list(POD).iter().map(|pod| uid(pod).to_owned()).collect()
}

#[test]
fn asked_to_end_at_work_it_ends_cleanly_and_gives_the_lease_back() {
    let scene = namespaced("asked-to-end");
    let operator = scene.operator("operator", &["--lease-namespace=asked-to-end"]);
    says(&scene, &operator, r#""leading""#);
    let mut set = ordinal_set("web", 60);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    says(&scene, &operator, "create pod");
    operator.terminate().unwrap();
    assert!(operator.wait_exit(SOON).unwrap().success(), "{}", operator.log().unwrap());
    assert_eq!(text(&scene.get(LEASE, "berth"), "/spec/holderIdentity"), "");
    assert!(!operator.log().unwrap().contains("gave up"), "{}", operator.log().unwrap());

    // The counts that were held back are written: nothing was, when the first pod was made.
    let set = scene.get(OSET, "web");
    assert!(number(&set, "/status/replicas") > 0, "{}", set["status"]);

    scene.operator("next", &["--lease-namespace=asked-to-end"]);
    let set = scene.settled(OSET, "web");
    assert_eq!(number(&set, "/status/readyReplicas"), 60);
}

#[test]
fn without_the_right_to_nodes_ordinal_sets_work_and_the_log_says_what_does_not() {
    let scene = namespaced("no-nodes");
    let address = free_address();
    let listen = format!("--listen={address}");
    let operator = scene.operator("operator", &["--lease-namespace=no-nodes", &listen]);
    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    says(&scene, &operator, "node daemon sets need to list nodes");
    // It is as ready as it can be, and says what it does without.
    let (status, text) = ask(&address, "/readyz");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("not served: nodes: ") && text.contains("forbidden"), "{text}");
    assert!(text.contains("not served: nodedaemonsets.berth.dev: "), "{text}");
}

/// A namespace with the rights of `deploy/namespaced.yaml`, made for it as that file says.
fn namespaced(namespace: &str) -> Scene {
    let rights = fs::read_to_string(project("deploy/namespaced.yaml")).unwrap();
    let rights = rights.replace("namespace: default", &format!("namespace: {namespace}"));
    Scene::begin(Plane::shared(), namespace, namespace, &rights)
}

fn leads(operator: &Process) -> Result<(), String> {
    if operator.log().unwrap().contains(r#""leading""#) { Ok(()) } else { Err("it does not".to_owned()) }
}

/// Waits until an operator has said something.
fn says(scene: &Scene, operator: &Process, what: &str) {
    scene.wait(&format!("{} to say {what}", operator.name()), || {
        let log = operator.log().unwrap();
        if log.contains(what) { Ok(()) } else { Err("it does not".to_owned()) }
    });
}
