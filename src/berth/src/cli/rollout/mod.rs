//! `berth rollout`: what `kubectl rollout` does for native kinds, with its flags and its words, for sets of Berth.

mod change;
mod history;
mod native;
mod pause;
mod restart;
mod status;
mod undo;

#[cfg(test)]
mod tests;

use berth_api::{Key, Kind, Surface};
use serde_json::Value;

use super::Failure;
use crate::cli::target::{self, Access, Cluster};
use crate::client::reader::{self, LookError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show the status of a rollout, and wait until it is done
    Status(status::Args),
    /// List the revisions, or show the template of one
    History(history::Args),
    /// Go back to an earlier revision
    Undo(undo::Args),
    /// Have the rollout stand still; scaling and repair go on
    Pause(change::Change),
    /// Have a paused rollout go on
    Resume(change::Change),
    /// Replace all pods, by the rules of the update strategy
    Restart(change::Change),
}

/// Which sets, and where.
#[derive(Debug, clap::Args)]
struct Sets {
    /// Sets: oset/NAME or nds/NAME, or a type and names
    #[arg(value_name = "TYPE/NAME", required = true)]
    sets: Vec<String>,
    #[command(flatten)]
    access: Access,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let (verb, sets) = match &args.verb {
        Verb::Status(args) => ("status", &args.sets),
        Verb::History(args) => ("history", &args.sets),
        Verb::Undo(args) => ("undo", &args.change.sets),
        Verb::Pause(args) => ("pause", &args.sets),
        Verb::Resume(args) => ("resume", &args.sets),
        Verb::Restart(args) => ("restart", &args.sets),
    };
    let names = target::names(&sets.sets)?;
    if let Some(native) = names.iter().find(|name| name.surface == Surface::Apps) {
        return Err(Failure::usage(native::instead(native, verb, sets.access.namespace.as_deref())));
    }
    super::runtime()?.block_on(async {
        let cluster = sets.access.connect().await?;
        let mut code = 0;
        // As kubectl does: what is wrong with one set does not keep the others from their turn.
        for name in &names {
            let key = name.key(&cluster.namespace);
            let done = match &args.verb {
                Verb::Status(args) => status::run(&cluster, &key, args).await,
                Verb::History(args) => history::run(&cluster, &key, args).await,
                Verb::Undo(args) => undo::run(&cluster, &key, args).await,
                Verb::Pause(args) => {
                    change::run(&cluster, &key, args, |_| "paused".to_owned(), pause::pause).await
                }
                Verb::Resume(args) => {
                    change::run(&cluster, &key, args, |_| "resumed".to_owned(), pause::resume).await
                }
                Verb::Restart(args) => {
                    let now = restart::now();
                    let decide = |key: &Key, set: &Value| restart::restart(key, set, &now);
                    change::run(&cluster, &key, args, restart::done, decide).await
                }
            };
            if let Err(failure) = done {
                super::report(&failure);
                code = code.max(failure.code);
            }
        }
        Ok(code)
    })
}

/// `ordinalset.berth.dev/web`, as kubectl names what it has done something to.
fn shown(key: &Key) -> String {
    format!("{}.berth.dev/{}", key.resource().kind().to_lowercase(), key.name)
}

/// `ordinalsets.berth.dev "web"`, as kubectl names what is in the way.
fn quoted(key: &Key) -> String {
    format!("{} {:?}", key.resource(), key.name)
}

/// The kind within a sentence.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Ordinal => "ordinalset",
        Kind::Daemon => "node daemon set",
    }
}

/// The set as it is now.
async fn read(cluster: &Cluster, key: &Key) -> Result<Value, Failure> {
    let set = reader::read(&cluster.client, &key.object()).await.map_err(|e| failed(&e))?;
    set.ok_or_else(|| Failure::other(format!("{} not found in namespace {}", quoted(key), key.namespace)))
}

fn failed(error: &LookError) -> Failure {
    Failure::other(error.to_string())
}
