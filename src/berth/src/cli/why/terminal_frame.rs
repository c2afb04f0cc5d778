//! A report that stays in its place on a terminal: each one is drawn over the one before.

use std::fmt::Write;

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Columns; at least 1.
    pub(super) columns: usize,
    /// Rows; at least 1.
    pub(super) rows: usize,
}

impl Size {
    /// That of the terminal of standard output. One that does not say is taken for the smallest that is usual.
    pub(super) fn of_terminal() -> Self {
        let (columns, rows) = terminal_size::terminal_size()
            .map_or((80, 24), |(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
        Size { columns: columns.max(1), rows: rows.max(1) }
    }
}

/// What to write so that `next` takes the place of `previous`, above which the screen stays as it is. Both are whole lines that fit
/// (see [`fit`]), and the cursor is below `previous`.
pub(super) fn over(previous: &str, next: &str, size: Size) -> String {
    match previous.lines().map(|line| height(line, size)).sum::<usize>() {
        0 => next.to_owned(),
        rows => format!("\x1b[{rows}A\r\x1b[J{next}"),
    }
}

/// As much of `text` as fits on the screen, with a line that says how much does not: what has left the screen at the top cannot be
/// drawn over.
pub(super) fn fit(text: &str, size: Size) -> String {
    let heights: Vec<usize> = text.lines().map(|line| height(line, size)).collect();
    // The cursor stands in a row of its own.
    let room = size.rows.saturating_sub(1);
    if heights.iter().sum::<usize>() <= room {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 1);
    let mut left = heights.len();
    for (line, height) in text.lines().zip(heights) {
        if used + height > room {
            break;
        }
        used += height;
        left -= 1;
        let _ = writeln!(out, "{line}");
    }
    if room > 0 {
        let _ = writeln!(out, "... {left} more lines");
    }
    out
}

/// How many rows a line takes: one that is too long goes on in the next.
fn height(line: &str, size: Size) -> usize {
    let (mut seen, mut escape) = (0, false);
    for c in line.chars() {
        match c {
            '\x1b' => escape = true,
            // The colours are the only escapes that there are.
            'm' if escape => escape = false,
            _ if escape => {}
            _ => seen += 1,
        }
    }
    seen.max(1usize).div_ceil(size.columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { columns: 10, rows: 5 };

    #[test]
    fn a_line_is_as_high_as_what_is_seen_of_it() {
        let long = "0123456789".repeat(3);
        for (line, rows) in [("", 1), ("0123456789", 1), ("0123456789a", 2), (long.as_str(), 3)] {
            assert_eq!(height(line, SIZE), rows, "{line:?}");
            assert_eq!(height(&format!("\x1b[31m{line}\x1b[0m"), SIZE), rows, "{line:?} in red");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(fit("a\nb\nc\nd\n", SIZE), "a\nb\nc\nd\n");
        assert_eq!(fit("a\nb\nc\nd\ne\n", SIZE), "a\nb\nc\n... 2 more lines\n");
        assert_eq!(fit("a\n0123456789abc\nc\nd\n", SIZE), "a\n0123456789abc\n... 2 more lines\n");
        assert_eq!(fit("a\nb\n", Size { columns: 10, rows: 1 }), "");
    }

    #[test]
    fn the_next_one_begins_where_the_one_before_began() {
        assert_eq!(over("", "a\n", SIZE), "a\n");
        assert_eq!(over("a\n0123456789abc\n", "b\n", SIZE), "\x1b[3A\r\x1b[Jb\n");
    }
}
