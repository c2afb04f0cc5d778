//! Everything before the first step: the cluster, what `crds/` and `deploy/` hold, and the operator.

use std::path::Path;
use std::time::{Duration, Instant};

use berth_cluster::{Cluster, Options};

use crate::build::in_repository;
use crate::error::{Error, Result};
use crate::existing::{Existing, NAMESPACE};
use crate::kubectl;
use crate::operator::{self, Operator};
use crate::place::Place;
use crate::screen::{Screen, Tone};

/// Nodes that the lesson begins with.
pub const NODES: usize = 5;

/// How long the API server may take to look at new definitions.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// Real nodes that the lesson begins with.
const REAL_NODES: usize = 3;

/// Starts a control plane with simulated nodes, or with real ones.
pub fn local(real: bool, screen: &mut Screen) -> Result<Place> {
    let options = if real {
        screen.tell(Tone::Strong, "A cluster of your own, with three real nodes");
        screen.tell(Tone::Dim, "Each node is a set of namespaces of this machine with containerd and a kubelet; all of Kubernetes is real.");
        // Pods leave a node that does not answer after 5 s, not after 5 minutes: nobody should wait for that in a lesson.
        let tolerations =
            ["unreachable", "not-ready"].map(|taint| format!("--default-{taint}-toleration-seconds=5"));
        Options { real_nodes: REAL_NODES, kube_apiserver_args: tolerations.to_vec(), ..Options::default() }
    } else {
        screen.tell(Tone::Strong, "A control plane of your own, with five simulated nodes");
        screen.tell(Tone::Dim, "etcd, kube-apiserver, kube-controller-manager and kube-scheduler are real; only the nodes are simulated (KWOK).");
        Options { nodes: NODES, ..Options::default() }
    };
    let cluster = Cluster::start(options)?;
    let place = Place::Local(Box::new(cluster));
    for arguments in
        [&["apply", "-f", "crds/"][..], &["apply", "-f", "deploy/namespace.yaml", "-f", "deploy/rbac.yaml"]]
    {
        apply(screen, arguments, |arguments| place.kubectl(arguments))?;
    }
    wait_established(|arguments| place.kubectl(arguments))?;
    Ok(place)
}

/// Looks at an existing cluster and prepares it: what is not there is installed, and removed at the end.
pub fn existing(context: &str, screen: &mut Screen) -> Result<Place> {
    screen.tell(Tone::Strong, &format!("Your cluster {context}, namespace {NAMESPACE}"));
    let existing = Existing::begin(context)?;
    if existing.has("namespace", NAMESPACE)? {
        return Err(Error::Missing(format!(
            "namespace {NAMESPACE} exists in context {context}; remove it first: kubectl --context={context} delete namespace {NAMESPACE}"
        )));
    }
    existing.at_end(&["delete", "namespace", NAMESPACE, "--ignore-not-found"])?;
    for file in ["crds/ordinalsets.yaml", "crds/nodedaemonsets.yaml"] {
        install(&existing, screen, file)?;
    }
    wait_established(|arguments| existing.kubectl_anywhere(arguments))?;
    for file in ["deploy/namespace.yaml", "deploy/rbac.yaml"] {
        install(&existing, screen, file)?;
    }
    existing.kubectl_anywhere(&["create", "namespace", NAMESPACE])?;
    let flags = kubectl::typed(&[&format!("--context={context}"), &format!("--namespace={NAMESPACE}")]);
    screen.tell(Tone::Dim, &format!("From here on, kubectl means {flags}."));
    Ok(Place::Existing(existing))
}

/// Starts the operator with the rights that `deploy/` gives it. One that will be killed again and again holds no lease on a cluster of
/// our own, where nobody else can be.
pub fn operator(place: &mut Place, binary: &Path, deadly: bool, screen: &mut Screen) -> Result<Operator> {
    let lease = !(deadly && place.is_local());
    let operator = Operator::start(place, binary, lease)?;
    let leads = if lease {
        "leads"
    } else {
        "acts without a lease: the lesson knows that the one that it kills is dead"
    };
    screen.tell(Tone::Good, &format!("✓ the operator runs as {} and {leads}", operator::ACCOUNT));
    Ok(operator)
}

/// Waits until the API server serves the definitions. Where they are so new that they have no conditions yet, kubectl does not wait
/// but gives up.
fn wait_established(run: impl Fn(&[&str]) -> Result<String>) -> Result<()> {
    let files = in_repository("crds/");
    let deadline = Instant::now() + ESTABLISHED;
    loop {
        match run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &files]) {
            Err(error) if error.to_string().contains("accessor error") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other.map(drop),
        }
    }
}

/// Applies a file unless what it has is there already; half of it is neither ours to change nor enough.
fn install(existing: &Existing, screen: &mut Screen, file: &str) -> Result<()> {
    let path = in_repository(file);
    let (all, found) = existing.objects(&path)?;
    let missing: Vec<&str> = all.iter().filter(|name| !found.contains(name)).map(String::as_str).collect();
    if missing.is_empty() {
        screen.tell(Tone::Dim, &format!("{file} is installed already, and left as it is"));
        return Ok(());
    }
    if let Some(there) = found.first() {
        let context = existing.context();
        return Err(Error::Missing(format!(
            "context {context} has {there} of {file}, but not {}: first kubectl --context={context} apply -f {file}, or delete -f",
            missing.join(", ")
        )));
    }
    existing.at_end(&["delete", "--ignore-not-found", "-f", &path])?;
    apply(screen, &["apply", "-f", file], |arguments| existing.kubectl_anywhere(arguments))
}

fn apply(screen: &mut Screen, arguments: &[&str], run: impl Fn(&[&str]) -> Result<String>) -> Result<()> {
    screen.tell(Tone::Accent, &format!("$ {}", kubectl::typed(arguments)));
    let located = located(arguments);
    let located: Vec<&str> = located.iter().map(String::as_str).collect();
    run(&located).map(drop)
}

/// The arguments with files found in the repository: the demo may be started from any directory.
pub fn located(arguments: &[&str]) -> Vec<String> {
    let mut file = false;
    let located = arguments.iter().map(|word| {
        let is_file = std::mem::replace(&mut file, *word == "-f");
        if is_file { in_repository(word) } else { (*word).to_owned() }
    });
    located.collect()
}

/// One clear line if kubectl, the context or the cluster is missing.
pub fn look(context: &str) -> Result<()> {
    let contexts = match kubectl::run(&["config", "get-contexts", "--output=name"]) {
        Err(Error::Run { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing("kubectl is not installed; --context uses your own".to_owned()));
        }
        other => other?,
    };
    let contexts: Vec<&str> = contexts.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if !contexts.contains(&context) {
        let known = if contexts.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", contexts.join(", "))
        };
        return Err(Error::Missing(format!("your kubeconfig has no context {context}: {known}")));
    }
    let flag = format!("--context={context}");
    match kubectl::run(&["get", "--raw=/version", "--request-timeout=10s", &flag]) {
        Ok(_) => Ok(()),
        Err(Error::Kubectl { stderr, .. }) => {
            let last = stderr.lines().last().unwrap_or_default();
            Err(Error::Missing(format!("the cluster of context {context} does not answer: {last}")))
        }
        Err(other) => Err(other),
    }
}
