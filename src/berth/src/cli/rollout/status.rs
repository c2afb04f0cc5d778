//! `berth rollout status`: kubectl's words for how far a rollout has come.

use std::time::Duration;

use berth_api::condition::{Condition, ConditionReason, ConditionType};
use berth_api::ordinal_set::OrdinalUpdateType;
use berth_api::{Key, Kind, NodeDaemonSet, ObjectRef, OrdinalSet, Resource};
use futures::StreamExt;
use kube::core::WatchEvent;
use serde::Deserialize;
use serde_json::Value;

use super::{Sets, failed, read, word};
use crate::cli::Failure;
use crate::cli::output;
use crate::cli::target::Cluster;
use crate::client::reader;

/// Before a watch that has ended is begun anew.
const AGAIN: Duration = Duration::from_secs(1);
/// A watch in which nothing happens is begun anew after this, in case it is dead.
const QUIET: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) sets: Sets,
    /// Wait until the rollout is done
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    watch: bool,
    /// How long to wait, such as 30s or 2m; 0 is for ever
    #[arg(long, default_value = "0", value_parser = output::duration)]
    timeout: Duration,
    /// Fail if the present revision is another; 0 is any
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    revision: i64,
}

/// Says how far the rollout is, until it is done.
pub(super) async fn run(cluster: &Cluster, key: &Key, args: &Args) -> Result<(), Failure> {
    if args.timeout.is_zero() {
        return follow(cluster, key, args).await;
    }
    let followed = tokio::time::timeout(args.timeout, follow(cluster, key, args)).await;
    followed.unwrap_or_else(|_| Err(Failure::other("timed out waiting for the condition")))
}

async fn follow(cluster: &Cluster, key: &Key, args: &Args) -> Result<(), Failure> {
    let mut set = read(cluster, key).await?;
    let mut said = String::new();
    let deleted = || Failure::other("object has been deleted");
    loop {
        if args.revision > 0 {
            check_revision(cluster, key, &set, args.revision).await?;
        }
        let (message, done) = progress(key, &set).map_err(Failure::other)?;
        if message != said {
            let read = output::tell(&format!("{message}\n"))?;
            said = message;
            if !read {
                return Ok(());
            }
        }
        if done || !args.watch {
            return Ok(());
        }
        let newer = match next(cluster, key, &set).await {
            Some(WatchEvent::Deleted(_)) => return Err(deleted()),
            Some(WatchEvent::Modified(newer) | WatchEvent::Added(newer)) => newer,
            Some(WatchEvent::Bookmark(_) | WatchEvent::Error(_)) | None => loop {
                tokio::time::sleep(AGAIN).await;
                match reader::read(&cluster.client, &key.object()).await {
                    Ok(Some(newer)) => break newer,
                    Ok(None) => return Err(deleted()),
                    // No answer: the next try may have one. A refusal stays one.
                    Err(error) if error.code() == 0 || error.code() >= 500 || error.code() == 429 => {}
                    Err(error) => return Err(failed(&error)),
                }
            },
        };
        if newer["metadata"]["uid"] != set["metadata"]["uid"] {
            return Err(deleted());
        }
        set = newer;
    }
}

/// The next thing that happens to the set; `None` when the watch cannot tell.
async fn next(cluster: &Cluster, key: &Key, set: &Value) -> Option<WatchEvent<Value>> {
    let version = set["metadata"]["resourceVersion"].as_str()?;
    let path = key.resource().path(&key.namespace);
    let field = format!("fieldSelector=metadata.name%3D{}", key.name);
    let request = http::Request::get(format!("{path}?watch=1&resourceVersion={version}&{field}"));
    let events = async {
        let stream = cluster.client.request_events::<Value>(request.body(vec![]).ok()?).await.ok()?;
        std::pin::pin!(stream).next().await?.ok()
    };
    tokio::time::timeout(QUIET, events).await.ok()?
}

/// Fails when the status tells of another revision than the one asked for.
async fn check_revision(cluster: &Cluster, key: &Key, set: &Value, wanted: i64) -> Result<(), Failure> {
    let (status, generation) = (&set["status"], &set["metadata"]["generation"]);
    let Some(name) = status["updateRevision"].as_str().filter(|name| !name.is_empty()) else { return Ok(()) };
    if status["observedGeneration"] != *generation {
        return Ok(());
    }
    let object = ObjectRef::new(Resource::Revisions, &key.namespace, name);
    let revision = reader::read(&cluster.client, &object).await.map_err(|e| failed(&e))?;
    let running = revision.map_or(0, |revision| revision["revision"].as_i64().unwrap_or(0));
    if running == wanted {
        return Ok(());
    }
    Err(Failure::other(format!(
        "desired revision ({wanted}) is different from the running revision ({running})"
    )))
}

