//! Plugins in processes: a call and an event, beside a bare program of the same language that reads the same line of
//! JSON and writes it back over its pipes, and for reference one that looks at none of it; and fifty of them that have
//! nothing to do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use host_std::config::Config;
use host_std::{Host, block_on};
use kernel_core::{Json, PluginState, json_literal};
use tempfile::TempDir;

use super::harness::{Contender, Settings, compare};
use super::hosted::{database, folder};
use super::pinned;
use super::report::Row;
use crate::binary::binary;

/// What a plugin's time over the bare program's may be.
const GOAL: f64 = 0.7;

const SERVICE: &str = "bench.echo";
const TOPIC: &str = "bench.event";
const VALUE: Json<'static> = json_literal!(r#"{"celsius":20.5,"room":"kitchen"}"#);

/// The lines that the runtime sends for them.
const CALL_LINE: &str = r#"{"jsonrpc":"2.0","id":1000,"method":"call","params":{"service":"bench.echo","args":{"celsius":20.5,"room":"kitchen"},"caller":"operator"}}"#;
const EVENT_LINE: &str = r#"{"jsonrpc":"2.0","id":1000,"method":"event","params":{"topic":"bench.event","payload":{"celsius":20.5,"room":"kitchen"},"seq":1000,"time_ms":81234,"source":"operator","lost":0}}"#;

/// Lines before anything is measured.
const WARM: u64 = 500;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Language {
    name: &'static str,
    program: &'static str,
    file: (&'static str, &'static str),
    library: &'static [(&'static str, &'static str)],
    /// Reads the JSON of each line, and writes it back.
    parses: &'static [&'static str],
    /// Sends the bytes of each line back.
    copies: &'static [&'static str],
    /// What the plugin is run with, beside the program.
    arguments: &'static [&'static str],
}

const PARSES_IN_PYTHON: &str = "import sys, json
for line in sys.stdin:
    sys.stdout.write(json.dumps(json.loads(line), separators=(',', ':')) + '\\n')
    sys.stdout.flush()";
const COPIES_IN_PYTHON: &str = "import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()";
const PARSES_IN_JAVASCRIPT: &str =
    "process.stdin.on('data', (line) => process.stdout.write(JSON.stringify(JSON.parse(line)) + '\\n'))";
const COPIES_IN_JAVASCRIPT: &str = "process.stdin.on('data', (line) => process.stdout.write(line))";

const LANGUAGES: [Language; 2] = [
    Language {
        name: "Python",
        program: "python3",
        file: ("main.py", include_str!("plugins/main.py")),
        library: &[],
        parses: &["-c", PARSES_IN_PYTHON],
        copies: &["-c", COPIES_IN_PYTHON],
        arguments: &["main.py"],
    },
    Language {
        name: "JavaScript",
        program: "node",
        file: ("main.mjs", include_str!("plugins/main.mjs")),
        library: &[(
            "core-runtime.mjs",
            include_str!("../../../plugins/sdk/js/core-runtime.mjs"),
        )],
        parses: &["-e", PARSES_IN_JAVASCRIPT],
        copies: &["-e", COPIES_IN_JAVASCRIPT],
        arguments: &["core-runtime.mjs", "main.mjs"],
    },
];

/// A call of a plugin in a process.
///
/// # Errors
/// When it was not answered.
pub(super) fn calls(settings: &Settings) -> Result<Vec<Row>, String> {
    each(settings, "call to a plugin in", CALL_LINE, |house, count| {
        let begun = Instant::now();
        let mut buf = [0; 256];
        for _ in 0..count {
            let services = house.host.runtime().services();
            block_on(services.call(SERVICE, VALUE, &mut buf))
                .map_err(|cause| format!("the call: {cause}"))?;
        }
        Ok(begun.elapsed())
    })
}

