//! Reading the log itself, for inspectors and the host's own log. A tap is no receiver: it makes nobody
//! wait, sees the recent past, and is told exactly what it was too slow for.

use core::task::Waker;

use super::log::{self, Position, Record, Seq};
use super::{Bus, STRIDE, TapSlot};
#[cfg(feature = "large")]
use crate::id::PluginId;
use crate::mem::Usage;
use crate::wake::Wakes;

pub(crate) struct Taps {
    slots: &'static mut [TapSlot],
    usage: Usage,
    /// Somebody waits for the next record.
    waiting: bool,
}

/// Where a tap is: the number of the next record that it wants, and a position at or before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) seq: Seq,
    pub(crate) position: Position,
    /// Whose records it wants alone.
    #[cfg(feature = "large")]
    pub(crate) only: Option<PluginId>,
}

/// What a tap found.
pub(crate) enum Found<'l> {
    Record(Record<'l>),
    /// So many were gone before the tap came to them.
    Lost(Seq),
    /// Perhaps more behind what was passed over.
    Again,
    Nothing,
}

impl Taps {
    pub(super) fn new(slots: &'static mut [TapSlot]) -> Self {
        let usage = Usage::of(slots.len());
        Taps {
            slots,
            usage,
            waiting: false,
        }
    }

    /// Wakes who waits for a record.
    #[inline]
    pub(super) fn wake(&mut self, wakes: &mut Wakes) {
        if core::mem::take(&mut self.waiting) {
            for slot in self.slots.iter_mut() {
                if let Some(waker) = slot.waker.take() {
                    wakes.task(&waker);
                }
            }
        }
    }
}

impl Bus {
    pub(crate) fn taps_usage(&self) -> Usage {
        self.taps.usage
    }

    /// Takes a place for a tap that begins with record `since`, or with the next one.
    pub(crate) fn open_tap(&mut self, since: Option<Seq>) -> Option<(usize, At)> {
        let index = self.taps.slots.iter().position(|slot| !slot.taken)?;
        self.taps.slots.get_mut(index)?.taken = true;
        self.taps.usage.take(1);
        let at = match since {
            // One that is still to come is the next one, at the latest.
            Some(seq) if self.log.next_seq().wrapping_sub(seq) <= Seq::MAX >> 1 => (seq, self.log.oldest()),
            _ => (self.log.next_seq(), self.log.end()),
        };
        let at = At {
            seq: at.0,
            position: at.1,
            #[cfg(feature = "large")]
            only: None,
        };
        Some((index, at))
    }

    pub(crate) fn close_tap(&mut self, index: usize) {
        if let Some(slot) = self.taps.slots.get_mut(index)
            && core::mem::take(&mut slot.taken)
        {
            slot.waker = None;
            self.taps.usage.give(1);
        }
    }

    /// What is next for a tap, which moves on; keeps the waker when there is nothing.
    pub(crate) fn next_for_tap(&mut self, index: usize, at: &mut At, waker: Option<&Waker>) -> Found<'_> {
        let missing = self.log.oldest_seq().wrapping_sub(at.seq);
        // Less than half the circle: the tap is behind the oldest.
        if missing.wrapping_sub(1) < Seq::MAX >> 1 {
            (at.seq, at.position) = (self.log.oldest_seq(), self.log.oldest());
            return Found::Lost(missing);
        }
        if log::is_before(at.position, self.log.oldest()) {
            at.position = self.log.oldest();
        }
        for _ in 0..STRIDE {
            if !self.log.holds(at.position) {
                if let Some(slot) = self.taps.slots.get_mut(index)
                    && let Some(waker) = waker
                {
                    self.taps.waiting = true;
                    crate::mem::keep_waker(&mut slot.waker, waker);
                }
                return Found::Nothing;
            }
            let here = at.position;
            let next = self.log.after(here);
            if self.log.is_filler(here) || self.log.read(here).is_none_or(|record| record.head.seq != at.seq)
            {
                at.position = next;
                continue;
            }
            (at.seq, at.position) = (at.seq.wrapping_add(1), next);
            #[cfg(feature = "large")]
            if at.only.is_some_and(|only| self.log.source(here) != only) {
                continue;
            }
            return self.log.read(here).map_or(Found::Again, Found::Record);
        }
        Found::Again
    }
}
