//! `plugin.toml`.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::check::{self, is_absolute, is_grant, is_inside, is_name, is_version};
use super::error::{ManifestError, Source};
use super::{API, Limits, Manifest, Run};
use crate::permissions::{Files, Permissions};
use crate::schema;

const RUNS: &str = "the program and its arguments, such as [\"python3\", \"main.py\"]";
const BUILDS: &str = "the program and its arguments, such as [\"make\", \"all\"]";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    plugin: RawPlugin,
    run: Spanned<RawRun>,
    build: Option<RawBuild>,
    #[serde(default)]
    needs: RawNeeds,
    #[serde(default)]
    permissions: RawPermissions,
    #[serde(default)]
    limits: RawLimits,
    settings: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    name: Spanned<String>,
    version: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    license: String,
    #[serde(default)]
    homepage: String,
    api: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRun {
    kind: RawKind,
    command: Option<Spanned<Vec<String>>>,
    module: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBuild {
    command: Spanned<Vec<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Process,
    Wasm,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawNeeds {
    #[serde(default)]
    plugins: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawPermissions {
    publish: Vec<Spanned<String>>,
    subscribe: Vec<Spanned<String>>,
    call: Vec<Spanned<String>>,
    register: Vec<Spanned<String>>,
    state: Vec<Spanned<String>>,
    storage: Vec<Spanned<String>>,
    network: bool,
    files: RawFiles,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawFiles {
    read: Vec<Spanned<String>>,
    write: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    memory_mb: Option<Spanned<i64>>,
    events_per_second: Option<Spanned<i64>>,
    calls_per_second: Option<Spanned<i64>>,
    hook_seconds: Option<Spanned<f64>>,
    handler_seconds: Option<Spanned<f64>>,
    concurrency: Option<Spanned<i64>>,
}

pub(super) fn read(file: &Path) -> Result<Manifest, ManifestError> {
    let text = fs::read_to_string(file).map_err(|cause| ManifestError::unreadable(file, &cause))?;
    let source = Source { file, text: &text };
    let raw: RawFile = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ManifestError::syntax(file, source.place(at), error.message())
    })?;
    let plugin = raw.plugin;
    let checked = |value: Spanned<String>, key: &str, sound: fn(&str) -> bool, allowed: &str| match sound(
        value.get_ref(),
    ) {
        true => Ok(value.into_inner()),
        false => Err(source.refuse(&value.span(), key, &format!("{:?}", value.get_ref()), allowed)),
    };
    if let Some(api) = &plugin.api
        && *api.get_ref() != API
    {
        let value = api.get_ref().to_string();
        return Err(source.refuse(&api.span(), "plugin.api", &value, "1, which this runtime speaks"));
    }
    let needs = raw.needs.plugins.into_iter();
    let needs = needs.map(|name| {
        checked(
            name,
            "needs.plugins",
            |name| kernel_core::subject::check_plugin_name(name).is_ok(),
            check::NAME,
        )
    });
    Ok(Manifest {
        name: checked(plugin.name, "plugin.name", is_name, check::NAME)?,
        version: checked(plugin.version, "plugin.version", is_version, check::VERSION)?,
        description: plugin.description,
        author: plugin.author,
        license: plugin.license,
        homepage: plugin.homepage,
        run: run(&source, raw.run)?,
        build: match raw.build {
            Some(build) => command(&source, build.command, "build.command", BUILDS)?,
            None => Vec::new(),
        },
        needs: needs.collect::<Result<_, _>>()?,
        permissions: permissions(&source, raw.permissions)?,
        limits: limits(&source, raw.limits)?,
        settings: raw
            .settings
            .map(|settings| settings_schema(&source, settings))
            .transpose()?,
    })
}

fn run(source: &Source<'_>, raw: Spanned<RawRun>) -> Result<Run, ManifestError> {
    let span = raw.span();
    let raw = raw.into_inner();
    let missing = |key: &str, allowed: &str| source.refuse(&span, key, "not there", allowed);
    let idle = |key: &str, span: &std::ops::Range<usize>, kind: &str| {
        source.refuse(span, key, "given", &format!("only where kind is {kind:?}"))
    };
    match raw.kind {
        RawKind::Process => {
            if let Some(module) = raw.module {
                return Err(idle("run.module", &module.span(), "wasm"));
            }
            let words = raw.command.ok_or_else(|| missing("run.command", RUNS))?;
            let command = command(source, words, "run.command", RUNS)?;
            Ok(Run::Process { command })
        }
        RawKind::Wasm => {
            if let Some(command) = raw.command {
                return Err(idle("run.command", &command.span(), "process"));
            }
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
    }
}

/// A program and its arguments.
fn command(
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

fn permissions(source: &Source<'_>, raw: RawPermissions) -> Result<Permissions, ManifestError> {
    let list = |items: Vec<Spanned<String>>, name: &str, sound: &dyn Fn(&str) -> bool, allowed: &str| {
        let items = items.into_iter().map(|item| match sound(item.get_ref()) {
            true => Ok(item.into_inner()),
            false => {
                let (key, value) = (format!("permissions.{name}"), format!("{:?}", item.get_ref()));
                Err(source.refuse(&item.span(), &key, &value, allowed))
            }
        });
        items.collect::<Result<Vec<_>, _>>()
    };
    let filters = |items, name: &str| list(items, name, &|item| is_grant(name, item), check::FILTER);
    Ok(Permissions {
        publish: filters(raw.publish, "publish")?,
        subscribe: filters(raw.subscribe, "subscribe")?,
        call: filters(raw.call, "call")?,
        register: filters(raw.register, "register")?,
        state: filters(raw.state, "state")?,
        storage: list(
            raw.storage,
            "storage",
            &|item| is_grant("storage", item),
            check::NAMESPACE,
        )?,
        network: raw.network,
        files: Files {
            read: list(raw.files.read, "files.read", &is_absolute, check::ABSOLUTE)?,
            write: list(raw.files.write, "files.write", &is_absolute, check::ABSOLUTE)?,
        },
    })
}

fn limits(source: &Source<'_>, raw: RawLimits) -> Result<Limits, ManifestError> {
    let unless = Limits::default();
    let whole = |value: Option<Spanned<i64>>, key: &str, unless: u32, least: u32, most: u32| match value {
        None => Ok(unless),
        Some(value) => match u32::try_from(*value.get_ref()) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => {
                let allowed = format!("a whole number from {least} to {most}");
                let key = format!("limits.{key}");
                Err(source.refuse(&value.span(), &key, &value.get_ref().to_string(), &allowed))
            }
        },
    };
    let seconds = |value: Option<Spanned<f64>>, key: &str, unless: f64| match value {
        None => Ok(unless),
        Some(value) if (0.1..=3600.0).contains(value.get_ref()) => Ok(value.into_inner()),
        Some(value) => {
            let key = format!("limits.{key}");
            let allowed = "a number of seconds from 0.1 to 3600";
            Err(source.refuse(&value.span(), &key, &value.get_ref().to_string(), allowed))
        }
    };
    Ok(Limits {
        memory_mb: whole(raw.memory_mb, "memory_mb", unless.memory_mb, 1, 1 << 20)?,
        events_per_second: whole(
            raw.events_per_second,
            "events_per_second",
            unless.events_per_second,
            1,
            1_000_000,
        )?,
        calls_per_second: whole(
            raw.calls_per_second,
            "calls_per_second",
            unless.calls_per_second,
            1,
            1_000_000,
        )?,
        hook_seconds: seconds(raw.hook_seconds, "hook_seconds", unless.hook_seconds)?,
        handler_seconds: seconds(raw.handler_seconds, "handler_seconds", unless.handler_seconds)?,
        concurrency: whole(raw.concurrency, "concurrency", unless.concurrency, 1, 64)?,
    })
}

fn settings_schema(
    source: &Source<'_>,
    raw: Spanned<toml::Table>,
) -> Result<serde_json::Value, ManifestError> {
    let span = raw.span();
    let schema = json(Value::Table(raw.into_inner()));
    match schema::Schema::compile(&schema) {
        Ok(_) => Ok(schema),
        Err(wrong) => Err(source.refuse(&span, "settings", &wrong, "a JSON Schema, written as TOML")),
    }
}

/// TOML as JSON; dates become text, and numbers that JSON does not have become `null`, which no schema allows.
fn json(value: Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Boolean(flag) => flag.into(),
        Value::Datetime(date) => date.to_string().into(),
        Value::Array(items) => items.into_iter().map(json).collect(),
        Value::Table(table) => table
            .into_iter()
            .map(|(key, item)| (key, json(item)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
