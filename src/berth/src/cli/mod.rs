//! The command line.

mod crds;
mod defaults;
mod gates;
mod handback;
mod manifest;
mod nodes;
mod output;
mod plan;
mod rejection;
mod rollout;
mod run;
mod snapshot;
mod target;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Ordinal sets and node daemon sets for Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "berth", version = crate::VERSION, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator, in the cluster or from anywhere with a kubeconfig
    Run(run::Args),
    /// Show what would happen: the ordered writes, each with its reason; nothing is written
    Plan(plan::Args),
    /// Explain what a set is doing now, what it waits for and what would help
    Why(why::Args),
    /// Watch, pause, restart or roll back a rollout, with the flags of kubectl rollout
    Rollout(rollout::Args),
    /// Print the CustomResourceDefinitions
    Crds(crds::Args),
    /// Take Berth's conditions off native objects, before kube-controller-manager has them again
    Handback(handback::Args),
}

/// What went wrong, and with which exit code the program ends: 2 for wrong use, 1 for everything else.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Failure { code: 2, message: message.into() }
    }

    fn other(message: impl Into<String>) -> Self {
        Failure { code: 1, message: message.into() }
    }
}

/// How the program was called: as a plugin of kubectl, people know it by another name.
fn program() -> &'static str {
    let name = std::env::args_os().next();
    let stem = name.as_deref().map(std::path::Path::new).and_then(std::path::Path::file_stem);
    match stem.and_then(std::ffi::OsStr::to_str) {
        Some(stem) if stem.starts_with("kubectl-") || stem.starts_with("kubectl_") => "kubectl berth",
        _ => "berth",
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let command = Cli::command().bin_name(program()).display_name(program());
    let matches = command.try_get_matches().and_then(|m| Cli::from_arg_matches(&m));
    let cli = match matches {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return report(&Failure::usage(one_line(&error))),
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let result = match cli.command {
        Command::Run(args) => run::run(args).map(|()| 0),
        Command::Plan(args) => plan::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Rollout(args) => rollout::run(&args),
        Command::Crds(args) => crds::run(&args).map(|()| 0),
        Command::Handback(args) => handback::run(&args).map(|()| 0),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => report(&failure),
    }
}

/// A runtime for a command that talks to the API server.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Failure::other(format!("cannot start the runtime: {e}")))
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("{}: {}", program(), in_one_line(&failure.message));
    ExitCode::from(failure.code)
}

/// A message without its ends of line: those of others have some, such as that of a kubeconfig that is no YAML.
fn in_one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// clap's message without its hints and its usage: a wrong flag is one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let missing = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if missing {
        return format!("a command is needed (see {} --help)", program());
    }
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    line.trim_start_matches("error: ").to_owned()
}
