//! What can go wrong, each error naming what was attempted.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An error of the local cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing a file or directory failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was attempted: `read`, `create`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A program could not be started at all.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why it failed.
        source: io::Error,
    },

    /// The binaries have to be built and there is no usable Go.
    #[error(
        "the Kubernetes binaries have to be built once and {problem}: install Go {wanted} or newer, or set $KUBEBUILDER_ASSETS to a \
         directory with Kubernetes {kubernetes} binaries, or use an existing cluster with --context"
    )]
    Go {
        /// What is wrong with Go here.
        problem: String,
        /// The oldest Go version that will do.
        wanted: &'static str,
        /// The Kubernetes version that is wanted.
        kubernetes: &'static str,
    },

    /// `go build` failed.
    #[error("building {binary} failed: {output}")]
    Build {
        /// The binary.
        binary: &'static str,
        /// The last lines that the compiler printed.
        output: String,
    },

    /// Neither `$BERTH_CACHE` nor `$XDG_CACHE_HOME` nor `$HOME` says where binaries are kept.
    #[error("no directory for the Kubernetes binaries: set $BERTH_CACHE or $HOME")]
    NoCache,

    /// A process of the cluster ended although it should run.
    #[error("{name} ended ({status}); its last words:\n{log}")]
    Died {
        /// The process, as in `logs/NAME.log`.
        name: String,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },

    /// Something did not come about in time.
    #[error("waited {} s for {what}; last seen: {last}", waited.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// The last thing that was seen instead.
        last: String,
    },

    /// kubectl said no.
    #[error("kubectl {arguments}: {stderr}")]
    Kubectl {
        /// The arguments, separated by spaces.
        arguments: String,
        /// What kubectl printed on standard error.
        stderr: String,
    },

    /// This machine lacks what real nodes need.
    #[error("real nodes need {what}")]
    Machine {
        /// What is needed.
        what: String,
    },

    /// A program of this machine said no.
    #[error("{command}: {stderr}")]
    Command {
        /// The program and its arguments, separated by spaces.
        command: String,
        /// What it printed on standard error.
        stderr: String,
    },

    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(rcgen::Error),

    /// There is no real node of that name, or no room for another one.
    #[error("real node {0}")]
    Node(String),

    /// A name that would not be a plain file name, or that is taken already.
    #[error("process name {0:?} is taken, or is not made of letters, digits, '.', '_' and '-'")]
    Name(String),
}

impl Error {
    /// For `map_err`: wraps an I/O error with what was done to which path.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err`: wraps an I/O error with the program that should have run.
    pub(crate) fn run(program: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Run { program, source }
    }
}
