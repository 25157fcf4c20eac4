//! The program as a process: signals, exit statuses, what it tells.
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use host_std::sqlite::{Database, Options};
use host_std::{Config, Host, run_host};
use kernel_core::*;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_core-runtime");

/// A child that is killed when the test is over.
struct Process {
    child: Child,
    log: BufReader<Box<dyn Read>>,
}

impl Process {
    fn start(command: Command, dir: &Path) -> Process {
        Process::start_within(command, dir, "60")
    }

    /// `shutdown` is the limit for the shutdown, in seconds.
    fn start_within(mut command: Command, dir: &Path, shutdown: &str) -> Process {
        let mut child = command
            .env("RUNTIME_DB_PATH", dir.join("runtime.db"))
            .env("RUNTIME_SHUTDOWN_TIMEOUT", shutdown)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(Box::new(child.stderr.take().unwrap()) as Box<dyn Read>);
        Process { child, log }
    }

    /// Reads the log up to a line with `text`.
    fn until(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let read = self.log.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the log ended before {text:?}");
        }
        line
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit status, and the rest of the log.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    without_settings(Command::new(PROGRAM))
}

/// What is set where the tests run must not reach the program.
fn without_settings(mut command: Command) -> Command {
    for name in [
        "RUNTIME_SOCKET",
        "RUNTIME_CONFIG",
        "RUNTIME_LOG",
        "RUNTIME_LOG_FORMAT",
        "RUNTIME_SERVICE_CALL_TIMEOUT",
    ] {
        command.env_remove(name);
    }
    command
}

#[test]
fn it_runs_until_a_signal_and_stops_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Process::start(program(), dir.path());
        let running = process.until("running");
        assert!(
            running.contains(&format!("pid={}", process.child.id())),
            "{running}"
        );
        assert!(dir.path().join("runtime.sock").exists());
        process.signal(signal);
        let (status, log) = process.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
        assert!(!dir.path().join("runtime.sock").exists());
        let mut database = Database::open(&dir.path().join("runtime.db"), Options::default()).unwrap();
        let mut value = Vec::new();
        database.get("example", "status", &mut value).unwrap();
        assert_eq!(value, example::STOPPED.as_bytes());
    }
}

#[test]
fn a_reader_of_the_log_that_goes_away_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(program(), dir.path());
    process.until("running");
    let (nobody, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(
        &mut process.log,
        BufReader::new(Box::new(nobody)),
    ));
    process.signal(Signal::TERM);
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_of_the_log_that_reads_no_more_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (unread, mut log) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&log).unwrap();
    fcntl_setfl(&log, flags | OFlags::NONBLOCK).unwrap();
    while log.write(&[b'\n'; 512]).is_ok() {}
    fcntl_setfl(&log, flags).unwrap();
    let mut command = program();
    command
        .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"))
        .stderr(log);
    let mut child = command.spawn().unwrap();
    drop(command);
    let socket = dir.path().join("runtime.sock");
    let end = Instant::now() + Duration::from_secs(60);
    while !socket.exists() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            ended => break ended,
        }
    };
    if ended.is_none() {
        child.kill().unwrap();
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    assert!(!socket.exists());
    drop(unread);
}

#[test]
fn signals_are_heard_while_the_database_is_being_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runtime.db");
    drop(Database::open(&path, Options::default()).unwrap());
    // Another program holds it, so that opening it takes two seconds.
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder
        .execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let mut process = Process::start(program(), dir.path());
    let note = dir.path().join("runtime.db.lock");
    while fs::metadata(&note).map_or(0, |note| note.len()) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    process.signal(Signal::TERM);
    process.until("SIGTERM: ending once the storage is open");
    process.signal(Signal::INT);
    let (status, log) = process.end();
    assert_eq!(status, Some(130), "{log}");
}

#[test]
fn settings_that_nest_too_deep_are_a_configuration_that_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let value = format!("{}{}", "[".repeat(40), "]".repeat(40));
    fs::write(&file, format!("[plugins.example.settings]\na = {value}\n")).unwrap();
    let mut command = program();
    command.env("RUNTIME_CONFIG", &file);
    let (status, log) = Process::start(command, dir.path()).end();
    assert_eq!(status, Some(2), "{log}");
    assert!(log.contains("nested at most 32 deep"), "{log}");
}

#[test]
fn a_second_one_on_the_same_database_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Process::start(program(), dir.path());
    first.until("running");
    let (status, log) = Process::start(program(), dir.path()).end();
    assert_eq!(status, Some(1));
    let named = format!("core-runtime with process id {}", first.child.id());
    assert!(log.contains(&named), "{log}");
}

#[test]
fn a_filter_that_is_not_allowed_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.env("RUNTIME_LOG", "inof");
    let (status, log) = Process::start(command, dir.path()).end();
    assert_eq!(status, Some(2));
    assert!(log.contains("RUNTIME_LOG is \"inof\"; allowed is "), "{log}");
}

#[test]
fn log_lines_can_be_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.env("RUNTIME_LOG_FORMAT", "json");
    let mut process = Process::start(command, dir.path());
    let line: serde_json::Value = serde_json::from_str(&process.until("running")).unwrap();
    assert_eq!(line["message"], "running");
    assert_eq!(line["pid"], process.child.id());
}

/// Blocks the thread for ever when it is to stop.
#[derive(Default)]
struct Frozen;

impl Plugin for Frozen {
    const METADATA: PluginMetadata = PluginMetadata::new("frozen", "1.0.0");

    async fn on_stop(&mut self, _: &Context) -> Result<(), Error> {
        loop {
            std::thread::park();
        }
    }
}

