//! The README's first five minutes, as they stand there: every command of its `console` blocks is run
//! against a runtime that was started as it says, and must print what it says.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = "target/release/core-runtime";
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds the command in the profile of this test and gives its path.
fn binary() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "host-std",
            "--message-format",
            "json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "host-std builds");
    output
        .stdout
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .expect("host-std has a binary")
}

/// A runtime in a folder of its own; killed when the test fails.
struct Runtime {
    child: Child,
    folder: tempfile::TempDir,
}

impl Runtime {
    fn start(binary: &Path) -> Runtime {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = clean(Command::new(binary))
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the runtime starts");
        // From here on it ends with this value, whatever happens.
        let mut runtime = Runtime { child, folder };
        let log = BufReader::new(runtime.child.stderr.take().expect("it is piped"));
        let (told, running) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that the runtime never waits for its log.
            for line in log.lines().map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = running
                .recv_timeout(left)
                .expect("the runtime says that it is running");
            if line.contains("running") {
                return runtime;
            }
        }
    }

    /// Asks it to end, and gives its exit status.
    fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .expect("kill runs")
                .success()
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "it ends within its deadline");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without this machine's configuration.
fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RUNTIME_")) {
        command.env_remove(name);
    }
    command
}

/// The commands of the README with what they print.
fn steps(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.strip_prefix("```") {
            Some(language) => inside = !inside && language == "console",
            None if !inside => {}
            None => match line.strip_prefix("$ ") {
                Some(command) => steps.push((command.to_owned(), Vec::new())),
                None => steps
                    .last_mut()
                    .expect("a command comes first")
                    .1
                    .push(line.to_owned()),
            },
        }
    }
    steps
}

/// True when `text` is `pattern` with something in the place of each `...`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split("...");
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or("")) else {
        return false;
    };
    let pieces: Vec<_> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn the_first_five_minutes_are_as_the_readme_says() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))
        .expect("the README is there");
    let steps = steps(&readme);
    assert!(steps.len() >= 6, "the README has its example: {steps:?}");
    let binary = binary();
    let mut runtime = Runtime::start(&binary);
    for (command, expected) in &steps {
        assert!(
            command.starts_with(BINARY),
            "the example runs the command line: {command}"
        );
        let command = command.replace(BINARY, &binary.display().to_string());
        let output = clean(Command::new("sh"))
            .args(["-c", &command])
            .current_dir(runtime.folder.path())
            .output()
            .expect("sh runs");
        let stdout = String::from_utf8(output.stdout).expect("it prints UTF-8");
        let printed: Vec<&str> = stdout.lines().collect();
        let same = printed.len() == expected.len() && expected.iter().zip(&printed).all(|(e, p)| fits(e, p));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            same && output.status.success(),
            "{command}\nprints {printed:#?}\nnot {expected:#?}\n{stderr}"
        );
    }
    assert_eq!(runtime.terminate(), Some(0), "SIGTERM is an orderly end");

    let database =
        rusqlite::Connection::open(runtime.folder.path().join("data/runtime.db")).expect("it is there");
    let row: String = database
        .query_row(
            "SELECT value FROM storage WHERE namespace = 'example' AND key = 'status'",
            [],
            |row| row.get(0),
        )
        .expect("the plugin stored its status");
    assert_eq!(row, r#"{"state":"stopped","message":"Плагин остановлен"}"#);
}

#[test]
fn dots_stand_for_anything() {
    assert!(fits("a...c", "abc") && fits("a...c", "ac") && fits("...", "") && fits("a...b...c", "a1b2c"));
    assert!(!fits("a...c", "abd") && !fits("abc", "ab") && !fits("a...b...c", "a1c") && !fits("ab", "abc"));
}
