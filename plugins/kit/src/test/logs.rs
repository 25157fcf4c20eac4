//! What plugins log, kept for the test on whose thread they run.

use std::cell::RefCell;
use std::string::{String, ToString};
use std::vec::Vec;

use log::{Level, LevelFilter, Log, Metadata, Record};

std::thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Keeper;

impl Log for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// Keeps lines from here on; a program with a logger of its own keeps that.
pub(super) fn init() {
    static KEEPER: Keeper = Keeper;
    if log::set_logger(&KEEPER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
    take();
}

/// The lines of this thread since the last look.
pub(super) fn take() -> Vec<(Level, String)> {
    LINES.take()
}
