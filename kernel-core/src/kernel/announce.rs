//! The kernel's own events, which wait for nobody.

use super::Core;
#[cfg(feature = "large")]
use crate::bus::wide;
use crate::bus::{NewRecord, Origin};
#[cfg(feature = "large")]
use crate::error::Error;
use crate::error::cut;
#[cfg(feature = "large")]
use crate::fault::Capacity;
use crate::id::PluginId;
#[cfg(feature = "large")]
use crate::id::PluginSet;
use crate::json::Writer;
#[cfg(feature = "large")]
use crate::life::Hook;
use crate::life::PluginState;
#[cfg(feature = "large")]
use crate::time::{Deadline, Span};

impl Core {
    /// Publishes an event of the kernel about a plugin; the plugin's name ends the topic.
    fn announce(&mut self, index: usize, topic: &str, payload: &[u8]) {
        let now = self.now();
        let Some(slot) = self.lives.at(index) else { return };
        let record = NewRecord {
            source: PluginId::KERNEL,
            origin: Origin::NONE,
            topic: [topic.as_bytes(), slot.name(&self.names).as_bytes()],
            payload: &[payload],
        };
        self.bus.announce(&record, now, &self.names, &mut self.wakes);
    }

    /// Says in which state a plugin is now: `runtime.plugin.<name>`.
    pub(super) fn announce_state(&mut self, index: usize) {
        self.changed();
        let mut buf = [0u8; STATE_BYTES];
        let Some(slot) = self.lives.at(index) else { return };
        let state = slot.state();
        let mut json = Writer::new(&mut buf);
        json.begin_object();
        json.key("state");
        json.string(state.as_str());
        if let (PluginState::Failed, Some(error)) = (state, &slot.error) {
            json.key("code");
            json.string(error.code());
            json.key("error");
            json.string(cut(error.message(), MESSAGE_BYTES));
        }
        json.end_object();
        // An error of nothing but escapes does not fit; the state alone always does.
        let failed = br#"{"state":"FAILED"}"#;
        let len = json.finish_trusted().map(|json| json.as_bytes().len());
        let payload = len.and_then(|len| buf.get(..len)).unwrap_or(failed);
        self.announce(index, "runtime.plugin.", payload);
    }

    /// Says that a plugin is about to be taken out.
    #[cfg(feature = "large")]
    pub(super) fn announce_gone(&mut self, index: usize) {
        self.changed();
        self.announce(index, "runtime.plugin.", br#"{"state":"GONE"}"#);
    }

    /// `runtime.warning.<plugin>`: a handler took longer than its budget, in microseconds.
    #[cfg(feature = "large")]
    pub(super) fn warn_slow(&mut self, who: PluginId, hook: Hook, took: u64) {
        let mut buf = [0u8; STATE_BYTES];
        let mut json = Writer::new(&mut buf);
        json.begin_object();
        json.key("warning");
        json.string("slow_handler");
        json.key("hook");
        json.string(hook.name());
        json.key("micros");
        json.u64(took);
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce(who.index(), "runtime.warning.", json.as_bytes());
        }
    }

    /// `runtime.warning.<plugin>`: a handler returned an error, told once a second with how many more there were. (Of a
    /// call the caller is told.)
    #[cfg(feature = "large")]
    pub(super) fn warn_failed(&mut self, who: PluginId, error: &Error) {
        let Some(slot) = self.lives.get(who) else {
            return;
        };
        let (hook, origin) = (slot.hook(), slot.origin());
        if hook != Hook::Call {
            self.warn_not_handled(who, hook, origin, error);
        }
    }

    /// The same, of a message that need not be the present one.
    #[cfg(feature = "large")]
    pub(super) fn warn_not_handled(&mut self, who: PluginId, hook: Hook, origin: Origin, error: &Error) {
        let now = self.now();
        let Some(slot) = self.lives.get_mut(who) else {
            return;
        };
        let more = &mut slot.more;
        if more.quiet_until != Deadline::NONE && !more.quiet_until.is_due(now) {
            more.unsaid = more.unsaid.wrapping_add(1);
            return;
        }
        more.quiet_until = now.due(Span::from_millis(1000));
        let unsaid = core::mem::take(&mut more.unsaid);
        let mut buf = [0u8; 1024];
        let mut json = Writer::new(&mut buf);
        json.begin_object();
        json.key("warning").string("handler_failed");
        json.key("hook").string(hook.name());
        if let Some(record) = self.bus.behind(origin) {
            json.key("seq").u64(wide(record.head.seq));
            json.key("topic")
                .string(core::str::from_utf8(record.topic()).unwrap_or(""));
        }
        json.key("code").string(error.code());
        json.key("error").string(error.message());
        json.key("more").u64(unsaid.into());
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce(who.index(), "runtime.warning.", json.as_bytes());
        }
    }

    /// `runtime.warning.<plugin>`: it was refused more of a capacity than its share, told once a second.
    #[cfg(feature = "large")]
    pub(super) fn warn_share(&mut self, who: PluginId, capacity: Capacity, share: u32) {
        let now = self.now();
        let Some(slot) = self.lives.get_mut(who) else {
            return;
        };
        let quiet_until = &mut slot.more.share_quiet_until;
        if *quiet_until != Deadline::NONE && !quiet_until.is_due(now) {
            return;
        }
        *quiet_until = now.due(Span::from_millis(1000));
        let mut buf = [0u8; STATE_BYTES];
        let mut json = Writer::new(&mut buf);
        json.begin_object();
        json.key("warning").string("share_used");
        json.key("capacity").string(capacity.as_str());
        json.key("share").u64(share.into());
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce(who.index(), "runtime.warning.", json.as_bytes());
        }
    }

    /// `runtime.warning.<plugin>`: too many events caused one another; who published them.
    #[cfg(feature = "large")]
    pub(super) fn warn_cycle(&mut self, who: PluginId, chain: &PluginSet) {
        let mut buf = [0u8; 512];
        let mut json = Writer::new(&mut buf);
        json.begin_object();
        json.key("warning");
        json.string("event_cycle");
        json.key("plugins");
        json.begin_array();
        for index in chain.iter() {
            if let Some(slot) = self.lives.at(index) {
                json.string(slot.name(&self.names));
            }
        }
        json.end_array();
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce(who.index(), "runtime.warning.", json.as_bytes());
        }
    }
}

/// Bytes of a state's announcement, and of the message in it.
const STATE_BYTES: usize = if cfg!(feature = "messages") { 256 } else { 96 };
const MESSAGE_BYTES: usize = if cfg!(feature = "messages") { 160 } else { 38 };
