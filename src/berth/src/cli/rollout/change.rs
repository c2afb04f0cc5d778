//! How a verb changes a set: by a JSON patch that holds for the spec it was decided on, and for no other.

use berth_api::Key;
use serde_json::{Value, json};

use super::{Sets, failed, read, shown};
use crate::cli::Failure;
use crate::cli::output;
use crate::cli::target::Cluster;
use crate::client::reader;

/// How often a change is decided anew on a spec that somebody changed meanwhile.
const TRIES: u32 = 5;

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    #[command(flatten)]
    pub(super) sets: Sets,
    /// Whether nothing is stored: client sends nothing, server has the API server check it
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value_t = DryRun::None,
          default_missing_value = "client", value_name = "MODE")]
    pub(super) dry_run: DryRun,
}

/// See [`Change::dry_run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DryRun {
    /// It is done
    None,
    /// Nothing is sent
    Client,
    /// The API server checks and defaults it, and stores nothing
    Server,
}

impl DryRun {
    /// What kubectl puts behind the line that says what was done.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }
}

/// Decides on a change, makes it and says what is `done` to a set that was like this.
pub(super) async fn run(
    cluster: &Cluster,
    key: &Key,
    args: &Change,
    done: impl Fn(&Value) -> String,
    decide: impl Fn(&Key, &Value) -> Result<Value, String>,
) -> Result<(), Failure> {
    let mut set = read(cluster, key).await?;
    for left in (0..TRIES).rev() {
        let change = decide(key, &set).map_err(Failure::other)?;
        if args.dry_run == DryRun::Client {
            break;
        }
        match patch(cluster, key, &guarded(&set, change), args.dry_run).await {
            Ok(()) => break,
            Err(failure) => {
                // A test of the patch that fails is not told apart from other refusals, so the set itself is asked.
                let newer = read(cluster, key).await?;
                if left == 0 || same_spec(&set, &newer) {
                    return Err(failure);
                }
                set = newer;
            }
        }
    }
    output::print(&format!("{} {}{}\n", shown(key), done(&set), args.dry_run.suffix()))
}

/// The patch, which fails on another incarnation or another spec.
pub(super) fn guarded(set: &Value, change: Value) -> Value {
    let test = |field: &str| json!({ "op": "test", "path": format!("/metadata/{field}"), "value": set["metadata"][field] });
    json!([test("uid"), test("generation"), change])
}

/// Whether people replace the pods of a set, so that a new template changes none by itself.
pub(super) fn is_on_delete(set: &Value) -> bool {
    set["spec"]["updateStrategy"]["type"] == "OnDelete"
}

/// Whether two readings are of the same incarnation and the same spec.
fn same_spec(one: &Value, other: &Value) -> bool {
    ["uid", "generation"].iter().all(|field| one["metadata"][field] == other["metadata"][field])
}

async fn patch(cluster: &Cluster, key: &Key, patch: &Value, dry_run: DryRun) -> Result<(), Failure> {
    let dry = if dry_run == DryRun::Server { "&dryRun=All" } else { "" };
    let path = key.resource().path(&key.namespace);
    let request = http::Request::patch(format!("{path}/{}?fieldManager=berth-rollout{dry}", key.name))
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/json-patch+json")
        .body(patch.to_string().into_bytes())
        .map_err(|e| Failure::other(format!("{key}: {e}")))?;
    reader::send(&cluster.client, request, &format!("patch {key}")).await.map(drop).map_err(|e| failed(&e))
}
