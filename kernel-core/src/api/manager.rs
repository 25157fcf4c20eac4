//! Installing plugins and leading them through their lives.

use core::future::poll_fn;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::context::Context;
use super::mailbox::Mailbox;
use crate::error::Error;
use crate::fault::Fault;
use crate::id::PluginId;
#[cfg(feature = "large")]
use crate::json::Json;
use crate::kernel::{Core, Kernel, Ticket};
use crate::life::{About, PluginMetadata, PluginState};
use crate::subject::check_plugin_name;
use crate::time::{Deadline, On, Span};

/// Names that no plugin may take: those of who else acts, and of what the kernel says.
const RESERVED: [&str; 5] = ["kernel", "operator", "runtime", "state", "link"];

/// A plugin that is installed: the platform's handle to its slot.
#[derive(Clone, Copy)]
pub struct Installed {
    kernel: Kernel,
    index: usize,
}

impl Installed {
    pub(super) const fn new(kernel: Kernel, index: usize) -> Self {
        Installed { kernel, index }
    }

    /// The kernel it is installed in.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Its slot, as in [`PluginId::index`].
    pub fn index(&self) -> usize {
        self.index
    }

    /// The way to the kernel in the plugin's present life, for [`drive`](crate::drive).
    pub fn context(&self) -> Context {
        let id = self
            .kernel
            .with(|core| core.lives.at(self.index).map(|slot| slot.id()));
        Context::new(self.kernel.waist(), id.flatten().unwrap_or(PluginId::new(127, 0)))
    }

    /// The mailbox of the plugin's present life, for a plugin with a loop of its own. It may handle several messages
    /// at a time: a call of it does not keep it from answering others, so that it closes no cycle by waiting.
    pub fn mailbox(&self) -> Mailbox {
        self.kernel.with(|core| core.calls.set_serial(self.index, false));
        Mailbox::new(self.context())
    }

    /// Says that the plugin's task died, by a panic for instance: the plugin is FAILED, and all it
    /// registered is taken back. Drive a new value of it then.
    pub fn crashed(&self, error: &Error) {
        self.kernel.with(|core| {
            if let Some(id) = core.lives.at(self.index).map(|slot| slot.id()) {
                core.fail(id, error);
            }
        });
    }

    /// Gives the plugin its settings, a JSON object; it sees them when it asks.
    #[cfg(feature = "large")]
    pub fn set_settings(&self, settings: Json<'static>) {
        self.kernel.with(|core| {
            if let Some(slot) = core.lives.at_mut(self.index) {
                slot.more.settings = Some(settings);
            }
        });
    }

    /// Says where the plugin runs, for people: `own thread`, or whatever tells what it may hold up.
    #[cfg(feature = "large")]
    pub fn set_placement(&self, placement: &'static str) {
        self.kernel.with(|core| {
            if let Some(slot) = core.lives.at_mut(self.index) {
                slot.more.placement = placement;
            }
        });
    }

    /// Sets the plugin's goal without waiting for it, at most `limit` from now.
    pub fn set_goal(&self, goal: PluginState, limit: Duration) {
        self.kernel.with(|core| {
            let due = Deadline::at(core.now().after(limit));
            core.set_goal(self.index, goal, due);
        });
    }
}

/// Installs plugins and leads them through their lives.
///
/// Errors of the commands, by their codes: [`Fault::NotFound`]; the plugin's own error when it fails on the way;
/// [`Fault::Superseded`] when another command leads it elsewhere meanwhile; [`Fault::Timeout`];
/// [`Fault::Full`] of `waits`.
///
/// Cancellation of the commands: the plugin goes on towards the goal all the same.
#[derive(Clone, Copy)]
pub struct PluginManager {
    kernel: Kernel,
}

/// A plugin on its way to a goal.
#[derive(Clone, Copy)]
struct Way {
    index: usize,
    /// The life it was installed with: another plugin may get the slot meanwhile.
    installed: u16,
    goal: PluginState,
    due: Deadline,
}

impl PluginManager {
    pub(crate) const fn new(kernel: Kernel) -> Self {
        PluginManager { kernel }
    }

    /// The kernel whose plugins these are.
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Takes a slot for a plugin, UNLOADED. Its task then runs [`drive`](crate::drive).
    ///
    /// # Errors
    /// [`Fault::Name`], [`Fault::Reserved`], [`Fault::Taken`] or [`Fault::Full`].
    pub fn install(&self, metadata: &'static PluginMetadata) -> Result<Installed, Fault> {
        check_name(metadata.name)?;
        let installed = self
            .kernel
            .with(|core| core.install(About::Static(metadata), metadata.name));
        let index = installed.unwrap_or(Err(Fault::Unavailable))?;
        Ok(self.installed(index))
    }

