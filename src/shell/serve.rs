//! `/healthz` and `/readyz`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::operator::Health;

/// Answers health checks until the process ends: `/healthz` as long as it runs, `/readyz` when every cache is filled;
/// otherwise with 503 and a line for each thing that is missing.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: SocketAddr, health: Arc<Mutex<Health>>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let health = Arc::clone(&health);
            tokio::spawn(async move {
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let answer = answer(request.uri().path(), &health);
                    async move { Ok::<_, Infallible>(answer) }
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

fn answer(path: &str, health: &Mutex<Health>) -> Response<Full<Bytes>> {
    let health = health.lock().map(|h| h.clone()).unwrap_or_default();
    let (status, text) = match path {
        "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
        "/readyz" if health.problems.is_empty() => {
            (StatusCode::OK, if health.leads { "ok, leading\n" } else { "ok, standing by\n" }.to_owned())
        }
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, health.problems.join("\n") + "\n"),
        _ => (StatusCode::NOT_FOUND, "only /healthz and /readyz are here\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
