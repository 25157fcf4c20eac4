//! What is due when: a heap for the monotonic clock, another one for the time of day.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

/// What is due, by when. An entry is never taken out: whatever is no longer wanted is passed over when it is due.
pub(crate) struct Timers<Time, What> {
    heap: BinaryHeap<Reverse<(Time, What)>>,
}

impl<Time: Ord + Copy, What: Ord> Timers<Time, What> {
    pub(crate) fn new() -> Self {
        Timers {
            heap: BinaryHeap::new(),
        }
    }

    pub(crate) fn push(&mut self, due: Time, what: What) {
        self.heap.push(Reverse((due, what)));
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// The next one that is due by now.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, What)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }

    /// How many entries there are, those counted that are no longer wanted.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes out what is not wanted.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&What) -> bool) {
        self.heap.retain(|Reverse((_, what))| is_wanted(what));
    }
}
