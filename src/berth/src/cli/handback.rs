//! `berth handback`: takes off native objects what only Berth puts there, before kube-controller-manager has them again.

use std::path::PathBuf;

use berth_api::condition::{ConditionReason, ConditionType};
use berth_api::request::{Answer, Request, Verb};
use berth_api::{ObjectRef, Resource, Surface};
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use crate::client::connection::{self, Target};
use crate::client::{list_watch, transport};

/// How often a status that changes meanwhile is read again.
const TRIES: u32 = 5;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Kubeconfig file; otherwise $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, env = "BERTH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; otherwise its current one
    #[arg(long, env = "BERTH_CONTEXT")]
    context: Option<String>,
    /// Look at this namespace only; otherwise at all
    #[arg(long, short, env = "BERTH_NAMESPACE", default_value = "")]
    namespace: String,
    /// Only say what would be taken off
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::other(format!("cannot start the runtime: {e}")))?;
    runtime.block_on(hand_back(args))
}

async fn hand_back(args: &Args) -> Result<(), Failure> {
    let target = Target { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    let client = connection::connect(&target).await.map_err(|e| Failure::usage(e.to_string()))?;
    let mut cleaned = 0_usize;
    for resource in [Resource::OrdinalSets(Surface::Apps), Resource::DaemonSets(Surface::Apps)] {
        let objects = list_watch::read_all(&client, resource, &args.namespace)
            .await
            .map_err(|e| Failure::other(format!("cannot list {resource}: {e}")))?;
        for object in objects.iter().filter(|object| without_ours(object).is_some()) {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            let named = ObjectRef::new(resource, text("namespace"), text("name"));
            if !args.dry_run {
                clean(&client, &named, object.clone()).await?;
            }
            let would = if args.dry_run { "would be " } else { "" };
            println!("{named}: condition {} {would}taken off", ConditionType::Stalled);
            cleaned += 1;
        }
    }
    if cleaned == 0 {
        println!("nothing to take off");
    }
    Ok(())
}

/// Takes Berth's condition off one object, unless it is gone by now.
async fn clean(client: &Client, named: &ObjectRef, mut object: Value) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let Some(conditions) = without_ours(&object) else { return Ok(()) };
        let body = json!({
            "metadata": { "uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"] },
            "status": { "conditions": conditions },
        });
        let write = Request { verb: Verb::Patch, object: named.clone(), status: true, dry_run: false, body };
        match transport::send(client, &write, transport::TIMEOUT).await {
            Answer::Done(_) => return Ok(()),
            Answer::Refused(refusal) if refusal.code == 404 => return Ok(()),
            Answer::Refused(refusal) if refusal.code == 409 => {}
            Answer::Refused(refusal) => {
                return Err(Failure::other(format!(
                    "cannot write the status of {named}: {}",
                    refusal.message
                )));
            }
            Answer::Unknown(what) => {
                return Err(Failure::other(format!("cannot write the status of {named}: {what}")));
            }
        }
        match transport::send(client, &Request::get(named.clone()), transport::TIMEOUT).await {
            Answer::Done(newer) => object = newer,
            _ => return Ok(()),
        }
    }
    let why = "somebody keeps writing it; end berth first";
    Err(Failure::other(format!("cannot write the status of {named}: {why}")))
}

/// The conditions of an object without that of Berth; `None` when it has none.
fn without_ours(object: &Value) -> Option<Vec<Value>> {
    let all = object["status"]["conditions"].as_array()?;
    let ours = |condition: &Value| {
        condition["type"] == ConditionType::Stalled.to_string()
            && ConditionReason::deserialize(&condition["reason"]).is_ok()
    };
    let left: Vec<Value> = all.iter().filter(|c| !ours(c)).cloned().collect();
    (left.len() < all.len()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_conditions_of_berth_are_taken_off() {
        let object = |conditions: Value| json!({ "status": { "conditions": conditions } });
        let ours = json!({ "type": "Stalled", "status": "True", "reason": "FailedCreate" });
        let theirs = json!({ "type": "Stalled", "status": "True", "reason": "SomebodyElse" });
        let other = json!({ "type": "Available", "status": "True", "reason": "FailedCreate" });
        let left = without_ours(&object(json!([ours, theirs, other])));
        assert_eq!(left, Some(vec![theirs.clone(), other.clone()]));
        assert_eq!(without_ours(&object(json!([theirs, other]))), None);
        assert_eq!(without_ours(&json!({})), None);
    }
}
