//! The environment variables, one function for each kind of value.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::LogFormat;
use super::error::ConfigError;

/// `sun_path` of a Unix socket address has 108 bytes, one of them for the final zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// No timeout is longer than a day: a longer one is a typing mistake, not a wish.
const LONGEST_SECONDS: u64 = 86_400;

pub(super) fn db_path(vars: &impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    let path = path(vars, "RUNTIME_DB_PATH", "the path of the database file")?;
    Ok(path.unwrap_or_else(|| PathBuf::from("data/runtime.db")))
}

pub(super) fn config_path(vars: &impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, ConfigError> {
    path(vars, "RUNTIME_CONFIG", "the path of a TOML file")
}

/// The folder that is set, or `plugins` beside the database.
pub(super) fn plugins_folder(
    vars: &impl Fn(&str) -> Option<OsString>,
    db_path: &Path,
) -> Result<PathBuf, ConfigError> {
    let set = path(
        vars,
        "RUNTIME_PLUGINS",
        "the path of a folder for installed plugins",
    )?;
    Ok(set.unwrap_or_else(|| db_path.parent().unwrap_or(Path::new("")).join("plugins")))
}

/// The socket that is set, or `runtime.sock` beside the database.
pub(super) fn socket(
    vars: &impl Fn(&str) -> Option<OsString>,
    db_path: impl FnOnce() -> Result<PathBuf, ConfigError>,
) -> Result<PathBuf, ConfigError> {
    let set = path(vars, "RUNTIME_SOCKET", "the path of a Unix socket")?;
    let socket = match set {
        Some(socket) => socket,
        None => db_path()?.parent().unwrap_or(Path::new("")).join("runtime.sock"),
    };
    let length = socket.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(ConfigError::SocketPath {
            path: socket,
            length,
            limit: SOCKET_PATH_LIMIT,
        });
    }
    Ok(socket)
}

pub(super) fn shutdown_timeout(vars: &impl Fn(&str) -> Option<OsString>) -> Result<Duration, ConfigError> {
    let name = "RUNTIME_SHUTDOWN_TIMEOUT";
    let allowed = "a whole number of seconds from 1 to 86400";
    let Some(value) = text(vars, name, allowed)? else {
        return Ok(Duration::from_secs(10));
    };
    match value.parse() {
        Ok(seconds @ 1..=LONGEST_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(refused(name, value, allowed)),
    }
}

pub(super) fn call_timeout(vars: &impl Fn(&str) -> Option<OsString>) -> Result<Duration, ConfigError> {
    let name = "RUNTIME_SERVICE_CALL_TIMEOUT";
    let allowed = "a number of seconds above 0 and up to 86400, e.g. 30 or 0.5";
    let Some(value) = text(vars, name, allowed)? else {
        return Ok(Duration::from_secs(30));
    };
    let seconds = value.parse().unwrap_or(f64::NAN);
    // Also refuses what is not finite and what is negative; a value under half a nanosecond is 0.
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() && timeout <= Duration::from_secs(LONGEST_SECONDS) => Ok(timeout),
        _ => Err(refused(name, value, allowed)),
    }
}

pub(super) fn log(vars: &impl Fn(&str) -> Option<OsString>) -> Result<String, ConfigError> {
    let allowed = "a filter such as info or info,host_std=debug";
    let filter = text(vars, "RUNTIME_LOG", allowed)?;
    Ok(filter.unwrap_or_else(|| "info".to_owned()))
}

pub(super) fn log_format(vars: &impl Fn(&str) -> Option<OsString>) -> Result<LogFormat, ConfigError> {
    let name = "RUNTIME_LOG_FORMAT";
    let allowed = "text or json";
    match text(vars, name, allowed)? {
        None => Ok(LogFormat::Text),
        Some(value) => match value.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(refused(name, value, allowed)),
        },
    }
}

fn path(
    vars: &impl Fn(&str) -> Option<OsString>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<PathBuf>, ConfigError> {
    Ok(text(vars, name, allowed)?.map(PathBuf::from))
}

/// The variable's text; set and empty is as wrong as not UTF-8, since neither can be meant.
fn text(
    vars: &impl Fn(&str) -> Option<OsString>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<String>, ConfigError> {
    match vars(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) if !value.is_empty() => Ok(Some(value)),
        Some(Ok(value)) => Err(refused(name, value, allowed)),
        Some(Err(raw)) => Err(refused(name, raw.to_string_lossy().into_owned(), allowed)),
    }
}

fn refused(name: &'static str, value: String, allowed: &'static str) -> ConfigError {
    ConfigError::Variable { name, value, allowed }
}
