//! `plugin.toml`.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::check::{self, is_absolute, is_grant, is_name, is_version};
use super::error::{ManifestError, Source};
use super::run::{self, RawRun};
use super::{API, Kind, Limits, Manifest};
use crate::permissions::{Files, Permissions};
use crate::schema;

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
struct RawBuild {
    command: Spanned<Vec<String>>,
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
    let checked_run = run::checked(&source, raw.run)?;
    match checked_run.kind() {
        Kind::Http => over_http(&source, &raw.permissions, raw.settings.as_ref())?,
        Kind::Link => over_the_link(&source, &raw.permissions, raw.settings.as_ref())?,
        Kind::Process | Kind::Wasm => {}
    }
    Ok(Manifest {
        name: checked(plugin.name, "plugin.name", is_name, check::NAME)?,
        version: checked(plugin.version, "plugin.version", is_version, check::VERSION)?,
        description: plugin.description,
        author: plugin.author,
        license: plugin.license,
        homepage: plugin.homepage,
        run: checked_run,
        build: match raw.build {
            Some(build) => run::command(&source, build.command, "build.command", BUILDS)?,
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

/// A server that speaks HTTP offers services, and can ask for nothing.
fn over_http(
    source: &Source<'_>,
    raw: &RawPermissions,
    settings: Option<&Spanned<toml::Table>>,
) -> Result<(), ManifestError> {
    let offers = "nothing where kind is \"http\": such a plugin offers services, and asks the runtime for nothing else";
    let asked = [
        ("publish", &raw.publish),
        ("subscribe", &raw.subscribe),
        ("call", &raw.call),
        ("state", &raw.state),
        ("storage", &raw.storage),
    ];
    none_of(source, &asked, raw, offers)?;
    no_settings(
        source,
        settings,
        "http",
        "there is no way to tell a server its settings",
    )
}

/// A node has no part in the runtime's storage and state but its own, and none in this machine.
fn over_the_link(
    source: &Source<'_>,
    raw: &RawPermissions,
    settings: Option<&Spanned<toml::Table>>,
) -> Result<(), ManifestError> {
    let offers =
        "nothing where kind is \"link\": a node publishes, subscribes, calls and registers, and no more";
    none_of(
        source,
        &[("state", &raw.state), ("storage", &raw.storage)],
        raw,
        offers,
    )?;
    no_settings(source, settings, "link", "its plugins have their own settings")
}

fn none_of(
    source: &Source<'_>,
    lists: &[(&str, &Vec<Spanned<String>>)],
    raw: &RawPermissions,
    allowed: &str,
) -> Result<(), ManifestError> {
    let files = [("files.read", &raw.files.read), ("files.write", &raw.files.write)];
    for (name, items) in lists.iter().chain(&files) {
        if let Some(item) = items.first() {
            let (key, value) = (format!("permissions.{name}"), format!("{:?}", item.get_ref()));
            return Err(source.refuse(&item.span(), &key, &value, allowed));
        }
    }
    Ok(())
}

fn no_settings(
    source: &Source<'_>,
    settings: Option<&Spanned<toml::Table>>,
    kind: &str,
    why: &str,
) -> Result<(), ManifestError> {
    match settings {
        Some(settings) => {
            let allowed = format!("nothing where kind is {kind:?}: {why}");
            Err(source.refuse(&settings.span(), "settings", "given", &allowed))
        }
        None => Ok(()),
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
            Err(source.refuse(&value.span(), &key, &value.get_ref().to_string(), check::SECONDS))
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