/// An event that a plugin in a process handles.
///
/// # Errors
/// When one was not handled.
pub(super) fn events(settings: &Settings) -> Result<Vec<Row>, String> {
    each(
        settings,
        "event handled by a plugin in",
        EVENT_LINE,
        |house, count| {
            let handled = house.handled()?;
            let begun = Instant::now();
            for _ in 0..count {
                let bus = house.host.runtime().context();
                bus.try_publish(TOPIC, VALUE)
                    .map_err(|cause| format!("the event: {cause}"))?;
            }
            while u64::from(house.handled()?.wrapping_sub(handled)) < count {
                if begun.elapsed() > PATIENCE {
                    return Err("the events were not handled".to_owned());
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            Ok(begun.elapsed())
        },
    )
}

/// Fifty plugins that wait: the runtime's memory, and how often it wakes.
///
/// # Errors
/// When they do not start.
pub(super) fn idle(settings: &Settings) -> Result<Vec<Row>, String> {
    super::idle::run(settings, LANGUAGES[0].program)
}

fn each(
    settings: &Settings,
    what: &str,
    line: &'static str,
    ours: fn(&House, u64) -> Result<Duration, String>,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for language in &LANGUAGES {
        let name = format!("{what} {}", language.name);
        rows.extend(pinned::both(
            &settings.finer(),
            &name,
            (GOAL, None),
            |settings, name, goal| {
                let house = House::with(language)?;
                let mut parses = Bare::start(language, language.parses)?;
                let mut copies = Bare::start(language, language.copies)?;
                let contenders = vec![
                    Contender::new("ours", |count| ours(&house, count)),
                    Contender::new(
                        format!("{}, the JSON read and written", language.name),
                        move |count| parses.exchange(line, count),
                    ),
                    Contender::new(format!("{}, the bytes copied", language.name), move |count| {
                        copies.exchange(line, count)
                    })
                    .for_reference(),
                ];
                compare(settings, name, contenders, goal)
            },
        )?);
    }
    Ok(rows)
}

/// A host with the plugin of one language.
struct House {
    host: Host,
    _folder: TempDir,
}

impl House {
    fn with(language: &Language) -> Result<House, String> {
        let folder = folder()?;
        let package = folder.path().join("package");
        write(&package, language).map_err(|cause| format!("no package: {cause}"))?;
        let path = database(folder.path()).into_os_string();
        let vars = |name: &str| (name == "RUNTIME_DB_PATH").then(|| path.clone());
        let config = Config::from_vars(vars).map_err(|cause| format!("the configuration: {cause}"))?;
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let host = Host::builder()
            .launcher(binary("host-std", profile)?)
            .start(config);
        let host = host.map_err(|cause| format!("the host does not start: {cause}"))?;
        let args = format!("{{\"path\":{:?}}}", package.display().to_string());
        let mut buf = vec![0; 4096];
        let args = Json::parse(&args).map_err(|cause| cause.to_string())?;
        let services = host.runtime().services();
        block_on(services.call("plugins.install", args, &mut buf))
            .map_err(|cause| format!("not installed: {cause}"))?;
        match host.runtime().plugins().state("bench") {
            Some(PluginState::Started) => Ok(House {
                host,
                _folder: folder,
            }),
            state => Err(format!("the plugin is {state:?}")),
        }
    }

    /// Messages that the plugin has handled.
    fn handled(&self) -> Result<u32, String> {
        let (mut cursor, mut buf) = (0, [0; 1024]);
        while let Some(info) = self.host.runtime().next_plugin(&mut cursor, &mut buf) {
            if info.name == "bench" {
                return Ok(info.counters.handled);
            }
        }
        Err("the plugin is gone".to_owned())
    }
}

fn write(package: &Path, language: &Language) -> std::io::Result<()> {
    fs::create_dir(package)?;
    let (file, text) = language.file;
    let command: Vec<&str> = std::iter::once(language.program)
        .chain(language.arguments.iter().copied())
        .collect();
    let manifest = format!(
        "[plugin]\nname = \"bench\"\nversion = \"1.0.0\"\n[run]\nkind = \"process\"\ncommand = {command:?}\n\
         [limits]\nevents_per_second = 1000000\ncalls_per_second = 1000000\n"
    );
    for (name, text) in language
        .library
        .iter()
        .chain([&(file, text), &("plugin.toml", manifest.as_str())])
    {
        fs::write(package.join(name), text)?;
    }
    Ok(())
}

/// A program that sends each line back.
struct Bare {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Bare {
    fn start(language: &Language, program: &[&str]) -> Result<Bare, String> {
        let mut child = Command::new(language.program)
            .args(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("{} does not start: {cause}", language.program))?;
        let (stdin, stdout) = (
            child.stdin.take().ok_or("no pipe")?,
            child.stdout.take().ok_or("no pipe")?,
        );
        let mut bare = Bare {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        };
        // An interpreter that starts is not what is measured.
        bare.exchange(CALL_LINE, WARM)?;
        Ok(bare)
    }

    fn exchange(&mut self, line: &str, count: u64) -> Result<Duration, String> {
        let line = format!("{line}\n");
        let mut back = String::new();
        let begun = Instant::now();
        for _ in 0..count {
            back.clear();
            let sent = self.stdin.write_all(line.as_bytes());
            sent.and_then(|()| self.stdout.read_line(&mut back))
                .map_err(|cause| cause.to_string())?;
            if back != line {
                return Err(format!("not the line: {back}"));
            }
        }
        Ok(begun.elapsed())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