/// Not a test by itself: the program that the tests below start, this file once more.
#[test]
#[ignore = "runs until a signal"]
fn program_with_a_plugin_that_never_stops() {
    let status = run_host(Host::builder().plugin::<Frozen>(), Config::from_env().unwrap());
    let late = status != std::process::ExitCode::SUCCESS;
    std::process::exit(late.into());
}

/// Returns an error whose text would forge a line of the log and clear a terminal.
#[derive(Default)]
struct Rude;

impl Plugin for Rude {
    const METADATA: PluginMetadata = PluginMetadata::new("rude", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("rude.go")).await?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish("rude.go", json_literal!("1")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        Err(Error::new(
            "rude",
            "no\n2026-01-01T00:00:00Z ERROR forged: all is lost\u{1b}[2J\u{202e}",
        ))
    }
}

/// Stores more at its end than the database may hold.
#[derive(Default)]
struct Hoarder;

impl Plugin for Hoarder {
    const METADATA: PluginMetadata = PluginMetadata::new("hoarder", "1.0.0");

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        let value = format!("\"{}\"", "x".repeat(32 * 1024));
        for key in 0..64 {
            let value = Json::parse(&value).unwrap();
            cx.storage("hoarder").set(&format!("{key}"), value).await?;
        }
        Ok(())
    }
}

/// Not a test by itself either.
#[test]
#[ignore = "runs until a signal"]
fn program_with_a_small_database() {
    let host = Host::builder().plugin::<Hoarder>().database_limit(256 * 1024);
    let _ = run_host(host, Config::from_env().unwrap());
    std::process::exit(0);
}

#[test]
fn a_plugin_that_cannot_store_at_its_end_is_logged_with_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(ignored("program_with_a_small_database"), dir.path());
    process.until("running");
    process.signal(Signal::TERM);
    let (status, log) = process.end();
    assert_eq!(status, Some(0), "{log}");
    let failed = log.lines().find(|line| line.contains("plugin hoarder FAILED"));
    assert!(failed.is_some_and(|line| line.contains("full")), "{log}");
    assert!(!log.contains("in time") && log.contains("stopped"), "{log}");
}

/// Takes settings of one type alone.
#[derive(Default)]
struct Picky;

#[derive(serde::Deserialize)]
struct Wanted {
    rooms: Vec<i8>,
}

impl Plugin for Picky {
    const METADATA: PluginMetadata = PluginMetadata::new("picky", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        let Wanted { rooms } = cx.decode_settings(&mut [0; 512], &mut [0; 64]).await?;
        match rooms.is_empty() {
            true => Err(Error::new("no_rooms", "there is nothing to do")),
            false => Ok(()),
        }
    }
}

/// Not a test by itself either.
#[test]
#[ignore = "runs until a signal"]
fn program_with_plugins_that_fail() {
    let host = Host::builder().plugin::<Rude>().plugin::<Picky>();
    let _ = run_host(host, Config::from_env().unwrap());
    std::process::exit(0);
}

/// A program of this file that is no test.
fn ignored(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    without_settings(command)
}

fn failing() -> Command {
    ignored("program_with_plugins_that_fail")
}

#[test]
fn settings_of_a_wrong_type_are_named_and_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("house.toml");
    fs::write(&file, "[plugins.picky.settings]\nrooms = [1, \"two\"]\n").unwrap();
    let mut command = failing();
    command.env("RUNTIME_CONFIG", &file);
    let mut process = Process::start(command, dir.path());
    let line = process.until("plugin picky FAILED");
    let wanted = format!(
        "rooms[1]: an i8 is wanted, in [plugins.picky.settings] of {}",
        file.display()
    );
    assert!(line.contains(&wanted), "{line}");
    // As long as some restarts would take.
    thread::sleep(Duration::from_millis(1500));
    let reload = || {
        let mut command = Command::new(PROGRAM);
        command.args(["plugin", "reload", "picky", "--socket"]);
        command.arg(dir.path().join("runtime.sock"));
        let done = without_settings(command).output().unwrap();
        (done.status.success(), String::from_utf8(done.stderr).unwrap())
    };
    fs::write(&file, "[plugins.picky.settings\n").unwrap();
    let (done, told) = reload();
    assert!(!done && told.contains("house.toml"), "{told}");
    fs::write(&file, "[plugins.picky.settings]\nrooms = [1, 2]\n").unwrap();
    assert_eq!(reload(), (true, String::new()));
    process.signal(Signal::TERM);
    let (_, rest) = process.end();
    assert!(!rest.contains("plugin picky FAILED"), "{rest}");
    assert!(rest.contains("plugin picky STARTED"), "{rest}");
}

#[test]
fn an_error_of_a_handler_is_logged_with_its_event_and_forges_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(failing(), dir.path());
    let line = process.until("on_event failed");
    assert!(
        line.contains("WARN") && line.contains("plugin rude") && line.contains("rude.go"),
        "{line}"
    );
    assert!(
        line.contains("\\n2026-01-01") && line.contains("\\u{202e}"),
        "{line}"
    );
    assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line:?}");
    process.signal(Signal::TERM);
    let (_, rest) = process.end();
    assert!(!rest.lines().any(|line| line.starts_with("2026-01-01")), "{rest}");
}

fn frozen() -> Command {
    ignored("program_with_a_plugin_that_never_stops")
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(frozen(), dir.path());
    process.until("running");
    process.signal(Signal::INT);
    process.until("shutting down");
    process.signal(Signal::INT);
    let (status, log) = process.end();
    assert_eq!(status, Some(130), "{log}");
}

#[test]
fn one_that_never_stops_is_named_and_does_not_keep_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start_within(frozen(), dir.path(), "2");
    process.until("running");
    process.signal(Signal::TERM);
    let (status, log) = process.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("plugin frozen did not stop in time"), "{log}");
}
