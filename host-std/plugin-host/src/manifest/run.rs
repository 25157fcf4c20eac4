//! `[run]` of a `plugin.toml`.

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use kernel_core::subject::{check_filter, check_plugin_name};

use super::check::{self, is_absolute, is_inside};
use super::error::{ManifestError, Source};
use super::{Node, Run, Url};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRun {
    kind: Kind,
    command: Option<Spanned<Vec<String>>>,
    module: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    timeout_seconds: Option<Spanned<f64>>,
    target: Option<Spanned<String>>,
    key_file: Option<Spanned<String>>,
    watch: Option<Spanned<String>>,
    name_there: Option<Spanned<String>>,
    check_seconds: Option<Spanned<f64>>,
}

/// How a plugin is run, by the word in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// As a process.
    Process,
    /// In a sandbox of its own.
    Wasm,
    /// As a server that somebody else runs.
    Http,
    /// As a node: a board, or another runtime, over the link.
    Link,
}

/// How long a server may take to answer, unless its manifest says otherwise.
const TIMEOUT: f64 = 3.0;

/// How often it is looked whether a server is there.
const CHECK: f64 = 10.0;

/// How long a node may be silent.
const SILENCE: f64 = 5.0;

const TARGET: &str = "a socket's path, serial:DEVICE[:BAUD], serial:tcp:HOST:PORT, or tcp:HOST:PORT";

const COMMAND: &str = "the program and its arguments, such as [\"python3\", \"main.py\"]";

pub(super) fn checked(source: &Source<'_>, raw: Spanned<RawRun>) -> Result<Run, ManifestError> {
    let span = raw.span();
    let raw = raw.into_inner();
    let given = |key, kind, span: Option<Range<usize>>| Some((key, kind, span?));
    let keys = [
        given("command", Kind::Process, raw.command.as_ref().map(Spanned::span)),
        given("module", Kind::Wasm, raw.module.as_ref().map(Spanned::span)),
        given("url", Kind::Http, raw.url.as_ref().map(Spanned::span)),
        given(
            "timeout_seconds",
            Kind::Http,
            raw.timeout_seconds.as_ref().map(Spanned::span),
        ),
        given("target", Kind::Link, raw.target.as_ref().map(Spanned::span)),
        given("key_file", Kind::Link, raw.key_file.as_ref().map(Spanned::span)),
        given("watch", Kind::Link, raw.watch.as_ref().map(Spanned::span)),
        given(
            "name_there",
            Kind::Link,
            raw.name_there.as_ref().map(Spanned::span),
        ),
        given(
            "check_seconds",
            Kind::Http,
            raw.check_seconds.as_ref().map(Spanned::span),
        ),
    ];
    for (key, kind, span) in keys.into_iter().flatten() {
        let checked = (key, raw.kind) == ("check_seconds", Kind::Link);
        if kind != raw.kind && !checked {
            let (key, allowed) = (
                format!("run.{key}"),
                format!("only where kind is {:?}", kind.word()),
            );
            return Err(source.refuse(&span, &key, "given", &allowed));
        }
    }
    let missing = |key: &str, allowed: &str| source.refuse(&span, key, "not there", allowed);
    match raw.kind {
        Kind::Process => {
            let command = raw.command.ok_or_else(|| missing("run.command", COMMAND))?;
            let command = self::command(source, command, "run.command", COMMAND)?;
            Ok(Run::Process { command })
        }
        Kind::Wasm => {
            let module = raw.module.ok_or_else(|| missing("run.module", check::INSIDE))?;
            match is_inside(module.get_ref()) {
                true => Ok(Run::Wasm {
                    module: module.into_inner(),
                }),
                false => {
                    let value = format!("{:?}", module.get_ref());
                    Err(source.refuse(&module.span(), "run.module", &value, check::INSIDE))
                }
            }
        }
        Kind::Http => {
            let url = raw.url.ok_or_else(|| missing("run.url", check::URL))?;
            let parsed = Url::parse(url.get_ref()).ok_or_else(|| {
                let value = format!("{:?}", url.get_ref());
                source.refuse(&url.span(), "run.url", &value, check::URL)
            })?;
            Ok(Run::Http {
                url: parsed,
                timeout: seconds(source, raw.timeout_seconds, "run.timeout_seconds", TIMEOUT)?,
                check: seconds(source, raw.check_seconds, "run.check_seconds", CHECK)?,
            })
        }
        Kind::Link => {
            let target = raw.target.ok_or_else(|| missing("run.target", TARGET))?;
            let parsed = target.get_ref().parse().map_err(|wrong: String| {
                let value = format!("{:?}, which makes no sense ({wrong})", target.get_ref());
                source.refuse(&target.span(), "run.target", &value, TARGET)
            })?;
            let text = |value: Option<Spanned<String>>,
                        key: &str,
                        unless: &str,
                        sound: &dyn Fn(&str) -> bool,
                        allowed: &str| match value {
                None => Ok(unless.to_owned()),
                Some(value) if sound(value.get_ref()) => Ok(value.into_inner()),
                Some(value) => {
                    let found = format!("{:?}", value.get_ref());
                    Err(source.refuse(&value.span(), key, &found, allowed))
                }
            };
            let is_filter = |text: &str| check_filter(text).is_ok();
            let is_name = |text: &str| check_plugin_name(text).is_ok();
            let key_file = text(raw.key_file, "run.key_file", "", &is_absolute, check::ABSOLUTE)?;
            Ok(Run::Link(Node {
                target: parsed,
                key_file: (!key_file.is_empty()).then(|| key_file.into()),
                watch: text(raw.watch, "run.watch", ">", &is_filter, check::FILTER)?,
                name_there: text(raw.name_there, "run.name_there", "host", &is_name, check::NAME)?,
                check: seconds(source, raw.check_seconds, "run.check_seconds", SILENCE)?,
            }))
        }
    }
}

/// A program and its arguments.
pub(super) fn command(
    source: &Source<'_>,
    words: Spanned<Vec<String>>,
    key: &str,
    allowed: &str,
) -> Result<Vec<String>, ManifestError> {
    let program = words.get_ref().first();
    let sound = program.is_some_and(|program| !program.is_empty())
        && !words.get_ref().iter().any(|word| word.contains('\0'));
    match sound {
        true => Ok(words.into_inner()),
        false => {
            let value = format!("{:?}", words.get_ref());
            Err(source.refuse(&words.span(), key, &value, allowed))
        }
    }
}

fn seconds(
    source: &Source<'_>,
    value: Option<Spanned<f64>>,
    key: &str,
    unless: f64,
) -> Result<Duration, ManifestError> {
    match value {
        None => Ok(Duration::from_secs_f64(unless)),
        Some(value) if (0.1..=3600.0).contains(value.get_ref()) => {
            Ok(Duration::from_secs_f64(value.into_inner()))
        }
        Some(value) => {
            let text = value.get_ref().to_string();
            Err(source.refuse(&value.span(), key, &text, check::SECONDS))
        }
    }
}

impl Kind {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Process => "process",
            Kind::Wasm => "wasm",
            Kind::Http => "http",
            Kind::Link => "link",
        }
    }
}
