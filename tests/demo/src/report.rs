//! The table at the end.

use crate::screen::{Span, Tone};

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Everything that it promises was so.
    Held,
    /// Something was not; the text says what.
    Failed(String),
    /// It cannot be done here; the text says why.
    Skipped(String),
    /// A step that it builds on has failed.
    NotTried,
}

/// A step and how it went.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub number: usize,
    pub title: &'static str,
    pub checked: &'static str,
    pub fate: Fate,
    pub seconds: f64,
}

impl Outcome {
    /// Whether nothing is wrong with it.
    pub fn held(&self) -> bool {
        matches!(self.fate, Fate::Held | Fate::Skipped(_))
    }

    fn result(&self) -> (Tone, &'static str) {
        match self.fate {
            Fate::Held => (Tone::Good, "held"),
            Fate::Failed(_) => (Tone::Bad, "FAILED"),
            Fate::Skipped(_) => (Tone::Dim, "skipped"),
            Fate::NotTried => (Tone::Busy, "not tried"),
        }
    }
}

/// One row per step, then why steps failed or were skipped.
pub fn table(outcomes: &[Outcome]) -> Vec<Vec<Span>> {
    let width = |of: fn(&Outcome) -> &str| outcomes.iter().map(|o| of(o).chars().count()).max().unwrap_or(0);
    let (title, checked) = (width(|o| o.title), width(|o| o.checked).max(16));
    let row = |number: &str, first: &str, second: &str, result: Span, seconds: &str, tone: Tone| {
        vec![
            Span::new(tone, format!("{number:>2}  {first:<title$}  {second:<checked$}  ")),
            Span::new(result.tone, format!("{:<9}", result.text)),
            Span::new(tone, format!("  {seconds:>7}")),
        ]
    };
    let mut lines =
        vec![row("", "STEP", "WHAT WAS CHECKED", Span::new(Tone::Strong, "RESULT"), "SECONDS", Tone::Strong)];
    for outcome in outcomes {
        let (tone, text) = outcome.result();
        let seconds = match outcome.fate {
            Fate::Held | Fate::Failed(_) => format!("{:.1}", outcome.seconds),
            _ => "-".to_owned(),
        };
        let number = outcome.number.to_string();
        lines.push(row(
            &number,
            outcome.title,
            outcome.checked,
            Span::new(tone, text),
            &seconds,
            Tone::Plain,
        ));
    }
    let total: f64 = outcomes.iter().map(|o| o.seconds).sum();
    let count = |fate: fn(&Fate) -> bool| outcomes.iter().filter(|o| fate(&o.fate)).count();
    let held = count(|fate| *fate == Fate::Held);
    let skipped = count(|fate| matches!(fate, Fate::Skipped(_)));
    let mut sum = format!("{held} of {} steps held", outcomes.len() - skipped);
    if skipped > 0 {
        sum.push_str(&format!(", {skipped} skipped"));
    }
    let sum_width = title + checked + 13;
    lines.push(vec![Span::new(Tone::Strong, format!("    {sum:<sum_width$}  {total:>7.1}"))]);
    for outcome in outcomes {
        if let Fate::Failed(why) | Fate::Skipped(why) = &outcome.fate {
            let (tone, text) = outcome.result();
            lines.push(vec![Span::new(tone, format!("    {} {text}: {why}", outcome.number))]);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_reasons_follow() {
        let outcome =
            |number, title, fate| Outcome { number, title, checked: "all of it", fate, seconds: 1.25 };
        let outcomes = [
            outcome(1, "Up", Fate::Held),
            outcome(2, "Down again", Fate::Failed("it stayed".into())),
            outcome(3, "Sideways", Fate::NotTried),
        ];
        let lines = table(&outcomes);
        let lines: Vec<String> = lines.iter().map(|l| l.iter().map(|s| s.text.as_str()).collect()).collect();
        assert_eq!(
            lines,
            [
                "    STEP        WHAT WAS CHECKED  RESULT     SECONDS".to_owned(),
                " 1  Up          all of it         held           1.2".into(),
                " 2  Down again  all of it         FAILED         1.2".into(),
                " 3  Sideways    all of it         not tried        -".into(),
                "    1 of 3 steps held                            3.8".into(),
                "    2 FAILED: it stayed".into(),
            ]
        );
        assert!(!outcomes.iter().all(Outcome::held));
    }
}
