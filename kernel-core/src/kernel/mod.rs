//! The kernel's data behind one lock: [`Core`] only puts the parts in sequence, "a life ends: take back from
//! each".

mod announce;
mod lives;
mod lock;
mod next;
mod ops;
mod parts;
mod state;
mod waist;

pub use lock::{Cell, FixedKernel, Kernel};
pub use parts::{Memory, Parts};
pub use waist::{Before, EntryInfo, Op, Step, Ticket, Waist};

use core::task::Waker;

use crate::bus::{Bus, Filters};
use crate::call::{Calls, Services};
use crate::id::{MAX_PLUGINS, PluginId};
use crate::life::Lives;
use crate::mem::{Names, Pool};
use crate::state::State;
use crate::time::{Clock, Deadline, Instant, On, Waits};
use crate::wake::{self, Wakes, Woken};

/// All of a kernel's data. Opaque: a platform makes it, gives it to its [`Cell`] and never looks.
pub struct Core {
    clock: Clock,
    pub(crate) names: Names,
    pub(crate) bus: Bus,
    pub(crate) calls: Calls,
    pub(crate) state: State,
    pub(crate) lives: Lives,
    pub(crate) waits: Waits,
    /// Whom the present operation wakes.
    pub(crate) wakes: Wakes,
    /// The earliest deadline that the timekeeper knows of.
    alarm: Deadline,
    timekeeper: Option<Waker>,
    /// Of what is free, the part that one plugin may hold, in 256ths.
    #[cfg(feature = "large")]
    pub(crate) share: u32,
    /// Changes in the lives of plugins; never none.
    pub(crate) changes: u32,
    /// Refusals for lack of a share, and for too many hops.
    pub(crate) shares_refused: u32,
    pub(crate) hops_refused: u32,
}

impl Core {
    /// A kernel in the memory of `parts`, with the platform's `clock`.
    pub fn new(parts: Parts, clock: Clock) -> Self {
        let most = parts.plugins.len().min(MAX_PLUGINS);
        let plugins = parts.plugins.get_mut(..most).unwrap_or_default();
        Core {
            clock,
            names: Names::new(parts.names, parts.name_bytes),
            bus: Bus::new(
                parts.log,
                Filters::new(parts.filters, parts.filter_heads),
                parts.readers,
                parts.taps,
            ),
            calls: Calls::new(
                Services::new(parts.services, parts.service_heads),
                parts.calls,
                parts.call_bytes,
                parts.call_size,
                parts.callees,
            ),
            state: State::new(
                parts.entries,
                parts.entry_heads,
                Pool::new(parts.state_bytes, parts.state_links, parts.state_block),
            ),
            lives: Lives::new(plugins),
            waits: Waits::new(parts.waits),
            wakes: Wakes::new(),
            alarm: Deadline::NONE,
            timekeeper: None,
            #[cfg(feature = "large")]
            share: 128,
            changes: 1,
            shares_refused: 0,
            hops_refused: 0,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// The timekeeper is to look at this time at the latest.
    #[inline]
    pub(crate) fn arm(&mut self, due: Deadline) {
        let first = self.alarm.first(due);
        if first != self.alarm {
            self.alarm = first;
            if let Some(timekeeper) = &self.timekeeper {
                self.wakes.task(timekeeper);
            }
        }
    }

    /// The operation is done: hands over whom it woke.
    #[cfg_attr(not(feature = "large"), inline(never))]
    pub(crate) fn hand_over(&mut self, woken: &mut Woken) {
        if !self.wakes.plugins.is_empty() {
            for index in core::mem::take(&mut self.wakes.plugins).iter() {
                if let Some(waker) = self.lives.waker(index) {
                    wake::add(woken, waker);
                }
            }
        }
        self.wakes.hand_over(woken);
    }

    /// A plugin has fewer unread events: whoever waits for that looks again.
    pub(crate) fn made_room(&mut self, index: usize) {
        if self.bus.is_blocker(index) {
            self.waits.wake(On::Room, &mut self.wakes);
        }
    }

    /// The life of some plugin changed.
    pub(crate) fn changed(&mut self) {
        self.changes = self.changes.wrapping_add(1).max(1);
        self.waits.wake(On::Life, &mut self.wakes);
    }

    /// Does what is due: the next deadline, if there is one.
    pub(crate) fn expire(&mut self, waker: Option<&Waker>) -> Deadline {
        let now = self.now();
        self.alarm = Deadline::NONE;
        let lives = self.expire_lives(now);
        self.expire_state(now);
        let next = self.calls.expire(now, &mut self.wakes).first(lives);
        let next = self
            .waits
            .expire(now, &mut self.wakes)
            .first(next)
            .first(self.state.due);
        self.alarm = next.first(self.alarm);
        if let Some(waker) = waker {
            crate::mem::keep_waker(&mut self.timekeeper, waker);
        }
        self.alarm
    }

    /// The name of whoever `who` is; empty for a plugin that is no longer installed.
    pub(crate) fn name_of(&self, who: PluginId) -> &str {
        match who {
            PluginId::KERNEL => "kernel",
            PluginId::OPERATOR => "operator",
            plugin => match self.lives.at(plugin.index()) {
                Some(slot) if slot.was(plugin.life()) => slot.name(&self.names),
                _ => "",
            },
        }
    }
}