/// How far a rollout is, and whether it is done; an error when that cannot be or will not come.
pub(super) fn progress(key: &Key, set: &Value) -> Result<(String, bool), String> {
    let unreadable = |e: serde_json::Error| format!("{key} cannot be read: {e}");
    match key.kind {
        Kind::Ordinal => ordinal(key, &OrdinalSet::deserialize(set).map_err(unreadable)?),
        Kind::Daemon => daemon(key, &NodeDaemonSet::deserialize(set).map_err(unreadable)?),
    }
}

const ONLY_ROLLING: &str = "rollout status is only available for RollingUpdate strategy type";

fn ordinal(key: &Key, set: &OrdinalSet) -> Result<(String, bool), String> {
    let (status, strategy) = (&set.status, set.spec.strategy());
    if strategy.type_ == Some(OrdinalUpdateType::OnDelete) {
        return Err(ONLY_ROLLING.to_owned());
    }
    if status.observed_generation <= 0 || set.metadata.generation > status.observed_generation {
        return Ok((not_observed(key, &status.conditions, set.metadata.generation), false));
    }
    deadline(key, &status.conditions)?;
    let (wanted, ready) = (set.spec.wanted(), i64::from(status.ready_replicas));
    if ready < wanted {
        return Ok((format!("Waiting for {} pods to be ready...", wanted - ready), false));
    }
    let updated = i64::from(status.updated_replicas);
    if let Some(rolling) = strategy.rolling_update {
        let due = wanted - i64::from(rolling.partition.unwrap_or(0));
        return Ok(if updated < due {
            let text = format!("{updated} out of {due} new pods have been updated...");
            (format!("Waiting for partitioned roll out to finish: {text}"), false)
        } else {
            (format!("partitioned roll out complete: {updated} new pods have been updated..."), true)
        });
    }
    let kind = word(key.kind);
    Ok(if status.update_revision != status.current_revision {
        let revision = &status.update_revision;
        let text =
            format!("waiting for {kind} rolling update to complete {updated} pods at revision {revision}...");
        (text, false)
    } else {
        let (current, revision) = (status.current_replicas, &status.current_revision);
        (format!("{kind} rolling update complete {current} pods at revision {revision}..."), true)
    })
}

fn daemon(key: &Key, set: &NodeDaemonSet) -> Result<(String, bool), String> {
    if !set.spec.rolls() {
        return Err(ONLY_ROLLING.to_owned());
    }
    let (status, kind, name) = (&set.status, word(key.kind), &key.name);
    if status.observed_generation <= 0 || set.metadata.generation > status.observed_generation {
        return Ok((not_observed(key, &status.conditions, set.metadata.generation), false));
    }
    deadline(key, &status.conditions)?;
    let desired = status.desired_number_scheduled;
    let (updated, available) = (status.updated_number_scheduled, status.number_available);
    let waiting = format!("Waiting for {kind} {name:?} rollout to finish:");
    Ok(if updated < desired {
        (format!("{waiting} {updated} out of {desired} new pods have been updated..."), false)
    } else if available < desired {
        (format!("{waiting} {available} of {desired} updated pods are available..."), false)
    } else {
        (format!("{kind} {name:?} successfully rolled out"), true)
    })
}

/// What is said while the status is about an earlier spec: also why, if it is known what keeps the present one from being recorded.
fn not_observed(key: &Key, conditions: &[Condition], generation: i64) -> String {
    let waiting = format!("Waiting for {} spec update to be observed...", word(key.kind));
    let stalled = conditions.iter().find(|c| {
        c.type_ == ConditionType::Stalled.to_string()
            && c.status == "True"
            && c.observed_generation == generation
    });
    stalled.map_or(waiting.clone(), |condition| format!("{waiting} {}", condition.message))
}

/// Fails once the progress deadline has passed.
fn deadline(key: &Key, conditions: &[Condition]) -> Result<(), String> {
    let reason = ConditionReason::ProgressDeadlineExceeded.to_string();
    match conditions.iter().any(|c| c.reason == reason) {
        true => Err(format!("{} {:?} exceeded its progress deadline", word(key.kind), key.name)),
        false => Ok(()),
    }
}
