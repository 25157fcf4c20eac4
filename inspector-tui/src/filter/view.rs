//! The rows that pass the filter, kept up to date in slices.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ring::{Ring, Row, RowId};

/// How the jq part of the filter is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum JqState {
    /// The filter has none.
    #[default]
    None,
    /// It runs.
    Running,
    /// It was stopped, or ended: why, and what to do.
    Stopped(String),
}

/// The rows that pass, oldest first.
#[derive(Debug, Default)]
pub struct View {
    all: bool,
    first: RowId,
    end: RowId,
    matched: VecDeque<RowId>,
}

impl View {
    /// How many rows pass, of those looked at.
    pub fn len(&self) -> usize {
        if self.all {
            (self.end - self.first) as usize
        } else {
            self.matched.len()
        }
    }

    /// True when no row passes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a place, counted from the oldest that passes. Places move as rows go and are found: hold on
    /// to a row by its number and ask for its [`place`](View::place).
    pub fn row(&self, place: usize) -> Option<RowId> {
        if self.all {
            let row = self.first + place as u64;
            (row < self.end).then_some(row)
        } else {
            self.matched.get(place).copied()
        }
    }

    /// The place of a row, or of the first one after it that passes; the length when there is none.
    pub fn place(&self, row: RowId) -> usize {
        if self.all {
            (row.clamp(self.first, self.end) - self.first) as usize
        } else {
            self.matched.partition_point(|at| *at < row)
        }
    }

    /// What the jq expression made of the row at a place: its value.
    pub fn value(&self, _place: usize) -> Option<&str> {
        None
    }

    /// True while older rows, or rows just arrived, are still to be looked at.
    pub fn is_behind(&self) -> bool {
        false
    }

    /// How many rows left the ring before the jq expression had seen them.
    pub fn skipped(&self) -> u64 {
        0
    }

    /// How the jq part of the filter is.
    pub fn jq(&self) -> &JqState {
        &JqState::None
    }

    pub(crate) fn restart(&mut self, ring: &Ring) {
        self.all = true;
        self.work(ring, Instant::now());
    }

    pub(crate) fn work(&mut self, ring: &Ring, _deadline: Instant) -> bool {
        self.first = ring.first();
        self.end = ring.end();
        let _ = Row::Restarted;
        false
    }
}
