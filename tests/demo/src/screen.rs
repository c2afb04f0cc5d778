//! What the user sees: a live view that is redrawn in place on a terminal, and plain lines elsewhere.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal, Stdout, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::view::View;

/// Simulated pods start within milliseconds; each change stays on a terminal for as long as an eye needs.
const FRAME: Duration = Duration::from_millis(80);
const PAUSE: Duration = Duration::from_millis(700);

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Wrong.
    Bad,
    /// Of less interest.
    Dim,
    /// What a user types, and what is new.
    Accent,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Good => "\x1b[32m",
            Self::Busy => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Dim => "\x1b[2m",
            Self::Accent => "\x1b[36m",
        }
    }
}

/// A piece of text with its meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub tone: Tone,
    pub text: String,
}

impl Span {
    /// A piece of text.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// Standard output.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    live: bool,
    colour: bool,
    /// Lines of the live view that are on the terminal and can be drawn again.
    drawn: usize,
    /// Rows that were printed, where there is no live view.
    printed: BTreeMap<String, String>,
    /// The live view, and below it what was found out by it.
    shown: Vec<String>,
    notes: Vec<String>,
    since: Instant,
}

impl Screen {
    /// The screen as it is: live on a terminal, with colour unless `NO_COLOR` is set.
    pub fn new() -> Self {
        let out = io::stdout();
        let live = out.is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = live && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            out,
            live,
            colour,
            drawn: 0,
            printed: BTreeMap::new(),
            shown: vec![],
            notes: vec![],
            since: Instant::now(),
        }
    }

    /// Prints a line.
    pub fn say(&mut self, text: &str) {
        self.tell(Tone::Plain, text);
    }

    /// Prints a line in one tone.
    pub fn tell(&mut self, tone: Tone, text: &str) {
        self.line(&[Span::new(tone, text)]);
    }

    /// Prints a line. What the live view shows stays above it.
    pub fn line(&mut self, spans: &[Span]) {
        self.freeze();
        let text = self.paint(spans);
        self.write(&format!("{text}\n"));
    }

    /// Prints a line that belongs to the view: on a terminal it stays below it while the view is drawn again.
    pub fn note(&mut self, tone: Tone, text: &str) {
        if self.drawn == 0 {
            return self.tell(tone, text);
        }
        let note = self.paint(&[Span::new(tone, text)]);
        self.notes.push(note);
        self.redraw("");
    }

    /// Leaves the live view as it is, without its last line.
    fn freeze(&mut self) {
        if self.drawn > 0 {
            self.redraw("");
        }
        self.drawn = 0;
        self.notes.clear();
        self.shown.clear();
    }

    /// Begins a view of something else.
    pub fn turn(&mut self) {
        self.freeze();
        self.printed.clear();
    }

    /// Starts to count the seconds that stand before plain rows.
    pub fn restart_clock(&mut self) {
        self.since = Instant::now();
    }

    /// Shows how things are: the whole view on a terminal, elsewhere the rows that have changed.
    pub fn show(&mut self, view: &View, footer: &str) {
        if !self.live {
            return self.append(view);
        }
        let lines: Vec<String> = view.lines().iter().map(|line| self.paint(line)).collect();
        let changed = self.shown != lines;
        self.shown = lines;
        self.redraw(footer);
        if changed {
            thread::sleep(FRAME);
        }
    }

    /// Gives a person time to read.
    pub fn pause(&self) {
        if self.live {
            thread::sleep(PAUSE);
        }
    }

    fn redraw(&mut self, footer: &str) {
        // Without line wrap while drawing: a line that is cut is still one line to go up.
        let mut text = "\x1b[?7l".to_owned();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        text.push_str("\r\x1b[J");
        let footer =
            (!footer.is_empty()).then(|| self.paint(&[Span::new(Tone::Dim, format!("   … {footer}"))]));
        self.drawn = 0;
        for line in self.shown.iter().chain(&self.notes).chain(&footer) {
            text.push_str(line);
            text.push('\n');
            self.drawn += 1;
        }
        text.push_str("\x1b[?7h");
        self.write(&text);
    }

    fn append(&mut self, view: &View) {
        let seconds = self.since.elapsed().as_secs_f64();
        let mut rows: BTreeMap<String, String> = BTreeMap::new();
        let mut text = String::new();
        for row in &view.rows {
            let line: String = view.row(row).iter().map(|span| span.text.as_str()).collect();
            let line = line.trim_end().to_owned();
            if self.printed.get(&row.key) != Some(&line) {
                text.push_str(&format!("{seconds:>5.1}s {line}\n"));
            }
            rows.insert(row.key.clone(), line);
        }
        for key in self.printed.keys().filter(|key| !rows.contains_key(*key)) {
            text.push_str(&format!("{seconds:>5.1}s    {key} is gone\n"));
        }
        self.printed = rows;
        if !text.is_empty() {
            self.write(&text);
        }
    }

    fn paint(&self, spans: &[Span]) -> String {
        let paint =
            |span: &Span| match self.colour && span.tone != Tone::Plain && !span.text.trim().is_empty() {
                true => format!("{}{}\x1b[0m", span.tone.code(), span.text),
                false => span.text.clone(),
            };
        spans.iter().map(paint).collect::<String>().trim_end().to_owned()
    }

    /// Whoever reads our output may have gone, which is no reason to end: the lesson is checked all the same.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}
