//! `berth why`: what a set is doing now, what it waits for, and what a person could do about it.

mod diagnose;
mod finding;
mod ports;
mod report;
mod terminal_frame;
mod text;
mod watch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use berth_api::Key;

use super::Failure;
use super::gates::FeatureGates;
use super::output::{self, Paint};
use crate::cli::snapshot::Facts;
use crate::cli::target::{self, Access};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  berth why oset/web       what it does, what it waits for, and what would help
  berth why nds/agent -w   the same, live")]
pub(super) struct Args {
    /// The set: oset/NAME, nds/NAME, sts/NAME or ds/NAME
    #[arg(value_name = "TYPE/NAME", required = true)]
    set: Vec<String>,
    /// Go on and tell what changes
    #[arg(short, long, conflicts_with = "from")]
    watch: bool,
    /// Take all objects from the YAML files of this directory instead of a cluster
    #[arg(long, value_name = "DIRECTORY")]
    from: Option<PathBuf>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    #[command(flatten)]
    gates: FeatureGates,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let names = target::names(&args.set)?;
    let [name] = names.as_slice() else {
        return Err(Failure::usage("one set is needed, such as oset/web"));
    };
    let gates = args.gates.read()?;
    let runtime = super::runtime()?;
    if let Some(directory) = &args.from {
        let namespace = args.access.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let facts = Facts::from_directory(directory, &namespace, gates)?;
        return runtime.block_on(once(&facts, &name.key(&namespace), None, args.output));
    }
    runtime.block_on(async {
        let cluster = args.access.connect().await?;
        let key = name.key(&cluster.namespace);
        if args.watch {
            return watch::watch(&cluster.client, &key, gates, args.output).await;
        }
        let facts = Facts::read(&cluster.client, &key, gates).await;
        let facts = facts.map_err(|e| Failure::other(e.to_string()))?;
        once(&facts, &key, Some(&cluster.client), args.output).await
    })
}

async fn once(
    facts: &Facts,
    key: &Key,
    client: Option<&kube::Client>,
    format: Format,
) -> Result<u8, Failure> {
    let report = report::report(facts, key, client).await;
    let report = report.ok_or_else(|| missing(key))?;
    output::print(&match format {
        Format::Text => text::render(&report, Some(facts.now.wall), Paint::standard()),
        Format::Json => output::json(&report)?,
    })?;
    Ok(0)
}

fn missing(key: &Key) -> Failure {
    Failure::other(format!("{} {}/{} does not exist", key.resource().kind(), key.namespace, key.name))
}
