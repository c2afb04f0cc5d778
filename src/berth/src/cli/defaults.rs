//! Whether a template differs from a recorded one in defaults only: the API server is asked by a dry run, as the operator does.

use berth_api::{Key, Kind};
use berth_engine::send::classify;
use berth_plan::forecast;
use berth_plan::memory::Memory;
use berth_plan::plan::{Act, Action};
use kube::Client;

use crate::cli::snapshot::Facts;
use crate::client::reader;

/// How often it is asked at most: each answer may lead to another template.
const ROUNDS: usize = 4;

/// What the API server says about the templates that the first plans ask about, and what it did not answer. Before a template is compared
/// the first plan may have to adopt what an earlier set left.
pub(super) async fn ask(client: &Client, facts: &Facts, key: &Key) -> (Memory, Vec<String>) {
    let (mut memory, mut notes) = (Memory::default(), vec![]);
    for _ in 0..ROUNDS {
        let before = memory.clone();
        let dry_runs = match key.kind {
            Kind::Ordinal => facts.ordinal(key, memory.clone()).map(|o| forecast::dry_runs(&o)),
            Kind::Daemon => facts.daemon(key, memory.clone()).map(|o| forecast::dry_runs(&o)),
        };
        answer(client, &dry_runs.unwrap_or_default(), &mut memory, &mut notes).await;
        if memory == before {
            break;
        }
    }
    (memory, notes)
}

async fn answer(client: &Client, dry_runs: &[Action], memory: &mut Memory, notes: &mut Vec<String>) {
    for action in dry_runs {
        let Act::Default { template, .. } = &action.act else { continue };
        if memory.defaulted(template).is_some() || memory.is_denied(template) {
            continue;
        }
        match reader::ask(client, &action.act.request(), "default a pod template by a dry run").await {
            Ok(value) => memory.record_defaults(template, value.get("template")),
            // A template that is not accepted is like no other.
            Err(error) if error.refusal().is_some_and(classify::is_invalid_template) => {
                memory.record_defaults(template, None);
            }
            Err(error) => {
                if error.refusal().is_some_and(classify::is_denied) {
                    memory.record_denied(template);
                }
                let note = error.to_string();
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }
}
