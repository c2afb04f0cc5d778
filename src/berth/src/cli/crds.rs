//! `berth crds`.

use std::io::Write;
use std::path::PathBuf;

use berth_api::crd;

use super::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one file for each definition into this directory instead of printing them
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    for (name, definition) in crd::all() {
        let yaml = crd::to_yaml(&definition);
        let written = match &args.output {
            Some(directory) => {
                let path = directory.join(name);
                std::fs::write(&path, yaml).map_err(|e| format!("cannot write {}: {e}", path.display()))
            }
            None => {
                let text = format!("---\n{}", yaml.trim_start_matches("---\n"));
                match std::io::stdout().write_all(text.as_bytes()) {
                    // The reader has seen enough, as in `berth crds | head`.
                    Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written.map_err(|e| format!("cannot print: {e}")),
                }
            }
        };
        written.map_err(Failure::usage)?;
    }
    Ok(())
}
