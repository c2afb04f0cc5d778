//! What can end the demo, or a step of it.

use std::io;
use std::path::PathBuf;

/// Why the demo, or one step, did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that a step promises was not so.
    #[error("{what}: {seen}")]
    NotSo {
        /// What should have been.
        what: String,
        /// What was seen instead.
        seen: String,
    },

    /// The machine or the cluster lacks something that the demo needs.
    #[error("{0}")]
    Missing(String),

    /// The local cluster, or a kubectl command on it.
    #[error(transparent)]
    Cluster(#[from] berth_cluster::Error),

    /// A kubectl command on an existing cluster.
    #[error("kubectl {arguments}: {stderr}")]
    Kubectl {
        /// The arguments, separated by spaces.
        arguments: String,
        /// What kubectl printed on standard error.
        stderr: String,
    },

    /// A program could not be started or spoken to.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why it failed.
        source: io::Error,
    },

    /// A file or a directory could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was attempted: `read`, `create`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// The operator does not work.
    #[error("the operator {problem}; its last words:\n{log}")]
    Operator {
        /// What is wrong with it.
        problem: String,
        /// The last lines of its log.
        log: String,
    },

    /// An answer of kubectl is not what it should be.
    #[error("kubectl answered what is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err`: wraps an I/O error with the program that should have run.
    pub fn run(program: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Run { program, source }
    }

    /// For `map_err`: wraps an I/O error with what was done to which path.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
