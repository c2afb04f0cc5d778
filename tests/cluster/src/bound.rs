//! Commands that end when we do, even by SIGKILL: a small shell between us and the program waits at a pipe whose other end only
//! we hold, as the janitor of a cluster does.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::process::wrapped;

/// Runs the program, and at the end of our input kills the whole process group, this shell included.
const WATCH: &str = r#"exec 3<&0
"$@" 3<&- </dev/null & program=$!
( read -r line <&3; kill -s KILL -- "-$$" ) >/dev/null 2>&1 & watch=$!
exec 3<&-
wait "$program"; status=$?
kill "$watch" 2>/dev/null
exit "$status""#;

/// The command, run so that it ends when its standard input is closed: by dropping or waiting for the child, and by our end,
/// whatever that is. The program itself reads nothing. Standard output and standard error are still to be set.
#[must_use]
pub fn bound(command: &Command) -> Command {
    let mut bound = wrapped(&["-c", WATCH, "bound"], command);
    bound.stdin(Stdio::piped()).process_group(0);
    bound
}
