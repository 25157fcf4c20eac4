//! `core-inspector`: see into a running runtime.

use std::process::ExitCode;

use inspector_tui::cli;
use inspector_tui::filter::jq;

fn main() -> ExitCode {
    // Before anything else: the process that evaluates jq expressions for an inspector has no terminal.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == jq::WORKER) {
        return match jq::run_worker() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("core-inspector: jq: {error}");
                ExitCode::FAILURE
            }
        };
    }
    cli::run()
}
