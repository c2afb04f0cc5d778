//! `berth run` with arguments that cannot be.

use std::process::Command;

#[test]
fn wrong_arguments_are_one_line_and_exit_code_2() {
    for arguments in [
        &["run", "--wrong"][..],
        &["run", "--workers=0"],
        &["run", "--kube-api-qps=many"],
        &["run", "--leader-elect=perhaps"],
        &["run", "--apis=else"],
        &["run", "--listen=nowhere"],
        &["run", "--feature-gates=Unheard=true"],
        &["plan"],
        &["plan", "--from=/nowhere"],
        &["plan", "-f", "/nowhere.yaml"],
        &["why"],
        &["why", "oset/a", "oset/b"],
        &["rollout", "status"],
        &["rollout", "status", "oset/web", "--timeout=soon"],
        &["rollout", "undo", "oset/web", "--dry-run=perhaps"],
        &["walk"],
        &[],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_berth")).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_api_server_that_cannot_be_found_is_one_line_and_exit_code_2() {
    for arguments in [&["run", "--kubeconfig=/nowhere/kubeconfig"][..], &["run", "--context=unheard-of"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        let output = command.args(arguments).env("KUBECONFIG", "/nowhere/else").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn as_a_plugin_of_kubectl_it_goes_by_that_name() {
    let directory = std::env::temp_dir().join(format!("berth-plugin-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let plugin = directory.join("kubectl-berth");
    let _ = std::fs::remove_file(&plugin);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_berth"), &plugin).unwrap();
    let help = Command::new(&plugin).args(["why", "--help"]).output().unwrap();
    let wrong = Command::new(&plugin).args(["why", "deploy/web"]).output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("Usage: kubectl berth why"));
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert!(told.starts_with("kubectl berth: ") && wrong.status.code() == Some(2), "{told}");
}
