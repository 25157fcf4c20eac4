//! The inspector as its users have it: the real program in a terminal, attached to a real `core-runtime`.
//!
//! Each wait looks at the screen until what is wanted is there; nothing here depends on how fast that is.

mod attach;
mod broken;
mod exact;
mod panics;
mod pictures;
mod plain;
mod reconnect;
mod replayed;
mod restored;
mod session;

use std::path::{Path, PathBuf};

use tests::binary;
use tests::inspector::{Start, Terminal};
use tests::runtime::Runtime;

fn program() -> PathBuf {
    binary("inspector-tui", "dev").unwrap()
}

/// The inspector in a terminal of this size.
fn inspector(arguments: &[&str], folder: &Path, size: (u16, u16)) -> Terminal {
    Terminal::start(Start {
        folder: Some(folder),
        size,
        ..Start::new(&program(), arguments)
    })
    .unwrap()
}

/// The inspector at the default socket of a runtime, connected.
fn attached(runtime: &Runtime, arguments: &[&str]) -> Terminal {
    let terminal = inspector(arguments, runtime.folder(), (100, 30));
    terminal.see("connected").unwrap();
    terminal.see("example").unwrap();
    terminal
}

/// Presses keys by their names, one chunk after the other.
fn press(terminal: &Terminal, keys: &str) {
    terminal
        .press(&tests::inspector::session::keys(keys).unwrap())
        .unwrap();
}

/// Ends the inspector by a key, and looks whether the terminal is as it was.
fn quit(mut terminal: Terminal) {
    press(&terminal, "<ctrl-c>");
    assert!(terminal.ended().unwrap().success());
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
    assert_eq!(
        terminal.asked(),
        0,
        "it never waits for the terminal to say where the cursor is"
    );
}
