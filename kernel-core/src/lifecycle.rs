//! The plugins' slots: lifecycle states, goals, supervision and counters, as data.
//!
//! ```text
//!            load          start           stop           unload
//! UNLOADED ───────▶ LOADED ───────▶ STARTED ──────▶ STOPPED ───────▶ UNLOADED
//!                     │                ▲               │
//!                     │                └───── start ───┘
//!  any hook that fails, hangs or panics ──▶ FAILED ── restart policy, or start ──▶ LOADED …
//! ```
//!
//! Whoever manages a plugin sets its *goal*; the plugin's own task takes one step at a time
//! towards it. So a command never runs plugin code, and a plugin that does not obey is seen by its
//! deadline alone.

use core::task::Waker;

use crate::bus::{Draft, Overflow};
use crate::error::{cut, push_cut};
use crate::fixed::Empty;
use crate::id::{CallId, Cause, PluginId};
use crate::json::{Json, Writer};
use crate::kernel::{Core, keep_waker};
use crate::log::Position;
use crate::plugin::PluginMetadata;
use crate::subject;
use crate::table::{Link, Usage};
#[cfg(feature = "link")]
use crate::text::Text;
use crate::time::micros;
use crate::timer::On;

/// Where a plugin is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "link", serde(rename_all = "UPPERCASE"))]
pub enum PluginState {
    /// Installed, with nothing running and nothing registered.
    #[default]
    Unloaded,
    /// `on_load` is done.
    Loaded,
    /// `on_start` is done: it receives events and calls.
    Started,
    /// `on_stop` is done.
    Stopped,
    /// A hook failed, hung or panicked; the error is kept.
    Failed,
}

impl PluginState {
    /// The state in capitals, as people and the link see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            PluginState::Unloaded => "UNLOADED",
            PluginState::Loaded => "LOADED",
            PluginState::Started => "STARTED",
            PluginState::Stopped => "STOPPED",
            PluginState::Failed => "FAILED",
        }
    }
}

/// What a plugin's task is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Hook {
    #[default]
    Idle,
    Load,
    Start,
    Event,
    Call,
    Tick,
    Stop,
    Unload,
}

impl Hook {
    /// True for a hook that leads from one state to another.
    pub(crate) const fn is_step(self) -> bool {
        matches!(self, Hook::Load | Hook::Start | Hook::Stop | Hook::Unload)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Hook::Idle => "idle",
            Hook::Load => "on_load",
            Hook::Start => "on_start",
            Hook::Event => "on_event",
            Hook::Call => "on_call",
            Hook::Tick => "on_tick",
            Hook::Stop => "on_stop",
            Hook::Unload => "on_unload",
        }
    }
}

/// Counters of one plugin since it was installed. They are as wide as the machine's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct PluginCounters {
    /// Events delivered to it.
    pub events: usize,
    /// Events it lost because it was too slow.
    pub dropped: usize,
    /// Unread events now.
    pub lag: usize,
    /// The most unread events there ever were.
    pub lag_high_water: usize,
    /// Calls it was given to answer.
    pub calls_in: usize,
    /// Calls it made.
    pub calls_out: usize,
    /// Hooks and handlers that returned an error.
    pub errors: usize,
    /// Handlers that took longer than the plugin's budget.
    pub slow: usize,
    /// Events, calls and ticks handled.
    pub handled: usize,
    /// Microseconds spent handling them.
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
    /// Times it was restarted after a failure.
    pub restarts: usize,
}

impl PluginCounters {
    const ZERO: PluginCounters = PluginCounters {
        events: 0,
        dropped: 0,
        lag: 0,
        lag_high_water: 0,
        calls_in: 0,
        calls_out: 0,
        errors: 0,
        slow: 0,
        handled: 0,
        busy_micros: 0,
        worst_micros: 0,
        restarts: 0,
    };
}

/// A plugin's slot: opaque memory of a kernel.
#[derive(Debug)]
pub struct PluginSlot {
    pub(crate) meta: Meta,
    pub(crate) life: u16,
    /// The life it was installed with: identities from it on are this plugin's.
    first_life: u16,
    pub(crate) settings: Option<Json<'static>>,
    /// It handles one message at a time, so that a call it waits for holds up its mailbox.
    pub(crate) serial: bool,
    pub(crate) state: PluginState,
    pub(crate) goal: PluginState,
    pub(crate) hook: Hook,
    /// When the present hook began; with `due`, when it counts as hung.
    hook_since: u64,
    due: Option<u64>,
    /// When the goal must be reached.
    pub(crate) goal_due: Option<u64>,
    waker: Option<Waker>,
    cursor: Position,
    lost: usize,
    pub(crate) handling: Cause,
    pub(crate) queue: (Link, Link),
    pub(crate) open_calls: u16,
    pub(crate) interval: u64,
    pub(crate) next_tick: u64,
    /// The message before was a tick: one that waits comes before the next tick.
    pub(crate) ticked: bool,
    pub(crate) restart_at: Option<u64>,
    failures: u8,
    window_start: u64,
    error: (u8, u8),
    pub(crate) counters: PluginCounters,
}

