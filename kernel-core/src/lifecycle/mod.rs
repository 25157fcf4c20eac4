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
//!
//! The way to STARTED has one more condition: all plugins that it depends on are STARTED. A plugin waits
//! for one that is not, with its goal and its state as they are, and no deadline. It is FAILED too, code
//! `dependency_not_started`, once that one is FAILED with no restart left, and goes on all the same as
//! soon as that one is STARTED. A plugin that is STARTED stays so, whatever becomes of its providers.

mod plugins;
mod steps;
mod supervise;

pub(crate) use plugins::Plugins;

use core::task::Waker;

use crate::bus::Overflow;
use crate::fixed::Empty;
use crate::id::{CallId, Cause, PluginId};
use crate::json::Json;
use crate::kernel::keep_waker;
use crate::log::{Log, Position, Reading};
use crate::plugin::PluginMetadata;
use crate::table::Link;
#[cfg(feature = "link")]
use crate::text::Text;
use crate::time::micros;

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

/// What ended, where more is to be done than to count it.
pub(crate) enum Ended {
    /// A step in the plugin's life.
    Step(Hook),
    /// A handler that took so many microseconds, more than its budget.
    Slow(Hook, u32),
}

/// A plugin's slot: opaque memory of a kernel.
#[derive(Debug)]
pub struct PluginSlot {
    pub(crate) meta: Meta,
    pub(crate) life: u16,
    /// The life it was installed with: identities from it on are this plugin's.
    first_life: u16,
    pub(crate) settings: Option<Json<'static>>,
    /// Where it runs, for people.
    #[cfg(feature = "link")]
    pub(crate) placement: Option<&'static str>,
    /// It handles one message at a time, so that a call it waits for holds up its mailbox.
    pub(crate) serial: bool,
    pub(crate) state: PluginState,
    pub(crate) goal: PluginState,
    pub(crate) hook: Hook,
    /// When the present hook began, or the last one ended.
    hook_since: u64,
    /// Milliseconds after which a handler counts as hung, and microseconds after which as slow.
    handler_limit: u32,
    handler_budget: u32,
    /// When the goal must be reached.
    pub(crate) goal_due: Due,
    waker: Option<Waker>,
    /// Where the first unread event is: the parts of a [`Position`], which lie closer so.
    cursor_seq: u64,
    cursor_offset: u32,
    lost: usize,
    /// The sequence number of the event it handles, or the bits of the call: the hook says which.
    handled: u64,
    pub(crate) queue: (Link, Link),
    pub(crate) open_calls: u16,
    pub(crate) interval: u64,
    pub(crate) next_tick: u64,
    /// The message before was a tick: one that waits comes before the next tick.
    pub(crate) ticked: bool,
    pub(crate) restart_at: Due,
    /// Since the goal was set, and within the policy's window.
    pub(crate) failures: u8,
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
        #[cfg(feature = "link")]
        placement: None,
        serial: false,
        state: PluginState::Unloaded,
        goal: PluginState::Unloaded,
        hook: Hook::Idle,
        hook_since: 0,
        handler_limit: 0,
        handler_budget: 0,
        goal_due: Due::NONE,
        waker: None,
        cursor_seq: 0,
        cursor_offset: 0,
        lost: 0,
        handled: 0,
        queue: (Link::NONE, Link::NONE),
        open_calls: 0,
        interval: 0,
        next_tick: 0,
        ticked: false,
        restart_at: Due::NONE,
        failures: 0,
        window_start: 0,
        error: (0, 0),
        counters: PluginCounters::ZERO,
    };
}

/// A deadline or none, in no more bits than a moment has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due(u64);

impl Due {
    pub(crate) const NONE: Due = Due(0);

    pub(crate) fn at(moment: u64) -> Due {
        Due(moment.max(1))
    }

    /// The moment; never, when there is none.
    pub(crate) fn get(self) -> u64 {
        match self {
            Due::NONE => u64::MAX,
            Due(moment) => moment,
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Due::NONE
    }

    pub(crate) fn is_some(self) -> bool {
        !self.is_none()
    }
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
        Position {
            seq: self.cursor_seq,
            offset: self.cursor_offset,
        }
    }

