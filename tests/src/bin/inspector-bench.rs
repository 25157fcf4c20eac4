//! What the inspector costs and how fast it is, at 160x50, against its goals.
//!
//! ```text
//! inspector-bench [--json] [--quick] [--check]
//! ```
//!
//! `--json` prints one object a line, `--quick` measures shorter, `--check` fails when a goal is missed.

use std::process::ExitCode;

use tests::inspector::{self, Extent};
use tests::mcu::Table;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("inspector-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut json, mut check, mut extent) = (false, false, Extent::FULL);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            "--check" => check = true,
            "--quick" => extent = Extent::QUICK,
            _ => {
                return Err(format!(
                    "unknown argument {argument:?}: inspector-bench [--json] [--quick] [--check]"
                ));
            }
        }
    }
    let figures = inspector::run(extent)?;
    if json {
        figures.iter().for_each(|figure| println!("{}", figure.json()));
    } else {
        let mut table = Table::new(1, &["inspector at 160x50", "measured", "goal", ""]);
        for figure in &figures {
            let reached = if figure.is_reached() { "" } else { "missed" };
            table.row(&[&figure.name, &figure.to_string(), &figure.goal(), &reached]);
        }
        print!("{table}");
    }
    let missed: Vec<&str> = figures
        .iter()
        .filter(|figure| !figure.is_reached())
        .map(|figure| figure.name.as_str())
        .collect();
    if check && !missed.is_empty() {
        return Err(format!("goals missed: {}", missed.join(", ")));
    }
    Ok(())
}
