//! Fifty plugins in processes that have nothing to do: the memory of the runtime itself, and how often it wakes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::harness::Settings;
use super::hosted::folder;
use super::report::{Goal, Row};
use super::start::resident;
use crate::binary::binary;

/// How many of them.
const PLUGINS: usize = 50;

/// How long they are watched.
const WATCHED: Duration = Duration::from_secs(10);

/// As long as fifty interpreters take to start on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

const PLUGIN: &str =
    "from core_runtime import Plugin, run\n\n\nclass Idle(Plugin):\n    pass\n\n\nrun(Idle)\n";

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The figures.
///
/// # Errors
/// When the plugins do not start.
pub(super) fn run(settings: &Settings, python: &str) -> Result<Vec<Row>, String> {
    let plugins = if settings.quick { 3 } else { PLUGINS };
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let program = binary("host-std", profile)?;
    let folder = folder()?;
    let package = folder.path().join("idle");
    let manifest = format!(
        "[plugin]\nname = \"idle\"\nversion = \"1.0.0\"\n[run]\nkind = \"process\"\ncommand = [{python:?}, \"main.py\"]\n"
    );
    let written = fs::create_dir(&package)
        .and_then(|()| fs::write(package.join("plugin.toml"), manifest))
        .and_then(|()| fs::write(package.join("main.py"), PLUGIN));
    written.map_err(|cause| format!("no package: {cause}"))?;
    let command = || {
        let mut command = Command::new(&program);
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.env("RUNTIME_DB_PATH", folder.path().join("runtime.db"));
        command
    };
    let child = command()
        .spawn()
        .map_err(|cause| format!("core-runtime does not start: {cause}"))?;
    let running = Running(child);
    let begun = Instant::now();
    while !command()
        .args(["health", "--check"])
        .status()
        .is_ok_and(|status| status.success())
    {
        if begun.elapsed() > PATIENCE {
            return Err("core-runtime does not answer".to_owned());
        }
        sleep(Duration::from_millis(50));
    }
    for number in 0..plugins {
        let name = format!("idle-{number}");
        let installed = command()
            .args(["plugin", "install", "idle", "--yes", "--name", &name])
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            return Err(format!("{name} was not installed"));
        }
    }
    let watched = if settings.quick {
        Duration::from_millis(200)
    } else {
        WATCHED
    };
    // What the installations left to do is done first.
    sleep(watched / 5);
    let before = switches(running.0.id())?;
    sleep(watched);
    let wakes = switches(running.0.id())?.saturating_sub(before) as f64 / watched.as_secs_f64();
    let memory = resident(running.0.id())? as f64 / 1024.0;
    Ok(vec![
        Row::figure(
            &format!("resident memory of the runtime with {plugins} idle plugins in processes"),
            "MiB",
            &[memory],
            Goal::AtMost(40.0),
        ),
        Row::figure(
            &format!("how often it wakes then, with {plugins} of them"),
            "/s",
            &[wakes],
            Goal::None,
        ),
    ])
}

/// How often the threads of a process gave up their processor by themselves.
fn switches(process: u32) -> Result<u64, String> {
    let tasks = format!("/proc/{process}/task");
    let mut all = 0;
    for task in fs::read_dir(&tasks)
        .map_err(|cause| format!("{tasks}: {cause}"))?
        .flatten()
    {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let count = status.lines().find_map(|line| {
            line.strip_prefix("voluntary_ctxt_switches:")?
                .trim()
                .parse::<u64>()
                .ok()
        });
        all += count.unwrap_or(0);
    }
    Ok(all)
}
