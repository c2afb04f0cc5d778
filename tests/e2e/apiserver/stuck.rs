//! What `berth why` and `berth plan` say of sets that are stuck. `--show-output` shows what people read.

use serde_json::{Value, json};

use crate::support::manifests::{MISSING, NEW, crashing, never_ready, ordinal_set, with_claims, with_image};
use crate::support::read::{OSET, POD};
use crate::support::{Scene, Surface, existing, number, text};

/// Waits until `berth why` finds `cause` on a pod of `web`, or on the set where `pod` is empty, and shows it. Both outputs say the
/// same, but each is a look of its own, and what others have to say of the cause, such as the binder of claims, may come between.
fn found(scene: &Scene, pod: &str, cause: &str) -> Value {
    let look = || {
        let report = scene.berth(&["why", "oset/web", "-o", "json"]).json();
        let of_set = report["findings"].as_array().unwrap().clone();
        let of_pods = report["pods"].as_array().unwrap().iter().filter(|p| p["name"] == pod);
        let mut all = if pod.is_empty() { of_set } else { vec![] };
        all.extend(of_pods.map(|p| p["finding"].clone()));
        let finding = all.into_iter().find(|f| f["cause"] == cause).ok_or_else(|| report.to_string())?;
        let shown = scene.berth(&["why", "oset/web"]);
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{shown:?}");
        let both = ["/message", "/command"].iter().all(|part| shown.out.contains(text(&finding, part)));
        if both { Ok((finding, shown.out)) } else { Err(format!("{finding}\n{}", shown.out)) }
    };
    let (finding, shown) = scene.wait(&format!("{cause} of {pod}"), look);
    println!("$ berth why oset/web\n{shown}");
    finding
}

/// What `berth plan` says of `web`: that it is stuck, with exit code 3.
fn stuck(scene: &Scene) -> String {
    let plan = scene.berth(&["plan", "oset/web"]);
    println!("$ berth plan oset/web; echo $?\n{}{}\n", plan.out, plan.code);
    assert_eq!((plan.code, plan.err.as_str()), (3, ""), "{plan:?}");
    plan.out
}

#[test]
fn an_image_that_nobody_has() {
    let scene = Scene::new("stuck-image");
    let set = ordinal_set("web", 3);
    scene.apply(&set);
    scene.settled(OSET, "web");
    // Before it is applied nobody can know that the image is missing.
    let before = scene.berth_with(&["plan", "-f", "-"], &with_image(&set, MISSING).to_string());
    assert_eq!(before.code, 1, "{before:?}");
    assert!(before.out.contains("at most 1 of 3 pods unavailable at any moment, 0 now"), "{}", before.out);

    scene.apply(&with_image(&set, MISSING));
    let finding = found(&scene, "web-2", "image");
    assert!(text(&finding, "/message").contains(MISSING), "{finding}");
    assert!(text(&finding, "/command").contains("rollout undo oset/web"), "{finding}");
    assert!(stuck(&scene).contains(MISSING));
    let cure = scene.berth_with(&["plan", "-f", "-"], &set.to_string());
    assert_eq!(cure.code, 1, "going back is foreseen to work: {cure:?}");
    assert!(cure.out.contains("then all is as the spec says"), "{}", cure.out);
}

#[test]
fn a_container_that_ends_again_and_again() {
    let scene = Scene::new("stuck-crash");
    scene.apply(&crashing(&ordinal_set("web", 2)));
    let finding = found(&scene, "web-0", "crashLoop");
    assert!(text(&finding, "/message").contains("last exit code"), "{finding}");
    assert!(text(&finding, "/command").ends_with("logs web-0 -c main --previous"), "{finding}");
    assert!(stuck(&scene).contains("CrashLoopBackOff"));
}

#[test]
fn a_pod_that_no_node_takes() {
    let scene = Scene::new("stuck-node");
    let mut set = ordinal_set("web", 2);
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "of-gold"});
    scene.apply(&set);
    let finding = found(&scene, "web-0", "notScheduled");
    assert!(
        text(&finding, "/message").contains("nodes are available"),
        "the scheduler's own words: {finding}"
    );
    assert!(stuck(&scene).contains("nodes are available"));
}

#[test]
fn a_quota_that_is_used_up() {
    let scene = Scene::new("stuck-quota");
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": {"hard": {"pods": "1"}},
    });
    scene.apply(&quota);
    scene.wait("the quota to be counted", || {
        let quota = scene.kubectl(&["get", "resourcequota", "tight", "--output=json"]);
        let quota: Value = serde_json::from_str(&quota).unwrap();
        if quota["status"]["hard"]["pods"] == "1" { Ok(()) } else { Err(quota["status"].to_string()) }
    });
    scene.apply(&ordinal_set("web", 2));
    let finding = found(&scene, "", "quota");
    assert!(text(&finding, "/message").contains("exceeded quota: tight"), "{finding}");
    assert!(text(&finding, "/command").ends_with("describe resourcequota"), "{finding}");
    let plan = stuck(&scene);
    assert!(plan.contains("exceeded quota: tight") && !plan.contains("then all is"), "{plan}");
}

#[test]
fn a_claim_that_nobody_serves() {
    let scene = Scene::new("stuck-claim");
    let mut set = with_claims("web", 2);
    set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!("of-nobody");
    scene.apply(&set);
    let finding = found(&scene, "web-0", "claimPending");
    assert!(text(&finding, "/message").contains("data-web-0"), "{finding}");
    assert!(text(&finding, "/command").ends_with("describe pvc data-web-0"), "{finding}");
    stuck(&scene);
}

