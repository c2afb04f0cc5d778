//! `berth rollout undo`.

use berth_api::{Key, Revision, Template};
use berth_plan::revisions::record;
use serde_json::{Value, json};

use super::change::{self, DryRun};
use super::{history, pause, read};
use crate::cli::Failure;
use crate::cli::target::Cluster;

/// Where `kubectl apply` keeps the manifest that it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) change: change::Change,
    /// The revision to go back to; 0 is the one before the present
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    to_revision: i64,
}

/// Puts a recorded template in place of the present one.
pub(super) async fn run(cluster: &Cluster, key: &Key, args: &Args) -> Result<(), Failure> {
    let set = read(cluster, key).await?;
    if pause::is_paused(&set) {
        return Err(Failure::other(paused(key)));
    }
    if set["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
        eprintln!("{}", warning(key));
    }
    let revisions = history::recorded(cluster, key, &set).await?;
    let to = target(&set, &revisions, args.to_revision).map_err(Failure::other)?;
    let wrong = || Failure::other(format!("unable to parse history {}", to.metadata.name));
    let template = record::template(&to.data).ok_or_else(wrong)?;
    let by_hand = change::is_on_delete(&set);
    let done = if args.change.dry_run == DryRun::Client {
        format!("will roll back to {}", history::template(to).map_err(Failure::other)?)
    } else if record::records(&to.data, &Template(set["spec"]["template"].clone())) {
        let done = format!("skipped rollback (current template already matches revision {})", to.revision);
        return crate::cli::output::print(&format!("{} {done}\n", super::shown(key)));
    } else if by_hand {
        "rolled back: each pod follows when it is deleted (OnDelete)".to_owned()
    } else {
        "rolled back".to_owned()
    };
    change::run(cluster, key, &args.change, |_| done.clone(), |key, set| decide(key, set, &template)).await
}

/// The change that puts a template in place.
pub(super) fn decide(key: &Key, set: &Value, template: &Value) -> Result<Value, String> {
    if pause::is_paused(set) {
        return Err(paused(key));
    }
    Ok(json!({ "op": "replace", "path": "/spec/template", "value": template }))
}

/// The revision with this number, or for 0 the newest that is not the present one. kubectl takes the second newest, which is
/// another one while the controller has not recorded the present template.
pub(super) fn target<'a>(
    set: &Value,
    revisions: &'a [Revision],
    number: i64,
) -> Result<&'a Revision, String> {
    if number > 0 {
        let named = revisions.iter().find(|revision| revision.revision == number);
        return named.ok_or_else(|| format!("unable to find specified revision {number} in history"));
    }
    let observed = set["status"]["observedGeneration"] == set["metadata"]["generation"];
    let template = Template(set["spec"]["template"].clone());
    let is_present = |revision: &Revision| {
        (observed && set["status"]["updateRevision"] == revision.metadata.name)
            || record::records(&revision.data, &template)
    };
    let earlier = revisions.iter().rev().find(|revision| !is_present(revision));
    earlier.ok_or_else(|| "no last revision to roll back to".to_owned())
}

fn paused(key: &Key) -> String {
    let (kind, name) = (super::word(key.kind), super::shown(key));
    format!(
        "you cannot rollback a paused {kind}; resume it first with '{} rollout resume {name}' and try again",
        crate::cli::program()
    )
}

/// kubectl's own words about what `kubectl apply` will think of it.
fn warning(key: &Key) -> String {
    format!(
        "Warning: resource {}/{} was previously managed with 'kubectl apply'. Rolling back will not update the {LAST_APPLIED} \
         annotation, which may cause unexpected behavior on future 'kubectl apply' operations. Consider using 'kubectl \
         apply' with your previous configuration file instead.",
        key.resource().plural(),
        key.name
    )
}