impl Empty for PluginSlot {
    const EMPTY: Self = PluginSlot {
        meta: Meta::Vacant,
        life: 0,
        first_life: 0,
        settings: None,
        serial: false,
        state: PluginState::Unloaded,
        goal: PluginState::Unloaded,
        hook: Hook::Idle,
        hook_since: 0,
        due: None,
        goal_due: None,
        waker: None,
        cursor: Position::START,
        lost: 0,
        handling: Cause::None,
        queue: (Link::NONE, Link::NONE),
        open_calls: 0,
        interval: 0,
        next_tick: 0,
        ticked: false,
        restart_at: None,
        failures: 0,
        window_start: 0,
        error: (0, 0),
        counters: PluginCounters::ZERO,
    };
}

/// Where a plugin's metadata is.
#[derive(Debug, Default)]
pub(crate) enum Meta {
    #[default]
    Vacant,
    Static(&'static PluginMetadata),
    /// A plugin on the other side of the link.
    #[cfg(feature = "link")]
    Remote {
        name: Text,
        version: Text,
        description: Text,
    },
}

pub(crate) static REMOTE_DEFAULTS: PluginMetadata = PluginMetadata::new("", "");

impl PluginSlot {
    /// The metadata, or for a remote plugin the defaults of what it cannot choose.
    pub(crate) fn metadata(&self) -> &'static PluginMetadata {
        match self.meta {
            Meta::Static(metadata) => metadata,
            _ => &REMOTE_DEFAULTS,
        }
    }

    pub(crate) fn id(&self, index: usize) -> PluginId {
        PluginId {
            index: index as u8,
            life: self.life,
        }
    }

    /// The life that the plugin which is installed now began with.
    pub(crate) fn first_life(&self) -> u16 {
        self.first_life
    }

    /// True when `life` is a life of the plugin that is installed now.
    fn was(&self, life: u16) -> bool {
        life.wrapping_sub(self.first_life) <= self.life.wrapping_sub(self.first_life)
    }

    /// True while events and calls reach the plugin: from the begin of `on_start` on.
    pub(crate) fn receiving(&self) -> bool {
        self.hook == Hook::Start || (self.state == PluginState::Started && self.hook != Hook::Stop)
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.metadata().overflow
    }

    pub(crate) fn pending(&self) -> usize {
        self.counters.lag
    }

    pub(crate) fn cursor(&self) -> Position {
        self.cursor
    }

