//! What the kernel's operations cost a Cortex-M4, in instructions, beside embassy-sync's
//! `PubSubChannel`.
//!
//! ```text
//! mcu-bench [--json] [--check]
//! ```
//!
//! `--json` prints one object a line, `--check` fails when a budget is exceeded.

use std::process::ExitCode;

use tests_next::mcu::{Table, bench};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("mcu-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut json, mut check) = (false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            "--check" => check = true,
            _ => {
                return Err(format!(
                    "unknown argument {argument:?}: mcu-bench [--json] [--check]"
                ));
            }
        }
    }
    let lines = bench::run()?;
    let rows = bench::rows(&lines)?;
    if json {
        lines.iter().for_each(|line| println!("{line}"));
    } else {
        let mut table = Table::new(
            1,
            &[
                "instructions on a Cortex-M4",
                "kernel",
                "at most",
                "PubSubChannel",
            ],
        );
        let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
        for row in &rows {
            table.row(&[&row.name, &row.kernel, &number(row.budget), &number(row.pubsub)]);
        }
        print!("{table}");
    }
    let over: Vec<&str> = rows
        .iter()
        .filter(|row| row.is_over_budget())
        .map(|row| row.name.as_str())
        .collect();
    if check && !over.is_empty() {
        return Err(format!("over the budget: {}", over.join(", ")));
    }
    Ok(())
}
