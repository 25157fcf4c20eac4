//! What is kept for each reader of the bus: a plugin's cursor, or a tap.

use core::task::Waker;

use super::log::Position;
use crate::mem::Empty;

/// A plugin's cursor over the log: opaque memory of a kernel.
#[derive(Debug)]
pub struct ReaderSlot {
    /// Where to look for the next unread event; anything while there is none.
    pub(super) cursor: Position,
    pub(super) counts: ReaderCounts,
    /// Lost since the last event that it read.
    pub(super) lost: u32,
}

/// What is counted of a reader since its plugin was installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ReaderCounts {
    /// Events it read.
    pub(crate) events: u32,
    /// Events it lost.
    pub(crate) dropped: u32,
    /// Unread events.
    pub(crate) lag: u32,
    /// The most that `lag` ever was.
    pub(crate) lag_high_water: u32,
}

impl Empty for ReaderSlot {
    const EMPTY: Self = ReaderSlot {
        cursor: 0,
        counts: ReaderCounts {
            events: 0,
            dropped: 0,
            lag: 0,
            lag_high_water: 0,
        },
        lost: 0,
    };
}

impl ReaderSlot {
    /// One more unread event, at `at`.
    #[inline]
    pub(super) fn mark(&mut self, at: Position) {
        let counts = &mut self.counts;
        if counts.lag == 0 {
            self.cursor = at;
        }
        counts.lag = counts.lag.wrapping_add(1);
        counts.lag_high_water = counts.lag_high_water.max(counts.lag);
    }

    /// True when the event at `at`, of which it is a receiver, is unread.
    pub(super) fn awaits(&self, at: Position) -> bool {
        self.counts.lag > 0 && !super::log::is_before(at, self.cursor)
    }

    /// An unread event before `after` will never be read.
    pub(super) fn miss(&mut self, after: Position) {
        self.cursor = after;
        self.counts.lag = self.counts.lag.saturating_sub(1);
        self.counts.dropped = self.counts.dropped.wrapping_add(1);
        self.lost = self.lost.wrapping_add(1);
    }

    /// The unread event before `after` was read.
    pub(super) fn read(&mut self, after: Position) {
        self.cursor = after;
        self.counts.lag = self.counts.lag.saturating_sub(1);
        self.counts.events = self.counts.events.wrapping_add(1);
    }

    /// What is unread will never be read.
    pub(super) fn discard(&mut self) {
        let unread = core::mem::take(&mut self.counts.lag);
        self.counts.dropped = self.counts.dropped.wrapping_add(unread);
        self.lost = 0;
    }
}

/// A reader of the whole log: opaque memory of a kernel.
#[derive(Debug)]
pub struct TapSlot {
    pub(super) taken: bool,
    pub(super) waker: Option<Waker>,
}

impl Empty for TapSlot {
    const EMPTY: Self = TapSlot {
        taken: false,
        waker: None,
    };
}
