//! The operator on a clock of its own, against an API server that answers lists and nothing else.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use berth_api::Surface;
use berth_engine::Event;
use http::{Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::json;
use tokio::sync::Notify;

use super::*;

type Answered = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Lists have one set; a watch begins and stays silent, and a write is never answered.
struct Silent {
    /// A write has come.
    written: Arc<Notify>,
}

impl tower_service::Service<http::Request<Body>> for Silent {
    type Response = Answered;
    type Error = kube::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answered, kube::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let uri = request.uri().to_string();
        if request.method() != Method::GET {
            self.written.notify_one();
            return Box::pin(std::future::pending());
        }
        let body = if uri.contains("watch=1") {
            StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>()).boxed_unsync()
        } else if uri.ends_with("/ordinalsets/web") {
            Full::new(Bytes::from(set().to_string())).boxed_unsync()
        } else {
            let items = if uri.contains("/ordinalsets?") { vec![set()] } else { vec![] };
            let list = json!({ "metadata": { "resourceVersion": "5" }, "items": items });
            Full::new(Bytes::from(list.to_string())).boxed_unsync()
        };
        Box::pin(std::future::ready(Ok(Response::new(body))))
    }
}

fn set() -> serde_json::Value {
    json!({
        "metadata": { "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "5", "generation": 1 },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
                  "template": { "metadata": { "labels": { "app": "web" } },
                                "spec": { "containers": [{ "name": "main", "image": "app:1" }] } } },
    })
}

/// How long a stop takes while a write hangs; `probed` this often.
async fn stop_takes(probed: Option<Duration>) -> Duration {
    let written = Arc::new(Notify::new());
    let client = Client::new(Silent { written: Arc::clone(&written) }, "default");
    let config = Config {
        surfaces: vec![Surface::Berth],
        namespace: String::new(),
        workers: 4,
        qps: 100,
        burst: 100,
        in_flight: 10,
        lease: None,
        component: "berth".to_owned(),
        gates: berth_plan::feature_gates::Gates::default(),
    };
    let (asking, asked) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(every) = probed {
            tokio::time::sleep(every).await;
            let (sender, _receiver) = oneshot::channel();
            if asking.send(sender).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    });
    let window = Window { asked, most_sets: 10, metrics: Arc::new(Metrics::default()) };
    let began = Arc::new(std::sync::Mutex::new(Instant::now()));
    let stop = async {
        let patience = Duration::from_secs(60);
        assert!(tokio::time::timeout(patience, written.notified()).await.is_ok(), "nothing is written");
        *began.lock().unwrap() = Instant::now();
    };
    run(client, config, window, stop).await.unwrap();
    let began = *began.lock().unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_does_not_stretch_a_stop() {
    let took = stop_takes(None).await;
    assert!(took >= STOP_WITHIN && took < STOP_WITHIN + Duration::from_millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn probes_do_not_stretch_a_stop() {
    let took = stop_takes(Some(Duration::from_millis(70))).await;
    assert!(took >= STOP_WITHIN && took < STOP_WITHIN + Duration::from_millis(100), "{took:?}");
}

/// As on a connection that is dead, and was never closed.
#[tokio::test(start_paused = true)]
async fn a_watch_that_stays_silent_ends() {
    let client = Client::new(Silent { written: Arc::default() }, "default");
    let scope = Scope { resource: Resource::Pods, namespace: String::new(), name: String::new() };
    let (sender, mut inputs) = mpsc::channel(16);
    let began = Instant::now();
    tokio::spawn(list_watch::watch(client, scope, 1, 5, sender));
    let mut last = None;
    let patience = Duration::from_secs(600);
    while let Some(input) = tokio::time::timeout(patience, inputs.recv()).await.expect("it does not end") {
        last = Some(input);
    }
    assert!(began.elapsed() < Duration::from_secs(200), "{:?}", began.elapsed());
    let failed = Some("nothing came for 150 s");
    let said = match &last {
        Some(Input::Event { event: Event::Failed(problem), .. }) => Some(problem.as_str()),
        _ => None,
    };
    assert_eq!(said, failed, "{last:?}");
}
