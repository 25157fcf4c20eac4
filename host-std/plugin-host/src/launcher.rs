//! The launcher: the first moment of every plugin's process. The runtime starts its own program with an argument that
//! no user gives; that restricts itself, in ways that hold for whatever it becomes, and becomes the plugin.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use crate::guardian;
use crate::sandbox::Rules;

/// The first argument of a launcher; after it come the restrictions and the plugin's command.
pub(crate) const ARGUMENT: &str = "--become-plugin";

/// The exit status when the program cannot be run: what a shell says.
const NOT_RUN: u8 = 127;

/// What a process may not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Restrictions {
    /// The runtime's process, with which it dies.
    pub(crate) parent: u32,
    /// Data segment and private memory, in MiB.
    pub(crate) memory_mb: u32,
    /// Open files.
    pub(crate) files: u32,
    pub(crate) rules: Rules,
}

impl Restrictions {
    pub(crate) fn to_text(&self) -> String {
        // Numbers and paths that were given as text have a JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn apply(&self, program: &Path) -> std::io::Result<()> {
        // Whoever kills the runtime kills its plugins: no orphans.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let parent = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
        if parent as u32 != self.parent {
            return Err(std::io::Error::other("the runtime has left already"));
        }
        let at_most = |most: u64| Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(Resource::Data, at_most(u64::from(self.memory_mb) << 20))?;
        setrlimit(Resource::Nofile, at_most(self.files.into()))?;
        setrlimit(Resource::Core, at_most(0))?;
        self.rules.enter(program).map_err(std::io::Error::other)
    }
}

/// Becomes a plugin, or the guardian of all, when this process was started for that: then it does not return but to say why not. A program
/// that embeds a host calls it first; `run_host` of `host-std` does.
pub fn enter_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    match args.next()? {
        asked if asked == guardian::ARGUMENT => return Some(guardian::guard()),
        asked if asked == ARGUMENT => {}
        _ => return None,
    }
    let why = become_plugin(args);
    let _ = writeln!(std::io::stderr(), "ERROR: {why}");
    Some(ExitCode::from(NOT_RUN))
}

fn become_plugin(mut args: impl Iterator<Item = OsString>) -> String {
    let restrictions = args.next().and_then(|text| text.into_string().ok());
    let restrictions = restrictions.and_then(|text| serde_json::from_str::<Restrictions>(&text).ok());
    let (Some(restrictions), Some(program)) = (restrictions, args.next()) else {
        return format!("{ARGUMENT} is for the runtime's own use");
    };
    if let Err(cause) = restrictions.apply(Path::new(&program)) {
        return format!("the process could not be restricted: {cause}");
    }
    let cause = Command::new(&program).args(args).exec();
    format!("{} could not be run: {cause}", program.display())
}
