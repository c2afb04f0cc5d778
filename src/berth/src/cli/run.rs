//! `berth run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use berth_api::request::{Answer, Request};
use berth_api::{ObjectRef, Resource, Surface};
use berth_engine::Config;
use berth_engine::election::lease;
use berth_plan::feature_gates::Gates;
use serde_json::Value;

use super::Failure;
use super::gates::FeatureGates;
use crate::client::connection::{self, Target};
use crate::client::transport;
use crate::operator::metrics::Metrics;
use crate::operator::{self, Window};
use crate::operator::{endpoints, log};

/// Where a pod finds the namespace that it runs in.
const IN_CLUSTER_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The namespace that `deploy/` makes.
const DEFAULT_NAMESPACE: &str = "berth-system";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which API surfaces are served
    #[arg(long, env = "BERTH_APIS", value_delimiter = ',', default_value = "berth")]
    apis: Vec<Api>,
    /// Kubeconfig file; otherwise $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, env = "BERTH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; otherwise its current one
    #[arg(long, env = "BERTH_CONTEXT")]
    context: Option<String>,
    /// Look at this namespace only; otherwise at all
    #[arg(long, short, env = "BERTH_NAMESPACE", default_value = "")]
    namespace: String,
    /// How many sets are worked on at the same time
    #[arg(long, env = "BERTH_WORKERS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,
    /// Requests to the API server per second, over time
    #[arg(long, env = "BERTH_KUBE_API_QPS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    kube_api_qps: u32,
    /// Requests to the API server at once
    #[arg(long, env = "BERTH_KUBE_API_BURST", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    kube_api_burst: u32,
    /// Act only while holding a lease, so that of several operators one acts
    #[arg(long, env = "BERTH_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    leader_elect: bool,
    /// Namespace of the lease; otherwise that of the pod, or outside a cluster --namespace, or else berth-system
    #[arg(long, env = "BERTH_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,
    /// Name of the lease
    #[arg(long, env = "BERTH_LEASE_NAME", default_value = "berth")]
    lease_name: String,
    #[command(flatten)]
    gates: FeatureGates,
    /// Address for /healthz, /readyz and /metrics; "" for none
    #[arg(long, env = "BERTH_LISTEN", default_value = "")]
    listen: String,
    /// How many sets have metrics of their own; the others are added up
    #[arg(long, env = "BERTH_METRICS_SETS", default_value_t = 500, value_name = "N")]
    metrics_sets: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Api {
    /// The custom resources of berth.dev/v1
    Berth,
    /// The native kinds of apps/v1, in place of kube-controller-manager
    Apps,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let gates = args.gates.read()?;
    let listen: Option<SocketAddr> = match args.listen.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            Failure::usage(format!("--listen: {text:?} is no address such as 127.0.0.1:8080"))
        })?),
    };
    log::init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::other(format!("cannot start the runtime: {e}")))?;
    let done = runtime.block_on(serve_and_operate(args, gates, listen));
    // A name that is being looked up, or a credential plugin that runs, does not hold up the end.
    runtime.shutdown_background();
    done
}

async fn serve_and_operate(args: Args, gates: Gates, listen: Option<SocketAddr>) -> Result<(), Failure> {
    let target = Target { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    let client = connection::connect(&target).await.map_err(|e| Failure::usage(e.to_string()))?;
    let metrics = Arc::new(Metrics::default());
    let (asking, asked) = tokio::sync::mpsc::channel(16);
    if let Some(address) = listen {
        endpoints::serve(address, asking, Arc::clone(&metrics))
            .await
            .map_err(|e| Failure::other(format!("--listen {address}: {e}")))?;
    }
    let config = config(&args, gates);
    match &config.lease {
        Some(lease) => tracing::info!(
            identity = lease.identity,
            "acting while holding lease {}/{}",
            lease.namespace,
            lease.name
        ),
        None => {
            tracing::warn!("acting without a lease (--leader-elect=false): make sure that nobody else does")
        }
    }
    if let Some(lease) = config.lease.as_ref().filter(|_| !config.namespace.is_empty()) {
        tokio::spawn(look_for_another(client.clone(), lease.clone()));
    }
    let window = Window { asked, most_sets: usize::from(args.metrics_sets), metrics };
    operator::run(client, config, window, stopped()).await.map_err(|e| Failure::other(e.to_string()))
}

/// An operator for the whole cluster holds another lease than one for a namespace, and serves that namespace too. As far as it
/// can be seen from here, it is told once.
async fn look_for_another(client: kube::Client, own: lease::Config) {
    if own.namespace == DEFAULT_NAMESPACE {
        return;
    }
    let object = ObjectRef::new(Resource::Leases, DEFAULT_NAMESPACE, &own.name);
    let mut before: Option<Value> = None;
    loop {
        // No right to look, or no such lease: nothing can be said.
        if let Answer::Done(found) =
            transport::send(&client, &Request::get(object.clone()), transport::TIMEOUT).await
        {
            let spec = found["spec"].clone();
            let holder = spec["holderIdentity"].as_str().unwrap_or_default();
            // Renewed between two looks: its holder is alive.
            if !holder.is_empty() && before.as_ref().is_some_and(|before| *before != spec) {
                tracing::warn!(
                    "{holder} holds lease {}/{} and serves the whole cluster, this namespace too; end one of the two",
                    object.namespace,
                    object.name
                );
                return;
            }
            before = Some(spec);
        }
        tokio::time::sleep(own.duration).await;
    }
}

fn config(args: &Args, gates: Gates) -> Config {
    let surfaces = args.apis.iter().map(|api| match api {
        Api::Berth => Surface::Berth,
        Api::Apps => Surface::Apps,
    });
    let own = std::fs::read_to_string(IN_CLUSTER_NAMESPACE).ok().map(|n| n.trim().to_owned());
    let served = Some(args.namespace.clone()).filter(|n| !n.is_empty());
    let namespace = args.lease_namespace.clone().or(own).or(served);
    let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let lease = args.leader_elect.then(|| lease::Config::new(&namespace, &args.lease_name, &identity()));
    Config {
        surfaces: surfaces.collect(),
        namespace: args.namespace.clone(),
        workers: usize::from(args.workers),
        qps: args.kube_api_qps,
        burst: args.kube_api_burst,
        in_flight: 64,
        lease,
        component: "berth".to_owned(),
        gates,
    }
}

/// Different for every process: the host (in a cluster, the pod), the process, and the time it started.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host =
        host.map(|h| h.trim().to_owned()).filter(|h| !h.is_empty()).unwrap_or_else(|| "berth".to_owned());
    format!("{host}_{}_{:x}", std::process::id(), jiff::Timestamp::now().as_nanosecond())
}

/// Resolves at SIGTERM or Ctrl-C.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => {
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
    }
}
