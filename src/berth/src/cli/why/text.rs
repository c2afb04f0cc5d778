//! The report for people: a tree.

use std::fmt::Write;

use super::finding::{Cause, Finding};
use super::report::{PodReport, Report};
use crate::cli::output::{Paint, age, count};
use crate::cli::target;

/// How many pods that are well are shown before they are only counted.
const WELL: usize = 10;

/// The tree. `now` is left out where ages are to be left out.
pub(super) fn render(report: &Report, now: Option<jiff::Timestamp>, paint: Paint) -> String {
    let mut out = String::new();
    let tally = report.tally;
    let name = format!("{} in {}", target::short(&report.key), report.namespace);
    let _ = writeln!(
        out,
        "{}: {} of {} available, {} at the present revision",
        paint.strong(&name),
        tally.wanted - tally.unavailable,
        count(tally.wanted, "pod"),
        tally.wanted - tally.unfinished,
    );
    if !report.condition.is_empty() {
        let text = report.condition.as_str();
        let (type_, message) = text.split_once(": ").unwrap_or((text, ""));
        // What is said below, with what helps, is not said twice.
        let text = if report.findings.iter().any(|f| f.message == message) { type_ } else { text };
        let shown = match type_ {
            "Ready" => paint.good(text),
            "Stalled" => paint.bad(text),
            _ => paint.busy(text),
        };
        let _ = writeln!(out, "{shown}");
    }
    for finding in &report.findings {
        self::finding(finding, "", paint, &mut out);
    }
    for line in report.doing.iter().take(WELL) {
        let _ = writeln!(out, "now: {}", paint.busy(line));
    }
    if report.doing.len() > WELL {
        let _ = writeln!(out, "now: {} more writes", report.doing.len() - WELL);
    }
    pods(report, now, paint, &mut out);
    for note in &report.notes {
        let _ = writeln!(out, "{}", paint.faint(&format!("note: {note}")));
    }
    out
}

/// Whether a pod needs no words.
fn is_well(pod: &PodReport) -> bool {
    pod.available && pod.next.is_empty() && pod.finding.is_none()
}

fn pods(report: &Report, now: Option<jiff::Timestamp>, paint: Paint, out: &mut String) {
    let all = report.pods.iter();
    // Many that are well hide the few that are not.
    let hidden = all.clone().filter(|p| is_well(p)).count().saturating_sub(WELL);
    let mut well = 0;
    let shown: Vec<&PodReport> = all
        .filter(|p| {
            well += usize::from(is_well(p));
            !is_well(p) || hidden == 0 || well <= WELL
        })
        .collect();
    let rows: Vec<[String; 5]> = shown.iter().map(|p| columns(p, now)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (n, (pod, row)) in shown.iter().zip(&rows).enumerate() {
        let last = n + 1 == rows.len() && hidden == 0;
        let (branch, stem) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let state = if pod.available { paint.good(&cells[1]) } else { paint.bad(&cells[1]) };
        let line = format!("{branch}{}  {state}  {}  {}  {}", cells[0], cells[2], cells[3], cells[4]);
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(finding) = &pod.finding {
            self::finding(finding, stem, paint, out);
        }
        if !pod.next.is_empty() {
            let _ = writeln!(out, "{stem}{}", paint.busy(&pod.next));
        }
    }
    if hidden > 0 {
        let _ = writeln!(out, "└─ {}", paint.faint(&format!("{hidden} more that are available and stay")));
    }
}

fn columns(pod: &PodReport, now: Option<jiff::Timestamp>) -> [String; 5] {
    let state = match (pod.state.as_str(), pod.ready, pod.available) {
        ("", ..) => "not there",
        ("Terminating", ..) => "terminating",
        (_, _, true) => "available",
        (_, true, false) => "ready",
        ("Running", ..) => "not ready",
        ("Pending", ..) => "pending",
        ("Failed", ..) => "failed",
        ("Succeeded", ..) => "ended",
        _ => "unknown",
    };
    let revision = match (pod.revision, pod.updated) {
        _ if pod.state.is_empty() => String::new(),
        (0, _) => "unknown revision".to_owned(),
        (number, true) => format!("revision {number}"),
        (number, false) => format!("revision {number} (old)"),
    };
    let age = pod.since.zip(now).map(|(since, now)| age(since, now)).unwrap_or_default();
    [pod.name.clone(), state.to_owned(), revision, age, pod.node.clone()]
}

fn finding(finding: &Finding, stem: &str, paint: Paint, out: &mut String) {
    let patient = finding.remedy.is_empty() && finding.command.is_empty();
    let meant = matches!(finding.cause, Cause::Partition | Cause::OnDelete | Cause::Paused | Cause::Starting);
    let message = if patient || meant { paint.busy(&finding.message) } else { paint.bad(&finding.message) };
    let _ = writeln!(out, "{stem}{message}");
    if !finding.remedy.is_empty() {
        let _ = writeln!(out, "{stem}  helps: {}", finding.remedy);
    }
    if !finding.command.is_empty() {
        let _ = writeln!(out, "{stem}  $ {}", paint.strong(&finding.command));
    }
}
