//! A client whose credentials are read again when they change: whoever holds it need not know.
//!
//! client-go does so for tokens, client certificates and authorities. An operator that stands by for weeks depends on it, since
//! nothing ends it before all of them have been replaced.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use jiff::Timestamp;
use kube::client::Body;
use kube::{Client, Config};
use tokio::sync::watch;
use tower_service::Service;

use super::ConnectionError;
use super::settings::{Contents, Source};

/// A certificate of a credential plugin is replaced this long before it ends.
const BEFORE_THE_END: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// A client of `source`, compared with its files once in a while. It is called within a runtime.
pub(super) fn connect(mut source: Source, every: Duration) -> Result<Client, ConnectionError> {
    let (settings, contents) = source.read()?;
    source.pin(&settings.context);
    let (server, namespace) =
        (settings.config.cluster_url.clone(), settings.config.default_namespace.clone());
    let client = build(settings.config)?;
    let ends = *client.valid_until();
    let (sender, receiver) = watch::channel(client);
    let follower = Follower { source, contents, server, ends, problem: String::new() };
    tokio::spawn(follow(follower, sender, every));
    Ok(Client::new(Newest(receiver), namespace))
}

/// A client of these settings.
fn build(config: Config) -> Result<Client, ConnectionError> {
    // kube panics on a token of a credential plugin that no header can hold, and there is no other way to know.
    let built = std::panic::catch_unwind(AssertUnwindSafe(|| Client::try_from(config)));
    Ok(built.map_err(|_| ConnectionError::Plugin)??)
}

/// Sends each request with the newest client. A watch that has begun goes on with the one that it began with.
struct Newest(watch::Receiver<Client>);

impl Service<Request<Body>> for Newest {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, kube::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.0.borrow().clone();
        Box::pin(async move { client.send(request).await })
    }
}

/// Puts a new client in the place of the old one when the files have changed, until there is no client any more.
async fn follow(mut follower: Follower, current: watch::Sender<Client>, every: Duration) {
    loop {
        tokio::select! {
            () = current.closed() => return,
            () = tokio::time::sleep(every) => {}
        }
        // A file may hang, and a credential plugin may take its time: nothing waits for either.
        let renewing = tokio::task::spawn_blocking(move || {
            let renewed = follower.renew();
            (follower, renewed)
        });
        let Ok((back, renewed)) = renewing.await else { return };
        follower = back;
        if let Some(client) = renewed {
            current.send_replace(client);
        }
    }
}

struct Follower {
    source: Source,
    contents: Contents,
    server: Uri,
    /// When what a credential plugin has given ends.
    ends: Option<Timestamp>,
    /// What was said last about settings that cannot be used.
    problem: String,
}

impl Follower {
    /// A new client, if one is needed and can be had. Else the old one stays, and the next time is another try: files are often
    /// replaced one after the other.
    fn renew(&mut self) -> Option<Client> {
        let ending = self.ends.is_some_and(|ends| Timestamp::now() + BEFORE_THE_END >= ends);
        if !ending && self.contents.now() == self.contents {
            return None;
        }
        match self.again() {
            Ok(client) => {
                tracing::info!("the credentials have changed and were read again");
                self.ends = *client.valid_until();
                self.problem.clear();
                Some(client)
            }
            Err(problem) => {
                if problem != self.problem {
                    tracing::warn!(
                        "the credentials have changed and cannot be used, so the old ones stay: {problem}"
                    );
                    self.problem = problem;
                }
                None
            }
        }
    }

    fn again(&mut self) -> Result<Client, String> {
        let (settings, contents) = self.source.read().map_err(|e| e.to_string())?;
        // Whoever works on one cluster does not go over to another because a file was edited.
        if settings.config.cluster_url != self.server {
            return Err(format!("they are for {}, not for {}", settings.config.cluster_url, self.server));
        }
        let client = build(settings.config).map_err(|e| e.to_string())?;
        self.contents = contents;
        Ok(client)
    }
}
