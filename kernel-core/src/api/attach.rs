//! Plugins that come at run time: from the other side of a link, or from wherever a host runs them.

use core::time::Duration;

use heapless::String;

use super::context::Context;
use super::manager::{Installed, check_name};
use crate::bus::Overflow;
use crate::error::Error;
use crate::fault::{Fault, NameFault};
use crate::id::PluginId;
use crate::kernel::Kernel;
use crate::life::{About, Attached, PluginMetadata, PluginState};
use crate::subject::{MAX_NAME, Name, check_plugin_name, keep_all};
use crate::time::Span;

/// What a plugin that comes at run time says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attachment<'a> {
    /// Its name, formed like every plugin's. Names of the kernel's own are refused.
    pub name: &'a str,
    /// The other runtime that it is a plugin of, formed like a plugin's name: it is known as `runtime/name` here, in
    /// which both have room together. Empty for one of this runtime.
    pub runtime: &'a str,
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
pub struct AttachedPlugin(Installed);

impl AttachedPlugin {
    /// Takes a slot for the plugin, with the goal to be STARTED.
    ///
    /// # Errors
    /// See [`AttachedPlugin::install`].
    pub fn attach(kernel: Kernel, attachment: &Attachment<'_>) -> Result<AttachedPlugin, Fault> {
        let attached = AttachedPlugin::install(kernel, attachment)?;
        let limit = const { PluginMetadata::new("", "").hook_timeout };
        attached.0.set_goal(PluginState::Started, limit);
        Ok(attached)
    }

    /// Takes a slot for the plugin, UNLOADED.
    ///
    /// # Errors
    /// [`Fault::Name`], [`Fault::Reserved`], [`Fault::Taken`], [`Fault::Full`] of `plugins` or `names`.
    pub fn install(kernel: Kernel, attachment: &Attachment<'_>) -> Result<AttachedPlugin, Fault> {
        let mut full = String::<MAX_NAME>::new();
        let name = full_name(attachment, &mut full)?;
        for dependency in attachment.dependencies.split(',').filter(|name| !name.is_empty()) {
            check_plugin_name(dependency)?;
        }
        let texts = [
            name,
            attachment.version,
            attachment.description,
            attachment.dependencies,
        ];
        let texts = texts.map(|text| match text {
            "" => Name::Fixed(""),
            text => Name::Copied(text),
        });
        let index = kernel.with(|core| {
            let texts = keep_all(texts, &mut core.names)?;
            let about = About::Attached(Attached {
                texts,
                overflow: attachment.overflow,
                restarts: attachment.restarts,
            });
            let index = core.install(about, name);
            if index.is_err() {
                texts.iter().for_each(|text| core.names.release(*text));
            }
            index
        });
        let installed = Installed::new(kernel, index.unwrap_or(Err(Fault::Unavailable))?);
        installed.set_placement(attachment.placement);
        Ok(AttachedPlugin(installed))
    }

    /// The handle to its slot, as a plugin of the program has it.
    pub fn installed(&self) -> Installed {
        self.0
    }

    /// Sets how long one of its lifecycle hooks, and the handling of one message, may take; those of
    /// [`PluginMetadata::new`](crate::PluginMetadata::new) unless set.
    pub fn set_timeouts(&self, hook: Duration, handler: Duration) {
        self.0.kernel().with(|core| {
            if let Some(slot) = core.lives.at_mut(self.0.index()) {
                slot.set_limits(Span::of(hook), Span::of(handler));
            }
        });
    }

    /// The plugin's way to the kernel, in its present life.
    pub fn context(&self) -> Context {
        self.0.context()
    }

    /// Says whether the plugin handles several messages at a time from now on: see
    /// [`Installed::mailbox`](crate::Installed::mailbox). It does not unless that was said.
    pub fn set_concurrent(&self, concurrent: bool) {
        let (kernel, index) = (self.0.kernel(), self.0.index());
        kernel.with(|core| core.calls.set_serial(index, !concurrent));
    }

    /// Counts an error of this life of a plugin that handles several messages at a time, and keeps it as its last one.
    /// The plugin goes on; one life later, nothing is counted. For a call, whose caller is told; see
    /// [`event_failed`](Self::event_failed).
    pub fn count_error(&self, life: PluginId, error: &Error) {
        self.0.kernel().with(|core| core.note_error(life, error));
    }

    /// [`count_error`](Self::count_error) of an event, or a tick: it is told on the bus as well, at most once a second.
    /// [`Mailbox::fail`](crate::Mailbox::fail) would take it for the message that was taken last.
    #[cfg(feature = "large")]
    pub fn event_failed(&self, life: PluginId, error: &Error) {
        self.0.kernel().with(|core| core.event_failed(life, error));
    }
}

/// The name by which the plugin is known.
fn full_name<'n>(attachment: &Attachment<'n>, full: &'n mut String<MAX_NAME>) -> Result<&'n str, Fault> {
    if attachment.runtime.is_empty() {
        check_name(attachment.name)?;
        return Ok(attachment.name);
    }
    check_plugin_name(attachment.runtime)?;
    check_plugin_name(attachment.name)?;
    for piece in [attachment.runtime, "/", attachment.name] {
        full.push_str(piece).map_err(|_| Fault::Name {
            why: NameFault::TooLong,
            at: MAX_NAME as u32,
        })?;
    }
    Ok(full)
}

impl Drop for AttachedPlugin {
    fn drop(&mut self) {
        self.0.kernel().with(|core| core.uninstall(self.0.index()));
    }
}
