//! The harness can fail: each patch in this folder puts a defect into a copy of the sources, behind a switch, so that all of them are
//! built once. With each of them in turn the tests run that its patch names, then the simulator, until one finds it; and all of that runs
//! with none, and must find nothing.
//!
//! `cargo run -p berth-defects` takes all of them (less than an hour on two cores); `cargo run -p berth-defects -- 02` those whose
//! names contain `02`. `BERTH_SEEDS` says how many schedules each gets at most. The table is written to `target/defects/table.md`.

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
    let all = Defect::all()?;
    let chosen: Vec<&Defect> = all.iter().filter(|defect| defect.name.contains(part)).collect();
    if chosen.is_empty() {
        return Err(format!("no defect has {part:?} in its name"));
    }
    let began = Instant::now();
    let workshop = Workshop::open(&all)?;
    tell("built", "", "", began, "");
    let began = Instant::now();
    for outcome in [workshop.test_units()?, workshop.simulate("")?] {
        if let Outcome::Found { by, at } = outcome {
            return Err(format!("without any defect {by} is found by {at}"));
        }
    }
    tell("none", "nothing", "", began, "");
    let mut table = String::from("| defect | like | found by | seed or plan |\n| --- | --- | --- | --- |\n");
    let mut found_all = true;
    for defect in chosen {
        let began = Instant::now();
        let outcome = match workshop.test(defect)? {
            Outcome::Nothing => workshop.simulate(&defect.name)?,
            found => found,
        };
        let (by, at, right) = match &outcome {
            Outcome::Found { by, at } => (by.as_str(), at.as_str(), defect.expects(by)),
            Outcome::Nothing => ("nothing", "", false),
        };
        found_all &= right;
        tell(&defect.name, by, at, began, if right { "" } else { "  <-- WRONG" });
        table += &format!("| {} | {} | {by} | {at} |\n", defect.what, defect.like);
        workshop.write("table.md", &table)?;
    }
    Ok(found_all)
}

/// A line about what was done since it `began`.
fn tell(what: &str, by: &str, at: &str, began: Instant, verdict: &str) {
    println!("{what:<40} {by:<12} {at:<14} {:>4.0} s{verdict}", began.elapsed().as_secs_f64());
}
