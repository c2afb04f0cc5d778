//! Conditions and the status write.

use berth_api::condition::{Condition, ConditionReason, ConditionType};
use berth_api::{Key, Meta, Surface};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::memory::Memory;
use crate::memory::rejections::Rejection;
use crate::plan::{Act, Action, Guard, Part, Plan};
use crate::reason::{Reason, Waiting};

/// How far an owner is, in the conditions that kstatus and people read.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// All is as the spec says.
    Settled,
    /// There is work to do; the sentence says what is waited for.
    Working(String),
    /// All is done but the rollout, which stands still because somebody wants it to.
    Paused(String),
    /// Something is in the way.
    Stalled(ConditionReason, String),
    /// The owner is being deleted.
    Terminating,
}

/// How many pods serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// How many are available.
    pub available: i64,
    /// How many must be, as a rollout within its budget leaves them; at least 1 of a set that wants any.
    pub needed: i64,
    /// How many are wanted.
    pub wanted: i64,
}

/// What conditions are made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// How far the owner is.
    pub progress: &'a Progress,
    /// How many pods serve, where that is known.
    pub serving: Option<Serving>,
    /// Where the owner lives.
    pub surface: Surface,
    /// The generation of its spec.
    pub generation: i64,
}

/// How far an owner is, from the rejection that stands in its way and what is waited for. `settled` says whether all is as it should
/// be.
pub fn progress(
    settled: bool,
    memory: &Memory,
    rejection: Option<&Rejection>,
    plan: &Plan,
    before: &[Condition],
    generation: i64,
) -> Progress {
    let waiting = &plan.waiting;
    if let Some(Waiting::Invalid { message }) = waiting.iter().find(|w| matches!(w, Waiting::Invalid { .. }))
    {
        return Progress::Stalled(ConditionReason::InvalidSpec, message.clone());
    }
    if let Some(rejection) = rejection {
        return Progress::Stalled(rejection.reason, format!("{}: {}", rejection.object, rejection.message));
    }
    if settled {
        return Progress::Settled;
    }
    if let Some(taken) = waiting.iter().find(|w| matches!(w, Waiting::NameTaken { .. })) {
        return Progress::Stalled(ConditionReason::NameTaken, taken.to_string());
    }
    // After a restart nothing is remembered: what was reported of this spec stands until a write shows otherwise.
    let refusals =
        [ConditionReason::FailedCreate, ConditionReason::FailedDelete, ConditionReason::FailedUpdate];
    let stood = before.iter().find(|c| c.type_ == ConditionType::Stalled.to_string() && c.status == "True");
    if let Some((condition, reason)) = stood
        .filter(|c| !memory.cleared && (c.observed_generation == 0 || c.observed_generation == generation))
        .and_then(|c| refusals.into_iter().find(|r| r.to_string() == c.reason).map(|r| (c, r)))
    {
        return Progress::Stalled(reason, condition.message.clone());
    }
    let resting =
        |w: &Waiting| w.is_remark() || matches!(w, Waiting::Paused { .. } | Waiting::Partition { .. });
    let paused = waiting.iter().find(|w| matches!(w, Waiting::Paused { .. }));
    let rests = plan.stages.iter().all(|stage| stage.part == Part::History);
    if let Some(paused) = paused.filter(|_| rests && waiting.iter().all(resting)) {
        return Progress::Paused(paused.to_string());
    }
    // A live read says nothing of what it is for; what depends on it does.
    let told = plan.actions().find(|action| !action.act.is_live_read()).or_else(|| plan.actions().next());
    let action = || told.map(ToString::to_string);
    let first = waiting.iter().find(|w| !w.is_remark());
    Progress::Working(first.map(ToString::to_string).or_else(action).unwrap_or_default())
}

/// One condition as it should stand: type, status, reason and message.
type Row<'a> = (ConditionType, &'static str, ConditionReason, std::borrow::Cow<'a, str>);

fn rows<'a>(report: &Report<'a>) -> Vec<Row<'a>> {
    use ConditionReason::{Clear, Paused, Progressing as Moving, Settled, Terminating};
    use ConditionType::{Available, Progressing, Ready, Reconciling, Stalled};
    let (mut ready, mut reconciling, mut stalled, mut progressing) = ("False", "False", "False", "True");
    let (reason, message) = match report.progress {
        Progress::Settled => {
            ready = "True";
            (Settled, "")
        }
        Progress::Working(message) => {
            reconciling = "True";
            (Moving, message.as_str())
        }
        Progress::Paused(message) => {
            progressing = "Unknown";
            (Paused, message.as_str())
        }
        Progress::Stalled(reason, message) => {
            (stalled, progressing) = ("True", "False");
            (*reason, message.as_str())
        }
        Progress::Terminating => {
            reconciling = "True";
            (Terminating, "")
        }
    };
    let blocked = if stalled == "True" { (reason, message) } else { (Clear, "") };
    let mut rows = vec![
        (Ready, ready, reason, message.into()),
        (Reconciling, reconciling, reason, message.into()),
        (Stalled, stalled, blocked.0, blocked.1.into()),
        (Progressing, progressing, reason, message.into()),
    ];
    if let Some(serving) = report.serving {
        let Serving { available, needed, wanted } = serving;
        rows.push(if available >= needed {
            (Available, "True", ConditionReason::MinimumPodsAvailable, "".into())
        } else {
            let message = format!("{available} of {wanted} pods are available, at least {needed} must be");
            (Available, "False", ConditionReason::MinimumPodsUnavailable, message.into())
        });
    }
    rows
}

