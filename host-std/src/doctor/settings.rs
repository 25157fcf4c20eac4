//! The environment and the configuration's file.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::secrets::is_secret;
use super::{Finding, Secrets};
use crate::config::{
    Config, ConfigError, VARIABLES, default_database, default_plugins, default_socket, unknown_variables,
};
use crate::plugins::BUILT_IN;

/// What the rest of the look goes by.
pub(super) struct Found {
    pub(super) database: Option<PathBuf>,
    pub(super) socket: Option<PathBuf>,
    pub(super) plugins: Option<PathBuf>,
    /// All of it, where it is good.
    pub(super) config: Option<Config>,
    pub(super) secrets: Secrets,
}

/// Looks at the variables, and at the file that they name.
pub(super) fn look(
    names: &[OsString],
    var: &dyn Fn(&str) -> Option<OsString>,
    findings: &mut Vec<Finding>,
) -> Found {
    let mut found = Found {
        database: default_database(var).ok(),
        socket: default_socket(var).ok(),
        plugins: default_plugins(var).ok(),
        config: None,
        secrets: Secrets::default(),
    };
    environment(names, var, findings);
    let file = var("RUNTIME_CONFIG").map(PathBuf::from);
    if let Some(file) = &file {
        read_secrets(file, &mut found.secrets);
    }
    let in_file = !found.secrets.is_empty();
    if let Some(token) = var("RUNTIME_TCP_TOKEN") {
        found.secrets.add(&token.to_string_lossy());
    }
    match Config::from_vars(var) {
        Ok(config) => {
            configuration(&config, in_file, findings);
            found.config = Some(config);
        }
        Err(refused) => findings.push(refusal(file.as_deref(), &refused)),
    }
    found
}

fn environment(names: &[OsString], var: &dyn Fn(&str) -> Option<OsString>, findings: &mut Vec<Finding>) {
    let shown = VARIABLES.iter().filter_map(|&name| {
        let value = var(name)?;
        Some(match is_secret(name) {
            true => format!("{name} is set"),
            false => format!("{name}={}", value.to_string_lossy()),
        })
    });
    let shown: Vec<_> = shown.collect();
    let text = match shown.is_empty() {
        true => "no variable of the runtime is set: everything has its default".to_owned(),
        false => shown.join(" "),
    };
    findings.push(Finding::ok("environment", text));
    for name in unknown_variables(names.iter().map(|name| (name.clone(), OsString::new()))) {
        findings.push(Finding::warning(
            "environment",
            format!("the variable {name} is set, and is none of this program's"),
            format!(
                "unset it, or correct its name: known are {}",
                VARIABLES.join(", ")
            ),
        ));
    }
}

/// Takes every secret out of the file, as far as it is TOML.
fn read_secrets(file: &Path, secrets: &mut Secrets) {
    let text = fs::read_to_string(file).unwrap_or_default();
    match text.parse::<toml::Table>() {
        Ok(table) => secrets.add_all(&table),
        // Line by line what is TOML by itself.
        Err(_) => text
            .lines()
            .filter_map(|line| line.parse::<toml::Table>().ok())
            .for_each(|table| secrets.add_all(&table)),
    }
}

/// Why it was refused. Where the parser did not get past a line with a secret, its words may repeat it.
fn refusal(file: Option<&Path>, refused: &ConfigError) -> Finding {
    if let (Some(file), ConfigError::Syntax { line, .. }) = (file, refused) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let name = text
            .lines()
            .nth(line.saturating_sub(1))
            .and_then(|line| line.split('=').next());
        if let Some(name) = name.map(str::trim).filter(|name| is_secret(name)) {
            return Finding::problem(
                "configuration",
                format!(
                    "{}:{line}: {name} has a value that is not understood",
                    file.display()
                ),
                "write it as text in double quotes",
            );
        }
    }
    Finding::error("configuration", refused)
}

/// `secrets` says whether its file holds some.
fn configuration(config: &Config, secrets: bool, findings: &mut Vec<Finding>) {
    let installed = config.plugins_folder.as_deref().map(plugin_host::installed);
    let installed = installed.unwrap_or_default();
    let built_in: Vec<_> = BUILT_IN
        .iter()
        .copied()
        .filter(|plugin| plugin.demo.is_none())
        .collect();
    let checked = crate::host::check_plugins(&built_in, config, &installed);
    if let Err(refused) = checked.and_then(|_| crate::host::check_storage(config)) {
        findings.push(Finding::error("configuration", refused));
        return;
    }
    let Some(file) = &config.file else {
        let text = "there is no file: RUNTIME_CONFIG is not set";
        return findings.push(Finding::ok("configuration", text));
    };
    match fs::metadata(file) {
        Ok(found) if secrets && found.mode() & 0o004 != 0 => findings.push(Finding::warning(
            "configuration",
            format!(
                "{} holds secrets, and everybody on this machine may read it: its mode is {:04o}",
                file.display(),
                found.mode() & 0o7777
            ),
            format!("chmod o-r {}", file.display()),
        )),
        _ => findings.push(Finding::ok(
            "configuration",
            format!("{} is well", file.display()),
        )),
    }
}
