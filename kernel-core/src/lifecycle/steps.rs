//! The steps of a life: hooks begin and end, states are entered and told of.

use super::{Due, Hook, Meta, PluginState};
use crate::bus::Draft;
use crate::error::{cut, push_cut};
use crate::id::{CallId, PluginId};
use crate::json::Writer;
use crate::kernel::Core;
use crate::subject;
use crate::timer::On;

impl Core {
    /// The plugin's name, empty for one that is gone.
    pub(crate) fn plugin_name(&self, index: usize) -> &str {
        match self.plugins.at(index).map(|slot| &slot.meta) {
            Some(Meta::Static(metadata)) => metadata.name,
            #[cfg(feature = "link")]
            Some(Meta::Remote { name, .. }) => name.as_str(&self.names),
            _ => "",
        }
    }

    /// The name of whoever `who` is.
    pub(crate) fn name_of(&self, who: PluginId) -> &str {
        match who {
            PluginId::KERNEL => "kernel",
            PluginId::OPERATOR => "operator",
            plugin => match self.plugins.at(plugin.index()) {
                Some(slot) if slot.was(plugin.life) => self.plugin_name(plugin.index()),
                _ => "",
            },
        }
    }

    /// The slot of the plugin with this name.
    pub(crate) fn find_plugin(&self, name: &str) -> Option<usize> {
        self.plugins
            .indices()
            .find(|index| self.plugins.at(*index).is_some() && self.plugin_name(*index) == name)
    }

    /// Begins a hook: a step in the plugin's life.
    pub(crate) fn begin_step(&mut self, index: usize, hook: Hook, now: u64) {
        let end = self.bus.log.end();
        self.bus.reroute();
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        if hook == Hook::Stop {
            slot.discard_unread(end);
        }
        let due = slot.begin(hook, 0, now);
        self.arm(due);
        if hook == Hook::Stop {
            self.refuse_queued(index);
            self.wake_publishers(index);
        }
    }

    /// Begins the handling of a message, the event or the call `handled`.
    pub(crate) fn begin_handler(&mut self, index: usize, hook: Hook, handled: u64, now: u64) {
        if let Some(slot) = self.plugins.at_mut(index) {
            let due = slot.begin(hook, handled, now);
            self.arm(due);
        }
    }

    /// Ends the present hook of this life well; counts its time.
    pub(crate) fn end_hook(&mut self, id: PluginId, now: u64) {
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        let hook = core::mem::take(&mut slot.hook);
        if hook == Hook::Idle {
            return;
        }
        if !hook.is_step() {
            let handled = CallId::from_bits(slot.handled as u32);
            let took = now.saturating_sub(slot.hook_since);
            let counters = &mut slot.counters;
            counters.handled = counters.handled.wrapping_add(1);
            counters.busy_micros = counters.busy_micros.wrapping_add(took);
            let took = took.min(u32::MAX as u64) as u32;
            counters.worst_micros = counters.worst_micros.max(took);
            let limit = slot.handler_budget;
            if took > limit {
                counters.slow = counters.slow.wrapping_add(1);
                self.warn(id, "slow_handler", hook.name(), took, limit);
            }
            if hook == Hook::Call {
                self.handler_ended(handled, now);
            }
            return;
        }
        match hook {
            Hook::Load => self.enter(id.index(), PluginState::Loaded),
            Hook::Start => self.enter(id.index(), PluginState::Started),
            Hook::Stop => self.enter(id.index(), PluginState::Stopped),
            Hook::Unload => {
                self.reclaim(id);
                self.enter(id.index(), PluginState::Unloaded);
            }
            Hook::Idle | Hook::Event | Hook::Call | Hook::Tick => {}
        }
    }

    /// A handler of this life returned an error: counted and kept, the plugin goes on.
    pub(crate) fn note_error(&mut self, id: PluginId, code: &str, message: &str) {
        if let Some(slot) = self.plugins.get_mut(id) {
            slot.counters.errors = slot.counters.errors.wrapping_add(1);
            self.plugins.set_error(id.index(), code, message);
        }
    }

    pub(super) fn enter(&mut self, index: usize, state: PluginState) {
        self.bus.reroute();
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        slot.state = state;
        if state == PluginState::Started && slot.interval > 0 {
            let tick = slot.next_tick;
            self.arm(tick);
        }
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        if slot.goal == state {
            slot.goal_due = Due::NONE;
        }
        self.wake_waiting(On::Lifecycle);
        let mut payload = [0u8; 256];
        let (code, message) = self.plugins.error(index);
        let failed = state == PluginState::Failed;
        let with_error = failed
            .then(|| state_json(&mut payload, state, Some((code, message))))
            .flatten();
        let len = with_error
            .or_else(|| state_json(&mut payload, state, None))
            .unwrap_or(0);
        let payload = payload.get(..len).unwrap_or(&[]);
        self.announce_of(index, "runtime.plugin.", payload);
        if state == PluginState::Started {
            self.lead_dependents(index);
        }
    }

    /// Says that a remote plugin is about to be taken out.
    #[cfg(feature = "link")]
    pub(crate) fn leave(&mut self, index: usize) {
        self.wake_waiting(On::Lifecycle);
        self.announce_of(index, "runtime.plugin.", b"{\"state\":\"GONE\"}");
    }

    /// Publishes an event of the kernel about a plugin; the plugin's name ends the topic.
    fn announce_of(&mut self, index: usize, topic: &str, payload: &[u8]) {
        let mut name = heapless::String::<{ subject::MAX_NAME }>::new();
        push_cut(&mut name, self.plugin_name(index));
        self.announce(
            [topic, &name],
            Draft::new(PluginId::KERNEL, None, b"", &[payload]),
        );
    }

    /// Publishes `runtime.warning.<plugin>`: what was measured, in microseconds, and its limit.
    pub(super) fn warn(&mut self, id: PluginId, kind: &str, hook: &str, took: u32, limit: u32) {
        let mut payload = [0u8; 128];
        let mut json = Writer::new(&mut payload);
        json.begin_object();
        json.key("warning");
        json.string(kind);
        json.key("hook");
        json.string(hook);
        json.key("micros");
        json.u64(took as u64);
        json.key("limit");
        json.u64(limit as u64);
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce_of(id.index(), "runtime.warning.", json.as_bytes());
        }
    }
}

/// `{"state":…}`, with the error when there is one; the length written, when it fits.
fn state_json(buf: &mut [u8], state: PluginState, error: Option<(&str, &str)>) -> Option<usize> {
    let mut json = Writer::new(buf);
    json.begin_object();
    json.key("state");
    json.string(state.as_str());
    if let Some((code, message)) = error {
        json.key("code");
        json.string(code);
        json.key("error");
        json.string(cut(message, 160));
    }
    json.end_object();
    json.finish_trusted().map(|json| json.len())
}
