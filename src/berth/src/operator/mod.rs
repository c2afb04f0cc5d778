//! The operator: the engine, run on tokio against a real API server.

pub mod endpoints;
mod engine_metrics;
pub mod log;
pub mod metrics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berth_api::Resource;
use berth_engine::{Config, Engine, Input, Note, Output};
use berth_plan::time::Now;
use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::client::list_watch::Scope;
use crate::client::{list_watch, transport};
use crate::operator::endpoints::Report;
use crate::operator::metrics::Metrics;

/// How long a stop may take before what is left is given up.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Inputs that are taken in at once, before anything is planned.
const BATCH: usize = 1024;

/// What can be asked of a running operator, and what it counts meanwhile.
#[derive(Debug)]
pub struct Window {
    /// Those who want a report.
    pub asked: Receiver<oneshot::Sender<Report>>,
    /// At most this many sets are told by name.
    pub most_sets: usize,
    /// Where requests and steps are counted.
    pub metrics: Arc<Metrics>,
}

/// Why the operator ended though nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Somebody else may lead now.
    #[error("the lease was lost; ending, so that two never act at once for long")]
    LeaseLost,
}

/// Runs until `stop` resolves, then ends what is on its way, writes held-back status and gives the lease back.
///
/// # Errors
/// When the lease is lost.
pub async fn run(
    client: Client,
    config: Config,
    window: Window,
    stop: impl Future<Output = ()>,
) -> Result<(), OperatorError> {
    let (sender, receiver) = mpsc::channel(BATCH * 4);
    let (engine, start, watches) = (Engine::new(config), Instant::now(), BTreeMap::new());
    Operator { engine, client, sender, receiver, start, window, watches }.run(stop).await
}

struct Operator {
    engine: Engine,
    client: Client,
    sender: Sender<Input>,
    receiver: Receiver<Input>,
    start: Instant,
    window: Window,
    /// The watch of each resource; a new one takes the place of the old.
    watches: BTreeMap<Resource, AbortHandle>,
}

impl Operator {
    async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), OperatorError> {
        let mut stop = std::pin::pin!(stop);
        // Once it is to stop: when it ends at the latest.
        let mut stopping: Option<Instant> = None;
        let mut inputs = vec![Input::Tick];
        loop {
            let (began, now) = (Instant::now(), self.now());
            let outputs = self.engine.step(std::mem::take(&mut inputs), now);
            self.window.metrics.stepped(began.elapsed());
            for output in outputs {
                match output {
                    Output::Stopped => return Ok(()),
                    Output::LeaseLost if stopping.is_none() => return Err(OperatorError::LeaseLost),
                    other => self.carry(other),
                }
            }
            let wakeup = self.engine.next_wakeup().map(|at| self.start + at);
            let wakeup = wakeup.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            let end = stopping.unwrap_or(wakeup);
            tokio::select! {
                received = self.receiver.recv() => inputs.extend(received),
                Some(asked) = self.window.asked.recv() => {
                    // Who hangs up before the answer is no news.
                    let _ = asked.send(self.report());
                }
                () = tokio::time::sleep_until(wakeup.min(end)) => inputs.push(Input::Tick),
                () = &mut stop, if stopping.is_none() => {
                    tracing::info!("stopping");
                    stopping = Some(Instant::now() + STOP_WITHIN);
                    inputs.push(Input::Stop);
                }
            }
            while inputs.len() < BATCH
                && let Ok(input) = self.receiver.try_recv()
            {
                inputs.push(input);
            }
            if stopping.is_some_and(|end| Instant::now() >= end) {
                tracing::warn!(
                    "requests have not been answered within {} s; ending all the same",
                    STOP_WITHIN.as_secs()
                );
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        Now { wall: Timestamp::now(), mono: self.start.elapsed() }
    }

    fn report(&self) -> Report {
        let figures = self.engine.figures(self.window.most_sets, self.now());
        Report { problems: self.engine.problems(), renounced: self.engine.renounced(), figures }
    }

    fn carry(&mut self, output: Output) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        match output {
            Output::List { resource, session, namespace, name, token } => {
                let scope = Scope { resource, namespace, name };
                tokio::spawn(async move {
                    let input = list_watch::list(&client, &scope, session, &token).await;
                    let _ = sender.send(input).await;
                });
            }
            Output::Watch { resource, session, namespace, name, version } => {
                let scope = Scope { resource, namespace, name };
                let task = tokio::spawn(list_watch::watch(client, scope, session, version, sender));
                if let Some(old) = self.watches.insert(resource, task.abort_handle()) {
                    old.abort();
                }
            }
            Output::Send { id, request, timeout } => {
                let metrics = Arc::clone(&self.window.metrics);
                tokio::spawn(async move {
                    let began = Instant::now();
                    let answer = transport::send(&client, &request, timeout).await;
                    metrics.answered(&request, &answer, began.elapsed());
                    let _ = sender.send(Input::Answer { id, answer }).await;
                });
            }
            Output::Note(note) => log(&note),
            Output::LeaseLost | Output::Stopped => {}
        }
    }
}

/// One line for the log.
fn log(note: &Note) {
    match note {
        Note::Acted { key, action, error: None } => {
            tracing::info!(set = %key, act = %action.act, why = %action.why, "done");
        }
        Note::Retried { key, action, because } => {
            tracing::info!(set = %key, act = %action.act, why = %action.why, because, "looking again");
        }
        Note::Acted { key, action, error: Some(error) } => {
            tracing::warn!(set = %key, act = %action.act, why = %action.why, error, "not done");
        }
        Note::Unwatched { problem, .. } => tracing::error!("cannot watch {problem}"),
        Note::Unreadable { object, problem } => tracing::error!("{object} cannot be read: {problem}"),
        Note::Watched { resource } => tracing::info!("watching {resource}"),
        Note::Leading => tracing::info!("leading"),
        Note::Following { leader } => tracing::info!("{leader} leads; standing by"),
        Note::LeaseProblem { problem } => {
            let hint = "apply deploy/namespace.yaml and deploy/rbac.yaml, or choose --lease-namespace";
            tracing::error!("the lease cannot be held: {problem} ({hint})");
        }
    }
}

#[cfg(test)]
mod tests;