    pub(crate) fn set_cursor(&mut self, at: Position) {
        self.cursor_seq = at.seq;
        self.cursor_offset = at.offset;
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(crate) fn keep_waker(&mut self, waker: &Waker) {
        keep_waker(&mut self.waker, waker);
    }

    /// One more unread event, at `at`; gives whom to wake.
    pub(crate) fn mark(&mut self, at: Position) -> Option<Waker> {
        if self.counters.lag == 0 {
            self.set_cursor(at);
        }
        self.counters.lag = self.counters.lag.wrapping_add(1);
        self.counters.lag_high_water = self.counters.lag_high_water.max(self.counters.lag);
        self.waker.take()
    }

    /// The next event; `None` when there is none.
    ///
    /// Looks at a bounded number of records: `Some(Err(()))` says that there is more to skip, and the caller
    /// leaves the lock before it asks again.
    pub(crate) fn next_event<'l>(&mut self, index: usize, log: &'l Log) -> Option<Result<Reading<'l>, ()>> {
        if self.pending() == 0 {
            return None;
        }
        let mut here = log.find_or_oldest(self.cursor())?;
        if !log.is_receiver(here, index) {
            match self.skip_others(index, log, here)? {
                Ok(found) => here = found,
                Err(()) => return Some(Err(())),
            }
        }
        log.read(here).map(Ok)
    }

    /// Moves the cursor over the records from `at` on that others receive.
    #[inline(never)]
    fn skip_others(&mut self, index: usize, log: &Log, mut at: Position) -> Option<Result<Position, ()>> {
        const STRIDE: usize = 128;
        for _ in 0..STRIDE {
            let here = log.find_or_oldest(at)?;
            if log.is_receiver(here, index) {
                self.set_cursor(here);
                return Some(Ok(here));
            }
            at = log.after(here);
        }
        self.set_cursor(at);
        Some(Err(()))
    }

    /// True when the event at `at`, of which it is a receiver, is unread.
    pub(crate) fn awaits(&self, at: Position) -> bool {
        self.counters.lag > 0 && self.cursor_seq <= at.seq
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
        self.set_cursor(after);
        self.counters.lag = self.counters.lag.saturating_sub(1);
        self.counters.events = self.counters.events.wrapping_add(1);
    }

    /// Its unread events will never be read.
    fn discard_unread(&mut self, end: Position) {
        self.set_cursor(end);
        self.lost = 0;
        let unread = core::mem::take(&mut self.counters.lag);
        self.counters.dropped = self.counters.dropped.wrapping_add(unread);
    }

    /// How many events were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> usize {
        core::mem::take(&mut self.lost)
    }

    /// Takes a tick that is due and plans the next one; false when it is not due, or has to let
    /// another message go first.
    pub(crate) fn tick(&mut self, now: u64, called: bool) -> bool {
        let waits = called || self.pending() > 0;
        if self.tick_due() > now || (core::mem::take(&mut self.ticked) && waits) {
            return false;
        }
        self.ticked = true;
        // The next one counts from when this one was due, or from now when that is past.
        let next = self.next_tick.saturating_add(self.interval);
        self.next_tick = if next > now {
            next
        } else {
            now.saturating_add(self.interval)
        };
        true
    }

    /// When `on_tick` is due.
    pub(crate) fn tick_due(&self) -> u64 {
        if self.interval > 0 && self.state == PluginState::Started {
            self.next_tick
        } else {
            u64::MAX
        }
    }

    /// What it is doing now, as the cause of what it does.
    pub(crate) fn handling(&self) -> Cause {
        match self.hook {
            Hook::Event => Cause::Event(self.handled),
            Hook::Call => Cause::Call(CallId::from_bits(self.handled as u32)),
            _ => Cause::None,
        }
    }

    /// Begins a hook at the moment at which the one before was ended, for an event or a call the handling of
    /// `handled`; gives when it counts as hung.
    pub(crate) fn begin(&mut self, hook: Hook, handled: u64) -> u64 {
        self.hook = hook;
        self.handled = handled;
        self.hook_due()
    }

    /// Ends the present hook and counts its time; gives what more is to be done about it.
    pub(crate) fn end(&mut self, now: u64) -> Option<Ended> {
        let hook = core::mem::take(&mut self.hook);
        let since = core::mem::replace(&mut self.hook_since, now);
        if hook == Hook::Idle {
            return None;
        }
        if hook.is_step() {
            return Some(Ended::Step(hook));
        }
        let took = now.saturating_sub(since);
        let counters = &mut self.counters;
        counters.handled = counters.handled.wrapping_add(1);
        counters.busy_micros = counters.busy_micros.wrapping_add(took);
        let took = took.min(u32::MAX as u64) as u32;
        counters.worst_micros = counters.worst_micros.max(took);
        if took <= self.handler_budget {
            return None;
        }
        counters.slow = counters.slow.wrapping_add(1);
        Some(Ended::Slow(hook, took))
    }

    /// When the present hook counts as hung; never, when there is none.
    fn hook_due(&self) -> u64 {
        let limit = match self.hook {
            Hook::Idle => return u64::MAX,
            Hook::Event | Hook::Call | Hook::Tick => (self.handler_limit as u64).wrapping_mul(1000),
            _ => micros(self.metadata().hook_timeout),
        };
        self.hook_since.saturating_add(limit)
    }

    /// The deadline that is next for this plugin; a tick that is due already waits for its task.
    fn next_due(&self, now: u64) -> u64 {
        let tick = Some(self.tick_due())
            .filter(|tick| *tick > now)
            .unwrap_or(u64::MAX);
        [self.hook_due(), self.goal_due.get(), self.restart_at.get()]
            .into_iter()
            .fold(tick, u64::min)
    }
}