#[test]
fn a_probe_that_fails_and_a_budget_that_others_use() {
    let scene = Scene::new("stuck-probe");
    let mut set = ordinal_set("web", 3);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    scene.apply(&set);
    scene.settled(OSET, "web");
    scene.apply(&with_image(&never_ready(&set), NEW));
    found(&scene, "web-2", "readiness");
    let finding = found(&scene, "", "budget");
    assert!(text(&finding, "/message").contains("web-2"), "it names who uses it: {finding}");
    assert!(text(&finding, "/command").contains("maxUnavailable"), "{finding}");
}

#[test]
fn a_daemon_whose_new_image_nobody_has() {
    let Some(scene) = Scene::on_nodes(Surface::Berth, "stuck-daemon", &["a", "b"]) else { return };
    let agent = scene.agent();
    scene.apply(&agent);
    scene.settled_on(2);
    scene.apply(&with_image(&agent, MISSING));
    let look = || {
        let report = scene.berth(&["why", "nds/agent", "-o", "json"]).json();
        let pods = report["pods"].as_array().unwrap().iter();
        let mut broken = pods.filter(|pod| pod["finding"]["cause"] == "image");
        broken.next().cloned().ok_or_else(|| report.to_string())
    };
    let broken = scene.wait("an image that cannot be had", look);
    assert_eq!(text(&broken, "/node"), scene.node("a"), "the first node by name, and the only one");
    let why = scene.berth(&["why", "nds/agent"]);
    println!("$ berth why nds/agent\n{}", why.out);
    assert!(why.out.contains("berth rollout undo nds/agent -n stuck-daemon"), "{}", why.out);
    assert!(why.out.contains("waits for its turn: the budget is used by others"), "{}", why.out);
    let plan = scene.berth(&["plan", "nds/agent"]);
    println!("$ berth plan nds/agent; echo $?\n{}{}\n", plan.out, plan.code);
    assert!(plan.code == 3 && plan.out.contains(MISSING), "{plan:?}");
}

#[test]
fn what_is_meant_is_not_stuck() {
    let scene = Scene::new("not-stuck");
    let mut set = ordinal_set("web", 2);
    scene.apply(&set);
    scene.settled(OSET, "web");
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"partition": 1}});
    let set = with_image(&set, NEW);
    scene.apply(&set);
    scene.settled(OSET, "web");
    let finding = found(&scene, "", "partition");
    assert!(text(&finding, "/command").contains("\"partition\":0"), "{finding}");
    let plan = scene.berth(&["plan", "oset/web"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(plan.out.contains("1 pod below the partition keeps its revision"), "{}", plan.out);

    // What is written down by default is no change; what a manifest no longer says is taken away.
    let same = scene.berth_with(&["plan", "-f", "-", "-o", "json"], &set.to_string()).json();
    assert_eq!((number(&same, "/exitCode"), &same["sets"][0]["end"]), (0, &json!("rests")), "{same}");
    let mut without = set.clone();
    without["spec"]["updateStrategy"] = Value::Null;
    let goes_on = scene.berth_with(&["plan", "-f", "-"], &without.to_string());
    assert_eq!(goes_on.code, 1, "{goes_on:?}");
    assert!(scene.list(POD).len() == 2 && goes_on.out.contains("- pod web-0"), "{}", goes_on.out);
}

#[test]
fn a_plan_writes_nothing_and_its_exit_code_says_what_came_out() {
    let scene = Scene::new("plan-only");
    let set = ordinal_set("web", 3);
    let plan = scene.berth_with(&["plan", "-f", "-", "-o", "json"], &set.to_string());
    assert_eq!(plan.code, 1, "{plan:?}");
    let plan = plan.json();
    let writes =
        plan["sets"][0]["steps"].as_array().unwrap().iter().flat_map(|s| s["writes"].as_array().unwrap());
    assert_eq!(writes.count(), 4, "a revision and three pods: {plan}");
    assert!(scene.find(OSET, "web").is_none(), "nothing is written");

    let mut wrong = set.clone();
    wrong["spec"]["minReadySeconds"] = json!(-1);
    let refused = scene.berth_with(&["plan", "-f", "-"], &wrong.to_string());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("spec.minReadySeconds"), "the field's path: {}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    let mut unknown = set;
    unknown["spec"]["replica"] = json!(3);
    let refused = scene.berth_with(&["plan", "-f", "-"], &unknown.to_string());
    assert!(refused.code == 2 && refused.err.contains("replica"), "{refused:?}");

    assert_eq!(scene.berth(&["plan", "oset/none"]).code, 2);
    assert_eq!(scene.berth(&["plan"]).code, 2);
    assert_eq!(scene.berth(&["plan", "deploy/web"]).code, 2);
    let mut nowhere = std::process::Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    let told = nowhere.args(["plan", "oset/web", "--kubeconfig=/nowhere"]).output().unwrap();
    assert_eq!(told.status.code(), Some(4), "it could not be told");
    if existing::leaves_out("nobody may be without rights there") {
        return;
    }
    // Somebody who may see nothing learns that nothing could be told.
    let kubeconfig = scene.plane.cluster.kubeconfig_for_service_account(&scene.namespace, "default").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    let told = command.args(["plan", "oset/web"]).env("KUBECONFIG", kubeconfig).output().unwrap();
    assert_eq!(told.status.code(), Some(4), "{}", String::from_utf8_lossy(&told.stderr));
}
