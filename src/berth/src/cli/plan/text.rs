//! The plan for people.

use std::fmt::Write;

use berth_api::Resource;
use berth_api::request::Verb;
use berth_plan::forecast::simulate::Event;
use berth_plan::forecast::{End, Forecast, Step};

use super::Planned;
use crate::cli::output::{Paint, count, few};
use crate::cli::target;

/// How many steps are shown from the beginning and from the end, unless all are asked for.
const SHOWN: (usize, usize) = (12, 2);
/// How many names of a list are shown.
const NAMES: usize = 4;
/// How many writes of a step are shown, unless all are asked for.
const WRITES: usize = 12;

/// One set.
pub(super) fn render(planned: &Planned, all: bool, paint: Paint) -> String {
    let Planned { key, forecast, refused, notes } = planned;
    let mut out = String::new();
    let name = format!("{} in {}", target::short(key), key.namespace);
    let _ = writeln!(out, "{}: {}", paint.strong(&name), summary(forecast, refused.is_some()));
    let then = forecast.now.wanted.max(forecast.then.wanted);
    if forecast.changes() && then > 0 {
        let _ = writeln!(
            out,
            "at most {} of {} unavailable at any moment, {} now",
            forecast.worst_unavailable,
            count(then, "pod"),
            forecast.now.unavailable
        );
    }
    steps(forecast, all, paint, &mut out);
    for waiting in &forecast.waiting {
        let text = waiting.to_string();
        let stuck = forecast.end == End::Stuck;
        let _ = writeln!(out, "{} {}", if stuck { paint.bad("!") } else { paint.faint("·") }, text);
    }
    if let Some(refused) = refused {
        let _ = writeln!(out, "{} refused so far: {refused}", paint.bad("!"));
    }
    claims(forecast, &mut out);
    for note in notes {
        let _ = writeln!(out, "{}", paint.faint(&format!("note: {note}")));
    }
    out
}

fn summary(forecast: &Forecast, refused: bool) -> String {
    let writes = i64::try_from(forecast.writes().count()).unwrap_or(i64::MAX);
    let steps = i64::try_from(forecast.steps.len()).unwrap_or(i64::MAX);
    let begin = match writes {
        0 => "no change".to_owned(),
        _ => format!("{} in {}", count(writes, "write"), count(steps, "step")),
    };
    // A forecast takes it that every write is accepted; this one was not.
    if refused {
        return format!("{begin}, but the API server refuses");
    }
    match (forecast.end, writes) {
        (End::Done, 0) => format!("{begin}; all is as the spec says"),
        (End::Done, _) => format!("{begin}; then all is as the spec says"),
        (End::Rests, 0) => format!("{begin}; it rests"),
        (End::Rests, _) => format!("{begin}; then it rests"),
        (End::Stuck, 0) => "it is stuck".to_owned(),
        (End::Stuck, _) => format!("{begin}; then it gets stuck"),
        (End::More, _) => format!("{begin}, and {} more", count(forecast.then.unfinished, "pod")),
    }
}

fn steps(forecast: &Forecast, all: bool, paint: Paint, out: &mut String) {
    let last = forecast.steps.len();
    let (first, end) = SHOWN;
    let hidden = if all || last <= first + end + 1 { 0..0 } else { first..last - end };
    for (n, step) in forecast.steps.iter().enumerate() {
        if n == hidden.start && !hidden.is_empty() {
            let text = format!("    ... {} more steps (--all shows them)", hidden.len());
            let _ = writeln!(out, "{}", paint.faint(&text));
        }
        if !hidden.contains(&n) {
            self::step(n + 1, step, all, paint, out);
        }
    }
}

fn step(number: usize, step: &Step, all: bool, paint: Paint, out: &mut String) {
    let when = if step.after.is_empty() { "at once".to_owned() } else { after(&step.after) };
    let _ = writeln!(out, "{number:>3}. {when}");
    let shown = if all { step.writes.len() } else { WRITES.min(step.writes.len()) };
    let named: Vec<String> =
        step.writes.iter().map(|w| format!("{} {}", noun(w.object.resource), w.object.name)).collect();
    let width = named.iter().take(shown).map(String::len).max().unwrap_or(0);
    for (write, name) in step.writes.iter().zip(&named).take(shown) {
        let sign = match write.verb {
            Verb::Create => paint.good("+"),
            Verb::Delete => paint.bad("-"),
            _ => paint.busy("~"),
        };
        let _ = writeln!(out, "     {sign} {name:<width$}  {}", paint.faint(&write.because));
    }
    if shown < step.writes.len() {
        let text = format!("     ... {} more (--all shows them)", step.writes.len() - shown);
        let _ = writeln!(out, "{}", paint.faint(&text));
    }
}

fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Pods => "pod",
        Resource::Claims => "claim",
        Resource::Revisions => "revision",
        other => other.kind(),
    }
}

/// What must have happened before, in words.
fn after(events: &[Event]) -> String {
    let (mut ready, mut gone, mut seconds) = (vec![], vec![], 0);
    for event in events {
        match event {
            Event::Ready { pod } => ready.push(pod.clone()),
            Event::Gone { pod } => gone.push(pod.clone()),
            Event::ClaimGone { claim } => gone.push(format!("claim {claim}")),
            Event::Passed { seconds: more } => seconds += more,
        }
    }
    let verb = |names: &[String]| if names.len() == 1 { "is" } else { "are" };
    let mut parts = vec![];
    if !gone.is_empty() {
        parts.push(format!("{} {} gone", few(&gone, NAMES), verb(&gone)));
    }
    if !ready.is_empty() {
        parts.push(format!("{} {} ready", few(&ready, NAMES), verb(&ready)));
    }
    let when = if parts.is_empty() { String::new() } else { format!("when {}", parts.join(" and ")) };
    match (when.is_empty(), seconds) {
        (true, seconds) => format!("{seconds} s later"),
        (false, 0) => when,
        (false, seconds) => format!("{when}, {seconds} s later"),
    }
}

fn claims(forecast: &Forecast, out: &mut String) {
    let claims = &forecast.claims;
    let owned: Vec<String> = claims
        .owned
        .iter()
        .map(|(claim, owner)| match owner.as_str() {
            "" => format!("{claim} by nobody"),
            "Pod" => format!("{claim} by its pod"),
            _ => format!("{claim} by the set"),
        })
        .collect();
    for (what, names) in [
        ("made", &claims.created),
        ("owned", &owned),
        ("deleted by the garbage collector", &claims.deleted),
        ("left behind", &claims.kept),
    ] {
        if !names.is_empty() {
            let _ = writeln!(out, "claims {what}: {}", few(names, NAMES * 2));
        }
    }
}
