//! Loading, starting, stopping, unloading and reloading, in every state.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod events;

use std::time::Duration;

use kernel_core::*;
use support::{Notes, ROOMY, Seen, Tasks, actor, runtime};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    runtime: CoreRuntime,
    tasks: Tasks,
    notes: Notes,
}

impl House {
    fn new() -> House {
        House {
            runtime: runtime(&ROOMY),
            tasks: Tasks::default(),
            notes: Notes::default(),
        }
    }

    /// A plugin that notes its lifecycle hooks, and fails in the one named `fails`.
    fn add(&mut self, name: &'static str, fails: &'static str) {
        let meta = PluginMetadata::new(name, "1.0.0");
        let notes = self.notes.clone();
        actor(&self.runtime, &mut self.tasks, meta, move |_, seen| {
            let notes = notes.clone();
            async move {
                let hook = match seen {
                    Seen::Load => "load",
                    Seen::Start => "start",
                    Seen::Stop => "stop",
                    Seen::Unload => "unload",
                    _ => return Ok("null".into()),
                };
                notes.push(format!("{name} {hook}"));
                if hook == fails {
                    return Err(Error::new("broken", hook));
                }
                Ok("null".into())
            }
        });
    }

    fn ask(&mut self, name: &str, command: &str) -> Result<PluginState, Error> {
        let manager = self.runtime.plugins();
        let outcome = self.tasks.run(self.runtime.kernel(), async {
            match command {
                "load" => manager.load(name).await,
                "start" => manager.start(name).await,
                "stop" => manager.stop(name).await,
                "unload" => manager.unload(name).await,
                _ => manager.reload(name).await,
            }
        });
        if let Ok(state) = outcome {
            assert_eq!(manager.state(name), Some(state));
        }
        outcome
    }
}
