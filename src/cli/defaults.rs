//! Whether a template differs from a recorded one in defaults only: the API server is asked by a dry run, as the operator does.

use kube::Client;

use super::facts::Facts;
use crate::api::{Key, Kind};
use crate::core::classify;
use crate::core::forecast::Planned;
use crate::core::memory::Memory;
use crate::core::plan::{Act, Plan};
use crate::shell::look;

/// What the API server says about the templates that the first plan asks about, and what it did not answer.
pub(super) async fn ask(client: &Client, facts: &Facts, key: &Key) -> (Memory, Vec<String>) {
    let mut memory = Memory::default();
    let plan = match key.kind {
        Kind::Ordinal => facts.ordinal(key, memory.clone()).map(|o| Planned::plan(&o)),
        Kind::Daemon => facts.daemon(key, memory.clone()).map(|o| Planned::plan(&o)),
    };
    let mut notes = vec![];
    for action in plan.iter().flat_map(Plan::actions) {
        let Act::Default { template, .. } = &action.act else { continue };
        match look::ask(client, &action.act.request(), "default a pod template by a dry run").await {
            Ok(value) => memory.record_defaults(template, value.get("template")),
            // A template that is not accepted is like no other.
            Err(error) if error.refusal().is_some_and(classify::is_invalid_template) => {
                memory.record_defaults(template, None);
            }
            Err(error) => {
                if error.refusal().is_some_and(classify::is_denied) {
                    memory.record_denied(template);
                }
                notes.push(error.to_string());
            }
        }
    }
    (memory, notes)
}
