//! The program as the image of `deploy/Containerfile` runs it: alone on a root that is read-only, as a user without a name, with what
//! the kubelet gives to a pod and nothing else. It is left out unless `BERTH_TEST_PROGRAM` names a static build; `.ci/image` makes
//! one and runs this.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::support::health::{ask, free_address};
use crate::support::manifests::ordinal_set;
use crate::support::read::OSET;
use crate::support::{Scene, Surface, existing, text};

/// As in `deploy/deployment.yaml`.
const USER: &str = "65532";
/// Where a pod finds its service account.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";
/// A mount namespace in which `$0` is read-only and the root.
const ALONE: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && user=$1 && shift &&
PATH="$PATH:/usr/sbin:/sbin" && chroot="$(command -v chroot)" &&
exec env -i KUBERNETES_SERVICE_HOST="$HOST" KUBERNETES_SERVICE_PORT="$PORT" HOSTNAME=berth-0 \
    "$chroot" --userspec="$user:$user" --groups= "$0" "$@""#;

#[test]
fn the_program_needs_nothing_but_itself() {
    let Some(program) = env::var_os("BERTH_TEST_PROGRAM") else {
        println!("left out: BERTH_TEST_PROGRAM names no static build (see .ci/image)");
        return;
    };
    if existing::leaves_out("the API server is expected on this machine") {
        return;
    }
    let scene = Scene::without_operator(Surface::Berth, "image");
    let root = scene.plane.cluster.dir().join("image");
    furnish(&scene, &root, Path::new(&program));
    let (host, port) = scene.plane.cluster.url().trim_start_matches("https://").split_once(':').unwrap();
    let address = free_address();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ALONE]).arg(&root).args([USER, "/berth", "run"]);
    command.args(["--namespace=image", "--leader-elect=false", &format!("--listen={address}")]);
    command.env("HOST", host).env("PORT", port);
    let operator = scene.plane.cluster.spawn("image.operator", command).unwrap();

    scene.wait("readiness", || match ask(&address, "/readyz") {
        (200, _) => Ok(()),
        other => Err(format!("{other:?} {}", operator.log().unwrap())),
    });
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", operator.pid())).unwrap();
    let status = of("status");
    let field = |name: &str| -> String {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    assert_eq!((field("Uid:"), field("Gid:"), field("Groups:")), (USER.into(), USER.into(), String::new()));
    assert_eq!(u64::from_str_radix(&field("CapEff:"), 16), Ok(0), "no capability");
    let mounts = of("mountinfo");
    let here = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(here.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{here}");
    assert!(!of("maps").contains(".so"), "nothing is loaded but the program");

    scene.apply(&ordinal_set("web", 2));
    scene.settled(OSET, "web");
    operator.terminate().unwrap();
    let patience = std::time::Duration::from_secs(20);
    assert!(operator.wait_exit(patience).unwrap().success(), "{}", operator.log().unwrap());
}

/// The root: the program, and what is mounted into every pod.
fn furnish(scene: &Scene, root: &Path, program: &Path) {
    let account = root.join(ACCOUNT);
    fs::create_dir_all(&account).unwrap();
    fs::copy(program, root.join("berth")).unwrap();
    let kubeconfig = scene.plane.cluster.kubeconfig_for_service_account("image", "berth").unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&fs::read_to_string(kubeconfig).unwrap()).unwrap();
    let authority = text(&kubeconfig, "/clusters/0/cluster/certificate-authority");
    fs::copy(scene.plane.cluster.dir().join(authority), account.join("ca.crt")).unwrap();
    fs::write(account.join("token"), text(&kubeconfig, "/users/0/user/token")).unwrap();
    fs::write(account.join("namespace"), "image").unwrap();
    for path in ["berth", &format!("{ACCOUNT}/ca.crt"), &format!("{ACCOUNT}/token")] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut directory = root.join(ACCOUNT);
    while directory.starts_with(root) {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        directory = directory.parent().unwrap().to_owned();
    }
}
