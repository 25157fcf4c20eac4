//! However it ends, the terminal is as it was.

use std::path::Path;

use rustix::process::Signal;
use tests::inspector::{Start, Terminal};
use tests::runtime::Runtime;

use crate::{attached, press, program};

fn assert_given_back(terminal: &Terminal) {
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0], "{}", terminal.text());
}

fn assert_taken(terminal: &Terminal) {
    assert!(terminal.modes().unwrap().is_raw());
    let wrong = terminal.not_given_back().unwrap();
    assert!(wrong.iter().any(|wrong| wrong.contains("alternate")), "{wrong:?}");
    assert!(wrong.iter().any(|wrong| wrong.contains("cursor")), "{wrong:?}");
    assert!(wrong.iter().any(|wrong| wrong.contains("mouse")), "{wrong:?}");
}

#[test]
fn by_a_key() {
    let runtime = Runtime::start_with_example().unwrap();
    for key in ["q", "<ctrl-c>"] {
        let mut terminal = attached(&runtime, &[]);
        assert_taken(&terminal);
        press(&terminal, key);
        assert!(terminal.ended().unwrap().success());
        assert_given_back(&terminal);
    }
}

#[test]
fn by_a_signal() {
    let runtime = Runtime::start_with_example().unwrap();
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut terminal = attached(&runtime, &[]);
        assert_taken(&terminal);
        // In the middle of a dialog.
        press(&terminal, "3");
        terminal.see("STARTED").unwrap();
        press(&terminal, "<down>X");
        terminal.see("Stop plugin example?").unwrap();
        terminal.signal(signal).unwrap();
        assert_eq!(terminal.ended().unwrap().exit_code(), status);
        assert_given_back(&terminal);
    }
    assert!(runtime.run("plugins").unwrap().contains("STARTED"));
}

#[test]
fn by_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.toml");
    std::fs::write(&keys, "quit = 5\n").unwrap();
    let program = program();
    for (arguments, said) in [
        (["--keys", keys.to_str().unwrap()], "keys.toml"),
        (["replay", "/nowhere.ndjson"], "/nowhere.ndjson"),
    ] {
        let mut terminal = Terminal::start(Start::new(&program, &arguments)).unwrap();
        assert!(!terminal.ended().unwrap().success());
        assert!(
            terminal.text().contains("error:") && terminal.text().contains(said),
            "{}",
            terminal.text()
        );
        assert_given_back(&terminal);
    }
}

/// A program whose terminal is gone must not go on, let alone in circles.
#[test]
fn by_a_closed_window() {
    let runtime = Runtime::start_with_example().unwrap();
    let mut terminal = attached(&runtime, &[]);
    terminal.hang_up().unwrap();
    terminal.ended().unwrap();
}

/// True when the shell waits for a line: what is typed before may be lost.
fn is_at_prompt(screen: &vt100::Screen) -> bool {
    let rows: Vec<_> = screen.rows(0, 100).collect();
    let last = rows.iter().rfind(|row| !row.trim().is_empty());
    !screen.alternate_screen() && last.is_some_and(|row| row.trim() == "prompt>")
}

#[test]
fn it_is_stopped_and_brought_to_the_foreground_again() {
    let runtime = Runtime::start_with_example().unwrap();
    let arguments = ["--norc", "--noprofile", "--noediting", "-i"];
    let program = program();
    let mut terminal = Terminal::start(Start {
        variables: &[("PS1", "prompt> "), ("INSPECTOR", program.to_str().unwrap())],
        folder: Some(runtime.folder()),
        ..Start::new(Path::new("bash"), &arguments)
    })
    .unwrap();
    terminal.see("prompt>").unwrap();
    terminal.press("\"$INSPECTOR\"\n").unwrap();
    terminal.see("connected").unwrap();
    for round in 0..2 {
        press(&terminal, "<ctrl-z>");
        terminal.see("Stopped").unwrap();
        terminal
            .until_screen("the shell's own screen", |screen| {
                !screen.hide_cursor() && !screen.bracketed_paste() && is_at_prompt(screen)
            })
            .unwrap();
        // The shell is there and reads lines.
        terminal
            .press(&format!("echo shell $((40 + {round}))\n"))
            .unwrap();
        terminal.see(&format!("shell {}", 40 + round)).unwrap();
        // Smaller than it was left.
        terminal.resize(100 - 10 * round, 30).unwrap();
        terminal.press("fg\n").unwrap();
        terminal.see_row(&["example", "STARTED"]).unwrap();
        terminal
            .until_screen("the inspector's screen", |screen| {
                screen.alternate_screen() && screen.hide_cursor()
            })
            .unwrap();
        assert!(terminal.modes().unwrap().is_raw());
        press(&terminal, "?");
        terminal.see("╭ Keys").unwrap();
        press(&terminal, "?");
        terminal.see_no("╭ Keys").unwrap();
    }
    press(&terminal, "q");
    terminal.until_screen("the prompt", is_at_prompt).unwrap();
    terminal.press("echo status $?\n").unwrap();
    terminal.see("status 0").unwrap();
    terminal.press("exit\n").unwrap();
    terminal.ended().unwrap();
    assert_given_back(&terminal);
}