    /// Loads a plugin; one that is loaded, started or stopped is left as it is.
    ///
    /// # Errors
    /// See [`PluginManager`].
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn load(&self, name: &str) -> Result<PluginState, Error> {
        self.lead(self.find(name)?.0, PluginState::Loaded).await
    }

    /// Starts a plugin, loading it first where that is needed.
    ///
    /// # Errors
    /// See [`PluginManager`].
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn start(&self, name: &str) -> Result<PluginState, Error> {
        self.lead(self.find(name)?.0, PluginState::Started).await
    }

    /// Stops a plugin; its registrations stay.
    ///
    /// # Errors
    /// See [`PluginManager`].
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn stop(&self, name: &str) -> Result<PluginState, Error> {
        self.lead(self.find(name)?.0, PluginState::Stopped).await
    }

    /// Stops and unloads a plugin; the kernel takes back all it registered.
    ///
    /// # Errors
    /// See [`PluginManager`].
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn unload(&self, name: &str) -> Result<PluginState, Error> {
        self.lead(self.find(name)?.0, PluginState::Unloaded).await
    }

    /// Unloads a plugin and brings it back to the state it had, with a new value.
    ///
    /// # Errors
    /// See [`PluginManager`].
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn reload(&self, name: &str) -> Result<PluginState, Error> {
        let (index, state) = self.find(name)?;
        self.lead(index, PluginState::Unloaded).await?;
        let goal = match state {
            PluginState::Started | PluginState::Failed => PluginState::Started,
            _ => PluginState::Loaded,
        };
        self.lead(index, goal).await
    }

    /// The state of a plugin; `None` when no plugin of this name is installed.
    pub fn state(&self, name: &str) -> Option<PluginState> {
        self.find(name).ok().map(|(_, state)| state)
    }

    /// The plugin in this slot, as whoever installed it has it.
    pub fn installed(&self, index: usize) -> Installed {
        Installed::new(self.kernel, index)
    }

    /// The slot of the plugin of this name, as in [`PluginId::index`].
    pub fn index(&self, name: &str) -> Option<usize> {
        self.find(name).ok().map(|(index, _)| index)
    }

    fn find(&self, name: &str) -> Result<(usize, PluginState), Fault> {
        let found = self.kernel.with(|core| {
            let index = core.lives.find(name, &core.names)?;
            Some((index, core.lives.at(index)?.state()))
        });
        found.flatten().ok_or(Fault::NotFound)
    }

    /// Leads a plugin to this state, by numbers alone: what the other commands do, for whoever passes errors on
    /// without words.
    ///
    /// # Errors
    /// As for the others; [`Fault::Failed`] without lengths when the plugin failed on the way: its last error says
    /// why.
    ///
    /// # Cancellation
    /// See [`PluginManager`].
    pub async fn bring(&self, name: &str, goal: PluginState) -> Result<PluginState, Fault> {
        let mut way = self.lead_to(self.find(name)?.0, goal);
        poll_fn(|task| way.poll(task.waker())).await
    }

    /// Begins to lead the plugin in this slot to this state: what [`PluginManager::bring`] does, for whoever polls.
    pub fn lead_to(&self, index: usize, goal: PluginState) -> Leading {
        let begun = self.kernel.with(|core| core.lead(index, goal));
        Leading {
            place: Place::new(self.kernel),
            way: begun.unwrap_or(Err(Err(Fault::Unavailable))),
        }
    }

    /// The same, a failure with the plugin's own error.
    async fn lead(&self, index: usize, goal: PluginState) -> Result<PluginState, Error> {
        let mut way = self.lead_to(index, goal);
        poll_fn(|task| way.poll(task.waker())).await.map_err(|fault| {
            let own = match fault {
                Fault::Failed { .. } => self
                    .kernel
                    .with(|core| core.lives.at(index)?.error.clone())
                    .flatten(),
                _ => None,
            };
            own.unwrap_or_else(|| fault.into())
        })
    }
}

/// Refuses a name that no plugin may have.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    check_plugin_name(name)?;
    if RESERVED.contains(&name) {
        Err(Fault::Reserved)
    } else {
        Ok(())
    }
}

/// A plugin that is led to a state.
pub struct Leading {
    place: Place,
    /// Where it is on its way to, or what came of it at once.
    way: Result<Way, Result<PluginState, Fault>>,
}

