//! What the runtime costs on this machine, beside others.
//!
//! ```text
//! bench [--list] [--json] [--quick] [--rounds N] [--check] [SECTION...]
//! ```
//!
//! `--list` names the sections, `--json` prints one object a line, `--quick` is a smoke run whose figures
//! mean nothing, `--check` fails when a goal is missed.

use std::process::ExitCode;

use tests::bench::{Row, SECTIONS, Section, Settings, machine, section, table};

const USAGE: &str = "bench [--list] [--json] [--quick] [--rounds N] [--check] [SECTION...]";

struct Options {
    list: bool,
    json: bool,
    check: bool,
    settings: Settings,
    sections: Vec<Section>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        list: false,
        json: false,
        check: false,
        settings: Settings::FULL,
        sections: Vec::new(),
    };
    let mut rounds = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => options.list = true,
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--quick" => options.settings = Settings::QUICK,
            "--rounds" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                rounds = Some(
                    count
                        .filter(|count| *count > 0)
                        .ok_or("--rounds wants a number above 0")?,
                );
            }
            name if !name.starts_with('-') => options.sections.push(section(name)?),
            other => return Err(format!("unknown argument {other:?}: {USAGE}")),
        }
    }
    options.settings.rounds = rounds.unwrap_or(options.settings.rounds);
    if options.sections.is_empty() {
        options.sections = SECTIONS.to_vec();
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    if options.list {
        for section in &options.sections {
            println!("{:<16} {}", section.name, section.about);
        }
        return Ok(());
    }
    if !options.json {
        println!("{}; {} rounds", machine(), options.settings.rounds);
    }
    let mut missed = Vec::new();
    for section in &options.sections {
        let rows = section.run(&options.settings)?;
        if options.json {
            rows.iter()
                .for_each(|row| println!("{}", row.to_json(section.name)));
        } else {
            println!("\n{}: {}\n\n{}", section.name, section.about, table(&rows));
        }
        let short = rows.into_iter().filter(|row: &Row| row.is_met() == Some(false));
        missed.extend(short.map(|row| format!("{} ({})", row.name, section.name)));
    }
    if options.check && !missed.is_empty() {
        return Err(format!("short of the goal: {}", missed.join(", ")));
    }
    Ok(())
}
