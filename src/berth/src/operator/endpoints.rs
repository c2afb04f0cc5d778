//! `/healthz`, `/readyz` and `/metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use berth_engine::telemetry::snapshot::Figures;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::metrics::{self, Metrics};

/// How long the operator may take to say how it is. It answers between two steps of the engine, the longest of which takes in
/// the first lists of a large cluster.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a running operator says about itself.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What keeps it from serving, one line each; empty when it is ready.
    pub problems: Vec<String>,
    /// What is not served because of how it is run, one line each.
    pub renounced: Vec<String>,
    /// How it is doing.
    pub figures: Figures,
}

/// Asks the operator for its report.
pub type Asking = mpsc::Sender<oneshot::Sender<Report>>;

/// Answers until the process ends: `/healthz` as long as the operator answers at all, `/readyz` when every cache is filled, otherwise
/// with 503 and a line for each thing that is missing, and `/metrics`.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: SocketAddr, asking: Asking, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Such as too many open files: no reason to spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (asking, metrics) = (asking.clone(), Arc::clone(&metrics));
            tokio::spawn(async move {
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (asking, metrics) = (asking.clone(), Arc::clone(&metrics));
                    async move { Ok::<_, Infallible>(answer(request.uri().path(), &asking, &metrics).await) }
                });
                // A client that hangs up is no news.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(())
}

async fn ask(asking: &Asking) -> Option<Report> {
    let (sender, receiver) = oneshot::channel();
    let answered = async {
        asking.send(sender).await.ok()?;
        receiver.await.ok()
    };
    tokio::time::timeout(PATIENCE, answered).await.ok().flatten()
}

async fn answer(path: &str, asking: &Asking, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !["/healthz", "/readyz", "/metrics"].contains(&path) {
        return plain(StatusCode::NOT_FOUND, "only /healthz, /readyz and /metrics are here\n");
    }
    let Some(report) = ask(asking).await else {
        let text = format!("the operator has not answered for {} s\n", PATIENCE.as_secs());
        return plain(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    match path {
        "/readyz" if !report.problems.is_empty() => {
            plain(StatusCode::SERVICE_UNAVAILABLE, report.problems.join("\n") + "\n")
        }
        "/readyz" => {
            let role = if report.figures.leads { "ok, leading\n" } else { "ok, standing by\n" };
            let renounced = report.renounced.iter().map(|line| format!("not served: {line}\n"));
            plain(StatusCode::OK, role.to_owned() + &renounced.collect::<String>())
        }
        "/metrics" => match metrics.render(report.figures) {
            Ok(text) => {
                let mut response = plain(StatusCode::OK, text);
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n")),
        },
        _ => plain(StatusCode::OK, "ok\n"),
    }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    response
}
