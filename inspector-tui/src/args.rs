//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};
use link_dial::Target;

use crate::facts::Place;
use crate::theme::Palette;

const EXAMPLES: &str = "\
TARGET is a Unix socket's path, serial:DEVICE[:BAUD], tcp:HOST:PORT or serial:tcp:HOST:PORT (a serial server); without it, the socket of the runtime \
that was started with the same environment: RUNTIME_SOCKET, or runtime.sock beside RUNTIME_DB_PATH.

  core-inspector                                   the runtime started in this folder
  core-inspector serial:/dev/ttyACM0:115200        a board
  core-inspector tcp:192.0.2.7:7700 --key-file F   a runtime elsewhere
  core-inspector --json | jq .plugins              one snapshot, for programs
  core-inspector record night.ndjson --for 8h      without a terminal
  core-inspector record l.ndjson --max-size 100MiB --keep 5   the last 600 MiB, in files that are played alone
  core-inspector replay night.ndjson               the same screens on the recording
  core-inspector chart 'sensor.>' value --for 1m   a picture of a number over time
  core-inspector graph --dot | dot -Tsvg > g.svg   who talks to whom
  core-inspector trace 1234 --from night.ndjson    what led to an event, and what followed
  core-inspector TARGET chart 'sensor.>' value     the same of another runtime; --from night.ndjson: of a recording

The exit status is 0 when it is done, 1 when it failed, 2 for wrong usage, 3 when there is no \
runtime or it does not let the inspector in, and 128 with the signal's number added when a signal ended the screens.";

/// See into a running runtime.
#[derive(Debug, Parser)]
#[command(
    name = "core-inspector",
    version,
    about,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true
)]
pub struct Args {
    /// What to do; the screens when nothing is said
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where the runtime is
    pub target: Option<Target>,
    /// What goes with every command.
    #[command(flatten)]
    pub options: Options,
}

