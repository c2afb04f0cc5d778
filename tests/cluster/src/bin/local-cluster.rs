//! Runs a local cluster from the command line.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use berth_cluster::{Binaries, Cluster, Error, Options, Result};
use clap::{Parser, Subcommand};

/// A Kubernetes control plane with simulated nodes, without a container engine
#[derive(Parser)]
#[command(name = "local-cluster", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start a cluster; it ends with this command (Ctrl-C)
    Up {
        /// Number of simulated nodes
        #[arg(long, default_value_t = 3, default_value_if("real", clap::builder::ArgPredicate::IsPresent, "0"), value_name = "N", value_parser = clap::value_parser!(u16).range(0..=5000))]
        nodes: u16,
        /// Number of real nodes, with containers (Linux, root)
        #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=50))]
        real: u8,
        /// Return once the cluster is ready and leave it running
        #[arg(long)]
        keep: bool,
    },
    /// Make the binaries ready (built once, if need be)
    Build {
        /// Those of real nodes too; status 3 if this machine lacks what they need
        #[arg(long)]
        real: bool,
    },
    /// Print the directories of the binaries, separated by ':'
    Path,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let line = text
                .lines()
                .find(|line| line.starts_with("error:"))
                .unwrap_or("error: a subcommand is needed: up, build or path");
            eprintln!("{line} (see --help)");
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(&arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.to_string().trim().replace('\n', "; "));
            match error {
                Error::Machine { .. } => ExitCode::from(3),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(task: &Task) -> Result<()> {
    match task {
        Task::Up { nodes, real, keep } => up(usize::from(*nodes), usize::from(*real), *keep),
        Task::Build { real: false } => Binaries::locate().map(|_| ()),
        Task::Build { real: true } => berth_cluster::make_ready_for_real_nodes(),
        Task::Path => {
            let binaries = Binaries::locate()?;
            let directories: Vec<String> =
                binaries.directories().iter().map(|path| path.display().to_string()).collect();
            say(&directories.join(":"));
            Ok(())
        }
    }
}

fn up(nodes: usize, real_nodes: usize, keep: bool) -> Result<()> {
    let cluster = Cluster::start(Options { nodes, real_nodes, ..Options::default() })?;
    say(&format!("export KUBECONFIG={}", cluster.kubeconfig().display()));
    if keep {
        let stop = cluster.keep()?;
        say(&format!("# to stop it: sh {}", stop.display()));
        return Ok(());
    }
    say("# to stop it: Ctrl-C");
    loop {
        cluster.check()?;
        thread::sleep(Duration::from_millis(500));
    }
}

/// Prints a line; whoever reads our output may have gone, which is no reason to end.
fn say(line: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
