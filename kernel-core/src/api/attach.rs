//! Plugins that come at run time: from the other side of a link, or from wherever a host runs them.

use core::time::Duration;

use super::context::Context;
use super::manager::{Installed, PluginManager, check_name};
use crate::bus::Overflow;
use crate::fault::Fault;
use crate::id::PluginId;
use crate::kernel::Kernel;
use crate::life::{About, Attached, PluginState};
use crate::mem::Names;
use crate::subject::{Name, check_plugin_name};
use crate::time::Span;

/// What a plugin that comes at run time says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attachment<'a> {
    /// Its name, formed like every plugin's. Names of the kernel's own are refused.
    pub name: &'a str,
    /// Its version, for people.
    pub version: &'a str,
    /// One sentence on what it does.
    pub description: &'a str,
    /// The plugins that must be started before it, with commas between.
    pub dependencies: &'a str,
    /// What happens when it does not read its events fast enough.
    pub overflow: Overflow,
    /// Whether a supervisor starts it again after a failure.
    pub restarts: bool,
    /// Where it runs, for people.
    pub placement: &'static str,
}

/// A plugin that came at run time; dropped, it is taken out with all it registered.
pub struct AttachedPlugin {
    kernel: Kernel,
    index: usize,
    id: PluginId,
}

impl AttachedPlugin {
    /// Takes a slot for the plugin, with the goal to be STARTED.
    ///
    /// # Errors
    /// See [`AttachedPlugin::install`].
    pub fn attach(kernel: Kernel, attachment: &Attachment<'_>) -> Result<AttachedPlugin, Fault> {
        let attached = AttachedPlugin::install(kernel, attachment)?;
        let index = attached.index;
        kernel.with(|core| {
            let limit = core.lives.at(index).map_or(Span::NONE, |slot| slot.step_limit());
            let due = core.now().due(limit);
            core.set_goal(index, PluginState::Started, due);
        });
        Ok(attached)
    }

    /// Takes a slot for the plugin, UNLOADED.
    ///
    /// # Errors
    /// [`Fault::Name`], [`Fault::Reserved`], [`Fault::Taken`], [`Fault::Full`] of `plugins` or `names`.
    pub fn install(kernel: Kernel, attachment: &Attachment<'_>) -> Result<AttachedPlugin, Fault> {
        check_name(attachment.name)?;
        for dependency in attachment.dependencies.split(',').filter(|name| !name.is_empty()) {
            check_plugin_name(dependency)?;
        }
        let attached = kernel.with(|core| {
            let attached = keep(attachment, &mut core.names)?;
            match core.install(About::Attached(attached), attachment.name) {
                Ok(index) => {
                    if let Some(slot) = core.lives.at_mut(index) {
                        slot.more.placement = attachment.placement;
                    }
                    core.lives
                        .at(index)
                        .map(|slot| (index, slot.id()))
                        .ok_or(Fault::Unavailable)
                }
                Err(fault) => {
                    release(attached, &mut core.names);
                    Err(fault)
                }
            }
        });
        let (index, id) = attached.unwrap_or(Err(Fault::Unavailable))?;
        Ok(AttachedPlugin { kernel, index, id })
    }

    /// The handle to its slot, as a plugin of the program has it.
    pub fn installed(&self) -> Installed {
        PluginManager::new(self.kernel).installed(self.index)
    }

    /// Sets how long one of its lifecycle hooks, and the handling of one message, may take; those of
    /// [`PluginMetadata::new`](crate::PluginMetadata::new) unless set.
    pub fn set_timeouts(&self, hook: Duration, handler: Duration) {
        self.kernel.with(|core| {
            if let Some(slot) = core.lives.at_mut(self.index) {
                slot.set_limits(Span::of(hook), Span::of(handler));
            }
        });
    }

    /// The plugin's way to the kernel, in its present life.
    pub fn context(&self) -> Context {
        let id = self
            .kernel
            .with(|core| core.lives.at(self.index).map(|slot| slot.id()));
        Context::new(self.kernel.waist(), id.flatten().unwrap_or(self.id))
    }

    /// Says that the plugin handles several messages at a time: see
    /// [`Installed::mailbox`](crate::Installed::mailbox).
    pub fn set_concurrent(&self) {
        self.kernel.with(|core| core.calls.set_serial(self.index, false));
    }
}

impl Drop for AttachedPlugin {
    fn drop(&mut self) {
        self.kernel.with(|core| core.uninstall(self.index));
    }
}

fn keep(attachment: &Attachment<'_>, names: &mut Names) -> Result<Attached, Fault> {
    let texts = [
        attachment.name,
        attachment.version,
        attachment.description,
        attachment.dependencies,
    ];
    let mut kept = heapless::Vec::<_, 4>::new();
    for text in texts {
        let name = if text.is_empty() {
            Name::Fixed("")
        } else {
            Name::Copied(text)
        };
        match name.keep(names) {
            Ok(text) => drop(kept.push(text)),
            Err(fault) => {
                kept.iter().for_each(|text| names.release(*text));
                return Err(fault);
            }
        }
    }
    let [name, version, description, dependencies] = kept.into_array().map_err(|_| Fault::Unavailable)?;
    Ok(Attached {
        name,
        version,
        description,
        dependencies,
        overflow: attachment.overflow,
        restarts: attachment.restarts,
    })
}

fn release(attached: Attached, names: &mut Names) {
    for text in [
        attached.name,
        attached.version,
        attached.description,
        attached.dependencies,
    ] {
        names.release(text);
    }
}
