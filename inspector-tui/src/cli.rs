//! From the command line to what it asks for, and to the exit status.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use link_dial::{Endpoint, Target};

use crate::app::{self, Ended};
use crate::args::{Args, Command, Options, Sight};
use crate::chart::Spec;
use crate::facts::Limit;
use crate::graph::export::Format;
use crate::headless::{self, Failure, pictures, plain};
use crate::io::{Live, Replay, Source};
use crate::keys::{self, KeyMap};
use crate::model::{Config, Model};
use crate::pages;
use crate::theme::{Palette, Theme};
use crate::trace::export;
use crate::ui::{self, Ui};

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(told) => {
            return match told.print().map_err(Failure::from) {
                // Help that nobody reads to its end is no failure; stderr that is closed leaves only the status.
                Err(failure) if !told.use_stderr() => report(&failure),
                _ => u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
            };
        }
    };
    carry_out(args).unwrap_or_else(|failure| report(&failure))
}

fn report(failure: &Failure) -> ExitCode {
    if !matches!(failure, Failure::ClosedPipe) {
        // A closed stderr leaves only the status to tell.
        let _ = writeln!(io::stderr().lock(), "error: {failure}");
    }
    ExitCode::from(failure.status())
}

fn carry_out(args: Args) -> Result<ExitCode, Failure> {
    let Args {
        command,
        target,
        options,
    } = args;
    if options.print_keys {
        let mut stdout = io::stdout().lock();
        stdout.write_all(keys::print().as_bytes())?;
        stdout.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        None => {
            let live = live(target, &options)?;
            if options.json {
                headless::snapshot(live, io::stdout().lock())?;
                return Ok(ExitCode::SUCCESS);
            }
            let target = live.at.target.to_string();
            let read_only = options.read_only;
            show(
                live,
                ui::Options {
                    target,
                    read_only,
                    replay: false,
                },
                &options,
            )
        }
        Some(Command::Record {
            file,
            target: of_command,
            span,
            max_size,
            keep,
        }) => {
            let live = live(of_command.or(target), &options)?;
            let limit = max_size.map(|bytes| Limit {
                bytes: bytes as u64,
                keep,
            });
            let counted = headless::record(live, &file, span, limit)?;
            writeln!(io::stderr().lock(), "{counted}; recorded to {}", file.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Chart {
            filter,
            path,
            sight,
            capacities,
            latency: _,
            svg,
        }) => {
            let spec = match filter {
                Some(filter) => Spec::new(&filter, path.as_deref()).map_err(Failure::Usage)?,
                None if capacities => Spec::Capacities,
                None => Spec::Latency,
            };
            let seen = looked_at(target, &options, &sight, |model| model.set_chart(Some(spec)))?;
            let theme = theme(&options, |name| std::env::var_os(name));
            pictures::chart(&seen, &theme, options.json, svg.as_deref(), io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Graph { sight, dot, mermaid }) => {
            let seen = looked_at(target, &options, &sight, |model| model.set_graph(true))?;
            let format = match (dot, mermaid) {
                (true, _) => Some(Format::Dot),
                (_, true) => Some(Format::Mermaid),
                _ => None,
            };
            let theme = theme(&options, |name| std::env::var_os(name));
            pictures::graph(&seen, &theme, options.json, format, io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Trace {
            seq,
            sight,
            otlp,
            chrome,
        }) => {
            let seen = looked_at(target, &options, &sight, |_| ())?;
            let write: Option<pictures::Writer> = match (otlp, chrome) {
                (true, _) => Some(export::otlp),
                (_, true) => Some(export::chrome),
                _ => None,
            };
            let theme = theme(&options, |name| std::env::var_os(name));
            pictures::trace(&seen, seq, &theme, write, io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Completions { shell }) => printed(&pages::completions(shell)),
        Some(Command::Man) => printed(&pages::manual()?),
        Some(Command::Replay { file, speed: _, at }) if options.json => {
            headless::replay(&file, at, io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Replay { file, speed, at }) => {
            let replay = Replay::open(&file, speed)?.starting_at(at);
            show(
                replay,
                ui::Options {
                    target: file.display().to_string(),
                    read_only: true,
                    replay: true,
                },
                &options,
            )
        }
    }
}

/// A model of what a runtime says for a while, or of a recording.
fn looked_at(
    target: Option<Target>,
    options: &Options,
    sight: &Sight,
    wants: impl FnOnce(&mut Model),
) -> Result<Model, Failure> {
    match &sight.from {
        Some(file) => pictures::look(Replay::open(file, 0.0)?, options.ring_bytes, None, wants),
        None => {
            let live = Live {
                past: true,
                ..live(target, options)?
            };
            pictures::look(live, options.ring_bytes, Some(sight.span), wants)
        }
    }
}

fn printed(text: &[u8]) -> Result<ExitCode, Failure> {
    io::stdout().lock().write_all(text)?;
    Ok(ExitCode::SUCCESS)
}

fn live(target: Option<Target>, options: &Options) -> Result<Live, Failure> {
    let target = match target {
        Some(target) => target,
        None => Target::default_socket(|name| std::env::var_os(name)).map_err(Failure::Usage)?,
    };
    let key = match target {
        Target::Tcp { .. } => link_dial::key(options.key.as_deref()),
        // The variable is for ports; a key that is shown at the owner's socket takes the owner's rights away.
        _ => options.key.clone().unwrap_or_default(),
    };
    Ok(Live {
        at: Endpoint { target, key },
        past: options.past,
    })
}

fn show(source: impl Source + 'static, shown: ui::Options, options: &Options) -> Result<ExitCode, Failure> {
    if options.plain {
        let config = Config {
            ring_bytes: options.ring_bytes,
            ..Config::default()
        };
        plain::plain(source, config, io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let keys = match &options.keys {
        Some(path) => read_keys(path)?,
        None => KeyMap::default(),
    };
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "the screens need a terminal: run it in one, or use --json or `record`".to_owned(),
        ));
    }
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return Err(Failure::Usage(
            "the screens need a terminal that can be drawn on, and TERM says that this one cannot: set it to what the \
             terminal is, or use --json or `record`"
                .to_owned(),
        ));
    }
    let ui = Ui::new(
        shown,
        keys,
        theme(options, |name| std::env::var_os(name)),
        Instant::now(),
    );
    match app::run(source, options.ring_bytes, ui)? {
        Ended::Quit => Ok(ExitCode::SUCCESS),
        // As the shell tells of a program that a signal ended.
        Ended::Signal(number) => Ok(ExitCode::from(u8::try_from(128 + number).unwrap_or(1))),
    }
}

fn read_keys(path: &Path) -> Result<KeyMap, Failure> {
    let usage = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|cause| usage(cause.to_string()))?;
    KeyMap::read(&text).map_err(usage)
}

fn theme(options: &Options, var: impl Fn(&str) -> Option<OsString>) -> Theme {
    let set = |name: &str| var(name).filter(|value| !value.is_empty());
    let palette = match options.theme {
        Some(palette) => palette,
        None if set("NO_COLOR").is_some() => Palette::None,
        None => Palette::default(),
    };
    // The first that is set counts.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    Theme::new(palette, options.ascii || !utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn themed(line: &str, vars: &[(&str, &str)]) -> (Palette, bool) {
        let args = Args::parse_from(std::iter::once("core-inspector").chain(line.split_whitespace()));
        let theme = theme(&args.options, |name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        });
        (theme.palette, theme.glyphs.ascii)
    }

    #[test]
    fn the_environment_decides_what_the_command_line_does_not() {
        assert_eq!(themed("", &[]), (Palette::Dark, false));
        assert_eq!(themed("", &[("NO_COLOR", "")]), (Palette::Dark, false));
        assert_eq!(themed("", &[("NO_COLOR", "1")]), (Palette::None, false));
        assert_eq!(
            themed("--theme light", &[("NO_COLOR", "1")]),
            (Palette::Light, false)
        );
        assert_eq!(themed("--ascii", &[("LANG", "C.UTF-8")]), (Palette::Dark, true));
        assert_eq!(themed("", &[("LANG", "de_DE.utf8")]), (Palette::Dark, false));
        let vars = [("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")];
        assert_eq!(themed("", &vars), (Palette::Dark, true));
    }
}
