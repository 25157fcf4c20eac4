//! The lifecycle command in flight.

use core::task::{Context, Poll};

use kernel_core::{CoreRuntime, Fault, Leading, PluginState};

use super::outbox::{FAILED, PLUGIN_STATE};
use super::requests::Why;
use super::session::State;
use crate::Refusal;

pub(super) struct Job {
    pub(super) id: u32,
    /// The plugin's slot.
    index: usize,
    leading: Leading,
    /// Where it is led after that.
    then: Option<PluginState>,
}

impl State<'_> {
    /// Begins a command: the number of an [`Action`](crate::Action).
    #[inline(never)]
    pub(super) fn begin_job(&mut self, id: u32, action: u32, plugin: &str) -> Result<(), Why> {
        use PluginState::{Failed, Loaded, Started, Stopped, Unloaded};
        if self.job.is_some() {
            return Err(Why::Link(Refusal::InFlight(1)));
        }
        let plugins = CoreRuntime::new(self.kernel).plugins();
        let index = plugins.index(plugin).ok_or(Fault::NotFound)?;
        let (goal, then) = match action {
            0 => (Loaded, None),
            1 => (Started, None),
            2 => (Stopped, None),
            3 => (Unloaded, None),
            4 => match plugins.state(plugin) {
                Some(Started | Failed) => (Unloaded, Some(Started)),
                _ => (Unloaded, Some(Loaded)),
            },
            _ => return Err(Why::Link(Refusal::Unknown)),
        };
        let leading = plugins.lead_to(index, goal);
        self.job = Some(Job {
            id,
            index,
            leading,
            then,
        });
        Ok(())
    }

    /// Looks after the command, and answers it.
    #[inline(never)]
    pub(super) fn poll_job(&mut self, cx: &mut Context<'_>) {
        let Some(job) = &mut self.job else { return };
        if !self.out.ready() {
            return;
        }
        let Poll::Ready(outcome) = job.leading.poll(cx.waker()) else {
            return;
        };
        self.moved = true;
        let (id, mut index) = (job.id, job.index);
        let runtime = CoreRuntime::new(self.kernel);
        if let (Ok(_), Some(goal)) = (outcome, job.then.take()) {
            job.leading = runtime.plugins().lead_to(index, goal);
            return;
        }
        self.job = None;
        let len = match outcome {
            Ok(state) => {
                let mut put = self.out.reply(id, PLUGIN_STATE);
                put.byte(state as u8);
                put.end()
            }
            Err(Fault::Failed { .. }) => {
                // The plugin's own error.
                let row = &runtime.next_plugin(&mut index, self.work);
                let mut put = self.out.reply(id, FAILED);
                match row {
                    Some(row) => put.error(row.error_code, row.error),
                    None => put.error("", ""),
                }
                put.end()
            }
            Err(fault) => return self.out.fault(id, fault),
        };
        self.out.replied(id, len);
    }
}
