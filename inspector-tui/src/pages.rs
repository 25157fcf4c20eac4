//! What shells and `man` know of the command line.

use std::io;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::args::Args;

const NAME: &str = "core-inspector";

/// The completions of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let mut command = Args::command();
    if shell == Shell::Zsh {
        generate(shell, &mut command, NAME, &mut script);
        // It would take a command for the target, and not know what may follow the command.
        let text = String::from_utf8_lossy(&script).replace("$line[2]", "$line[1]");
        let mut lines: Vec<&str> = text.lines().collect();
        if let Some(at) = lines.iter().position(|line| line.starts_with("'::target ")) {
            lines.remove(at);
        }
        return (lines.join("\n") + "\n").into_bytes();
    }
    if shell != Shell::Bash {
        generate(shell, &mut command, NAME, &mut script);
        return script;
    }
    // Its script finds no subcommand of a program whose name has a hyphen: it has another name but on the lines that say
    // what is completed, which end with it.
    generate(
        shell,
        &mut command.name("core_inspector"),
        "core_inspector",
        &mut script,
    );
    let text = String::from_utf8_lossy(&script).replace(" core_inspector\n", " core-inspector\n");
    text.into_bytes()
}

/// The manual page.
///
/// # Errors
/// None that is known: it is written into memory.
pub fn manual() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    Man::new(command)
        .source(concat!("core-inspector ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    Ok(page)
}
