//! The guardian: one small process beside the runtime, which ends what is left of its plugins when the runtime is gone,
//! however it went. A plugin's own process dies with the runtime by itself; its children would not.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tracing::warn;

/// The first argument of a guardian.
pub(crate) const ARGUMENT: &str = "--guard-plugins";

/// The runtime's side: says which process groups there are.
pub(crate) struct Guardian {
    program: PathBuf,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    groups: BTreeSet<i32>,
    child: Option<Child>,
}

impl Guardian {
    pub(crate) fn new(program: PathBuf) -> Self {
        Guardian {
            program,
            state: RefCell::default(),
        }
    }

    /// This group is to be ended with the runtime. The first one starts the guardian.
    pub(crate) fn add(&self, group: Pid) {
        let mut state = self.state.borrow_mut();
        let number = group.as_raw_nonzero().get();
        state.groups.insert(number);
        if state.say('+', number).is_err()
            && let Err(cause) = self.start(&mut state)
        {
            warn!("children of plugins may outlive this process, should it be killed: {cause}");
        }
    }

    /// This group has ended.
    pub(crate) fn remove(&self, group: Pid) {
        let mut state = self.state.borrow_mut();
        let number = group.as_raw_nonzero().get();
        state.groups.remove(&number);
        // A guardian that is gone is started again with the next group.
        let _ = state.say('-', number);
    }

    fn start(&self, state: &mut State) -> io::Result<()> {
        if let Some(mut gone) = state.child.take() {
            let _ = gone.kill();
            let _ = gone.wait();
        }
        // In a group of its own, so that Ctrl-C at the runtime's terminal is not for it.
        let child = Command::new(&self.program)
            .arg(ARGUMENT)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        state.child = Some(child);
        for group in state.groups.clone() {
            state.say('+', group)?;
        }
        Ok(())
    }
}

impl State {
    fn say(&mut self, what: char, group: i32) -> io::Result<()> {
        let stdin = self.child.as_mut().and_then(|child| child.stdin.as_mut());
        let stdin = stdin.ok_or(io::ErrorKind::NotConnected)?;
        writeln!(stdin, "{what}{group}")
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        if let Some(mut child) = self.state.borrow_mut().child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// The guardian's side: reads what groups there are until the runtime is gone, and ends those that are left.
pub(crate) fn guard() -> ExitCode {
    let mut groups = BTreeSet::new();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let number = line.get(1..).and_then(|number| number.parse::<i32>().ok());
        match (line.chars().next(), number) {
            (Some('+'), Some(number)) => drop(groups.insert(number)),
            (Some('-'), Some(number)) => drop(groups.remove(&number)),
            _ => {}
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    ExitCode::SUCCESS
}
