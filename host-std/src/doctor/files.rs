//! Folders and files: whose they are, and who else gets at them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::Finding;
use crate::config::Config;
use crate::sqlite::beside;

/// The folder of the database, in which the runtime makes files.
pub(super) fn folder(database: &Path, findings: &mut Vec<Finding>) {
    let folder = parent(database);
    let shown = folder.display();
    let found = match fs::metadata(folder) {
        Ok(found) => found,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return findings.push(missing(folder));
        }
        Err(cause) => {
            return findings.push(Finding::problem(
                "folder",
                format!("{shown} cannot be looked at: {cause}"),
                "be the user that runs the runtime, or choose another RUNTIME_DB_PATH",
            ));
        }
    };
    if !found.is_dir() {
        return findings.push(Finding::problem(
            "folder",
            format!("{shown} is no folder"),
            "move it away, or choose another RUNTIME_DB_PATH",
        ));
    }
    if let Err(cause) = access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        findings.push(Finding::problem(
            "folder",
            format!(
                "{shown} cannot be written by {}: {}; it belongs to {}",
                user(geteuid().as_raw()),
                io::Error::from(cause),
                user(found.uid())
            ),
            "be the user that it belongs to, or choose another RUNTIME_DB_PATH",
        ));
    } else if found.mode() & 0o022 != 0 && found.mode() & 0o1000 == 0 {
        findings.push(Finding::problem(
            "folder",
            format!(
                "others may replace what is in {shown}: its mode is {:04o}",
                found.mode() & 0o7777
            ),
            format!("chmod go-w {shown}"),
        ));
    } else {
        findings.push(Finding::ok(
            "folder",
            format!(
                "{shown} belongs to {}, mode {:04o}",
                user(found.uid()),
                found.mode() & 0o7777
            ),
        ));
    }
}

/// What a start does where the folder is not there.
fn missing(folder: &Path) -> Finding {
    let above = folder.ancestors().skip(1).map(non_empty);
    let there = above.into_iter().find(|folder| folder.exists());
    let shown = folder.display();
    match there {
        Some(there) if access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() => Finding::problem(
            "folder",
            format!(
                "{shown} is not there, and {} may not make it in {}",
                user(geteuid().as_raw()),
                there.display()
            ),
            "make it for that user, or choose another RUNTIME_DB_PATH",
        ),
        _ => Finding::ok(
            "folder",
            format!("{shown} is not there: the first start makes it"),
        ),
    }
}

/// Files beside the database that another user made, such as by one start as root; and those that others may read.
pub(super) fn owners(database: &Path, findings: &mut Vec<Finding>) {
    let folder = parent(database);
    let Ok(owner) = fs::metadata(folder).map(|found| found.uid()) else {
        return;
    };
    for file in ["", "-wal", "-shm", ".lock"].map(|suffix| beside(database, suffix)) {
        let Ok(found) = fs::metadata(&file) else {
            continue;
        };
        if found.uid() != owner {
            findings.push(Finding::problem(
                "files",
                format!(
                    "{} belongs to {}, and its folder to {}",
                    file.display(),
                    user(found.uid()),
                    user(owner)
                ),
                format!(
                    "was the runtime once started as another user? `chown --reference={} {}`",
                    folder.display(),
                    file.display()
                ),
            ));
        }
        if readable_by_others(&found) && !file.as_os_str().as_encoded_bytes().ends_with(b".lock") {
            findings.push(Finding::warning(
                "files",
                format!(
                    "others on this machine may read {}: its mode is {:04o}",
                    file.display(),
                    found.mode() & 0o7777
                ),
                format!("chmod go-rw {}", file.display()),
            ));
        }
    }
}

/// The folder of installed plugins, and whether what is installed can be read.
pub(super) fn plugins(folder: &Path, findings: &mut Vec<Finding>) {
    let shown = folder.display();
    match fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return findings.push(Finding::ok(
                "packages",
                format!("no plugin is installed in {shown}"),
            ));
        }
        Err(cause) => {
            return findings.push(Finding::problem(
                "packages",
                format!("{shown} cannot be read: {cause}"),
                "be the user that runs the runtime, or correct RUNTIME_PLUGINS",
            ));
        }
        Ok(_) => {}
    }
    let names = plugin_host::installed(folder);
    let faults = names
        .iter()
        .filter_map(|name| Some((name, plugin_host::fault(folder, name)?)));
    let before = findings.len();
    findings.extend(faults.map(|(name, why)| {
        Finding::problem(
            "packages",
            format!("the installed plugin {name} cannot be run: {why}"),
            format!("`core-runtime plugin remove {name}`, and install it again"),
        )
    }));
    if findings.len() == before {
        let text = match names.is_empty() {
            true => format!("no plugin is installed in {shown}"),
            false => format!("installed in {shown}: {}", names.join(", ")),
        };
        findings.push(Finding::ok("packages", text));
    }
}

/// The certificate of the TCP port, and its key.
pub(super) fn certificate(config: &Config, findings: &mut Vec<Finding>) {
    let Some(tcp) = &config.tcp else {
        return;
    };
    let Some(files) = &tcp.tls else {
        let text = format!(
            "the TCP port {} speaks without TLS, at this machine alone",
            tcp.address
        );
        return findings.push(Finding::ok("certificate", text));
    };
    if !files.certificate.exists() && !files.key.exists() {
        let text = format!("{} is made at the first start", files.certificate.display());
        return findings.push(Finding::ok("certificate", text));
    }
    match files.acceptor() {
        Err(refused) => findings.push(Finding::error("certificate", refused)),
        Ok((_, fingerprint)) => findings.push(Finding::ok(
            "certificate",
            format!(
                "{} has the fingerprint {fingerprint}",
                files.certificate.display()
            ),
        )),
    }
    if let Ok(found) = fs::metadata(&files.key)
        && readable_by_others(&found)
    {
        findings.push(Finding::problem(
            "certificate",
            format!(
                "others on this machine may read the private key {}: its mode is {:04o}",
                files.key.display(),
                found.mode() & 0o7777
            ),
            format!(
                "chmod go-rw {0}; whoever had it may pass for this runtime: remove it and {1} to have new ones made",
                files.key.display(),
                files.certificate.display()
            ),
        ));
    }
}

fn readable_by_others(found: &Metadata) -> bool {
    found.is_file() && found.mode() & 0o044 != 0
}

/// The folder of a file; the present one where its name has none.
pub(super) fn parent(file: &Path) -> &Path {
    non_empty(file.parent().unwrap_or(Path::new("")))
}

fn non_empty(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

/// A user by name, where this machine has one for the number.
pub(super) fn user(id: u32) -> String {
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {id}"))
}
