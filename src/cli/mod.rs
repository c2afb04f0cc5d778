//! The command line.

mod crds;
mod handback;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Ordinal sets and node daemon sets for Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "berth", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator, in the cluster or from anywhere with a kubeconfig
    Run(run::Args),
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

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return report(&Failure::usage(one_line(&error))),
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Crds(args) => crds::run(&args),
        Command::Handback(args) => handback::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("berth: {}", failure.message);
    ExitCode::from(failure.code)
}

/// clap's message without its hints and its usage: a wrong flag is one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let missing = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if missing {
        return "a command is needed: run, crds or handback (see berth --help)".to_owned();
    }
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    line.trim_start_matches("error: ").to_owned()
}
