//! The workspace's commands, built as they are needed: cargo gives a test no other package's binary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Cargo, without what the one that runs the tests says of their package: build scripts that read it would be run again,
/// and all that depends on them built anew, each time.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ];
        if of_package
            .iter()
            .any(|of| name.as_encoded_bytes().starts_with(of.as_bytes()))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds a package's command in one of cargo's profiles and gives its path: in the profile `dev` with the features that the
/// whole workspace asks of its dependencies, as the tests are built, so that none is compiled twice; else as users build it,
/// with all features of its own.
///
/// # Errors
/// When it does not build; what cargo said is on stderr.
pub fn binary(package: &'static str, profile: &'static str) -> Result<PathBuf, String> {
    static BUILT: Mutex<BTreeMap<(&str, &str), PathBuf>> = Mutex::new(BTreeMap::new());
    // Held while it is built: tests that run at once want the same.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&(package, profile)) {
        return Ok(path.clone());
    }
    let of: &[&str] = match (profile, package) {
        ("dev", "host-std") => &["--workspace", "--bin", "core-runtime"],
        ("dev", "inspector-tui") => &["--workspace", "--bin", "core-inspector"],
        _ => &["--package", package, "--bins"],
    };
    let output = cargo()
        .args(["build", "--quiet", "--locked", "--message-format", "json"])
        .args(["--all-features", "--profile", profile])
        .args(of)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("cargo does not run: {cause}"))?;
    if !output.status.success() {
        return Err(format!("{package} was not built: see above"));
    }
    let path = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .ok_or_else(|| format!("{package} has no binary"))?;
    built.insert((package, profile), path.clone());
    Ok(path)
}
