//! Lines for people: the plugin's log, and what a panic says.

use core::fmt::{Display, Write};

use heapless::Vec;

use crate::imports;

/// The longest line of a log, and of a panic.
const LINE: usize = 512;

/// What is logged by the crate `log`, which `plugin-kit` has as `plugin_kit::log`.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = match record.level() {
            log::Level::Error => Level::Error,
            log::Level::Warn => Level::Warn,
            log::Level::Info => Level::Info,
            log::Level::Debug => Level::Debug,
            log::Level::Trace => Level::Trace,
        };
        crate::log(level, record.args());
    }

    fn flush(&self) {}
}

/// From here on what is logged by the crate `log` is in the plugin's log.
pub(crate) fn begin() {
    static LOGGER: Logger = Logger;
    // A plugin with a logger of its own keeps that.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    Info,
    /// For its author.
    Debug,
    /// For its author, at length.
    Trace,
}

/// Writes a line into the plugin's log, of at most 512 bytes: `log(Level::Info, format_args!("{count} lamps"))`.
#[allow(unsafe_code, reason = "an import")]
pub fn log(level: Level, text: impl Display) {
    let line = line(&text);
    // SAFETY: the runtime reads the text.
    unsafe { imports::log(level as u32, line.as_ptr(), line.len()) };
}

/// Ends the life with what a panic says.
#[doc(hidden)]
#[allow(unsafe_code, reason = "an import")]
pub fn panicked(panic: &dyn Display) {
    let line = line(panic);
    // SAFETY: the runtime reads the text.
    unsafe { imports::panicked(line.as_ptr(), line.len()) };
}

/// As much of it as a line has room for.
fn line(text: &dyn Display) -> Line {
    let mut line = Line(Vec::new());
    // It never refuses.
    let _ = write!(line, "{text}");
    line
}

struct Line(Vec<u8, LINE>);

impl core::ops::Deref for Line {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            // What has no room is cut off.
            let _ = self.0.push(byte);
        }
        Ok(())
    }
}
