//! `completions` and `man`, which need no runtime.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::cli::exit::Failure;
use crate::cli::output::Out;

pub(crate) const COMPLETIONS_HELP: &str = "\
Examples:
  core-runtime completions bash > ~/.local/share/bash-completion/completions/core-runtime
  core-runtime completions zsh > ~/.zfunc/_core-runtime
  core-runtime completions fish > ~/.config/fish/completions/core-runtime.fish";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command, such as `storage list` [default: the whole program]
    command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    all: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, out: &mut Out) -> Result<(), Failure> {
    // Into memory first: the generator does not expect a reader that closes.
    let mut script = Vec::new();
    let mut command = Cli::command();
    if args.shell == Shell::Bash {
        // Its script finds no subcommand of a program whose name has a hyphen, so that it gets another name; what it is
        // told to complete is on the lines that end with the name.
        const NAME: &str = "core_runtime";
        clap_complete::generate(args.shell, &mut command.name(NAME), NAME, &mut script);
        let text = String::from_utf8_lossy(&script).replace(" core_runtime\n", " core-runtime\n");
        script = text.into_bytes();
    } else {
        clap_complete::generate(args.shell, &mut command, "core-runtime", &mut script);
    }
    out.raw(&script)?;
    out.flush()
}

pub(crate) fn man(args: &ManArgs, out: &mut Out) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut found = &command;
    for name in &args.command {
        found = found
            .find_subcommand(name)
            .ok_or_else(|| Failure::Usage(format!("{name} is no command of {}", found.get_name())))?;
    }
    if let Some(folder) = &args.all {
        return write_all(found, folder);
    }
    out.raw(&page(found)?)?;
    out.flush()
}

/// The page of a command.
fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(title(command))
        .source(concat!("core-runtime ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .map_err(Failure::Output)?;
    Ok(page)
}

fn title(command: &clap::Command) -> String {
    let name = command.get_bin_name().filter(|name| !name.is_empty());
    name.unwrap_or(command.get_name()).replace(' ', "-")
}

/// Writes the page of a command and of those below it.
fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let file = folder.join(format!("{}.1", title(command)));
    std::fs::write(&file, page(command)?)
        .map_err(|cause| Failure::No(format!("cannot write {}: {cause}", file.display())))?;
    let below = command
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    below
        .into_iter()
        .try_for_each(|command| write_all(command, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_has_the_name_of_a_global_one() {
        fn visit(command: &clap::Command, globals: &[String]) {
            let mut seen = globals.to_vec();
            for argument in command
                .get_arguments()
                .filter(|argument| !argument.is_global_set())
            {
                let id = argument.get_id().to_string();
                assert!(!seen.contains(&id), "{} {id}", command.get_name());
                seen.push(id);
            }
            command
                .get_subcommands()
                .for_each(|command| visit(command, globals));
        }
        let command = Cli::command();
        let globals: Vec<String> = command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert_eq!(globals, ["socket", "tcp", "key_file", "serial", "json"]);
        visit(&command, &globals);
    }

    #[test]
    fn everything_has_a_help_text() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(visit);
        }
        let mut command = Cli::command();
        command.build();
        visit(&command);
    }
}
