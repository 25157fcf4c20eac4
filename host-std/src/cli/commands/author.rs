//! What the author of a plugin needs: `plugin new`, `check` and `dev`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use plugin_host::manifest::Manifest;
use serde_json::{Value, json};

use super::packages::{self, OwnFolder};
use super::plugin_settings::new_lines;
use super::services::ask;
use crate::cli::check;
use crate::cli::connect::Link;
use crate::cli::endpoint::Endpoint;
use crate::cli::exit::Failure;
use crate::cli::output::Out;
use crate::config::Config;
use crate::host::Host;
use crate::signals::Signals;
use link_dial::Target;

pub(crate) const NEW_HELP: &str = "\
A thermostat that runs as it is, with a manifest and a test, to be changed into what it is to be.

Examples:
  core-runtime plugin new thermostat --lang python
  core-runtime plugin install ./thermostat --yes
  core-runtime call thermostat.set '{\"target\": 21.5}'";

pub(crate) const CHECK_HELP: &str = "\
The manifest is checked, and the plugin is started and stopped in a runtime of its own, which nothing is left of.";

pub(crate) const DEV_HELP: &str = "\
The plugin runs in its folder, with all that its manifest asks for, and its log is printed; when a file changes, it is \
started anew. Ctrl-C ends it.";

const LIMIT: Duration = Duration::from_secs(60);

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// A language that there is a library for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Python,
    Js,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The plugin's name, and the folder's
    #[arg(value_parser = check::plugin)]
    name: String,
    /// The language
    #[arg(long)]
    lang: Language,
}

macro_rules! template {
    ($language:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../plugins/sdk/", $language, "/template/", $file)))),*]
    };
}

macro_rules! library {
    ($language:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../plugins/sdk/", $language, "/", $file)))),*]
    };
}

pub(crate) fn new(args: &NewArgs, out: &mut Out) -> Result<(), Failure> {
    let files: &[(&str, &str)] = match args.lang {
        Language::Python => template!("python": "main.py", "plugin.toml", "test_main.py"),
        Language::Js => template!("js": "main.mjs", "main.test.mjs", "plugin.toml"),
    };
    // A module of JavaScript finds its library beside it; that of Python is found in the runtime.
    let library: &[(&str, &str)] = match args.lang {
        Language::Python => &[],
        Language::Js => {
            library!("js": "core-runtime.mjs", "core-runtime.d.mts", "testing.mjs", "testing.d.mts")
        }
    };
    let folder = PathBuf::from(&args.name);
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!(
            "{} is there already: choose another name, or another folder to be in",
            folder.display()
        )));
    }
    fs::create_dir(&folder)?;
    for (file, text) in files {
        let text = text
            .replace("{name}", &args.name)
            .replace("{Name}", &class_name(&args.name));
        fs::write(folder.join(file), text)?;
    }
    for (file, text) in library {
        fs::write(folder.join(file), text)?;
    }
    out.line(&format!(
        "{} is made; `core-runtime plugin install ./{}` installs it",
        folder.display(),
        args.name
    ))
}

/// `my-plugin` as `MyPlugin`.
fn class_name(name: &str) -> String {
    let parts = name.split(['-', '_']).filter(|part| !part.is_empty());
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    parts.map(capital).collect()
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plugin's folder, or an archive
    #[arg(value_name = "DIR|ARCHIVE")]
    package: PathBuf,
    /// A setting for the trial, its value JSON; may be given several times
    #[arg(long = "set", value_name = "KEY=JSON", value_parser = packages::setting)]
    settings: Vec<(String, Value)>,
}

pub(crate) async fn check(args: CheckArgs, out: &mut Out) -> Result<(), Failure> {
    let (manifest, path) = packages::look(&args.package)?;
    out.line(&format!("ok    manifest: {} {}", manifest.name, manifest.version))?;
    out.flush()?;
    let place = OwnFolder::new()?;
    let socket = place.path().join("socket");
    let config = Config::from_vars(|name| match name {
        "RUNTIME_DB_PATH" => Some(place.path().join("runtime.db").into()),
        "RUNTIME_SOCKET" => Some(socket.clone().into()),
        _ => None,
    });
    let config = config.map_err(|cause| Failure::Usage(cause.to_string()))?;
    let started = tokio::task::spawn_blocking(move || Host::builder().start(config)).await;
    let host = match started {
        Ok(Ok(host)) => host,
        Ok(Err(cause)) => {
            return Err(Failure::No(format!(
                "the runtime of the trial did not start: {cause}"
            )));
        }
        Err(cause) => return Err(Failure::No(cause.to_string())),
    };
    let mut link = Link::new(Endpoint::open(Target::Unix(socket)));
    let tried = try_out(&args, &manifest, &path, &mut link, out).await;
    if tried.is_err() {
        out.line("its log:")?;
        let _ = new_lines(&manifest.name, 0, &mut link, out).await;
        out.flush()?;
    }
    let report = tokio::task::spawn_blocking(move || host.shutdown()).await;
    tried?;
    match report {
        Ok(report) if report.late.is_empty() => {
            out.line("ok    it stops")?;
            Ok(())
        }
        _ => Err(Failure::No("FAIL  it did not stop in time".to_owned())),
    }
}

