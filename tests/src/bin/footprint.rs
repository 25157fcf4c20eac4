//! What the kernel costs a firmware in flash and RAM.
//!
//! ```text
//! footprint [--json] [--check] [--symbols N]
//! ```
//!
//! `--json` prints one object a line, `--check` fails when a budget is exceeded, `--symbols` lists
//! the N largest functions and data of each image that the baseline has not.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tests::mcu::{Board, Footprint, PROFILES, Table, measure};

struct Options {
    json: bool,
    check: bool,
    symbols: usize,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("footprint: {why}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        json: false,
        check: false,
        symbols: 0,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--symbols" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                options.symbols = count.ok_or("--symbols wants a number")?;
            }
            _ => {
                return Err(format!(
                    "unknown argument {argument:?}: footprint [--json] [--check] [--symbols N]"
                ));
            }
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let mut footprints = Vec::new();
    for board in [Board::Microbit, Board::Mps2] {
        for profile in PROFILES {
            footprints.push(measure(board, profile)?);
        }
    }
    if options.json {
        footprints.iter().for_each(print_json);
    } else {
        print!("{}", table(&footprints));
    }
    if options.symbols > 0 {
        footprints
            .iter()
            .for_each(|footprint| print_symbols(footprint, options.symbols));
    }
    let over: Vec<String> = footprints
        .iter()
        .filter(|footprint| !footprint.is_within_budget())
        .map(|footprint| format!("{} {}", footprint.board.target(), footprint.profile.name))
        .collect();
    if options.check && !over.is_empty() {
        return Err(format!(
            "over the budget: {}; see `footprint --symbols 40` for where the bytes go",
            over.join(", ")
        ));
    }
    Ok(())
}

fn print_json(footprint: &Footprint) {
    let (cost, budget) = (footprint.cost(), footprint.profile.budget);
    // Names of targets and profiles need no escapes.
    println!(
        r#"{{"target":"{}","profile":"{}","flash":{},"ram":{},"flash_budget":{},"ram_budget":{}}}"#,
        footprint.board.target(),
        footprint.profile.name,
        cost.flash,
        cost.ram,
        budget.flash,
        budget.ram
    );
}

fn table(footprints: &[Footprint]) -> Table {
    let headings = ["target", "profile", "flash", "goal", "RAM", "goal"];
    let mut table = Table::new(2, &headings);
    for footprint in footprints {
        let (cost, budget) = (footprint.cost(), footprint.profile.budget);
        let (target, profile) = (footprint.board.target(), footprint.profile.name);
        table.row(&[
            &target,
            &profile,
            &cost.flash,
            &budget.flash,
            &cost.ram,
            &budget.ram,
        ]);
    }
    table
}

/// The largest of what the baseline has not, or has smaller.
fn print_symbols(footprint: &Footprint, count: usize) {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for symbol in &footprint.baseline.symbols {
        *known.entry(&symbol.name).or_default() += symbol.size;
    }
    let mut new: BTreeMap<(&str, bool), (u64, u32)> = BTreeMap::new();
    for symbol in &footprint.image.symbols {
        let entry = new.entry((&symbol.name, symbol.code)).or_default();
        *entry = (entry.0 + symbol.size, entry.1 + 1);
    }
    let mut rows: Vec<_> = new
        .into_iter()
        .map(|((name, code), (size, times))| {
            let more = size.saturating_sub(known.get(name).copied().unwrap_or(0));
            (more, times, code, name)
        })
        .filter(|row| row.0 > 0)
        .collect();
    rows.sort_by(|a, b| b.cmp(a));
    println!("\n{} {}:", footprint.board.target(), footprint.profile.name);
    for (size, times, code, name) in rows.into_iter().take(count) {
        let kind = if code { "code" } else { "data" };
        println!("{size:>7} {kind} {times:>2}x {name}");
    }
}
