//! Log lines: which are written, and how they look.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat};
use crate::log_format::WithPlugin;
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
    let text = config.log_format == LogFormat::Text;
    let colour = has_colour(io::stderr().is_terminal(), |name| std::env::var(name).ok());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.log)?)
        .with_writer(move || Line { text })
        // It would report a failed write by writing again, and panic when that fails: a reader of the
        // log that goes away must not take the runtime with it.
        .log_internal_errors(false)
        .with_ansi(colour);
    // Refused only when there is a subscriber already.
    // `try_init` takes over what is logged by the crate `log` as well.
    let set_up = match config.log_format {
        LogFormat::Text => lines
            .map_event_format(|format| WithPlugin(format.with_ansi(colour)))
            .try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .map_event_format(WithPlugin)
            .try_init(),
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

/// Whether to write in colour, by what people set for all programs: `NO_COLOR` (no-color.org), `CLICOLOR` and
/// `CLICOLOR_FORCE` (bixense.com/clicolors), `TERM=dumb`.
fn has_colour(terminal: bool, var: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| var(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let dumb = set("TERM").is_some_and(|value| value == "dumb");
    terminal && !dumb && set("CLICOLOR").is_none_or(|value| value != "0")
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
                      with commas between, e.g. info,host_std=debug",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_as_people_have_set_it() {
        let with = |terminal, vars: &[(&str, &str)]| {
            has_colour(terminal, |name| {
                let found = vars.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(true, &[]) && with(true, &[("NO_COLOR", ""), ("TERM", "xterm"), ("CLICOLOR", "1")]));
        assert!(
            with(false, &[("CLICOLOR_FORCE", "1")])
                && with(false, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")])
        );
        for vars in [
            [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")],
            [("TERM", "dumb"), ("CLICOLOR", "1")],
            [("CLICOLOR", "0"), ("CLICOLOR_FORCE", "0")],
        ] {
            assert!(!with(true, &vars), "{vars:?}");
        }
        assert!(!with(false, &[("CLICOLOR", "1")]));
    }

    #[test]
    fn filters_that_mean_something_are_taken() {
        for text in [
            "info",
            "WARN",
            "off",
            "info,host_std=debug",
            "warn, host_std=trace , rumqttc=off",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn others_are_refused_with_what_is_allowed() {
        for text in ["inof", "info,", "host_std", "host_std=loud", "info;debug", "="] {
            let error = filter(text).expect_err(text).to_string();
            assert!(
                error.starts_with(&format!("RUNTIME_LOG is {text:?}; allowed is off, error")),
                "{error}"
            );
        }
    }
}