    pub(crate) fn set_cursor(&mut self, at: Position) {
        self.cursor = at;
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(crate) fn keep_waker(&mut self, waker: &Waker) {
        keep_waker(&mut self.waker, waker);
    }

    /// One more unread event, at `at`.
    pub(crate) fn mark(&mut self, at: Position) {
        if self.counters.lag == 0 {
            self.cursor = at;
        }
        self.counters.lag = self.counters.lag.wrapping_add(1);
        self.counters.lag_high_water = self.counters.lag_high_water.max(self.counters.lag);
    }

    /// True when the event at `at`, of which it is a receiver, is unread.
    pub(crate) fn awaits(&self, at: Position) -> bool {
        self.counters.lag > 0 && self.cursor.seq <= at.seq
    }

    /// The event at `at`, of which it is a receiver, goes away.
    pub(crate) fn missed(&mut self, at: Position) {
        if self.awaits(at) {
            self.counters.lag = self.counters.lag.saturating_sub(1);
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The event before `after` was read.
    pub(crate) fn consumed(&mut self, after: Position) {
        self.cursor = after;
        self.counters.lag = self.counters.lag.saturating_sub(1);
        self.counters.events = self.counters.events.wrapping_add(1);
    }

    /// Its unread events will never be read.
    fn discard_unread(&mut self, end: Position) {
        self.cursor = end;
        self.lost = 0;
        let unread = core::mem::take(&mut self.counters.lag);
        self.counters.dropped = self.counters.dropped.wrapping_add(unread);
    }

    /// How many events were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> usize {
        core::mem::take(&mut self.lost)
    }

    /// When `on_tick` is due.
    pub(crate) fn tick_due(&self) -> u64 {
        if self.interval > 0 && self.state == PluginState::Started {
            self.next_tick
        } else {
            u64::MAX
        }
    }

    /// The deadline that is next for this plugin; a tick that is due already waits for its task.
    fn next_due(&self, now: u64) -> u64 {
        let tick = Some(self.tick_due())
            .filter(|tick| *tick > now)
            .unwrap_or(u64::MAX);
        [self.due, self.goal_due, self.restart_at]
            .into_iter()
            .flatten()
            .fold(tick, u64::min)
    }
}

/// All plugins.
pub(crate) struct Plugins {
    slots: &'static mut [PluginSlot],
    errors: &'static mut [u8],
    error_size: usize,
    blockers: usize,
    installed: Usage,
    pub(crate) handler_budget: Option<u64>,
}

impl Plugins {
    pub(crate) fn new(
        slots: &'static mut [PluginSlot],
        errors: &'static mut [u8],
        error_size: usize,
    ) -> Self {
        let capacity = slots.len().min(crate::log::MAX_PLUGINS);
        let installed = Usage {
            capacity,
            ..Usage::default()
        };
        Plugins {
            slots,
            errors,
            error_size: error_size.min(255),
            blockers: 0,
            installed,
            handler_budget: None,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.installed
    }

    /// The slot, when a plugin is installed there.
    pub(crate) fn at(&self, index: usize) -> Option<&PluginSlot> {
        self.slots
            .get(index)
            .filter(|slot| !matches!(slot.meta, Meta::Vacant))
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut PluginSlot> {
        self.slots
            .get_mut(index)
            .filter(|slot| !matches!(slot.meta, Meta::Vacant))
    }

    /// The plugin, when this life of it is the present one.
    pub(crate) fn get(&self, id: PluginId) -> Option<&PluginSlot> {
        self.at(id.index()).filter(|slot| slot.life == id.life)
    }

    pub(crate) fn get_mut(&mut self, id: PluginId) -> Option<&mut PluginSlot> {
        self.at_mut(id.index()).filter(|slot| slot.life == id.life)
    }

    /// The installed plugins' slots.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.installed.capacity
    }

    /// How many plugins make publishers wait.
    pub(crate) fn blockers(&self) -> usize {
        self.blockers
    }

    /// What the plugin is doing now, as the cause of what it publishes.
    pub(crate) fn cause_of(&self, who: PluginId) -> Cause {
        self.get(who).map_or(Cause::None, |slot| slot.handling)
    }

    /// The call the plugin is answering now.
    pub(crate) fn answering(&self, who: PluginId) -> Option<CallId> {
        match self.cause_of(who) {
            Cause::Call(id) => Some(id),
            _ => None,
        }
    }

    /// A vacant slot; the one used longest ago is not looked for.
    pub(crate) fn vacant(&self) -> Option<usize> {
        self.indices().find(|index| {
            self.slots
                .get(*index)
                .is_some_and(|s| matches!(s.meta, Meta::Vacant))
        })
    }

    pub(crate) fn install(&mut self, index: usize, meta: Meta) -> Option<PluginId> {
        let slot = self.slots.get_mut(index)?;
        let life = slot.life.wrapping_add(1);
        *slot = PluginSlot {
            meta,
            life,
            first_life: life,
            ..PluginSlot::EMPTY
        };
        self.installed.set_used(self.installed.used.wrapping_add(1));
        if slot.overflow() == Overflow::Block {
            self.blockers = self.blockers.wrapping_add(1);
        }
        let id = slot.id(index);
        self.set_error(index, "", "");
        Some(id)
    }

    /// Empties the slot and gives back what described the plugin.
    #[cfg(feature = "link")]
    pub(crate) fn uninstall(&mut self, index: usize) -> Option<Meta> {
        let slot = self.at_mut(index)?;
        let blocks = slot.overflow() == Overflow::Block;
        let meta = core::mem::take(&mut slot.meta);
        slot.life = slot.life.wrapping_add(1);
        self.installed.set_used(self.installed.used.wrapping_sub(1));
        if blocks {
            self.blockers = self.blockers.wrapping_sub(1);
        }
        Some(meta)
    }

    /// The last error: its code and message, empty when there is none.
    pub(crate) fn error(&self, index: usize) -> (&str, &str) {
        let Some(slot) = self.at(index) else {
            return ("", "");
        };
        let start = index.wrapping_mul(self.error_size);
        let end = start.wrapping_add(slot.error.1 as usize);
        let text = core::str::from_utf8(self.errors.get(start..end).unwrap_or(&[])).unwrap_or("");
        text.split_at_checked(slot.error.0 as usize).unwrap_or(("", ""))
    }

    pub(crate) fn set_error(&mut self, index: usize, code: &str, message: &str) {
        let code = cut(code, self.error_size);
        let message = cut(message, self.error_size.saturating_sub(code.len()));
        let start = index.wrapping_mul(self.error_size);
        let middle = start.wrapping_add(code.len());
        let end = middle.wrapping_add(message.len());
        if let Some(bytes) = self.errors.get_mut(start..middle) {
            bytes.copy_from_slice(code.as_bytes());
        }
        if let Some(bytes) = self.errors.get_mut(middle..end) {
            bytes.copy_from_slice(message.as_bytes());
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.error = (code.len() as u8, end.wrapping_sub(start) as u8);
        }
    }
}

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

    /// Begins a hook: `due` is when it counts as hung.
    pub(crate) fn begin_hook(&mut self, index: usize, hook: Hook, cause: Cause) {
        let now = self.now();
        let end = self.bus.log.end();
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        let metadata = slot.metadata();
        let limit = match hook {
            Hook::Event | Hook::Call | Hook::Tick => metadata.handler_timeout,
            _ => metadata.hook_timeout,
        };
        let due = now.saturating_add(micros(limit));
        if hook == Hook::Stop {
            slot.discard_unread(end);
        }
        slot.hook = hook;
        slot.handling = cause;
        slot.hook_since = now;
        slot.due = Some(due);
        self.arm(due);
        if hook == Hook::Stop {
            self.refuse_queued(index);
            self.wake_publishers(index);
        }
    }

    /// Ends the present hook of this life well; counts its time.
    pub(crate) fn end_hook(&mut self, id: PluginId) {
        let now = self.now();
        let budget = self.plugins.handler_budget;
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        let hook = core::mem::take(&mut slot.hook);
        let took = now.saturating_sub(slot.hook_since);
        slot.due = None;
        slot.handling = Cause::None;
        match hook {
            Hook::Idle => {}
            Hook::Event | Hook::Call | Hook::Tick => {
                let limit = budget.unwrap_or(micros(slot.metadata().handler_budget));
                let counters = &mut slot.counters;
                counters.handled = counters.handled.wrapping_add(1);
                counters.busy_micros = counters.busy_micros.wrapping_add(took);
                counters.worst_micros = counters.worst_micros.max(took.min(u32::MAX as u64) as u32);
                if took > limit {
                    counters.slow = counters.slow.wrapping_add(1);
                    self.warn(id, "slow_handler", hook.name(), took, limit);
                }
            }
            Hook::Load => self.enter(id.index(), PluginState::Loaded),
            Hook::Start => self.enter(id.index(), PluginState::Started),
            Hook::Stop => self.enter(id.index(), PluginState::Stopped),
            Hook::Unload => {
                self.reclaim(id);
                self.enter(id.index(), PluginState::Unloaded);
            }
        }
    }

    /// A handler of this life returned an error: counted and kept, the plugin goes on.
    pub(crate) fn note_error(&mut self, id: PluginId, code: &str, message: &str) {
        if let Some(slot) = self.plugins.get_mut(id) {
            slot.counters.errors = slot.counters.errors.wrapping_add(1);
            self.plugins.set_error(id.index(), code, message);
        }
    }

    /// This life is over: everything the plugin registered is taken back, the error is kept, and a
    /// restart is planned where the policy has one left.
    pub(crate) fn fail(&mut self, id: PluginId, code: &str, message: &str) {
        let now = self.now();
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        let policy = slot.metadata().restart;
        slot.counters.errors = slot.counters.errors.wrapping_add(1);
        slot.goal_due = None;
        slot.restart_at = None;
        let wanted = slot.goal == PluginState::Started && matches!(slot.meta, Meta::Static(_));
        if !wanted {
            slot.goal = PluginState::Failed;
        } else {
            if slot.failures == 0 || now.saturating_sub(slot.window_start) > micros(policy.window) {
                slot.failures = 0;
                slot.window_start = now;
            }
            if slot.failures < policy.restarts {
                let pause = micros(policy.first_pause)
                    .saturating_mul(1u64.wrapping_shl(slot.failures.min(32) as u32))
                    .min(micros(policy.longest_pause));
                slot.failures = slot.failures.wrapping_add(1);
                slot.restart_at = Some(now.saturating_add(pause));
            } else {
                slot.goal = PluginState::Failed;
                slot.failures = 0;
            }
        }
        let restart_at = slot.restart_at.unwrap_or(u64::MAX);
        self.plugins.set_error(id.index(), code, message);
        self.reclaim(id);
        self.enter(id.index(), PluginState::Failed);
        self.arm(restart_at);
    }

    /// Takes back all that this life of a plugin registered, and ends the life.
    pub(crate) fn reclaim(&mut self, id: PluginId) {
        let end = self.bus.log.end();
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        slot.life = slot.life.wrapping_add(1);
        slot.hook = Hook::Idle;
        slot.due = None;
        slot.handling = Cause::None;
        slot.interval = 0;
        slot.discard_unread(end);
        let waker = slot.take_waker();
        self.wake(waker);
        self.reclaim_filters(id);
        self.reclaim_services(id);
        self.reclaim_calls(id);
        self.reclaim_state(id);
        self.wake_publishers(id.index());
    }

    /// Sets a goal; `due` is when it must be reached.
    pub(crate) fn set_goal(&mut self, index: usize, goal: PluginState, due: u64) {
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        slot.goal = goal;
        slot.restart_at = None;
        slot.failures = 0;
        let waker = slot.take_waker();
        let up = matches!(goal, PluginState::Loaded | PluginState::Started);
        if slot.state == PluginState::Failed && slot.hook == Hook::Idle && !up {
            // Nothing of it runs any more: there is nothing to stop or unload.
            slot.goal = PluginState::Unloaded;
            self.enter(index, PluginState::Unloaded);
        } else if slot.state != goal || slot.hook.is_step() {
            slot.goal_due = Some(due);
            self.arm(due);
        }
        self.wake(waker);
    }

    fn enter(&mut self, index: usize, state: PluginState) {
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
            slot.goal_due = None;
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
            Draft::new(PluginId::KERNEL, Cause::None, "", &[payload]),
        );
    }

    /// Publishes `runtime.warning.<plugin>`: what was measured, in microseconds, and its limit.
    fn warn(&mut self, id: PluginId, kind: &str, hook: &str, took: u64, limit: u64) {
        let mut payload = [0u8; 128];
        let mut json = Writer::new(&mut payload);
        json.begin_object();
        json.key("warning");
        json.string(kind);
        json.key("hook");
        json.string(hook);
        json.key("micros");
        json.u64(took);
        json.key("limit");
        json.u64(limit);
        json.end_object();
        if let Some(json) = json.finish_trusted() {
            self.announce_of(id.index(), "runtime.warning.", json.as_bytes());
        }
    }

    /// Fails what hangs, restarts what may be; gives the next deadline.
    pub(crate) fn expire_plugins(&mut self, now: u64) -> u64 {
        let mut next = u64::MAX;
        for index in self.plugins.indices() {
            let Some(slot) = self.plugins.at_mut(index) else {
                continue;
            };
            let id = slot.id(index);
            let hook = slot.hook.name();
            if slot.due.is_some_and(|due| due <= now) {
                let limit = slot.due.unwrap_or(0).saturating_sub(slot.hook_since);
                self.hung(id, "hook_timeout", hook, limit);
            } else if slot.goal_due.is_some_and(|due| due <= now) {
                slot.goal_due = None;
                self.hung(id, "stop_timeout", hook, 0);
            } else if slot.restart_at.is_some_and(|due| due <= now) {
                slot.restart_at = None;
                slot.counters.restarts = slot.counters.restarts.wrapping_add(1);
                let waker = slot.take_waker();
                self.wake(waker);
            } else if slot.tick_due() <= now {
                let waker = slot.take_waker();
                self.wake(waker);
            }
            next = next.min(self.plugins.at(index).map_or(u64::MAX, |slot| slot.next_due(now)));
        }
        next
    }

    /// A plugin did not come to an end in time.
    fn hung(&mut self, id: PluginId, code: &str, hook: &str, limit: u64) {
        let mut message = heapless::String::<96>::new();
        push_cut(&mut message, hook);
        if limit > 0 {
            push_cut(&mut message, " did not end within ");
            let mut digits = [0u8; 20];
            let mut writer = Writer::new(&mut digits);
            // By 8 and by 125: a chip has no division of 64 bits, and nine hours fit into 32.
            writer.u64(((limit >> 3) as u32 / 125) as u64);
            push_cut(
                &mut message,
                writer.finish_trusted().map_or("", |json| json.as_str()),
            );
            push_cut(&mut message, " ms");
        } else {
            push_cut(
                &mut message,
                ": the plugin did not take the step asked of it in time",
            );
        }
        self.fail(id, code, &message);
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
