//! The tasks that wait: for an instant, for room on the bus, for a change in some plugin's life.

use core::task::Waker;

use super::{Deadline, Instant};
use crate::fault::{Capacity, Fault};
use crate::mem::{Empty, Usage};
use crate::wake::Wakes;

/// What a task waits for, at most until its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    /// Nothing: the place is free.
    Nothing,
    /// The deadline alone.
    Time,
    /// Room on the bus.
    Room,
    /// A change in the life of some plugin.
    Life,
}

/// A waiting task: opaque memory of a kernel.
#[derive(Debug)]
pub struct WaitSlot {
    on: On,
    waker: Option<Waker>,
    due: Deadline,
}

impl Empty for WaitSlot {
    const EMPTY: Self = WaitSlot {
        on: On::Nothing,
        waker: None,
        due: Deadline::NONE,
    };
}

pub(crate) struct Waits {
    slots: &'static mut [WaitSlot],
    usage: Usage,
}

impl Waits {
    pub(crate) fn new(slots: &'static mut [WaitSlot]) -> Self {
        let usage = Usage::of(slots.len());
        Waits { slots, usage }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes a place, or keeps the one in `place`.
    pub(crate) fn hold(
        &mut self,
        place: &mut Option<u16>,
        on: On,
        due: Deadline,
        waker: &Waker,
    ) -> Result<(), Fault> {
        let index = match *place {
            Some(index) => Some(index as usize),
            None => self.slots.iter().position(|slot| slot.on == On::Nothing),
        };
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else {
            return Err(self.usage.full(Capacity::Waits));
        };
        crate::mem::keep_waker(&mut slot.waker, waker);
        slot.on = on;
        slot.due = due;
        if place.is_none() {
            self.usage.take(1);
            *place = index.map(|index| index as u16);
        }
        Ok(())
    }

    /// Gives a place back.
    pub(crate) fn leave(&mut self, place: u16) {
        if let Some(slot) = self.slots.get_mut(place as usize)
            && slot.on != On::Nothing
        {
            *slot = WaitSlot::EMPTY;
            self.usage.give(1);
        }
    }

    /// Wakes whoever waits for this.
    pub(crate) fn wake(&self, what: On, wakes: &mut Wakes) {
        for slot in self.slots.iter() {
            if let Some(waker) = &slot.waker
                && slot.on == what
            {
                wakes.task(waker);
            }
        }
    }

    /// Wakes whose deadline is past; the next deadline of the others.
    pub(crate) fn expire(&mut self, now: Instant, wakes: &mut Wakes) -> Deadline {
        let mut next = Deadline::NONE;
        for slot in self.slots.iter_mut() {
            if slot.due.is_due(now) {
                slot.due = Deadline::NONE;
                if let Some(waker) = &slot.waker {
                    wakes.task(waker);
                }
            }
            next = next.first(slot.due);
        }
        next
    }
}