impl Leading {
    /// The state once the plugin is there; keeps the task's waker until then.
    ///
    /// # Errors
    /// As of [`PluginManager::bring`].
    pub fn poll(&mut self, waker: &Waker) -> Poll<Result<PluginState, Fault>> {
        let way = match self.way {
            Ok(way) => way,
            Err(at_once) => return Poll::Ready(at_once),
        };
        let mut end = None;
        let looked = self.place.poll(way.due, waker, |core| {
            end = core.end_of(way);
            end.is_some()
        });
        looked.map(|looked| looked.and(end.unwrap_or(Err(Fault::Timeout))))
    }
}

/// A place among the waiting tasks.
pub(super) struct Place {
    kernel: Kernel,
    ticket: Ticket,
}

impl Place {
    pub(super) fn new(kernel: Kernel) -> Self {
        Place {
            kernel,
            ticket: Ticket::NONE,
        }
    }

    /// Gives the place back.
    pub(super) fn leave(&mut self) {
        let ticket = core::mem::take(&mut self.ticket);
        self.kernel.with(|core| core.leave(ticket));
    }

    /// Whether `look` finds what it looks for; keeps the waker and the place, to look again, while it does not.
    pub(super) fn poll(
        &mut self,
        due: Deadline,
        waker: &Waker,
        mut look: impl FnMut(&Core) -> bool,
    ) -> Poll<Result<(), Fault>> {
        let ticket = &mut self.ticket;
        let looked = self.kernel.with(|core| {
            if look(core) {
                return Poll::Ready(Ok(()));
            }
            match core.wait(On::Life, core.now(), due, ticket, Some(waker)) {
                Ok(()) => Poll::Pending,
                Err(fault) => Poll::Ready(Err(fault)),
            }
        });
        looked.unwrap_or(Poll::Ready(Err(Fault::Unavailable)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Core {
    /// Sets the goal that leads to `goal` from where the plugin is, or what comes of it where there is nothing to
    /// do: in one look under the lock, for a goal that no step leads to would leave a plugin that is well to its
    /// deadline.
    fn lead(&mut self, index: usize, goal: PluginState) -> Result<Way, Result<PluginState, Fault>> {
        use PluginState::{Loaded, Started, Stopped, Unloaded};
        let slot = self.lives.at(index).ok_or(Err(Fault::NotFound))?;
        let (installed, limit) = (slot.first_life(), slot.step_limit());
        let goal = match (goal, slot.state()) {
            (Loaded, state @ (Loaded | Started | Stopped)) => return Err(Ok(state)),
            (Stopped, Started) => Stopped,
            // One that is on its way up no longer is.
            (Stopped, _) if slot.goal() == Started => Unloaded,
            (Stopped, state) => return Err(Ok(state)),
            _ => goal,
        };
        // Two steps at most, and a hook that ends at its own deadline should be what is seen.
        let due = self.now().plus(limit).plus(limit).plus(GRACE);
        self.set_goal(index, goal, Deadline::at(due));
        Ok(Way {
            index,
            installed,
            goal,
            due: due.due(GRACE),
        })
    }

    /// How the plugin got to its goal, or why it never will; `None` while neither is so.
    fn end_of(&self, way: Way) -> Option<Result<PluginState, Fault>> {
        let slot = self.lives.at(way.index);
        let Some(slot) = slot.filter(|slot| slot.first_life() == way.installed) else {
            return Some(Err(Fault::NotFound));
        };
        let (state, goal) = (slot.state(), slot.goal());
        if state == PluginState::Failed && slot.holds() {
            return Some(Err(Fault::Failed { code: 0, len: 0 }));
        }
        if goal != way.goal && !(way.goal == PluginState::Stopped && goal == PluginState::Unloaded) {
            return Some(Err(Fault::Superseded));
        }
        (state == goal && !slot.is_stepping()).then_some(Ok(state))
    }

    /// Takes a slot for a plugin.
    pub(crate) fn install(&mut self, about: About, name: &str) -> Result<usize, Fault> {
        let namesake = self.lives.find(name, &self.names);
        if let Some(slot) = namesake.and_then(|index| self.lives.at(index)) {
            return Err(Fault::Taken { owner: slot.id() });
        }
        let id = self.lives.install(about)?;
        self.bus.install(id.index());
        self.calls.set_serial(id.index(), true);
        self.changed();
        Ok(id.index())
    }
}

/// What is added to the time that two hooks may take.
const GRACE: Span = Span::of(Duration::from_millis(250));
