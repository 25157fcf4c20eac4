//! What the kernel costs a firmware in flash and RAM.
//!
//! ```text
//! footprint [--json] [--check] [--parts] [--symbols N]
//! ```
//!
//! `--json` prints one object a line, `--check` fails when a budget is exceeded, `--parts` tells which source
//! the bytes of the core come from, `--symbols` lists the N largest functions and data of each image that
//! the one before has not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use tests::mcu::{Board, Footprint, PROFILES, Part, Parts, Table, measure, parts_of};

struct Options {
    json: bool,
    check: bool,
    parts: bool,
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
        parts: false,
        symbols: 0,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--parts" => options.parts = true,
            "--symbols" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                options.symbols = count.ok_or("--symbols wants a number")?;
            }
            _ => {
                return Err(format!(
                    "unknown argument {argument:?}: footprint [--json] [--check] [--parts] [--symbols N]"
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
            for part in Part::ALL {
                footprints.push(measure(board, profile, part)?);
            }
        }
    }
    if options.json {
        footprints.iter().for_each(print_json);
    } else {
        print!("{}", table(&footprints));
    }
    if options.parts {
        for footprint in &footprints {
            print_parts(footprint)?;
        }
    }
    if options.symbols > 0 {
        footprints
            .iter()
            .for_each(|footprint| print_symbols(footprint, options.symbols));
    }
    let over: Vec<String> = footprints
        .iter()
        .filter(|footprint| !footprint.is_within_budget())
        .map(title)
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
    let (cost, budget) = (footprint.cost(), footprint.budget());
    let json = serde_json::json!({
        "target": footprint.board.target(),
        "profile": footprint.profile.name,
        "part": footprint.part.name(),
        "flash": cost.flash,
        "ram": cost.ram,
        "flash_budget": budget.flash,
        "ram_budget": budget.ram,
    });
    println!("{json}");
}

fn table(footprints: &[Footprint]) -> Table {
    let headings = ["target", "profile", "part", "flash", "at most", "RAM", "at most"];
    let mut table = Table::new(3, &headings);
    for footprint in footprints {
        let (cost, budget) = (footprint.cost(), footprint.budget());
        table.row(&[
            &footprint.board.target(),
            &footprint.profile.name,
            &footprint.part.name(),
            &cost.flash,
            &budget.flash,
            &cost.ram,
            &budget.ram,
        ]);
    }
    table
}

/// Where the bytes come from that the image before has not.
fn print_parts(footprint: &Footprint) -> Result<(), String> {
    let (before, after) = (parts_of(&footprint.before)?, parts_of(&footprint.image)?);
    let mut rows = Vec::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let sizes = |parts: &Parts| parts.get(name).copied().unwrap_or_default();
        let (before, after) = (sizes(&before), sizes(&after));
        let (flash, ram) = (more(after.flash, before.flash), more(after.ram, before.ram));
        if (flash, ram) != (0, 0) {
            rows.push((flash, ram, name));
        }
    }
    rows.sort_by(|a, b| b.cmp(a));
    let mut table = Table::new(1, &["part", "flash", "RAM"]);
    for (flash, ram, name) in rows {
        table.row(&[name, &flash, &ram]);
    }
    println!("\n{}:\n\n{table}", title(footprint));
    Ok(())
}

fn more(after: u64, before: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
}

fn title(footprint: &Footprint) -> String {
    let (target, profile) = (footprint.board.target(), footprint.profile.name);
    format!("{target} {profile} {}", footprint.part.name())
}

/// The largest of what the image before has not, or has smaller.
fn print_symbols(footprint: &Footprint, count: usize) {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for symbol in &footprint.before.symbols {
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
    println!("\n{}:", title(footprint));
    for (size, times, code, name) in rows.into_iter().take(count) {
        let kind = if code { "code" } else { "data" };
        println!("{size:>7} {kind} {times:>2}x {name}");
    }
}
