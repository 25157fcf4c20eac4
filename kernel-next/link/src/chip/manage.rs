//! The lifecycle command in flight.

use heapless::String;
use kernel_next::subject::MAX_NAME;
use kernel_next::{CoreRuntime, Fault, PluginState};

use super::outbox::{FAILED, PLUGIN_STATE};
use super::requests::Why;
use super::session::State;
use crate::{Action, Refusal};

pub(crate) struct Job {
    pub(super) id: u32,
    pub(crate) action: Action,
    pub(crate) plugin: String<MAX_NAME>,
}

impl State<'_> {
    #[inline(never)]
    pub(super) fn begin_job(&mut self, id: u32, action: u8, plugin: &str) -> Result<(), Why> {
        const ACTIONS: [Action; 5] = [
            Action::Load,
            Action::Start,
            Action::Stop,
            Action::Unload,
            Action::Reload,
        ];
        let action = *ACTIONS.get(action as usize).ok_or(Refusal::Unknown)?;
        // Longer than any plugin's name; cut, it might be another's.
        let plugin = String::try_from(plugin).map_err(|_| Fault::NotFound)?;
        if self.job.is_some() {
            return Err(Why::Link(Refusal::InFlight(1)));
        }
        self.job = Some(Job { id, action, plugin });
        Ok(())
    }

    pub(crate) fn next_job(&mut self) -> Option<Job> {
        self.job.take()
    }

    /// Answers a lifecycle command.
    #[inline(never)]
    pub(crate) fn commanded(&mut self, job: &Job, outcome: Result<PluginState, Fault>) {
        let id = job.id;
        self.moved = true;
        let len = match outcome {
            Ok(state) => {
                let mut put = self.out.reply(id, PLUGIN_STATE);
                put.byte(state as u8);
                put.end()
            }
            Err(Fault::Failed { .. }) => {
                let (runtime, mut cursor) = (CoreRuntime::new(self.kernel), 0);
                loop {
                    match runtime.next_plugin(&mut cursor, self.work) {
                        Some(row) if row.name == job.plugin.as_str() => {
                            let mut put = self.out.reply(id, FAILED);
                            put.error(row.error_code, row.error);
                            break put.end();
                        }
                        Some(_) => {}
                        None => return self.out.fault(id, Fault::NotFound),
                    }
                }
            }
            Err(fault) => return self.out.fault(id, fault),
        };
        self.out.replied(id, len);
    }
}
