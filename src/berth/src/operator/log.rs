//! The log.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets up the log on standard error: lines for people on a terminal, JSON for programs otherwise. `RUST_LOG` chooses
/// what is said; colour only on a terminal and not with `NO_COLOR`.
pub fn init() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=warn,hyper=warn"));
    let terminal = std::io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if terminal {
        builder.with_ansi(colour).with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_target(false).try_init()
    };
    // A second call, as in tests, changes nothing.
    let _ = set;
}
