//! `berth rollout` against sets of both kinds, served by the operator.

use std::process::Command;

use serde_json::json;

use crate::support::manifests::{NEW, OLD, node_daemon_set, ordinal_set, with_image};
use crate::support::read::{DS, Kind, NDS, OSET, STS, image, text};
use crate::support::{Scene, Surface};

#[test]
fn rollout_verbs() {
    let Some(scene) = Scene::on_nodes(Surface::Berth, "rollout-verbs", &["a", "b"]) else { return };
    for (kind, set, name, shown, done) in [
        (
            OSET,
            ordinal_set("web", 2),
            "oset/web",
            "ordinalset.berth.dev/web",
            "partitioned roll out complete: 2 new pods have been updated...",
        ),
        (
            NDS,
            node_daemon_set("agent", "rollout-verbs"),
            "nds/agent",
            "nodedaemonset.berth.dev/agent",
            "node daemon set \"agent\" successfully rolled out",
        ),
    ] {
        let plain = text(&set, "/metadata/name").to_owned();
        let rolled_out = || {
            let status = rollout(&scene, 0, &["status", name, "--timeout=90s"]);
            assert_eq!(status.lines().last(), Some(done), "{status}");
        };
        scene.apply(&set);
        scene.until(kind, &plain, "seen", |set| set["status"]["observedGeneration"] == 1);
        rolled_out();
        assert_eq!(rollout(&scene, 1, &["undo", name]), "");
        let mut next = with_image(&set, NEW);
        next["metadata"]["annotations"] = json!({"kubernetes.io/change-cause": "a new image"});
        scene.apply(&next);
        rolled_out();

        let history = rollout(&scene, 0, &["history", name]);
        let table = format!("{shown}\nREVISION  CHANGE-CAUSE\n1         <none>\n2         a new image\n\n");
        assert_eq!(history, table);
        let first = rollout(&scene, 0, &["history", name, "--revision=1"]);
        assert!(first.starts_with(&format!("{shown} with revision #1\nPod Template:\n")), "{first}");
        assert!(first.contains(OLD) && !first.contains(NEW), "{first}");
        rollout(&scene, 1, &["history", name, "--revision=9"]);
        rollout(&scene, 0, &["status", name, "--revision=2"]);
        rollout(&scene, 1, &["status", name, "--revision=1"]);

        for (dry, suffix) in [("--dry-run", "(dry run)"), ("--dry-run=server", "(server dry run)")] {
            let would = rollout(&scene, 0, &["undo", name, dry]);
            assert!(would.trim_end().ends_with(suffix), "{would}");
            assert_eq!(image_of(&scene, kind, &plain), NEW);
        }
        assert_eq!(rollout(&scene, 0, &["undo", name]), format!("{shown} rolled back\n"));
        assert_eq!(image_of(&scene, kind, &plain), OLD);
        rolled_out();
        rollout(&scene, 0, &["status", name, "--revision=3"]);
        assert_eq!(rollout(&scene, 0, &["undo", name, "--to-revision=2"]), format!("{shown} rolled back\n"));
        rolled_out();
        assert_eq!(image_of(&scene, kind, &plain), NEW);

        assert_eq!(rollout(&scene, 0, &["pause", name]), format!("{shown} paused\n"));
        rollout(&scene, 1, &["pause", name]);
        rollout(&scene, 1, &["restart", name]);
        rollout(&scene, 1, &["undo", name]);
        scene.apply(&with_image(&set, OLD));
        rollout(&scene, 1, &["status", name, "--timeout=1s"]);
        rollout(&scene, 0, &["status", name, "--watch=false"]);
        assert_eq!(rollout(&scene, 0, &["resume", name]), format!("{shown} resumed\n"));
        rollout(&scene, 1, &["resume", name]);
        rolled_out();
        assert_eq!(rollout(&scene, 0, &["restart", name]), format!("{shown} restarted\n"));
        rolled_out();
        let stamp = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
        assert!(!text(&scene.get(kind, &plain), stamp).is_empty());
    }
    let mut by_hand = ordinal_set("web", 2);
    by_hand["spec"]["updateStrategy"] = json!({ "type": "OnDelete", "rollingUpdate": null });
    scene.apply(&by_hand);
    let restarted = rollout(&scene, 0, &["restart", "oset/web"]);
    let expected = "ordinalset.berth.dev/web will restart: each pod when it is deleted (OnDelete)\n";
    assert_eq!(restarted, expected);
    rollout(&scene, 1, &["restart", "oset/nobody"]);
    for wrong in [&["status", "sts/web"][..], &["undo", "oset/web", "--to-revision=-1"], &["status"]] {
        rollout(&scene, 2, wrong);
    }
}

/// kubectl refuses to pause them; what is said instead is a command that does it.
#[test]
fn native_sets_are_held_by_the_command_that_is_named() {
    let scene = Scene::new("rollout-native");
    let template = json!({ "metadata": { "labels": { "app": "db" } },
                           "spec": { "containers": [{ "name": "main", "image": OLD }] } });
    let manifest = |kind: &str| {
        json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "db" },
                "spec": { "selector": { "matchLabels": { "app": "db" } }, "template": template } })
    };
    let mut stateful = manifest("StatefulSet");
    stateful["spec"]["replicas"] = json!(0);
    scene.apply_text(&stateful.to_string());
    let mut daemon = manifest("DaemonSet");
    daemon["spec"]["template"]["spec"]["nodeSelector"] = json!({ "tests.berth.dev/none": "here" });
    scene.apply_text(&daemon.to_string());
    let follow = |verb: &str, name: &str| {
        let namespace = format!("--namespace={}", scene.namespace);
        assert!(scene.plane.cluster.kubectl(&["rollout", verb, name, &namespace]).is_err(), "{verb} {name}");
        let told = scene.berth(&["rollout", verb, name]);
        assert_eq!((told.code, told.err.lines().count()), (2, 1), "{told:?}");
        let (command, patch) = told.err.trim().split_once(" -p ").unwrap();
        let mut arguments: Vec<&str> = command.split_once("kubectl ").unwrap().1.split(' ').collect();
        arguments.extend(["-p", patch.trim_matches('\'')]);
        scene.plane.cluster.kubectl(&arguments).unwrap();
    };
    let partition = || scene.get(STS, "db")["spec"]["updateStrategy"]["rollingUpdate"]["partition"].clone();
    follow("pause", "statefulset/db");
    assert_eq!(partition(), i32::MAX);
    follow("resume", "statefulset/db");
    assert_eq!(partition(), 0);
    let strategy = || scene.get(DS, "db")["spec"]["updateStrategy"]["type"].clone();
    follow("pause", "daemonset/db");
    assert_eq!(strategy(), "OnDelete");
    follow("resume", "daemonset/db");
    assert_eq!(strategy(), "RollingUpdate");
}

fn image_of(scene: &Scene, kind: Kind, name: &str) -> String {
    image(&scene.get(kind, name)).to_owned()
}

/// What the command prints, if it ends with this code; a failure is told in one line.
fn rollout(scene: &Scene, code: i32, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    command.arg("rollout").args(arguments).args(["--namespace", &scene.namespace]);
    let output = command.env("KUBECONFIG", scene.plane.cluster.kubeconfig()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
    if code > 0 {
        let told = stderr.lines().filter(|line| !line.starts_with("Warning: ")).count();
        assert_eq!(told, 1, "{arguments:?}: {stderr}");
    }
    stdout
}
