//! `service`: this program as a service of systemd, on a machine that has no package of it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::exit::Failure;
use crate::cli::output::Out;

/// The files of the package, which are installed as they are but for the program's place.
const UNIT: &str = include_str!("../../../package/core-runtime.service");
const ENVIRONMENT: &str = include_str!("../../../package/environment");
const CONFIGURATION: &str = include_str!("../../../package/runtime.toml");

/// The program's place in the package.
const PACKAGED: &str = "/usr/bin/core-runtime";

/// How a unit begins that was written here.
const MARK: &str =
    "# Written by `core-runtime service install`; `core-runtime service uninstall` removes it.\n";

const UNIT_FILE: &str = "/etc/systemd/system/core-runtime.service";
const PACKAGED_UNITS: [&str; 2] = [
    "/usr/lib/systemd/system/core-runtime.service",
    "/lib/systemd/system/core-runtime.service",
];
const FOLDER: &str = "/etc/core-runtime";
const NAME: &str = "core-runtime";

/// Folders that the unit hides from the service.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

pub(crate) const INSTALL_HELP: &str = "\
Writes the unit with the place of this program, and where they are not there, the files in /etc/core-runtime and the user \
core-runtime. It starts nothing: the command that does is printed. What is there already is left as it is.

Examples:
  sudo install target/release/core-runtime /usr/local/bin/
  sudo core-runtime service install
  core-runtime service install --print";

pub(crate) const UNINSTALL_HELP: &str = "\
Stops the service and removes its unit. The data, the configuration and the user stay; where they are is printed.";

pub(crate) const STATUS_HELP: &str = "\
The exit status is 1 unless it is installed and runs.

JSON: {installed, unit, active, state, status, pid}";

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write the unit of systemd and what belongs to it
    #[command(after_long_help = INSTALL_HELP)]
    Install(InstallArgs),
    /// Stop the service and remove its unit; data and configuration stay
    #[command(after_long_help = UNINSTALL_HELP)]
    Uninstall(RootArgs),
    /// Show whether it is installed and runs
    #[command(after_long_help = STATUS_HELP)]
    Status(RootArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Print the unit, and write nothing
    #[arg(long)]
    print: bool,
    /// The program that the service is [default: this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    #[command(flatten)]
    root: RootArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RootArgs {
    /// A folder with the system to change, such as an image: no user is made there and nothing stopped
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl RootArgs {
    /// Where the file is.
    fn path(&self, file: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(file.trim_start_matches('/')),
            None => PathBuf::from(file),
        }
    }

    /// Whether it is this machine's own system, and systemd runs it.
    fn runs_here(&self) -> bool {
        self.root.is_none() && sd_notify::booted().unwrap_or(false)
    }
}

pub(crate) fn service(command: &ServiceCommand, out: &mut Out) -> Result<(), Failure> {
    match command {
        ServiceCommand::Install(args) => install(args, out)?,
        ServiceCommand::Uninstall(args) => uninstall(args, out)?,
        ServiceCommand::Status(args) => return status(args, out),
    }
    out.flush()
}

fn install(args: &InstallArgs, out: &mut Out) -> Result<(), Failure> {
    let program = program(args)?;
    let unit = format!("{MARK}{UNIT}").replace(PACKAGED, &program);
    if args.print {
        return out.raw(unit.as_bytes());
    }
    let packaged = PACKAGED_UNITS.iter().find(|unit| args.root.path(unit).exists());
    if let Some(packaged) = packaged {
        return Err(Failure::Usage(format!(
            "{packaged} is there: a package has installed the service; use that, or remove the package"
        )));
    }
    let file = args.root.path(UNIT_FILE);
    if foreign(&file) {
        return Err(Failure::Usage(format!(
            "{} is there and was not written by this command; move it away first",
            file.display()
        )));
    }
    make_user(&args.root, out)?;
    let folder = args.root.path(FOLDER);
    made(
        &folder,
        DirBuilder::new().recursive(true).mode(0o755).create(&folder),
    )?;
    for (name, text, mode) in [
        ("environment", ENVIRONMENT, 0o644),
        ("runtime.toml", CONFIGURATION, 0o640),
    ] {
        let file = folder.join(name);
        match write_new(&file, text, mode) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                out.line(&format!("{} is there, and is left as it is", file.display()))?;
            }
            written => {
                made(&file, written)?;
                out.line(&format!("{} is written", file.display()))?;
            }
        }
    }
    if args.root.root.is_none() {
        // A token in it is the service's to read, and nobody else's.
        let file = folder.join("runtime.toml");
        run("chgrp", &[NAME.as_ref(), file.as_os_str()])?;
    }
    if let Some(folder) = file.parent() {
        made(folder, fs::create_dir_all(folder))?;
    }
    made(&file, fs::write(&file, unit))?;
    out.line(&format!("{} is written, for {program}", file.display()))?;
    if args.root.runs_here() {
        run("systemctl", &["daemon-reload".as_ref()])?;
    }
    out.line("start it, now and with the machine: systemctl enable --now core-runtime")
}

