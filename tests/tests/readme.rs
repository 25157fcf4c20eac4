//! The README's first five minutes, as they stand there: every command of its `console` blocks is run
//! against a runtime that was started as it says, and must print what it says. Its Rust code is compiled by
//! `cargo test --doc`, and the plugin in it, with its test, is one that is tested.

use std::path::Path;

use tests::runtime::Runtime;

const BINARY: &str = "target/release/core-runtime";

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

fn repository(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(path).expect("it is there")
}

/// The text from `begin` up to `end`.
fn part<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(begin).expect("it begins");
    rest.split_once(end).expect("it ends").0
}

#[test]
fn the_plugin_of_the_readme_is_the_one_that_is_tested() {
    let readme = repository("README.md");
    let tested = repository("plugins/kit/tests/thermostat.rs");
    let section = part(&readme, "## Write a plugin", "\n## ");
    assert!(tested.contains(part(section, "use plugin_kit::prelude::*;\n", "fn main()")));
    assert!(tested.contains(part(section, "```rust,ignore\n", "```")));
}

#[test]
fn the_first_five_minutes_are_as_the_readme_says() {
    let steps = steps(&repository("README.md"));
    assert!(steps.len() >= 6, "the README has its example: {steps:?}");
    let mut runtime = Runtime::start().unwrap();
    for (command, expected) in &steps {
        assert!(
            command.starts_with(BINARY),
            "the example runs the command line: {command}"
        );
        let command = command.replace(BINARY, &runtime.binary().display().to_string());
        let output = runtime.shell(&command).unwrap();
        let stdout = String::from_utf8(output.stdout).expect("it prints UTF-8");
        let printed: Vec<&str> = stdout.lines().collect();
        let same = printed.len() == expected.len() && expected.iter().zip(&printed).all(|(e, p)| fits(e, p));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            same && output.status.success(),
            "{command}\nprints {printed:#?}\nnot {expected:#?}\n{stderr}"
        );
    }
    assert_eq!(runtime.terminate(), Ok(Some(0)), "SIGTERM is an orderly end");

    let database = rusqlite::Connection::open(runtime.folder().join("data/runtime.db")).expect("it is there");
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
