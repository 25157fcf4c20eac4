//! Plays a session with the inspector, and prints the screens that it shows: the README's are made so.
//!
//! ```text
//! inspector-session [FILE]
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tests::inspector::session;

fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspector/readme.txt"),
        PathBuf::from,
    );
    let played = std::fs::read_to_string(&file)
        .map_err(|cause| format!("{}: {cause}", file.display()))
        .and_then(|script| {
            session::play(&script, |title, screen| {
                println!("{title}\n\n```text\n{screen}\n```\n")
            })
        });
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("inspector-session: {why}");
            ExitCode::FAILURE
        }
    }
}
