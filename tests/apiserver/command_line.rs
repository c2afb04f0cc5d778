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
