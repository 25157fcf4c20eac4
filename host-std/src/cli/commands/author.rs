//! What the author of a plugin needs: `plugin check` and `dev`; `new` is in a file of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use plugin_host::manifest::Manifest;
use serde_json::{Value, json};

use super::build::{Consent, build};
use super::packages::{self, OwnFolder};
use super::plugin_settings::new_lines;
use super::services::ask;
use crate::cli::check;
use crate::cli::connect::Link;
use crate::cli::exit::Failure;
use crate::cli::output::Out;
use crate::config::Config;
use crate::host::Host;
use crate::signals::Signals;
use link_dial::{Endpoint, Target};

pub(crate) const CHECK_HELP: &str = "\
A folder is built first, where its manifest says how. The manifest is checked, and the plugin is started and stopped in a runtime of its own, which nothing is left of.";

pub(crate) const DEV_HELP: &str = "\
The plugin runs in its folder, with all that its manifest asks for, and its log is printed; when a file changes, it is \
built, where its manifest says how, and started anew. Ctrl-C ends it.";

const LIMIT: Duration = Duration::from_secs(60);

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(300);

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
    build(&args.package, Consent::Given)?;
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
    let mut files = Files::new(&folder);
    build(&folder, Consent::Given)?;
    files.learn(true);
    begin(&name, &folder, link, out).await?;
    let mut after = 0;
    loop {
        tokio::select! {
            _ = signals.next() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        after = new_lines(&name, after, link, out).await?;
        out.flush()?;
        if !files.have_changed() {
            continue;
        }
        // A mistake in the middle of an edit: the next change is waited for.
        let built = build(&folder, Consent::Given);
        files.learn(built.is_ok());
        let begun = match built {
            Ok(()) => {
                // Its manifest may have changed as well.
                let _ = ask(link, "plugins.remove", &json!({ "name": name }), LIMIT).await;
                after = 0;
                begin(&name, &folder, link, out).await
            }
            Err(failure) => Err(failure),
        };
        match begun {
            Err(Failure::Runtime { code, message, .. }) => {
                out.line(&format!("not started: {code}: {message}"))?
            }
            Err(Failure::No(why)) => out.line(&why)?,
            other => other?,
        }
        out.flush()?;
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

/// The files of the folder.
struct Files<'a> {
    folder: &'a Path,
    seen: BTreeMap<PathBuf, SystemTime>,
    /// Those that a build left as they were: what else changes during a build is what it makes.
    sources: BTreeSet<PathBuf>,
}

impl<'a> Files<'a> {
    fn new(folder: &'a Path) -> Self {
        Files {
            folder,
            seen: stamps(folder),
            sources: BTreeSet::new(),
        }
    }

    /// Whether one has changed since the last look; not those that a build made.
    fn have_changed(&mut self) -> bool {
        let now = stamps(self.folder);
        let before = std::mem::replace(&mut self.seen, now);
        self.seen != before
    }

    /// A build has ended. A source that changed meanwhile was edited, and is still to be looked at; so is whatever
    /// changed during the first build, of which nothing is known.
    fn learn(&mut self, built: bool) {
        let is_first = self.sources.is_empty();
        for (path, time) in stamps(self.folder) {
            if self.seen.get(&path) == Some(&time) {
                if built {
                    self.sources.insert(path);
                }
            } else if !is_first && !self.sources.contains(&path) {
                self.seen.insert(path, time);
            }
        }
    }
}

/// When each file was written last; without the folders that tools mark as made by them, such as cargo's.
fn stamps(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut stamps = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let is_made = || entry.file_name() == "__pycache__" || entry.path().join("CACHEDIR.TAG").exists();
            match entry.metadata() {
                Ok(of) if of.is_dir() && !hidden && !is_made() => folders.push(entry.path()),
                Ok(of) if of.is_file() && !hidden => {
                    drop(of.modified().map(|time| stamps.insert(entry.path(), time)))
                }
                _ => {}
            }
        }
    }
    stamps
}