async fn try_out(
    args: &CheckArgs,
    manifest: &Manifest,
    path: &Path,
    link: &mut Link,
    out: &mut Out,
) -> Result<(), Failure> {
    let settings: serde_json::Map<String, Value> = args.settings.iter().cloned().collect();
    let request = json!({ "path": path, "settings": settings });
    let row = ask(link, "plugins.install", &request, LIMIT).await?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    if text(&row, "state") != "STARTED" {
        let error = row.get("error").cloned().unwrap_or_default();
        return Err(Failure::No(format!(
            "FAIL  it does not start: {}: {}",
            text(&error, "code"),
            text(&error, "message")
        )));
    }
    out.line("ok    it starts")?;
    let services = ask(
        link,
        "plugins.services",
        &json!({ "plugin": manifest.name }),
        LIMIT,
    )
    .await?;
    for service in services.as_array().into_iter().flatten() {
        let schema = match service.get("schema") {
            Some(_) => "",
            None => " (without a schema)",
        };
        out.line(&format!(
            "      service {}{schema} {}",
            text(service, "name"),
            text(service, "description")
        ))?;
    }
    let refused = row.get("refused").and_then(Value::as_u64).unwrap_or(0);
    let noise = row.get("noise").and_then(Value::as_u64).unwrap_or(0);
    if refused > 0 {
        out.line(&format!(
            "note  {refused} of its requests were refused: its log says which permission is missing"
        ))?;
    }
    if noise > 0 {
        out.line(&format!(
            "note  {noise} of its lines on standard output were no messages"
        ))?;
    }
    out.flush()
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The plugin's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Run it under another name
    #[arg(long, value_parser = check::plugin)]
    name: Option<String>,
}

pub(crate) async fn dev(args: DevArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let manifest = Manifest::read(&args.folder).map_err(|error| Failure::Usage(error.to_string()))?;
    let name = args.name.clone().unwrap_or(manifest.name);
    let folder = std::path::absolute(&args.folder)?;
    let mut signals = Signals::listen()?;
    let mut seen = stamps(&folder);
    begin(&name, &folder, link, out).await?;
    let mut after = 0;
    loop {
        tokio::select! {
            _ = signals.next() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        after = new_lines(&name, after, link, out).await?;
        out.flush()?;
        let now = stamps(&folder);
        if now != seen {
            seen = now;
            // Its manifest may have changed as well.
            let _ = ask(link, "plugins.remove", &json!({ "name": name }), LIMIT).await;
            after = 0;
            match begin(&name, &folder, link, out).await {
                // A mistake in the middle of an edit: the next change is waited for.
                Err(Failure::Runtime { code, message, .. }) => {
                    out.line(&format!("not started: {code}: {message}"))?
                }
                other => other?,
            }
        }
    }
    ask(link, "plugins.remove", &json!({ "name": name }), LIMIT).await?;
    out.line(&format!("{name} is stopped"))
}

async fn begin(name: &str, folder: &Path, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let row = ask(
        link,
        "plugins.develop",
        &json!({ "path": folder, "name": name }),
        LIMIT,
    )
    .await?;
    let state = row.get("state").and_then(Value::as_str).unwrap_or("");
    let error = row
        .get("error")
        .map(|error| format!(": {}", error.get("message").and_then(Value::as_str).unwrap_or("")));
    out.line(&format!("{name}: {state}{}", error.unwrap_or_default()))?;
    out.flush()
}

/// When each file was written last.
fn stamps(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut stamps = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            match entry.metadata() {
                Ok(of) if of.is_dir() && !hidden && entry.file_name() != "__pycache__" => {
                    folders.push(entry.path())
                }
                Ok(of) if of.is_file() && !hidden => {
                    drop(of.modified().map(|time| stamps.insert(entry.path(), time)))
                }
                _ => {}
            }
        }
    }
    stamps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_after_the_plugin() {
        for (name, class) in [
            ("thermostat", "Thermostat"),
            ("my-lamp_2", "MyLamp2"),
            ("a--b", "AB"),
        ] {
            assert_eq!(class_name(name), class);
        }
    }
}
