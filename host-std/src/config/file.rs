//! The TOML file.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_core::Json;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::error::ConfigError;
use super::{Placement, PluginConfig, TcpConfig, tcp::tcp};
use crate::sqlite::Synchronous;

/// An hour: a handler budget beyond it watches nothing.
const LONGEST_SLOW_HANDLER_MS: i64 = 3_600_000;

/// What the file sets, or the defaults where it is silent.
#[derive(Debug)]
pub(super) struct FileConfig {
    pub(super) synchronous: Synchronous,
    pub(super) slow_handler: Duration,
    pub(super) storage: Option<String>,
    pub(super) tcp: Option<TcpConfig>,
    pub(super) only: Option<Vec<String>>,
    pub(super) plugins: BTreeMap<String, PluginConfig>,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            slow_handler: Duration::from_millis(100),
            storage: None,
            tcp: None,
            only: None,
            plugins: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    runtime: RawRuntime,
    #[serde(default)]
    plugins: BTreeMap<String, RawPlugin>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRuntime {
    #[serde(default)]
    storage_synchronous: RawSynchronous,
    storage: Option<Spanned<String>>,
    slow_handler_ms: Option<Spanned<i64>>,
    plugins: Option<Vec<String>>,
    pub(super) tcp: Option<Spanned<String>>,
    pub(super) tcp_token: Option<Spanned<String>>,
    pub(super) tcp_certificate: Option<Spanned<PathBuf>>,
    pub(super) tcp_key: Option<Spanned<PathBuf>>,
    pub(super) tcp_tls: Option<Spanned<bool>>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawSynchronous {
    #[default]
    Full,
    Normal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    is: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    singleton: bool,
    #[serde(default)]
    placement: RawPlacement,
    settings: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawPlacement {
    #[default]
    Shared,
    Thread,
}

fn yes() -> bool {
    true
}

/// Reads and checks the file, of the runtime with this database.
pub(super) fn read(path: &Path, database: &Path) -> Result<FileConfig, ConfigError> {
    let text = fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
        path: path.to_path_buf(),
        cause,
    })?;
    let source = Source { path, text: &text };
    let raw: RawFile = toml::from_str(&text).map_err(|error| source.syntax(&error))?;

    let mut config = FileConfig {
        synchronous: match raw.runtime.storage_synchronous {
            RawSynchronous::Full => Synchronous::Full,
            RawSynchronous::Normal => Synchronous::Normal,
        },
        tcp: tcp(&source, &raw.runtime, database)?,
        only: raw.runtime.plugins,
        ..FileConfig::default()
    };
    if let Some(raw) = raw.runtime.slow_handler_ms {
        config.slow_handler = slow_handler(&source, &raw)?;
    }
    if let Some(raw) = raw.runtime.storage {
        config.storage = Some(storage(&source, raw)?);
    }
    for (name, raw) in raw.plugins {
        let settings = settings(&source, &name, raw.settings)?;
        let plugin = PluginConfig {
            is: raw.is,
            enabled: raw.enabled,
            singleton: raw.singleton,
            placement: match raw.placement {
                RawPlacement::Shared => Placement::Shared,
                RawPlacement::Thread => Placement::Thread,
            },
            settings,
        };
        config.plugins.insert(name, plugin);
    }
    Ok(config)
}

fn slow_handler(source: &Source<'_>, raw: &Spanned<i64>) -> Result<Duration, ConfigError> {
    match u64::try_from(*raw.get_ref()) {
        Ok(ms) if (1..=LONGEST_SLOW_HANDLER_MS).contains(raw.get_ref()) => Ok(Duration::from_millis(ms)),
        _ => Err(source.field(
            raw.span(),
            "runtime.slow_handler_ms",
            raw.get_ref().to_string(),
            "a whole number of milliseconds from 1 to 3600000",
        )),
    }
}

/// The URL, which is checked further by its engine. A password in it is not repeated.
fn storage(source: &Source<'_>, raw: Spanned<String>) -> Result<String, ConfigError> {
    let url = raw.get_ref();
    let (value, allowed) = match url.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => {
            let authority = rest.split(['/', '?']).next().unwrap_or(rest);
            if !authority.contains('@') {
                return Ok(raw.into_inner());
            }
            (
                format!("a {scheme} URL with a user or password in it"),
                "a URL without: credentials are read from a file that it names, as docs/storage.md says",
            )
        }
        _ => (
            format!("{url:?}"),
            "a URL such as \"nats://127.0.0.1:4222/home\"; leave it out for SQLite in RUNTIME_DB_PATH",
        ),
    };
    Err(source.field(raw.span(), "runtime.storage", value, allowed))
}

/// The settings as JSON text; `{}` when there are none.
fn settings(
    source: &Source<'_>,
    plugin: &str,
    raw: Option<Spanned<toml::Table>>,
) -> Result<String, ConfigError> {
    let Some(raw) = raw else {
        return Ok("{}".to_owned());
    };
    let span = raw.span();
    let field = format!("plugins.{plugin}.settings");
    match json(Value::Table(raw.into_inner()), &field) {
        Ok(value) => {
            let text = value.to_string();
            match Json::parse(&text) {
                Ok(_) => Ok(text),
                Err(wrong) => Err(source.field(
                    span,
                    &field,
                    format!("not handed over: {wrong}"),
                    "a table nested at most 32 deep",
                )),
            }
        }
        Err((field, number)) => Err(source.field(
            span,
            &field,
            number.to_string(),
            "a finite number, since settings are handed over as JSON",
        )),
    }
}

/// Dates become text; a number that JSON does not have is handed back with the name of its field.
fn json(value: Value, field: &str) -> Result<serde_json::Value, (String, f64)> {
    Ok(match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Boolean(flag) => flag.into(),
        Value::Datetime(date) => date.to_string().into(),
        Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => number.into(),
            None => return Err((field.to_owned(), number)),
        },
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| json(item, &format!("{field}[{i}]")))
            .collect::<Result<_, _>>()?,
        Value::Table(table) => serde_json::Value::Object(
            table
                .into_iter()
                .map(|(key, item)| {
                    let item = json(item, &format!("{field}.{key}"))?;
                    Ok((key, item))
                })
                .collect::<Result<_, _>>()?,
        ),
    })
}

/// The file's name and text, to say where in it something is wrong.
pub(super) struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let (line, column) = self.position(error.span().map_or(0, |span| span.start));
        ConfigError::Syntax {
            path: self.path.to_path_buf(),
            line,
            column,
            message: error.message().replace('\n', ", "),
        }
    }

    pub(super) fn field(
        &self,
        span: Range<usize>,
        field: &str,
        value: String,
        allowed: &'static str,
    ) -> ConfigError {
        let (line, column) = self.position(span.start);
        ConfigError::Field {
            path: self.path.to_path_buf(),
            line,
            column,
            field: field.to_owned(),
            value,
            allowed,
        }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }
}
