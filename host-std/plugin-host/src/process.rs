//! The process of a plugin: begun by the [launcher](crate::launcher), in a group of its own, with three pipes and a clean
//! environment; and its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::gate::Identity;
use crate::guardian::Guardian;
use crate::launcher::Restrictions;
use crate::lines::{Lines, NoLine};
use crate::lock::lock;

/// How long a plugin may take to leave once its standard input is closed, and again once it was asked by SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// The longest line of a standard error.
const LONGEST_LINE: usize = 8 * 1024;

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The program that restricts itself and becomes the plugin.
    pub(crate) launcher: PathBuf,
    /// The plugin's folder, in which it is run.
    pub(crate) folder: PathBuf,
    /// The libraries that the runtime brings along.
    pub(crate) library: PathBuf,
    /// Where it may write.
    pub(crate) data: PathBuf,
    /// What it is called with.
    pub(crate) command: Vec<String>,
    /// What its environment has beside what every plugin's has.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) restrictions: Restrictions,
}

/// The processes of all plugins of this process, of which the system knows nothing more than that they are children.
static KNOWN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Whether the process of this number is a plugin's own.
pub(crate) fn is_known(pid: i32) -> bool {
    lock(&KNOWN).contains(&pid)
}

/// A running one.
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    guardian: Rc<Guardian>,
}

/// A process that was started, and its pipes.
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
}

impl Process {
    /// Starts the program; what it writes to its standard error goes to the plugin's log.
    pub(crate) fn start(
        program: &Program,
        identity: &Arc<Identity>,
        guardian: &Rc<Guardian>,
    ) -> io::Result<Started> {
        let restrictions = program.restrictions.to_text();
        let mut command = Command::new(&program.launcher);
        command
            .arg(crate::launcher::ARGUMENT)
            .arg(restrictions)
            .args(&program.command)
            .current_dir(&program.folder)
            .env_clear()
            .envs(inherited())
            .envs(&program.env)
            .env("HOME", &program.data)
            .env("TMPDIR", &program.data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        // Until it is known, it would pass for an orphan where several runtimes share this process.
        let mut known = lock(&KNOWN);
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        known.extend(group.map(|group| group.as_raw_nonzero().get()));
        drop(known);
        let no_pipe = || io::Error::other("the process has no pipes");
        let stdout = child.stdout.take().ok_or_else(no_pipe)?;
        let stderr = child.stderr.take().ok_or_else(no_pipe)?;
        let stdin = child.stdin.take().ok_or_else(no_pipe)?;
        if let Some(group) = group {
            guardian.add(group);
        }
        let identity = identity.clone();
        tokio::task::spawn_local(async move {
            let mut lines = Lines::new(stderr, LONGEST_LINE);
            loop {
                let read = lines.fill().await;
                while let Some(line) = lines.take() {
                    identity.log.stderr(&String::from_utf8_lossy(line));
                }
                if read.is_err() && !lines.unfinished().is_empty() {
                    identity.log.stderr(&String::from_utf8_lossy(lines.unfinished()));
                    lines.forget();
                }
                match read {
                    Ok(()) | Err(NoLine::TooLong) => {}
                    Err(NoLine::Closed | NoLine::Broken) => return,
                }
            }
        });
        Ok(Started {
            process: Process {
                child,
                group,
                guardian: guardian.clone(),
            },
            stdin,
            stdout,
        })
    }

    /// Waits until it has left.
    ///
    /// # Cancellation
    /// It goes on.
    pub(crate) async fn left(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it, whose standard input was closed: it is waited for, then asked, then killed. Its children do not outlive
    /// it.
    pub(crate) async fn end(mut self) {
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::TERM);
            if timeout(GRACE, self.child.wait()).await.is_err() {
                self.signal(Signal::KILL);
                let _ = self.child.wait().await;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It has left already, when this fails.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(group) = self.group {
            lock(&KNOWN).remove(&group.as_raw_nonzero().get());
            self.guardian.remove(group);
        }
    }
}

/// What every plugin finds in its environment.
fn inherited() -> impl Iterator<Item = (&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let zone = std::env::var("TZ").ok().map(|zone| ("TZ", zone));
    [
        ("PATH", path),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ]
    .into_iter()
    .chain(zone)
}

/// The settings as variables of the environment: `NAME_KEY`, for values that are text, numbers or flags.
pub(crate) fn settings_env(plugin: &str, settings: &serde_json::Value) -> BTreeMap<String, String> {
    use serde_json::Value::{Bool, Number, String};
    let capitals = |text: &str| text.to_uppercase().replace(['-', '.'], "_");
    let members = settings.as_object().into_iter().flatten();
    let scalars = members.filter_map(|(key, value)| {
        let text = match value {
            String(text) if !text.contains('\0') => text.clone(),
            Number(_) | Bool(_) => value.to_string(),
            _ => return None,
        };
        let name = format!("{}_{}", capitals(plugin), capitals(key));
        (!name.contains(['=', '\0'])).then_some((name, text))
    });
    scalars.collect()
}

/// Why a program cannot be started, for people.
pub(crate) fn cannot_start(program: &Path, cause: &io::Error) -> String {
    format!("{} could not be started: {cause}", program.display())
}
