//! The program `berth` (and, under another name, `kubectl-berth`).

fn main() -> std::process::ExitCode {
    berth::cli::main()
}