/// The program that the unit names: one that the service can see.
fn program(args: &InstallArgs) -> Result<String, Failure> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|cause| {
            Failure::Usage(format!(
                "where this program is cannot be found: {cause}; say --program"
            ))
        })?,
    };
    let text = program.display().to_string();
    if !program.is_absolute()
        || text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '%' | '\\' | '$'))
    {
        return Err(Failure::Usage(format!(
            "--program is {text:?}; allowed is an absolute path without spaces, quotes, % and $"
        )));
    }
    if !args.print && HIDDEN.iter().any(|hidden| program.starts_with(hidden)) {
        return Err(Failure::Usage(format!(
            "{text} is in a folder that the service does not see; put it elsewhere first: \
             install {text} /usr/local/bin/ && /usr/local/bin/core-runtime service install"
        )));
    }
    Ok(text)
}

fn uninstall(args: &RootArgs, out: &mut Out) -> Result<(), Failure> {
    let file = args.path(UNIT_FILE);
    if !file.exists() {
        return Err(Failure::No(format!(
            "{} is not there: it is not installed by this command",
            file.display()
        )));
    }
    if foreign(&file) {
        return Err(Failure::Usage(format!(
            "{} was not written by this command, and is left as it is",
            file.display()
        )));
    }
    if args.runs_here() {
        run("systemctl", &["disable", "--now", NAME].map(AsRef::as_ref))?;
    }
    made(&file, fs::remove_file(&file))?;
    if args.runs_here() {
        run("systemctl", &["daemon-reload".as_ref()])?;
    }
    out.line(&format!("{} is removed", file.display()))?;
    out.line("these stay: the data in /var/lib/core-runtime, the configuration in /etc/core-runtime, the user core-runtime")
}

fn status(args: &RootArgs, out: &mut Out) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Status {
        installed: bool,
        unit: Option<String>,
        active: bool,
        state: String,
        status: String,
        pid: Option<u32>,
    }
    let units = [UNIT_FILE].into_iter().chain(PACKAGED_UNITS);
    let unit = units.map(|unit| args.path(unit)).find(|unit| unit.exists());
    let mut found = Status {
        installed: unit.is_some(),
        unit: unit.map(|unit| unit.display().to_string()),
        active: false,
        state: "systemd does not run here".to_owned(),
        status: String::new(),
        pid: None,
    };
    if args.runs_here() {
        let asked = [
            "show",
            NAME,
            "-p",
            "ActiveState",
            "-p",
            "StatusText",
            "-p",
            "MainPID",
        ];
        let shown = run("systemctl", &asked.map(AsRef::as_ref))?;
        for line in shown.lines() {
            match line.split_once('=') {
                Some(("ActiveState", state)) => found.state = state.to_owned(),
                Some(("StatusText", status)) => found.status = status.to_owned(),
                Some(("MainPID", pid)) => found.pid = pid.parse().ok().filter(|&pid| pid != 0),
                _ => {}
            }
        }
        found.active = found.state == "active";
    }
    if out.is_json() {
        out.document(&found)?;
    } else {
        match &found.unit {
            Some(unit) => out.line(&format!("installed: {unit}"))?,
            None => out.line("not installed: `core-runtime service install` does it, or a package")?,
        }
        let more = if found.status.is_empty() { "" } else { ": " };
        out.line(&format!("state: {}{more}{}", found.state, found.status))?;
        if let Some(pid) = found.pid {
            out.line(&format!("process: {pid}"))?;
        }
    }
    out.flush()?;
    match found.installed && found.active {
        true => Ok(()),
        false => Err(Failure::No("the service does not run".to_owned())),
    }
}

/// Makes the service's user, where there is none.
fn make_user(root: &RootArgs, out: &mut Out) -> Result<(), Failure> {
    if root.root.is_some() {
        return out.line(
            "the user core-runtime is not made in another system: `useradd --system core-runtime` there",
        );
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if users.lines().any(|line| line.starts_with("core-runtime:")) {
        return Ok(());
    }
    let options = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/var/lib/core-runtime",
    ];
    let shell = ["--shell", "/usr/sbin/nologin", NAME];
    let arguments: Vec<_> = options.iter().chain(&shell).map(AsRef::as_ref).collect();
    run("useradd", &arguments)?;
    out.line("the user core-runtime is made")
}

/// Whether something is there that this command has not written.
fn foreign(unit: &Path) -> bool {
    match fs::read_to_string(unit) {
        Ok(text) => !text.starts_with(MARK),
        Err(cause) => cause.kind() != io::ErrorKind::NotFound,
    }
}

fn write_new(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)?;
    file.write_all(text.as_bytes())
}

/// The error with its file, and what it mostly is.
fn made<T>(file: &Path, outcome: io::Result<T>) -> Result<T, Failure> {
    outcome.map_err(|cause| {
        let advice = match cause.kind() {
            io::ErrorKind::PermissionDenied => "; do it as root, by sudo, or see it by --print",
            _ => "",
        };
        Failure::No(format!("cannot change {}: {cause}{advice}", file.display()))
    })
}

/// Runs a program of the system; what it printed.
fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<String, Failure> {
    let shown = || {
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        format!("{program} {}", words.join(" "))
    };
    let ran = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let ran = ran.map_err(|cause| Failure::No(format!("cannot run `{}`: {cause}", shown())))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(Failure::No(format!(
            "`{}` failed: {}; do it as root, by sudo",
            shown(),
            said.trim()
        )));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}
