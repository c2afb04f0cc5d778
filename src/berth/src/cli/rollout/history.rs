//! `berth rollout history`, and the revisions of a set.

use berth_api::{Key, Resource, Revision, Uid};
use berth_plan::revisions::record;
use serde::Deserialize;
use serde_json::Value;

use super::{Sets, failed, read, shown};
use crate::cli::Failure;
use crate::cli::output;
use crate::cli::target::Cluster;
use crate::client::reader;

/// Where `kubectl` reads why a revision came to be. A revision gets the annotations that its set has when it is recorded.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) sets: Sets,
    /// Show the pod template of this revision
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    revision: i64,
}

/// Prints the history of a set.
pub(super) async fn run(cluster: &Cluster, key: &Key, args: &Args) -> Result<(), Failure> {
    let set = read(cluster, key).await?;
    let revisions = recorded(cluster, key, &set).await?;
    let text = match args.revision {
        0 => format!("{}\n{}\n", shown(key), overview(&revisions)),
        number => {
            let one = revisions.iter().find(|revision| revision.revision == number);
            let one = one.ok_or_else(|| Failure::other("unable to find the specified revision"))?;
            let template = template(one).map_err(Failure::other)?;
            format!("{} with revision #{number}\n{template}\n", shown(key))
        }
    };
    output::print(&text)
}

/// The revisions of a set, by number.
pub(super) async fn recorded(cluster: &Cluster, key: &Key, set: &Value) -> Result<Vec<Revision>, Failure> {
    let listed = reader::list(&cluster.client, Resource::Revisions, &key.namespace, "").await;
    let uid = Uid(set["metadata"]["uid"].as_str().unwrap_or_default().to_owned());
    let (objects, _) = listed.map_err(|e| failed(&e))?;
    let readable = objects.iter().filter_map(|object| Revision::deserialize(object).ok());
    let mut ours: Vec<Revision> = readable.filter(|r| r.metadata.is_controlled_by(&uid)).collect();
    ours.sort_by(|a, b| (a.revision, &a.metadata.name).cmp(&(b.revision, &b.metadata.name)));
    Ok(ours)
}

/// Number and cause of each revision, in kubectl's columns.
pub(super) fn overview(revisions: &[Revision]) -> String {
    if revisions.is_empty() {
        return "No rollout history found.\n".to_owned();
    }
    let mut text = "REVISION  CHANGE-CAUSE\n".to_owned();
    for revision in revisions {
        let cause = revision.metadata.annotations.get(CHANGE_CAUSE).filter(|cause| !cause.is_empty());
        text += &format!("{:<8}  {}\n", revision.revision, cause.map_or("<none>", String::as_str));
    }
    text
}

/// The recorded template as YAML: the whole of it, as it would be applied.
pub(super) fn template(revision: &Revision) -> Result<String, String> {
    let wrong = || format!("unable to parse history {}", revision.metadata.name);
    let template = record::template(&revision.data).ok_or_else(wrong)?;
    let yaml = serde_saphyr::to_string(&template).map_err(|_| wrong())?;
    let lines =
        yaml.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    Ok(format!("Pod Template:\n{}", lines.collect::<String>()))
}
