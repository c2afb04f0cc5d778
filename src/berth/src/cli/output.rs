//! What people read: colour, columns, ages.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::Failure;

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    colour: bool,
}

impl Paint {
    /// Colour on a terminal, and not with `NO_COLOR`.
    pub(super) fn standard() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Paint { colour: std::io::stdout().is_terminal() && wanted }
    }

    /// No colour.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Paint { colour: false }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What is well.
    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is in the way.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What is under way.
    pub(super) fn busy(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is by the way.
    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What stands out.
    pub(super) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// An age as kubectl shows it: `45s`, `5m3s`, `12h`, `3d`.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |major: u64, unit: &str, minor: u64, small: &str| match minor {
        0 => format!("{major}{unit}"),
        minor => format!("{major}{unit}{minor}{small}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

/// A duration as Go writes and kubectl takes it: `30s`, `2m`, `1h30m`, `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration such as 30s, 2m or 1h30m");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (unit, seconds) = units.into_iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(wrong)?;
        rest = &rest[unit.len()..];
        total += number * seconds;
    }
    if text.is_empty() { Err(wrong()) } else { Duration::try_from_secs_f64(total).map_err(|_| wrong()) }
}

/// `1 pod`, `2 pods`.
pub(super) fn count(number: i64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first few of a list, and how many more there are.
pub(super) fn few(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Prints to standard output. That a reader has seen enough, as in `| head`, is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    tell(text).map(|_| ())
}

/// Prints to standard output, for who goes on until nobody reads: says whether somebody does.
pub(super) fn tell(text: &str) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::other(format!("cannot print: {e}"))),
    }
}

/// A value as indented JSON, with an end of line.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| Failure::other(format!("cannot print: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_kubectls() {
        let now = Timestamp::from_second(2_000_000_000).unwrap();
        for (seconds, shown) in [
            (0, "0s"),
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (303, "5m3s"),
            (3600, "60m"),
            (14_400, "4h"),
            (16_000, "4h26m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (900_000, "10d"),
        ] {
            assert_eq!(age(Timestamp::from_second(2_000_000_000 - seconds).unwrap(), now), shown);
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, seconds) in [("30s", 30.0), ("2m", 120.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("0", 0.0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for wrong in ["", "5", "s", "1y", "-1s", "1e3s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