/// `before` with the conditions of Berth brought up to date; conditions of others are kept as they are (A11.3). On native
/// objects, whose conditions know no generation, there is only `Stalled`, and only once something was in the way.
pub fn conditions(before: &[Condition], report: &Report<'_>, now: Timestamp) -> Vec<Condition> {
    let native = report.surface == Surface::Apps;
    let generation = if native { 0 } else { report.generation };
    let mut conditions = before.to_vec();
    for (type_, status, reason, message) in rows(report) {
        let known = before.iter().any(|c| c.type_ == type_.to_string());
        if native && (type_ != ConditionType::Stalled || !(status == "True" || known)) {
            continue;
        }
        let new = Condition {
            type_: type_.to_string(),
            status: status.to_owned(),
            reason: reason.to_string(),
            message: message.into_owned(),
            observed_generation: generation,
            last_transition_time: Some(now),
        };
        match conditions.iter_mut().find(|c| c.type_ == new.type_) {
            Some(old) if old.status == new.status => {
                let since = old.last_transition_time.or(Some(now));
                *old = Condition { last_transition_time: since, ..new };
            }
            Some(old) => *old = new,
            None => conditions.push(new),
        }
    }
    conditions
}

/// How far a native set with the strategy Recreate is (A10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recreation {
    /// Pods at other revisions are left.
    Deleting,
    /// Pods at the new revision are yet to come.
    Creating,
    /// All wanted pods are there, ready and new.
    Completed,
}

/// Upstream's condition of a native set with the strategy Recreate (A10): under way while old pods are left or new ones are
/// yet to come, and over once it was under way and all is done.
pub fn recreation(conditions: &mut Vec<Condition>, stage: Recreation, now: Timestamp) {
    let type_ = ConditionType::Progressing.to_string();
    let known = conditions.iter().position(|c| c.type_ == type_);
    let (status, reason, message) = match stage {
        Recreation::Deleting => ("True", ConditionReason::RecreateInProgress, "Deleting old revision pods"),
        Recreation::Creating => {
            ("True", ConditionReason::RecreateInProgress, "Waiting for new-revision pods to be created")
        }
        Recreation::Completed if known.is_some() => {
            ("False", ConditionReason::RecreateCompleted, "All pods recreated successfully")
        }
        Recreation::Completed => return,
    };
    let before = known.map(|at| conditions.remove(at));
    let since = before.filter(|c| c.status == status).and_then(|c| c.last_transition_time).unwrap_or(now);
    conditions.push(Condition {
        type_,
        status: status.to_owned(),
        reason: reason.to_string(),
        message: message.to_owned(),
        observed_generation: 0,
        last_transition_time: Some(since),
    });
}

/// What must be written for the status `before` to become `after`, as a merge patch of `status`; `None` when nothing differs.
pub fn status_changes<T: Serialize + PartialEq>(before: &T, after: &T) -> Option<Value> {
    // Most plans change nothing, and to compare costs less than to write down.
    if before == after {
        return None;
    }
    let (before, after) = (fields(before), fields(after));
    let mut changes = Map::new();
    // The first status is written whole: an absent count is no zero to those who read it.
    let unseen = |fields: &Map<String, Value>| {
        fields.get("observedGeneration").and_then(Value::as_i64).is_none_or(|generation| generation <= 0)
    };
    let first = unseen(&before) && !unseen(&after);
    for (name, value) in &after {
        if first || before.get(name) != Some(value) {
            changes.insert(name.clone(), value.clone());
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changes.insert(name.clone(), Value::Null);
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}

fn fields<T: Serialize>(status: &T) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The action that writes a status. It holds only for the version of the owner that it was computed from (S13).
pub fn write_action(key: &Key, owner: &Meta, changes: Value, why: Reason) -> Action {
    Action {
        act: Act::Patch {
            object: key.object(),
            guard: Guard::version(owner),
            body: json!({ "status": changes }),
            status: true,
        },
        why,
    }
}
