//! Log lines: which are written, and how they look.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat};
use crate::log_lines::{LINES, Line};

/// How long the end of the program waits for whoever reads the log.
const FLUSH: Duration = Duration::from_millis(500);

/// Writes log lines to the standard error from here on, as the configuration says. A program that has
/// set up its own `tracing` subscriber keeps that.
///
/// A thread of its own writes them, so that a reader of the log who stops reading holds up nobody; lines
/// that find no room are counted. Call [`flush`] before the process ends.
///
/// # Errors
/// [`ConfigError::Variable`] for a filter that cannot be used.
pub fn init(config: &Config) -> Result<(), ConfigError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.log)?)
        .with_writer(|| Line)
        // It would report a failed write by writing again, and panic when that fails: a reader of the
        // log that goes away must not take the runtime with it.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // Refused only when there is a subscriber already.
    let set_up = match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if set_up.is_ok() {
        LINES.serve();
    }
    Ok(())
}

/// Waits until the lines that were logged are written, at most half a second.
pub fn flush() {
    LINES.flush(FLUSH);
}

/// The filter in `text`: levels, and levels of targets, with commas between.
///
/// The subscriber itself takes a lone word that is no level for a target, so that `inof` would silence
/// everything; here it is refused.
fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    let is_level = |word: &str| word.eq_ignore_ascii_case("off") || word.parse::<Level>().is_ok();
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let sound = parts.iter().all(|part| part.contains('=') || is_level(part));
    match EnvFilter::try_new(parts.join(",")) {
        Ok(filter) if sound => Ok(filter),
        _ => Err(ConfigError::Variable {
            name: "RUNTIME_LOG",
            value: text.to_owned(),
            allowed: "off, error, warn, info, debug or trace, and any number of target=level, \
                      with commas between, e.g. info,host_next=debug",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_mean_something_are_taken() {
        for text in [
            "info",
            "WARN",
            "off",
            "info,host_next=debug",
            "warn, host_next=trace , rumqttc=off",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn others_are_refused_with_what_is_allowed() {
        for text in ["inof", "info,", "host_next", "host_next=loud", "info;debug", "="] {
            let error = filter(text).expect_err(text).to_string();
            assert!(
                error.starts_with(&format!("RUNTIME_LOG is {text:?}; allowed is off, error")),
                "{error}"
            );
        }
    }
}
