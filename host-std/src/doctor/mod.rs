//! What is wrong with a set-up, found without changing anything of it, whether its runtime runs or not.
//!
//! ```text
//!   settings.rs   the environment and the configuration's file
//!   files.rs      folders, owners, modes; the certificate and its key
//!   database.rs   the database and who has it open
//!   socket.rs     the link's socket
//!   system.rs     the program, the clock, the disk, limits
//!   secrets.rs    what must not be shown
//! ```
//!
//! What only a running runtime knows is asked by the command.

mod database;
mod files;
mod secrets;
mod settings;
mod socket;
mod system;

use std::ffi::OsString;

use serde::Serialize;

pub(crate) use secrets::Secrets;
pub(crate) use socket::Socket;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and may not be what was meant.
    Warning,
    /// It does not work, or lets others in.
    Problem,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    pub(crate) level: Level,
    /// What was found, with its value.
    pub(crate) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Finding {
            check,
            level: Level::Ok,
            text: text.into(),
            advice: None,
        }
    }

    pub(crate) fn warning(check: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding {
            check,
            level: Level::Warning,
            text: text.into(),
            advice: Some(advice.into()),
        }
    }

    pub(crate) fn problem(check: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding {
            check,
            level: Level::Problem,
            text: text.into(),
            advice: Some(advice.into()),
        }
    }

    /// An error, whose message says what to do.
    fn error(check: &'static str, error: impl ToString) -> Self {
        Finding {
            check,
            level: Level::Problem,
            text: error.to_string(),
            advice: None,
        }
    }
}

/// What was found without asking the runtime.
pub(crate) struct Local {
    pub(crate) findings: Vec<Finding>,
    /// What must not be shown, of all that was read.
    pub(crate) secrets: Secrets,
    pub(crate) socket: Socket,
}

/// Looks at everything on this machine. `names` are the variables that are set, `var` returns the value of one.
pub(crate) fn look(names: &[OsString], var: &dyn Fn(&str) -> Option<OsString>) -> Local {
    let mut findings = system::program();
    let found = settings::look(names, var, &mut findings);
    let mut socket = Socket::Absent;
    if let Some(database) = &found.database {
        files::folder(database, &mut findings);
        let holder = database::look(database, &mut findings);
        files::owners(database, &mut findings);
        if let Some(path) = &found.socket {
            socket = socket::look(path, holder.is_some(), &mut findings);
        }
        if let Some(folder) = &found.plugins {
            files::plugins(folder, &mut findings);
        }
        system::disk(database, &mut findings);
        system::clock(database, &mut findings);
        if let Some(holder) = holder {
            system::replaced(holder.pid, &mut findings);
        }
    }
    if let Some(config) = &found.config {
        files::certificate(config, &mut findings);
    }
    system::limits(&mut findings);
    Local {
        findings,
        secrets: found.secrets,
        socket,
    }
}
