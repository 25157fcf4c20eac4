//! What makes a package out of its author's folder: the `[build]` of its manifest. It is run here, as the user, for a
//! folder that the user named; the runtime never runs it, and for an archive nobody does.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use plugin_host::manifest::{Manifest, Run};

use super::packages::confirm;
use crate::cli::exit::Failure;

/// Whether the user agrees to what the manifest's author wants to be run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The user is the author, or said --yes.
    Given,
    /// The user is asked.
    Asked,
}

/// Builds the package, where it is a folder whose manifest says how; what the command prints is printed.
pub(crate) fn build(package: &Path, consent: Consent) -> Result<(), Failure> {
    if !package.is_dir() {
        return Ok(());
    }
    // What is wrong with a manifest is said by whoever reads it next.
    let Ok(manifest) = Manifest::read(package) else {
        return Ok(());
    };
    let Some((program, args)) = manifest.build.split_first() else {
        return Ok(());
    };
    let line = manifest.build.join(" ");
    writeln!(
        io::stderr(),
        "{} is built: {}",
        manifest.name,
        crate::escape::escape(&line)
    )?;
    if consent == Consent::Asked {
        confirm("Run that?", "run it")?;
    }
    let status = Command::new(program)
        .args(args)
        .current_dir(package)
        .stdin(Stdio::null())
        // Standard output is for what this command prints.
        .stdout(io::stderr().as_fd().try_clone_to_owned()?)
        .status();
    let why = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("{status}{}", lacking(&manifest, package)),
        Err(cause) if cause.kind() == ErrorKind::NotFound && program == "cargo" => {
            "there is no cargo: https://rustup.rs installs it".to_owned()
        }
        Err(cause) => format!("it cannot be run: {cause}"),
    };
    Err(Failure::No(format!(
        "error: {} was not built by `{line}`: {why}; nothing was installed",
        manifest.name
    )))
}

/// What has to be installed first, where that is why.
fn lacking(manifest: &Manifest, folder: &Path) -> String {
    const TARGET: &str = "wasm32-unknown-unknown";
    let builds_module = matches!(manifest.run, Run::Wasm { .. })
        && manifest.build.first().is_some_and(|program| program == "cargo");
    if !builds_module {
        return String::new();
    }
    let library = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .stderr(Stdio::null())
        .output();
    let is_there = library.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(path.trim_end()).is_dir()
    });
    match is_there {
        true => String::new(),
        false => format!(": this Rust has no {TARGET}: `rustup target add {TARGET}` installs it"),
    }
}
