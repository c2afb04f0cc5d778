//! `cargo demo`: a lesson about Berth on a real API server, live, each step checked.
#![forbid(unsafe_code)]

mod build;
mod error;
mod existing;
mod feed;
mod kubectl;
mod lesson;
mod operator;
mod past;
mod place;
mod report;
mod screen;
mod setup;
mod view;
mod world;
mod writes;

use std::process::ExitCode;

use berth_cluster::Binaries;
use clap::Parser;

use crate::error::Result;
use crate::screen::{Screen, Tone};

/// A lesson about Berth on a real Kubernetes API server, each step checked
///
/// Without flags it starts a control plane with five simulated nodes, and leaves nothing behind.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", version)]
struct Arguments {
    /// Start three real nodes, with containers, in place of the simulated ones (Linux, as root; five minutes)
    #[arg(long, conflicts_with = "context")]
    real: bool,
    /// Kill the operator in the middle of every step, and start another one: the steps have to hold all the same
    #[arg(long)]
    kill_operator: bool,
    /// Leave the cluster and the operator running, and say how to reach them
    #[arg(long)]
    keep: bool,
    /// Use an existing cluster (kind, or any other): a context of your kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

fn main() -> ExitCode {
    // `cargo demo -- --real` is what cargo's users type; the alias has its own `--` before that.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "--") {
        words.remove(1);
    }
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("{line} (see cargo demo --help)");
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", error.to_string().trim());
            ExitCode::FAILURE
        }
    }
}

/// Whether every step held.
fn run(arguments: &Arguments) -> Result<bool> {
    let mut screen = Screen::new();
    // First what may be missing on this machine: nobody should wait for a build only to read that.
    match &arguments.context {
        Some(context) => setup::look(context)?,
        None if arguments.real => berth_cluster::make_ready_for_real_nodes()?,
        None => drop(Binaries::locate()?),
    }
    let binary = build::operator()?;
    let mut place = match &arguments.context {
        Some(context) => setup::existing(context, &mut screen)?,
        None => setup::local(arguments.real, &mut screen)?,
    };
    let operator = setup::operator(&mut place, &binary, arguments.kill_operator, &mut screen)?;
    let feed = feed::start(&place)?;
    let outcomes = lesson::run(&place, &operator, &feed, arguments.kill_operator, &mut screen)?;

    screen.say("");
    for line in report::table(&outcomes) {
        screen.line(&line);
    }
    if let Some(events) = place.audit()? {
        screen.say("");
        for line in writes::report(&events, operator::ACCOUNT) {
            screen.say(&line);
        }
    }
    let held = outcomes.iter().all(report::Outcome::held);
    screen.say("");
    let (tone, verdict) =
        if held { (Tone::Good, "Everything held.") } else { (Tone::Bad, "Not everything held.") };
    screen.tell(tone, verdict);
    drop(feed);
    if arguments.keep {
        for line in place.keep(&operator)? {
            screen.say(&line);
        }
    } else {
        screen.tell(Tone::Dim, place.farewell());
        place.end();
    }
    Ok(held)
}
