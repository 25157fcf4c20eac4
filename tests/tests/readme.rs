//! The README and the chapters of the book, as they stand there: every command of their `console` blocks is run
//! against a runtime that was started as they say, and must print what they say. The Rust code of the chapter on
//! plugins is compiled by `cargo test --doc`, and the plugin in it, with its test, is one that is tested.

use std::path::Path;

use tests::runtime::Runtime;

/// The program as it is called where it was built, and where it is installed.
const PROGRAMS: [&str; 2] = ["target/release/core-runtime ", "core-runtime "];

/// The commands of a page with what they print.
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

/// True when the lines are the expected ones, with any lines in the place of each that is `...`.
fn all_fit(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((dots, rest)) if dots == "..." => {
            (0..=printed.len()).any(|skipped| all_fit(rest, &printed[skipped..]))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, more)) => fits(first, line) && all_fit(rest, more),
            None => false,
        },
    }
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
fn the_plugin_of_the_book_is_the_one_that_is_tested() {
    let page = repository("docs/rust-plugin.md");
    let tested = repository("plugins/kit/tests/thermostat.rs");
    assert!(tested.contains(part(&page, "use plugin_kit::prelude::*;\n", "fn main()")));
    assert!(tested.contains(part(&page, "```rust,ignore\n", "```")));
}

/// Runs what a page says, in a runtime that was started for it.
fn follow(page: &str, at_least: usize) -> Runtime {
    let steps = steps(&repository(page));
    assert!(steps.len() >= at_least, "{page} has its example: {steps:?}");
    let mut runtime = Runtime::start().unwrap();
    runtime.wait_until_well().unwrap();
    for (command, expected) in &steps {
        let rest = PROGRAMS.iter().find_map(|program| command.strip_prefix(program));
        let rest = rest.unwrap_or_else(|| panic!("{page}: the example runs the command line: {command}"));
        let output = runtime.shell(&format!("\"$CORE_RUNTIME\" {rest}")).unwrap();
        let stdout = String::from_utf8(output.stdout).expect("it prints UTF-8");
        let printed: Vec<&str> = stdout.lines().collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            all_fit(expected, &printed) && output.status.success(),
            "{page}: {command}\nprints {printed:#?}\nnot {expected:#?}\n{stderr}"
        );
    }
    assert_eq!(runtime.terminate(), Ok(Some(0)), "SIGTERM is an orderly end");
    runtime
}

#[test]
fn the_start_is_as_the_readme_says() {
    follow("README.md", 4);
}

#[test]
fn the_first_hour_is_as_the_book_says() {
    let runtime = follow("docs/first-hour.md", 15);
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
fn plugins_are_added_as_the_book_says() {
    follow("docs/plugins.md", 10);
}

#[test]
fn it_is_operated_as_the_book_says() {
    follow("docs/operate.md", 9);
}

#[test]
fn dots_stand_for_anything() {
    assert!(fits("a...c", "abc") && fits("a...c", "ac") && fits("...", "") && fits("a...b...c", "a1b2c"));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(all_fit(&lines("a\n...\nb"), &["a", "b"]) && all_fit(&lines("..."), &["a", "b"]));
    assert!(all_fit(&lines("...\nb...\n..."), &["a", "bc", "d"]) && all_fit(&[], &[]));
    assert!(!all_fit(&lines("a\n..."), &["b", "a"]) && !all_fit(&lines("...\nb"), &["b", "a"]));
    assert!(!fits("a...c", "abd") && !fits("abc", "ab") && !fits("a...b...c", "a1c") && !fits("ab", "abc"));
}
