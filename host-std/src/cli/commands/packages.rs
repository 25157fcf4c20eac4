//! `plugin install`, `upgrade`, `remove`, `enable` and `disable`.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use plugin_host::manifest::{Manifest, Run};
use plugin_host::permissions::Permissions;
use serde_json::{Value, json};

use super::build::{Consent, build};
use super::services::ask;
use crate::cli::check;
use crate::cli::connect::Link;
use crate::cli::exit::Failure;
use crate::cli::output::Out;

pub(crate) const INSTALL_HELP: &str = "\
A plugin is a folder, or an archive that ends in .tar.gz, .tgz or .zip, with a plugin.toml (or the plugin.json of the \
original). A folder is built first, where its manifest has a [build], by the command that is shown. It is copied, so the \
folder may change or go afterwards. What it asks for is shown, with what will not be restricted on this system, and granted \
by the answer.

JSON: what `plugins` shows of it, as {name, version, state, error?, ...}

Examples:
  core-runtime plugin install ./thermostat
  core-runtime plugin install mqtt.tar.gz --name mqtt-garden --set broker='\"10.0.0.7\"' --yes";

pub(crate) const UPGRADE_HELP: &str = "\
Its settings, what it stored and its files stay. When the new version does not start, or says that it is another one, the \
version before is put back and started.";

pub(crate) const REMOVE_HELP: &str = "\
Its package, its settings and the files it wrote are deleted; what it stored in the database stays.";

/// What is granted where it is not restricted: somebody is to agree to that.
const GRANTS: [&str; 2] = ["files", "network"];

/// How long unpacking and starting may take.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The folder or archive
    #[arg(value_name = "DIR|ARCHIVE")]
    package: PathBuf,
    /// Install it under another name: so one plugin may be there several times
    #[arg(long, value_parser = check::plugin)]
    name: Option<String>,
    /// A setting, its value JSON, such as target=21.5; may be given several times
    #[arg(long = "set", value_name = "KEY=JSON", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// Build it and grant what it asks for, without a question
    #[arg(long, short)]
    yes: bool,
}

impl InstallArgs {
    /// Those of a folder, under the name of its manifest.
    pub(crate) fn of_folder(folder: &Path, yes: bool) -> Self {
        InstallArgs {
            package: folder.to_path_buf(),
            name: None,
            settings: Vec::new(),
            yes,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The folder or archive
    #[arg(value_name = "DIR|ARCHIVE")]
    package: PathBuf,
    /// The name it is installed under, when that is another one
    #[arg(long, value_parser = check::plugin)]
    name: Option<String>,
    /// Build it and grant what it asks for beyond the version before, without a question
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// The plugin's name
    #[arg(value_parser = check::plugin)]
    pub(crate) name: String,
}

/// `KEY=JSON`.
pub(crate) fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("no KEY=JSON")?;
    let value = serde_json::from_str(value).map_err(|error| {
        format!("{value:?} is not JSON: {error}; a text has double quotes, inside the shell's own: '{key}=\"text\"'")
    })?;
    Ok((key.to_owned(), value))
}

/// The package's manifest, read here so that what is wrong with it is said in full; and its place for the runtime.
pub(crate) fn look(package: &Path) -> Result<(Manifest, PathBuf), Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::Usage(format!("{what}; nothing was installed"));
    let folder = OwnFolder::new()?;
    let unpacked = plugin_host::package::unpack(package, &folder.path().join("package"));
    let manifest = unpacked.map_err(|error| wrong(&error))?;
    let place = std::path::absolute(package).map_err(|cause| wrong(&cause))?;
    Ok((manifest, place))
}

/// A folder of this process alone, deleted when it is dropped.
pub(crate) struct OwnFolder(PathBuf);

impl OwnFolder {
    pub(crate) fn new() -> io::Result<OwnFolder> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = since.map_or(0, |time| time.as_nanos());
        let name = format!("core-runtime-{}-{stamp}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(OwnFolder(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the plugin is not kept from on the runtime's system.
async fn unrestricted(manifest: &Manifest, link: &mut Link) -> Result<Vec<String>, Failure> {
    let kind = json!({ "kind": manifest.run.kind().word() });
    let open = ask(link, "plugins.unrestricted", &kind, LIMIT)
        .await
        .map_err(advise)?;
    serde_json::from_value(open).map_err(|_| Failure::unexpected())
}

/// Shows what is asked for and what will not be restricted, and asks; a plugin that asks for nothing and is kept from
/// files and network needs no question.
async fn agree(
    manifest: &Manifest,
    question: &str,
    asks: &[String],
    yes: bool,
    link: &mut Link,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let open = unrestricted(manifest, link).await?;
    if asks.is_empty() && !open.iter().any(|what| GRANTS.contains(&what.as_str())) {
        return Ok(());
    }
    introduce(manifest)?;
    let mut to = io::stderr().lock();
    if !asks.is_empty() {
        writeln!(to, "It asks for:")?;
    }
    for line in asks {
        writeln!(to, "  {}", crate::escape::escape(line))?;
    }
    if !open.is_empty() {
        writeln!(to, "Not restricted on this system: {}", open.join(", "))?;
    }
    drop(to);
    confirm(question, "grant it")
}

/// Asks the user; `what` is done without a question by --yes.
pub(super) fn confirm(question: &str, what: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        let what = format!("nobody is there to agree to that: say --yes to {what}");
        return Err(Failure::Usage(what));
    }
    let mut to = io::stderr().lock();
    write!(to, "{question} [y/N] ")?;
    to.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::No("nothing was changed".to_owned())),
    }
}

