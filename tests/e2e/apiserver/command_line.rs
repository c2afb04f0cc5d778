//! `berth run` with arguments that cannot be.

use std::process::Command;

use crate::support::plane::project;

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
        &["plan", "oset/web", "--feature-gates=Unheard=true"],
        &["why", "oset/web", "--feature-gates=MaxUnavailableStatefulSet=perhaps"],
        &["rollout", "pause", "sts/web"],
        &["rollout", "resume", "ds/web"],
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
        let output = Command::new(env!("CARGO_BIN_EXE_berth-under-test")).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// What it prints, and what it writes, is what the repository has in `crds/`.
#[test]
fn the_definitions_are_printed_or_written() {
    let berth = || Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    let committed = |name: &str| std::fs::read_to_string(project("crds").join(name)).unwrap();
    let names = ["ordinalsets.yaml", "nodedaemonsets.yaml"];
    let printed = berth().arg("crds").output().unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let parts: Vec<&str> = printed.split("---\n").filter(|part| !part.is_empty()).collect();
    assert_eq!(parts, names.map(|name| committed(name).trim_start_matches("---\n").to_owned()));

    let directory = std::env::temp_dir().join(format!("berth-crds-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let output = format!("--output={}", directory.display());
    assert!(berth().args(["crds", &output]).status().unwrap().success());
    let written = names.map(|name| std::fs::read_to_string(directory.join(name)).unwrap());
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(written, names.map(committed));

    let nowhere = berth().args(["crds", &output]).output().unwrap();
    let told = String::from_utf8(nowhere.stderr).unwrap();
    assert_eq!((nowhere.status.code(), told.lines().count()), (Some(2), 1), "{told}");
}

#[test]
fn an_api_server_that_cannot_be_found_is_one_line_and_exit_code_2() {
    for arguments in [&["run", "--kubeconfig=/nowhere/kubeconfig"][..], &["run", "--context=unheard-of"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
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
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_berth-under-test"), &plugin).unwrap();
    let help = Command::new(&plugin).args(["why", "--help"]).output().unwrap();
    let wrong = Command::new(&plugin).args(["why", "deploy/web"]).output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("Usage: kubectl berth why"));
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert!(told.starts_with("kubectl berth: ") && wrong.status.code() == Some(2), "{told}");
}

/// What the program says to a file of this content, where `{file}` stands in the arguments.
fn told(name: &str, content: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = std::env::temp_dir().join(format!("berth-{name}-{}", std::process::id()));
    std::fs::write(&file, content).unwrap();
    let shown = file.display().to_string();
    let arguments = arguments.iter().map(|argument| argument.replace("{file}", &shown));
    let output = Command::new(env!("CARGO_BIN_EXE_berth-under-test")).args(arguments).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n\
                          clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'CLUSTER}}]\nusers: [{name: u, user: {USER}}]\n";

#[test]
fn a_kubeconfig_that_cannot_be_used_is_one_line() {
    for (cluster, user, part) in [
        ("", "token: \"a\\nb\"", "the token of user \"u\""),
        ("", "tokenFile: /nowhere/token", "/nowhere/token"),
        (", proxy-url: 'ftp://proxy'", "token: t", "unsupported scheme \"ftp\""),
        (", certificate-authority-data: '?'", "token: t", "certificate authority"),
        ("", "client-certificate: /nowhere/crt, client-key: /nowhere/key", "/nowhere/crt"),
        ("", "token: [", "kubeconfig"),
    ] {
        let content = KUBECONFIG.replace("CLUSTER", cluster).replace("USER", user);
        for command in
            [&["run"][..], &["why", "oset/web"], &["plan", "oset/web"], &["rollout", "history", "oset/web"]]
        {
            let arguments = [command, &["--kubeconfig={file}"]].concat();
            let (code, told) = told("kubeconfig", &content, &arguments);
            assert_eq!((code, told.lines().count()), (Some(2), 1), "{user} {command:?}: {told}");
            assert!(told.contains(part), "{command:?}: {told}");
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_one_line() {
    for (content, part) in [
        ("apiVersion: v1\nkind: List\nitems: [x]\n", "List: items[0] is no object"),
        ("a: [\n- b", ""),
        ("[1]", "apiVersion and kind are needed"),
        ("kind: OrdinalSet\napiVersion: berth.dev/v1\nmetadata: x\n", "metadata.name is needed"),
    ] {
        let (code, told) = told("manifest", content, &["plan", "-f", "{file}"]);
        assert_eq!((code, told.lines().count()), (Some(2), 1), "{content}: {told}");
        assert!(told.contains(part), "{content}: {told}");
    }
}

/// The API server is exempt from the proxy: it is asked itself.
#[test]
fn an_exempt_api_server_is_asked_without_the_proxy() {
    let file = std::env::temp_dir().join(format!("berth-exempt-{}", std::process::id()));
    std::fs::write(&file, KUBECONFIG.replace("CLUSTER", "").replace("USER", "token: t")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
    command.args(["rollout", "history", "oset/web"]).env("KUBECONFIG", &file);
    for (name, value) in [
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("NO_PROXY", "127.0.0.1,"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.starts_with("berth: read ordinalset") && told.contains("onnect"), "{told}");
}
