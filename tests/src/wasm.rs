//! A real host with plugins that are WebAssembly modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use host_std::{Config, Host, HostBuilder, block_on};
use kernel_core::{CoreRuntime, Json};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::cargo;

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Room for the largest reply.
const REPLY: usize = 66 * 1024;

/// Builds a package as a module; the module's bytes.
///
/// # Errors
/// When it does not build; what cargo said is on stderr.
pub fn module(package: &str) -> Result<Vec<u8>, String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let output = cargo()
        .args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--message-format",
            "json",
        ])
        .args(["--target", "wasm32-unknown-unknown", "--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("cargo does not run: {cause}"))?;
    if !output.status.success() {
        return Err(format!(
            "{package} was not built: see above; where the target lacks, `rustup target add wasm32-unknown-unknown`"
        ));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let files = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| Some(message.get("filenames")?.as_array()?.clone()));
    let mut paths = files
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from));
    let path = paths.find(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    let path = path.ok_or_else(|| format!("{package} is no module"))?;
    fs::read(&path).map_err(|cause| format!("{}: {cause}", path.display()))
}

/// Calls a service.
///
/// # Errors
/// The code and the message of the error.
pub fn call(runtime: CoreRuntime, service: &str, args: &Value) -> Result<Value, String> {
    let args = args.to_string();
    let args = Json::parse(&args).map_err(|wrong| wrong.to_string())?;
    let mut buf = vec![0; REPLY];
    let reply = block_on(runtime.services().call_within(service, args, LIMIT, &mut buf));
    let reply = reply.map_err(|error| format!("{}: {error}", error.code()))?;
    serde_json::from_slice(reply.as_bytes()).map_err(|wrong| wrong.to_string())
}

/// A host in a folder of its own.
pub struct House {
    host: Host,
    folder: TempDir,
}

impl House {
    /// With the plugins of `builder`, and none that is installed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(builder: HostBuilder) -> Result<House, String> {
        let folder = tempfile::tempdir().map_err(|cause| format!("no temporary folder: {cause}"))?;
        let path = folder.path().join("runtime.db").into_os_string();
        let config = Config::from_vars(|name| (name == "RUNTIME_DB_PATH").then(|| path.clone()));
        let config = config.map_err(|cause| cause.to_string())?;
        let host = builder.start(config).map_err(|cause| cause.to_string())?;
        Ok(House { host, folder })
    }

    /// The runtime, on behalf of the operator.
    pub fn runtime(&self) -> CoreRuntime {
        self.host.runtime()
    }

    /// Where packages may be put.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a package with a module: `more` are lines of its manifest behind `[run]`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn package(&self, name: &str, version: &str, module: &[u8], more: &str) -> Result<PathBuf, String> {
        let folder = self.folder.path().join("packages").join(name);
        let manifest = format!(
            "[plugin]\nname = \"{name}\"\nversion = \"{version}\"\n\n[run]\nkind = \"wasm\"\nmodule = \"plugin.wasm\"\n\n{more}"
        );
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("plugin.wasm"), module))
            .and_then(|()| fs::write(folder.join("plugin.toml"), manifest))
            .map_err(|cause| format!("{}: {cause}", folder.display()))?;
        Ok(folder)
    }

    /// Installs a package; its row.
    ///
    /// # Errors
    /// The code and the message of the refusal.
    pub fn install(&self, package: &Path) -> Result<Value, String> {
        self.call("plugins.install", &json!({ "path": package }))
    }

    /// The row of a plugin; `null` when there is none.
    ///
    /// # Errors
    /// When there is no list.
    pub fn row(&self, name: &str) -> Result<Value, String> {
        let rows = self.call("plugins.list", &Value::Null)?;
        let mut rows = rows.as_array().into_iter().flatten();
        Ok(rows.find(|row| row["name"] == name).cloned().unwrap_or_default())
    }

    /// Calls a service.
    ///
    /// # Errors
    /// The code and the message of the error.
    pub fn call(&self, service: &str, args: &Value) -> Result<Value, String> {
        call(self.runtime(), service, args)
    }

    /// Shuts it down.
    pub fn shutdown(self) -> (host_std::ShutdownReport, TempDir) {
        (self.host.shutdown(), self.folder)
    }
}