/// What is asked for, and whom the runtime is to call on for it.
fn with_url(manifest: &Manifest, mut asks: Vec<String>) -> Vec<String> {
    match &manifest.run {
        Run::Http { url, .. } => asks.push(format!("requests by the runtime to {url}")),
        Run::Link(node) => asks.push(format!("a session of the runtime with {}", node.target)),
        Run::Process { .. } | Run::Wasm { .. } => {}
    }
    asks
}

fn introduce(manifest: &Manifest) -> io::Result<()> {
    let mut to = io::stderr().lock();
    let mut line = format!("{} {}", manifest.name, manifest.version);
    for (before, text) in [
        (": ", &manifest.description),
        (", by ", &manifest.author),
        (", ", &manifest.license),
    ] {
        if !text.is_empty() {
            line.push_str(before);
            line.push_str(text);
        }
    }
    writeln!(to, "{}", crate::escape::escape(&line))
}

pub(crate) async fn install(args: InstallArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    build(
        &args.package,
        if args.yes { Consent::Given } else { Consent::Asked },
    )?;
    let (manifest, path) = look(&args.package)?;
    let asks = with_url(&manifest, manifest.permissions.lines());
    agree(&manifest, "Install it?", &asks, args.yes, link).await?;
    let settings: serde_json::Map<String, Value> = args.settings.into_iter().collect();
    let request = json!({
        "path": path, "name": args.name, "asked": manifest.permissions, "settings": settings,
    });
    let row = ask(link, "plugins.install", &request, LIMIT)
        .await
        .map_err(advise)?;
    told(&row, "installed", out)
}

pub(crate) async fn upgrade(args: UpgradeArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    build(
        &args.package,
        if args.yes { Consent::Given } else { Consent::Asked },
    )?;
    let (manifest, path) = look(&args.package)?;
    let name = args.name.clone().unwrap_or_else(|| manifest.name.clone());
    let before = ask(link, "plugins.permissions", &json!({ "name": name }), LIMIT).await;
    let before =
        before.map_err(|failure| failure.advise("not_found", "`core-runtime plugin install` installs it"))?;
    let granted: Permissions = before
        .get("granted")
        .and_then(|granted| serde_json::from_value(granted.clone()).ok())
        .ok_or_else(Failure::unexpected)?;
    let anew = with_url(&manifest, manifest.permissions.beyond(&granted));
    agree(&manifest, "Upgrade it?", &anew, args.yes, link).await?;
    let request = json!({ "path": path, "name": args.name, "asked": manifest.permissions });
    let row = ask(link, "plugins.upgrade", &request, LIMIT)
        .await
        .map_err(advise)?;
    told(&row, "upgraded", out)
}

pub(crate) async fn remove(args: NamedArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let row = ask(link, "plugins.remove", &json!({ "name": args.name }), LIMIT)
        .await
        .map_err(advise)?;
    match out.is_json() {
        true => out.document(&row),
        false => out.line(&format!("{} is removed", args.name)),
    }
}

pub(crate) async fn enable(
    args: NamedArgs,
    enabled: bool,
    link: &mut Link,
    out: &mut Out,
) -> Result<(), Failure> {
    let service = if enabled {
        "plugins.enable"
    } else {
        "plugins.disable"
    };
    let row = ask(link, service, &json!({ "name": args.name }), LIMIT)
        .await
        .map_err(advise)?;
    told(&row, if enabled { "enabled" } else { "disabled" }, out)
}

fn advise(failure: Failure) -> Failure {
    failure
        .advise("not_found", "`core-runtime plugins` lists those there are")
        .advise("needed", "stop the plugins that depend on it first")
        .advise(
            "unavailable",
            "the plugin `plugins` of the runtime does this, and it is not started",
        )
}

/// Says what became of the plugin; that it failed is a failure.
fn told(row: &Value, done: &str, out: &mut Out) -> Result<(), Failure> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let (name, state) = (text("name"), text("state"));
    match out.is_json() {
        true => out.document(row)?,
        false => out.line(&format!("{name} {} is {done}: {state}", text("version")))?,
    }
    if let (Some(error), "FAILED") = (row.get("error"), state.as_str()) {
        out.flush()?;
        let part = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        return Err(Failure::Runtime {
            code: part("code"),
            message: part("message"),
            hint: Some("`core-runtime plugin logs NAME` shows what it said"),
        });
    }
    if !out.is_json()
        && let Some(list) = row.get("not_enforced").and_then(Value::as_array)
        && done == "installed"
        && !list.is_empty()
    {
        let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        out.line(&format!("not restricted on this system: {}", list.join(", ")))?;
    }
    Ok(())
}
