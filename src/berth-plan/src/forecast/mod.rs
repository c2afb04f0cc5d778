//! What will happen, as a value: the plan of now, what the world is assumed to do about it, the next plan, and so on until
//! nothing is left to be done, or nothing moves any more.

pub mod simulate;

use berth_api::request::Verb;
use berth_api::{ObjectRef, Resource};
use serde::Serialize;

use super::observation::Observation;
use super::plan::{Act, Action, Part, Plan};
use super::planner::{Planned, Tally};
use super::reason::{Reason, Waiting};
use simulate::Event;

/// How many writes are looked at, at most: the cost of a forecast follows what exists, not what is asked for.
pub const MOST_WRITES: usize = 1000;
/// How often time alone may pass without anything moving before that counts as the end.
const MOST_PAUSES: u32 = 3;

/// One write that will be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Write {
    /// Create, Patch or Delete.
    pub verb: Verb,
    /// What.
    pub object: ObjectRef,
    /// Why.
    pub why: Reason,
    /// The same in words.
    pub because: String,
}

/// Writes that are done together, and what must have happened before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What this step waits for; empty when it is done at once.
    pub after: Vec<Event>,
    /// What is written, in order.
    pub writes: Vec<Write>,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// All is as the spec says.
    Done,
    /// Something is left undone, as the spec or a person wants it: a partition, OnDelete, paused.
    Rests,
    /// Something is in the way, and does not clear up by itself.
    Stuck,
    /// There is more than was looked at.
    More,
}

/// What becomes of claims.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Claims {
    /// Claims that are made.
    pub created: Vec<String>,
    /// Claims that get other owners, or are made with one, and the kind of that owner; empty for none.
    pub owned: Vec<(String, String)>,
    /// Claims that the garbage collector takes.
    pub deleted: Vec<String>,
    /// Claims that no pod of the set uses in the end and that stay.
    pub kept: Vec<String>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// What is written, step by step.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
    /// What is not done in the end, and why.
    pub waiting: Vec<Waiting>,
    /// How the pods stand now.
    pub now: Tally,
    /// How they stand in the end.
    pub then: Tally,
    /// The most places without an available pod at any moment.
    pub worst_unavailable: i64,
    /// What becomes of claims.
    pub claims: Claims,
    /// Whether a template was taken to differ from the recorded one although it may do so in defaults only.
    pub assumed_different: bool,
}

impl Forecast {
    /// Whether anything is written.
    pub fn changes(&self) -> bool {
        !self.steps.is_empty()
    }

    /// All writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.steps.iter().flat_map(|step| &step.writes)
    }
}

/// What will happen from here, if nobody does anything else.
pub fn forecast<S: Planned>(observation: &Observation<S>) -> Forecast {
    let mut now = observation.clone();
    let tally = S::tally(&now);
    let mut forecast = Forecast {
        steps: vec![],
        end: End::Done,
        waiting: vec![],
        now: tally,
        then: tally,
        worst_unavailable: tally.unavailable,
        claims: Claims::default(),
        assumed_different: false,
    };
    let (mut after, mut written, mut number, mut pauses) = (vec![], 0, 0, 0);
    // Each round writes, or moves the world, or lets time pass; the bound is a last resort.
    for round in 0..MOST_WRITES * 8 {
        let plan = S::plan(&now);
        let writes: Vec<Write> = writes(&plan);
        forecast.assumed_different |= plan.actions().any(is_dry_run);
        let rests = plan.has_no_work();
        if !writes.is_empty() {
            written += writes.len();
            forecast.claims.note(&plan);
            forecast.steps.push(Step { after: std::mem::take(&mut after), writes });
        }
        now = simulate::written(&now, &plan, &mut number);
        forecast.then = S::tally(&now);
        forecast.worst_unavailable = forecast.worst_unavailable.max(forecast.then.unavailable);
        if written >= MOST_WRITES || round + 1 == MOST_WRITES * 8 {
            forecast.end = End::More;
            break;
        }
        if !rests {
            pauses = 0;
            continue;
        }
        if let Some((next, happened)) = simulate::moved(&now) {
            (now, pauses) = (next, 0);
            forecast.claims.collected(&happened);
            after.extend(happened);
            continue;
        }
        match plan.recheck_after.filter(|_| pauses < MOST_PAUSES) {
            Some(delay) => {
                pauses += 1;
                simulate::pass(&mut now, delay);
                after.push(Event::Passed { seconds: delay.as_secs().max(1) });
            }
            None => {
                forecast.end = end(&plan.waiting);
                forecast.waiting = plan.waiting;
                break;
            }
        }
    }
    forecast.then = S::tally(&now);
    forecast.claims.kept = S::unused_claims(&now);
    forecast
}

/// The dry runs that tell whether the present template is a new one. What an earlier set left may have to be adopted before that;
/// nothing is asked about once a plan comes to the pods.
pub fn dry_runs<S: Planned>(observation: &Observation<S>) -> Vec<Action> {
    let (mut now, mut number) = (observation.clone(), 0);
    for _ in 0..MOST_WRITES {
        let plan = S::plan(&now);
        let dry_runs: Vec<Action> = plan.actions().filter(|action| is_dry_run(action)).cloned().collect();
        let comes_to_pods = plan.stages.iter().any(|stage| stage.part == Part::Pods);
        if !dry_runs.is_empty() || comes_to_pods || plan.has_no_work() {
            return dry_runs;
        }
        now = simulate::written(&now, &plan, &mut number);
    }
    vec![]
}

fn is_dry_run(action: &Action) -> bool {
    matches!(action.act, Act::Default { .. })
}

fn writes(plan: &Plan) -> Vec<Write> {
    plan.actions()
        .filter_map(|action| {
            let request = action.act.request();
            (request.is_write() && !request.status).then(|| Write {
                verb: request.verb,
                object: request.object,
                why: action.why.clone(),
                because: action.why.to_string(),
            })
        })
        .collect()
}

/// How it ends when this is waited for and nothing moves.
fn end(waiting: &[Waiting]) -> End {
    let meant = |w: &Waiting| {
        matches!(
            w,
            Waiting::Partition { .. }
                | Waiting::OnDelete { .. }
                | Waiting::Paused { .. }
                | Waiting::OwnerTerminating
        )
    };
    let waiting: Vec<&Waiting> = waiting.iter().filter(|w| !w.is_remark()).collect();
    match waiting.as_slice() {
        [] => End::Done,
        all if all.iter().all(|w| meant(w)) => End::Rests,
        _ => End::Stuck,
    }
}

impl Claims {
    fn note(&mut self, plan: &Plan) {
        for action in plan.actions().filter(|a| a.act.object().resource == Resource::Claims) {
            let name = &action.act.object().name;
            let (Act::Create { body, .. } | Act::Patch { body, .. }) = &action.act else { continue };
            let owners = body.pointer("/metadata/ownerReferences").and_then(|o| o.as_array());
            let owner = owners.and_then(|o| o.last()).and_then(|o| o["kind"].as_str());
            match &action.act {
                Act::Create { .. } => {
                    self.created.push(name.clone());
                    self.owned.extend(owner.map(|owner| (name.clone(), owner.to_owned())));
                }
                _ => self.owned.push((name.clone(), owner.unwrap_or_default().to_owned())),
            }
        }
    }

    fn collected(&mut self, happened: &[Event]) {
        self.deleted.extend(happened.iter().filter_map(|event| match event {
            Event::ClaimGone { claim } => Some(claim.clone()),
            _ => None,
        }));
    }
}
