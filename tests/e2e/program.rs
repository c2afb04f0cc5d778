//! The program under test.

fn main() -> std::process::ExitCode {
    berth::cli::main()
}
