//! `berth plan`: what would happen if a manifest were applied, or what will happen to a set that is there. Nothing is written.

mod apply;
mod merge_lists;
mod text;
mod three_way;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use berth_api::{Key, Kind};
use berth_plan::feature_gates::Gates;
use berth_plan::forecast::{End, Forecast, forecast};
use berth_plan::memory::Memory;
use serde_json::{Value, json};

use super::gates::FeatureGates;
use super::output::{self, Paint};
use super::{Failure, defaults, manifest, nodes};
use crate::cli::snapshot::{self, Facts};
use crate::cli::target::{self, Access, Cluster};

/// Nothing is written.
const NO_CHANGE: u8 = 0;
/// Something is written.
const CHANGE: u8 = 1;
/// It gets stuck, now or later.
const STUCK: u8 = 3;
/// It could not be told.
const UNKNOWN: u8 = 4;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 no change, 1 change, 2 wrong use, 3 it gets stuck, 4 it could not be told.

A manifest is taken as `kubectl apply` would take it: against what was applied before and what is there. Where the set was applied by
the server (kubectl apply --server-side, Flux, Argo CD), it is taken so again, as if conflicts were forced.

Examples:
  berth plan -f web.yaml                 what `kubectl apply -f web.yaml` would set in motion
  berth plan oset/web                    what happens to a set that is there
  berth plan --from backup/ -f web.yaml  the same without a cluster, from YAML"
)]
pub(super) struct Args {
    /// Sets that are there: oset/NAME, nds/NAME, sts/NAME or ds/NAME
    #[arg(value_name = "TYPE/NAME")]
    sets: Vec<String>,
    /// Manifests, as if they were applied; - for standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take all objects from the YAML files of this directory instead of a cluster
    #[arg(long, value_name = "DIRECTORY")]
    from: Option<PathBuf>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Print every step
    #[arg(long)]
    all: bool,
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

/// One set, planned to the end.
struct Planned {
    key: Key,
    forecast: Forecast,
    /// What the API server said when it refused a write of the operator last, if that still stands.
    refused: Option<String>,
    notes: Vec<String>,
}

impl Planned {
    fn code(&self) -> u8 {
        match (self.forecast.end, self.forecast.changes()) {
            (End::Stuck, _) => STUCK,
            _ if self.refused.is_some() => STUCK,
            (_, true) => CHANGE,
            (_, false) => NO_CHANGE,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let names = target::names(&args.sets)?;
    if names.is_empty() && args.files.is_empty() && args.from.is_none() {
        return Err(Failure::usage("a set is needed, such as oset/web, or a manifest with -f"));
    }
    let gates = args.gates.read()?;
    let mut documents = vec![];
    for file in &args.files {
        documents.extend(manifest::read(file)?);
    }
    let planned = match &args.from {
        Some(directory) => {
            let namespace = args.access.namespace.clone().unwrap_or_else(|| "default".to_owned());
            offline(Facts::from_directory(directory, &namespace, gates)?, &documents, &names, &namespace)?
        }
        None => super::runtime()?.block_on(live(args, gates, &documents, &names))?,
    };
    if planned.is_empty() {
        return Err(Failure::usage("there is no OrdinalSet, NodeDaemonSet, StatefulSet or DaemonSet"));
    }
    // Stuck outweighs change, and change outweighs none.
    let code = planned.iter().map(Planned::code).max().unwrap_or(NO_CHANGE);
    let shown = match args.output {
        Format::Text => {
            let paint = Paint::standard();
            planned.iter().map(|p| text::render(p, args.all, paint)).collect::<Vec<_>>().join("\n")
        }
        Format::Json => output::json(&json!({
            "exitCode": code, "sets": planned.iter().map(as_json).collect::<Vec<_>>(),
        }))?,
    };
    output::print(&shown)?;
    Ok(code)
}

fn as_json(planned: &Planned) -> Value {
    let mut value = serde_json::to_value(&planned.forecast).unwrap_or_default();
    let resource = planned.key.resource();
    value["apiVersion"] = json!(resource.api_version());
    value["kind"] = json!(resource.kind());
    value["namespace"] = json!(planned.key.namespace);
    value["name"] = json!(planned.key.name);
    value["exitCode"] = json!(planned.code());
    value["refused"] = json!(planned.refused);
    value["notes"] = json!(planned.notes);
    let waiting = planned.forecast.waiting.iter();
    value["waiting"] = waiting.map(|w| json!({ "reason": w, "message": w.to_string() })).collect();
    value
}

/// Without a cluster.
fn offline(
    mut facts: Facts,
    documents: &[Value],
    names: &[target::SetName],
    namespace: &str,
) -> Result<Vec<Planned>, Failure> {
    let mut keys: Vec<Key> = names.iter().map(|name| name.key(namespace)).collect();
    for document in documents {
        let Some(key) = snapshot::key_of(document, namespace) else { continue };
        let set = apply::assumed(facts.set(&key), document, &key);
        facts.put(key.resource(), set);
        keys.push(key);
    }
    if names.is_empty() && documents.is_empty() {
        keys = facts.keys();
    }
    keys.into_iter()
        .map(|key| {
            let note =
                "without a cluster nothing was validated, and no defaults but Berth's own were filled in";
            let planned = planned(&facts, &key, Memory::default(), vec![note.to_owned()]);
            planned.ok_or_else(|| Failure::usage(format!("{key} is not in the directory")))
        })
        .collect()
}

/// On a cluster.
async fn live(
    args: &Args,
    gates: Gates,
    documents: &[Value],
    names: &[target::SetName],
) -> Result<Vec<Planned>, Failure> {
    let cluster = args.access.connect_or(UNKNOWN).await?;
    let mut all = vec![];
    for document in documents {
        let Some(key) = snapshot::key_of(document, &cluster.namespace) else { continue };
        let mut facts = read(&cluster, &key, gates).await?;
        let set = apply::server_side(&cluster.client, facts.set(&key), document, &key).await;
        facts.put(key.resource(), set.map_err(|error| refusal(&error))?);
        all.push(plan_live(&cluster, &facts, &key).await?);
    }
    for name in names {
        let key = name.key(&cluster.namespace);
        let facts = read(&cluster, &key, gates).await?;
        if facts.set(&key).is_none() {
            return Err(Failure::usage(format!("{} {key} does not exist", key.resource().kind())));
        }
        all.push(plan_live(&cluster, &facts, &key).await?);
    }
    Ok(all)
}

async fn read(cluster: &Cluster, key: &Key, gates: Gates) -> Result<Facts, Failure> {
    let facts = Facts::read(&cluster.client, key, gates).await;
    facts.map_err(|error| Failure { code: UNKNOWN, message: error.to_string() })
}

/// What the API server does not accept is the user's to mend; all else says nothing about the manifest.
fn refusal(error: &crate::client::reader::LookError) -> Failure {
    let code = if matches!(error.code(), 400 | 409 | 422) { 2 } else { UNKNOWN };
    Failure { code, message: error.to_string() }
}

async fn plan_live(cluster: &Cluster, facts: &Facts, key: &Key) -> Result<Planned, Failure> {
    let (memory, notes) = defaults::ask(&cluster.client, facts, key).await;
    let gone = || Failure::usage(format!("{key} does not exist"));
    planned(facts, key, memory, notes).ok_or_else(gone)
}

fn planned(facts: &Facts, key: &Key, memory: Memory, mut notes: Vec<String>) -> Option<Planned> {
    let forecast = match key.kind {
        Kind::Ordinal => forecast(&facts.ordinal(key, memory)?),
        Kind::Daemon => {
            let observation = facts.daemon(key, memory)?;
            notes.extend(nodes::none_matches(&observation).map(|none| none.to_string()));
            forecast(&observation)
        }
    };
    if forecast.assumed_different {
        notes.push(
            "the template may differ from the recorded one in defaults only; it was taken as new".to_owned(),
        );
    }
    if key.kind == Kind::Ordinal {
        notes.extend(facts.missing.iter().map(|m| format!("not looked at: {m}")));
    }
    let refused = facts.set(key).and_then(crate::cli::rejection::refusal);
    Some(Planned { key: key.clone(), forecast, refused, notes })
}
