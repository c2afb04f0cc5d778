//! Connections to servers and through proxies on this machine.

mod certificates;
mod proxies;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use berth_api::request::{Answer, Request};
use berth_api::{ObjectRef, Resource};
use serde_json::json;

use super::*;
use crate::client::stub::{self, Seen};
use crate::client::transport;

/// How long a test waits for what is to come at once.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often files are compared.
const OFTEN: Duration = Duration::from_millis(5);

/// A directory of its own for each test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("berth-connection-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig with these fields of the cluster and of the user.
    fn kubeconfig(&self, cluster: &str, user: &str) -> Target {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             contexts: [{{name: here, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
             clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        );
        Target { kubeconfig: Some(self.write("config", &text)), context: None }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn source(target: Target, environment: &[(&str, String)]) -> Source {
    let all: Vec<(String, String)> = environment.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Source::of(
        target,
        Arc::new(move |name: &str| {
            all.iter().find(|(n, _)| n == name).map(|(_, value)| OsString::from(value))
        }),
    )
}

fn open(target: Target) -> Client {
    reload::connect(source(target, &[]), OFTEN).unwrap()
}

fn refused(target: Target) -> String {
    match reload::connect(source(target, &[]), OFTEN) {
        Ok(_) => panic!("it connects"),
        Err(error) => error.to_string(),
    }
}

async fn ask(client: &Client) -> Answer {
    transport::send(client, &Request::get(ObjectRef::new(Resource::Pods, "ns", "web-0")), PATIENCE).await
}

/// Asks until the answer is right.
async fn until(client: &Client, right: impl Fn(&Answer) -> bool) {
    let began = Instant::now();
    loop {
        let answer = ask(client).await;
        if right(&answer) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{answer:?}");
        tokio::time::sleep(OFTEN).await;
    }
}

/// A server without TLS that answers with the credentials of the request.
async fn mirror() -> SocketAddr {
    let answer = |seen: Seen| Some(stub::answer("200 OK", &json!(seen.header("authorization")).to_string()));
    stub::serve(answer).await
}

fn said(text: &str) -> Answer {
    Answer::Done(json!(text))
}

#[tokio::test]
async fn tokens_are_sent_as_by_kubectl() {
    let directory = Directory::new();
    let server = format!("server: 'http://{}'", mirror().await);
    directory.write("token", "abc\n");
    // Relative to the kubeconfig.
    let from_file = open(directory.kubeconfig(&server, "tokenFile: token"));
    assert_eq!(ask(&from_file).await, said("Bearer abc"));
    assert_eq!(from_file.default_namespace(), "shop");
    let both = open(directory.kubeconfig(&server, "token: other, tokenFile: token"));
    assert_eq!(ask(&both).await, said("Bearer abc"), "the file outweighs the token");
    let gone = open(directory.kubeconfig(&server, "token: other, tokenFile: nowhere"));
    assert_eq!(ask(&gone).await, said("Bearer other"));
    let basic = open(directory.kubeconfig(&server, "username: a, password: b"));
    assert_eq!(ask(&basic).await, said("Basic YTpi"));
    assert_eq!(ask(&open(directory.kubeconfig(&server, "token: ''"))).await, said(""));
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_one_line() {
    let directory = Directory::new();
    let server = format!("server: 'http://{}'", mirror().await);
    let shown = directory.0.display().to_string();
    let inline = refused(directory.kubeconfig(&server, "token: \"a\\nb\""));
    let expected = format!(
        "the token of user \"u\" in kubeconfig {shown}/config holds a line break or another character that cannot be sent"
    );
    assert_eq!(inline, expected);
    directory.write("token", "a\nb\n");
    let in_file = refused(directory.kubeconfig(&server, "tokenFile: token"));
    assert!(
        in_file.starts_with(&format!("the token of token file {shown}/token holds a line break")),
        "{in_file}"
    );
    directory.write("token", " \n");
    let empty = refused(directory.kubeconfig(&server, "tokenFile: token"));
    assert_eq!(empty, format!("the token file {shown}/token is empty"));
    assert!(refused(directory.kubeconfig(&server, "tokenFile: nowhere")).contains("nowhere"));
    let plugin = "exec: {apiVersion: client.authentication.k8s.io/v1, command: echo, interactiveMode: Never, \
                  args: ['{\"status\":{\"token\":\"a\\nb\"}}']}";
    let told = refused(directory.kubeconfig(&server, plugin));
    assert_eq!(told, "the credential plugin has answered with a token that cannot be sent");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_is_one_line() {
    let directory = Directory::new();
    for (cluster, context, part) in [
        ("server: 'http://a b'", None, "failed to parse cluster url"),
        ("insecure-skip-tls-verify: true", None, "cluster url is missing"),
        ("server: 'http://a'", Some("other"), "failed to load current context: other"),
        ("server: 'http://a', certificate-authority: nowhere", None, "failed to load certificate authority"),
        ("server: 'http://a', certificate-authority-data: '-'", None, "failed to decode base64"),
        ("server: 'http://a', proxy-url: 'ftp://b'", None, "unsupported scheme \"ftp\""),
    ] {
        let target =
            Target { context: context.map(str::to_owned), ..directory.kubeconfig(cluster, "token: t") };
        let told = refused(target);
        assert!(told.contains(part) && told.lines().count() == 1, "{cluster}: {told}");
    }
    let utf16 = directory.0.join("utf16");
    std::fs::write(&utf16, [0xFF, 0xFE, b'a']).unwrap();
    assert!(
        refused(Target { kubeconfig: Some(utf16), context: None }).contains("it ends within a character")
    );
}

/// Several files of `$KUBECONFIG` are one, and those that are not there are none.
#[tokio::test]
async fn kubeconfigs_are_merged_as_by_kubectl() {
    let directory = Directory::new();
    let server = format!("server: 'http://{}'", mirror().await);
    directory.kubeconfig(&server, "token: first");
    let second = directory
        .write("second", "users: [{name: u, user: {token: second}}, {name: v, user: {token: third}}]");
    let list = |files: &[&Path]| std::env::join_paths(files).unwrap().into_string().unwrap();
    let all = list(&[Path::new("/nowhere"), &directory.0.join("config"), &second]);
    let client = reload::connect(source(Target::default(), &[("KUBECONFIG", all)]), OFTEN).unwrap();
    assert_eq!(ask(&client).await, said("Bearer first"));
    let none = source(Target::default(), &[("KUBECONFIG", list(&[Path::new("/nowhere")]))]);
    let told = reload::connect(none, OFTEN).err().unwrap().to_string();
    assert!(
        told.starts_with("no API server: kubeconfig /nowhere: ") && told.contains("no service account"),
        "{told}"
    );
}

#[tokio::test]
async fn new_tokens_are_read_without_a_restart() {
    let directory = Directory::new();
    let address = mirror().await;
    let server = format!("server: 'http://{address}'");
    directory.write("token", "one\n");
    let client = open(directory.kubeconfig(&server, "tokenFile: token"));
    assert_eq!(ask(&client).await, said("Bearer one"));
    directory.write("token", "two\n");
    until(&client, |answer| *answer == said("Bearer two")).await;
    // A kubeconfig that is written anew, such as by a renewal of its certificates.
    directory.kubeconfig(&server, "token: three");
    until(&client, |answer| *answer == said("Bearer three")).await;
}

/// `kubectl config use-context` in another terminal moves no operator to another cluster.
#[tokio::test]
async fn an_edited_kubeconfig_leads_to_no_other_cluster() {
    let directory = Directory::new();
    let (here, there) = (mirror().await, stub::serve(|_| Some(stub::answer("200 OK", "\"there\""))).await);
    let client = open(directory.kubeconfig(&format!("server: 'http://{here}'"), "token: one"));
    directory.kubeconfig(&format!("server: 'http://{there}'"), "token: two");
    tokio::time::sleep(OFTEN * 10).await;
    assert_eq!(ask(&client).await, said("Bearer one"));
    let text = std::fs::read_to_string(directory.0.join("config")).unwrap();
    let both = text
        .replace("current-context: here", "current-context: there")
        .replace("contexts: [", "contexts: [{name: there, context: {cluster: d, user: u}}, ")
        .replace("clusters: [", &format!("clusters: [{{name: d, cluster: {{server: 'http://{there}'}}}}, "))
        .replace(
            &format!("name: c, cluster: {{server: 'http://{there}'"),
            &format!("name: c, cluster: {{server: 'http://{here}'"),
        )
        .replace("token: two", "token: three");
    directory.write("config", &both);
    until(&client, |answer| *answer == said("Bearer three")).await;
}