/// What goes with every command.
#[derive(Clone, Debug, ClapArgs)]
pub struct Options {
    /// Never ask the runtime to change anything
    #[arg(long, global = true)]
    pub read_only: bool,
    /// A file with the key that a runtime at a TCP port asks for [env: RUNTIME_TCP_TOKEN, the key itself]
    #[arg(long = "key-file", global = true, value_name = "FILE", value_parser = link_dial::key_in_file)]
    pub key: Option<String>,
    /// Begin with the events that the runtime still has, not with the next one
    #[arg(long, global = true)]
    pub past: bool,
    /// How much memory the events may take, such as 64MiB
    #[arg(long, global = true, value_name = "BYTES", value_parser = bytes, default_value = "64MiB")]
    pub ring_bytes: usize,
    /// The colours [default: dark, or none where NO_COLOR is set]
    #[arg(long, global = true, value_enum)]
    pub theme: Option<Palette>,
    /// Draw with ASCII alone, as where the locale is not UTF-8
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Print lines, for screen readers, and answer what is typed: help says what; no screens
    #[arg(long, global = true, conflicts_with = "json")]
    pub plain: bool,
    /// A TOML file with key bindings, see --print-keys
    #[arg(long, global = true, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Print the key bindings as TOML and exit
    #[arg(long)]
    pub print_keys: bool,
    /// Print one snapshot of everything as JSON and exit; with `replay`, what was recorded
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do without the live screens.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write what the runtime says to a file, without a terminal, until Ctrl-C
    Record {
        /// The file; it must not be there yet
        file: PathBuf,
        /// Where the runtime is
        target: Option<Target>,
        /// End by itself after this long, such as 90s, 30m or 8h
        #[arg(long = "for", value_name = "DURATION", value_parser = span)]
        span: Option<Duration>,
        /// Begin another file when this one is about so large, such as 100MiB; the full one becomes FILE.1
        #[arg(long, value_name = "BYTES", value_parser = bytes)]
        max_size: Option<usize>,
        /// How many full files are kept
        #[arg(long, value_name = "FILES", requires = "max_size", default_value_t = 5)]
        keep: usize,
    },
    /// Draw a number of the payloads over time: with the events that the runtime still has, and those that come
    Chart {
        /// Which topics, such as 'sensor.*.temperature'; all with --capacities and --latency
        #[arg(required_unless_present_any = ["capacities", "latency"])]
        filter: Option<String>,
        /// Where the number is in the payload, such as value or a.b; `.` is the payload itself [default: events a second]
        path: Option<String>,
        /// Where it comes from.
        #[command(flatten)]
        sight: Sight,
        /// Chart the use of the capacities
        #[arg(long, conflicts_with_all = ["filter", "latency"])]
        capacities: bool,
        /// Chart how long calls took
        #[arg(long, conflicts_with = "filter")]
        latency: bool,
        /// Write an SVG file, which must not be there yet, and not a text to stdout
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Who talks to whom: plugins, topics and services, by what was really sent
    Graph {
        /// Where it comes from.
        #[command(flatten)]
        sight: Sight,
        /// Write it for Graphviz
        #[arg(long, conflicts_with = "mermaid")]
        dot: bool,
        /// Write it for Markdown
        #[arg(long)]
        mermaid: bool,
    },
    /// All that led to an event and all that followed
    Trace {
        /// The event's sequence number
        seq: u64,
        /// Where it comes from.
        #[command(flatten)]
        sight: Sight,
        /// Write it for OpenTelemetry: OTLP as JSON
        #[arg(long, conflicts_with = "chrome")]
        otlp: bool,
        /// Write it in Chrome's trace format
        #[arg(long)]
        chrome: bool,
    },
    /// Show a recording on the same screens
    Replay {
        /// The file
        file: PathBuf,
        /// How many times faster than it happened; 0 is all at once
        #[arg(long, value_name = "FACTOR", value_parser = speed, default_value = "1")]
        speed: f64,
        /// Go there first and wait: a time since the beginning, such as 1h20m, or an event, such as '#1234'; with --json, all
        /// until there, with the state as it was then
        #[arg(long, value_name = "PLACE")]
        at: Option<Place>,
    },
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Where what is drawn without a terminal comes from.
#[derive(Clone, Debug, ClapArgs)]
pub struct Sight {
    /// Look so long at the runtime, or until Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = span, default_value = "10s")]
    pub span: Duration,
    /// Draw a recording, not a runtime
    #[arg(long, value_name = "RECORDING")]
    pub from: Option<PathBuf>,
}

fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: usize = match unit {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(format!("`{unit}` is no unit: say B, KiB, MiB or GiB")),
    };
    let number: usize = number
        .parse()
        .map_err(|_| "it does not begin with a whole number".to_owned())?;
    match number.checked_mul(unit) {
        Some(bytes) if bytes >= 1 << 16 => Ok(bytes),
        Some(_) => Err("at least 64KiB are needed".to_owned()),
        None => Err("it is more than this machine can address".to_owned()),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is no unit: say ms, s, m or h")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "it does not begin with a number".to_owned())?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err("it must be longer than nothing".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed >= 0.0 => Ok(speed),
        _ => Err("it must be a number from 0 on".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("core-inspector").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn targets_and_commands_go_together() {
        let args = parse("--json data/runtime.sock").unwrap();
        assert!(args.options.json && args.command.is_none());
        assert_eq!(args.target, Some(Target::Unix("data/runtime.sock".into())));
        let args = parse("record out.ndjson tcp:h:1 --for 90s --read-only").unwrap();
        assert!(args.options.read_only);
        match args.command {
            Some(Command::Record { target, span, .. }) => {
                assert_eq!(
                    target,
                    Some(Target::Tcp {
                        address: "h:1".into(),
                        plain: false
                    })
                );
                assert_eq!(span, Some(Duration::from_secs(90)));
            }
            other => panic!("{other:?}"),
        }
        let args = parse("replay x.ndjson --json --speed 0").unwrap();
        assert!(args.options.json);
        assert!(matches!(args.command, Some(Command::Replay { speed: 0.0, .. })));
    }

    #[test]
    fn sizes_and_spans_have_units() {
        assert_eq!(bytes("65536"), Ok(65536));
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        for wrong in ["", "1", "64MB", "x", "99999999999999999999", "99999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(span("1.5m"), Ok(Duration::from_secs(90)));
        for wrong in ["", "0", "1d", "s", "-1s"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }
}
