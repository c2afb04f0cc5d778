//! The harness can fail: each patch in this folder puts a defect back into a copy of the sources, the simulator runs against it, and
//! must find it.
//!
//! `cargo run -p berth-defects` takes all of them (about a minute each on two cores); `cargo run -p berth-defects -- 02` those whose
//! names contain `02`. `BERTH_SEEDS` says how many schedules each gets. The table is written to `target/defects/table.md`.

mod defect;
mod workshop;

use std::process::ExitCode;
use std::time::Instant;

use defect::Defect;
use workshop::{Outcome, Workshop};

fn main() -> ExitCode {
    let part = std::env::args().nth(1).unwrap_or_default();
    match run(&part) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("defects: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every defect was found.
fn run(part: &str) -> Result<bool, String> {
    let mut defects = Defect::all()?;
    defects.retain(|defect| defect.name.contains(part));
    if defects.is_empty() {
        return Err(format!("no defect has {part:?} in its name"));
    }
    let workshop = Workshop::open()?;
    if let Outcome::Found { by, .. } = workshop.simulate()? {
        return Err(format!("without any defect the simulator finds {by}"));
    }
    let mut table = String::from("| defect | like | found by | seed or plan |\n| --- | --- | --- | --- |\n");
    let mut all = true;
    for defect in &defects {
        let began = Instant::now();
        let outcome = workshop.with(defect, Workshop::simulate)?;
        let (by, at, right) = match &outcome {
            Outcome::Found { by, at } => (by.as_str(), at.as_str(), defect.expects(by)),
            Outcome::Nothing => ("nothing", "", false),
        };
        all &= right;
        let verdict = if right { "" } else { "  <-- WRONG" };
        println!("{:<40} {by:<12} {at:<12} {:>4.0} s{verdict}", defect.name, began.elapsed().as_secs_f64());
        table += &format!("| {} | {} | {by} | {at} |\n", defect.what, defect.like);
        workshop.write("table.md", &table)?;
    }
    Ok(all)
}
