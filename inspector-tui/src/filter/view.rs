//! The rows that pass the filter, kept up to date in slices.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

use super::jq::{Batch, Direction, Jq, Progress, Verdict};
use super::matcher::Matcher;
use super::{FilterError, Wake};
use crate::ring::{Ring, Row, RowId};

/// How many rows are looked at between two looks at the clock.
const SLICE: u64 = 64;
/// How many rows of the newest are given to jq first, so that a screen is there soon, and how many after that.
const FIRST_BATCH: usize = 128;
const BATCH: usize = 4096;
/// The bytes after which a batch is full.
const BATCH_BYTES: usize = 256 * 1024;
/// The bytes of jq's outputs that are kept, the newest.
const VALUE_BYTES: usize = 8 * 1024 * 1024;
/// What an output takes beside its text.
const VALUE_OVERHEAD: usize = 16;

/// How the jq part of the filter is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum JqState {
    /// The filter has none.
    #[default]
    None,
    /// It is being started; the rows are still those of the filter before.
    Starting,
    /// It runs.
    Running,
    /// It was stopped, or ended: why, and what to do.
    Stopped(String),
}

/// The rows that pass, oldest first.
#[derive(Debug, Default)]
pub struct View {
    /// `None` passes everything.
    matcher: Option<Matcher>,
    jq: Option<Jq>,
    jq_state: JqState,
    /// A filter whose jq expression is being compiled.
    starting: Option<(Matcher, Jq)>,
    fault: Option<FilterError>,
    /// As far as the ring went when it was last looked at.
    first: RowId,
    end: RowId,
    /// The rows from `back` to `next` have been looked at.
    back: RowId,
    next: RowId,
    /// The low halves of the rows that pass: all are less than 2^32 after `first`.
    matched: VecDeque<u32>,
    /// What jq made of the newest of them.
    values: VecDeque<Option<Box<str>>>,
    value_bytes: usize,
    skipped: u64,
    failed: u64,
    failed_reason: Option<String>,
}

impl View {
    /// How many rows pass, of those looked at.
    pub fn len(&self) -> usize {
        match self.matcher {
            None => (self.end - self.first) as usize,
            Some(_) => self.matched.len(),
        }
    }

    /// True when no row passes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a place, counted from the oldest that passes. Places move as rows go and are found: hold on
    /// to a row by its number and ask for its [`place`](View::place).
    pub fn row(&self, place: usize) -> Option<RowId> {
        match self.matcher {
            None => Some(self.first + place as u64).filter(|row| *row < self.end),
            Some(_) => self.matched.get(place).map(|low| self.whole(*low)),
        }
    }

    /// The place of a row, or of the first one after it that passes; the length when there is none.
    pub fn place(&self, row: RowId) -> usize {
        match self.matcher {
            None => (row.clamp(self.first, self.end) - self.first) as usize,
            Some(_) => self.matched.partition_point(|low| self.whole(*low) < row),
        }
    }

    fn whole(&self, low: u32) -> RowId {
        self.first + u64::from(low.wrapping_sub(self.first as u32))
    }

    /// What the jq expression made of the row at a place; `None` for a gap, for a filter without, and for
    /// a row so old that it is not kept any more.
    pub fn value(&self, place: usize) -> Option<&str> {
        let older = self.matched.len().checked_sub(self.values.len())?;
        self.values.get(place.checked_sub(older)?)?.as_deref()
    }

    /// True when a filter is set: not all rows are shown.
    pub fn is_filtered(&self) -> bool {
        self.matcher.is_some()
    }

    /// True while older rows, or rows just arrived, are still to be looked at.
    pub fn is_behind(&self) -> bool {
        self.matcher.is_some()
            && !matches!(self.jq_state, JqState::Stopped(_))
            && (self.next < self.end
                || self.back > self.first
                || self.jq.as_ref().is_some_and(|jq| !jq.is_idle()))
    }

    /// How many rows left the ring before the filter had seen them.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How the jq part of the filter is.
    pub fn jq(&self) -> &JqState {
        &self.jq_state
    }

    /// At how many events the jq expression failed, and why it did at the first.
    pub fn failed(&self) -> (u64, Option<&str>) {
        (self.failed, self.failed_reason.as_deref())
    }

    /// The bytes that the list of rows and outputs takes.
    pub fn bytes(&self) -> usize {
        self.matched.capacity() * 4 + self.values.capacity() * VALUE_OVERHEAD + self.value_bytes
    }

    /// Shows everything.
    pub(crate) fn show_all(&mut self, ring: &Ring) {
        *self = View::default();
        self.follow(ring);
    }

    /// Shows what passes, from now on. With jq the rows stay as they are until it is known to compile.
    pub(crate) fn show(
        &mut self,
        ring: &Ring,
        matcher: Matcher,
        jq: Option<(Option<PathBuf>, String, Wake)>,
    ) {
        self.fault = None;
        match jq {
            None => self.begin(ring, matcher, None),
            Some((program, code, wake)) => {
                self.jq_state = JqState::Starting;
                self.starting = Some((matcher, Jq::start(program, code, wake)));
            }
        }
    }

    /// Keeps the rows as they are: the new filter does not parse.
    pub(crate) fn refuse(&mut self) {
        self.starting = None;
        self.fault = None;
        self.jq_state = match self.jq {
            Some(_) => JqState::Running,
            None => JqState::None,
        };
    }

    /// Takes the fault that jq found in its expression.
    pub(crate) fn fault(&self) -> Option<&FilterError> {
        self.fault.as_ref()
    }

    pub(crate) fn asks_for_receivers(&self) -> bool {
        self.matcher.as_ref().is_some_and(Matcher::asks_for_receivers)
    }

    fn begin(&mut self, ring: &Ring, matcher: Matcher, jq: Option<Jq>) {
        *self = View {
            matcher: Some(matcher),
            jq_state: if jq.is_some() {
                JqState::Running
            } else {
                JqState::None
            },
            jq,
            back: ring.end(),
            next: ring.end(),
            ..View::default()
        };
        self.follow(ring);
    }

    /// Lets go of the rows that are gone from the ring.
    pub(crate) fn follow(&mut self, ring: &Ring) {
        // Before `first` moves: it is what the low halves are counted from.
        let gone = ring.first();
        while let Some(low) = self.matched.front()
            && self.whole(*low) < gone
        {
            if self.values.len() == self.matched.len() {
                self.drop_oldest_value();
            }
            self.matched.pop_front();
        }
        self.first = gone;
        self.end = ring.end();
        if self.matcher.is_some() && self.next < gone {
            self.skipped += gone - self.next;
            self.next = gone;
        }
        self.back = self.back.clamp(gone, self.next.max(gone));
    }

    fn drop_oldest_value(&mut self) {
        if let Some(value) = self.values.pop_front() {
            self.value_bytes -= value.map_or(0, |value| value.len());
        }
    }

    /// Looks at rows until `deadline`; true when there is more to do at once.
    pub(crate) fn work(&mut self, ring: &Ring, deadline: Instant) -> bool {
        self.follow(ring);
        self.hear_starting(ring);
        if self.jq.is_some() {
            self.work_with_jq(ring, deadline)
        } else {
            self.work_alone(ring, deadline)
        }
    }

    fn work_alone(&mut self, ring: &Ring, deadline: Instant) -> bool {
        let Some(matcher) = &mut self.matcher else {
            return false;
        };
        // What has just arrived is what is looked at.
        while self.next < self.end {
            let to = self.end.min(self.next + SLICE);
            for row in self.next..to {
                if ring.get(row).is_some_and(|found| matcher.passes(&found)) {
                    self.matched.push_back(row as u32);
                }
            }
            self.next = to;
            if Instant::now() >= deadline {
                return self.next < self.end || self.back > self.first;
            }
        }
        while self.back > self.first {
            let to = self.first.max(self.back.saturating_sub(SLICE));
            for row in (to..self.back).rev() {
                if ring.get(row).is_some_and(|found| matcher.passes(&found)) {
                    self.matched.push_front(row as u32);
                }
            }
            self.back = to;
            if Instant::now() >= deadline {
                break;
            }
        }
        self.back > self.first
    }

    fn hear_starting(&mut self, ring: &Ring) {
        let Some((_, jq)) = &mut self.starting else { return };
        match jq.progress() {
            None => {}
            Some(Progress::Fault(fault)) => {
                self.refuse();
                self.fault = Some(fault);
            }
            Some(Progress::Stopped(reason)) => {
                self.starting = None;
                self.jq_state = JqState::Stopped(reason);
            }
            Some(Progress::Compiled | Progress::Results { .. }) => {
                if let Some((matcher, jq)) = self.starting.take() {
                    self.begin(ring, matcher, Some(jq));
                }
            }
        }
    }

    fn work_with_jq(&mut self, ring: &Ring, deadline: Instant) -> bool {
        while let Some(progress) = self.jq.as_mut().and_then(Jq::progress) {
            match progress {
                Progress::Compiled => {}
                Progress::Results {
                    direction,
                    passed,
                    failed,
                    reason,
                } => {
                    self.failed += failed;
                    if self.failed_reason.is_none() {
                        self.failed_reason = reason;
                    }
                    for verdict in passed {
                        self.take_verdict(direction, verdict);
                    }
                }
                Progress::Fault(fault) => self.jq_state = JqState::Stopped(fault.reason),
                Progress::Stopped(reason) => self.jq_state = JqState::Stopped(reason),
            }
            if Instant::now() >= deadline {
                return true;
            }
        }
        if matches!(self.jq_state, JqState::Stopped(_)) {
            return false;
        }
        let mut more = true;
        while more && self.jq.as_ref().is_some_and(Jq::has_room) && Instant::now() < deadline {
            more = self.give_batch(ring, deadline);
        }
        // With jq busy there is nothing to do until it wakes us.
        more && self.jq.as_ref().is_some_and(Jq::has_room)
    }

    /// Gives jq the next rows; true when there are more.
    fn give_batch(&mut self, ring: &Ring, deadline: Instant) -> bool {
        let (Some(matcher), Some(jq)) = (&mut self.matcher, &mut self.jq) else {
            return false;
        };
        let direction = if self.next < self.end {
            Direction::Forward
        } else {
            Direction::Backward
        };
        let most = if self.matched.is_empty() && jq.is_idle() {
            FIRST_BATCH
        } else {
            BATCH
        };
        let mut batch = Batch::new(direction);
        let mut looked = 0u64;
        while batch.len() < most && batch.bytes() < BATCH_BYTES {
            let row = match direction {
                Direction::Forward if self.next < self.end => {
                    self.next += 1;
                    self.next - 1
                }
                Direction::Backward if self.back > self.first => {
                    self.back -= 1;
                    self.back
                }
                _ => break,
            };
            if let Some(found) = ring.get(row).filter(|found| matcher.passes(found)) {
                match &found {
                    Row::Event(event) => batch.push_event(row, event),
                    Row::Lost { .. } | Row::Restarted => batch.push_gap(row),
                }
            }
            looked += 1;
            if looked.is_multiple_of(SLICE) && Instant::now() >= deadline {
                break;
            }
        }
        if batch.len() > 0 {
            jq.give(batch);
        }
        self.next < self.end || self.back > self.first
    }

    fn take_verdict(&mut self, direction: Direction, Verdict { row, value }: Verdict) {
        if row < self.first {
            return;
        }
        let bytes = value.as_ref().map_or(0, |value| value.len());
        let kept =
            |this: &Self| this.value_bytes + (this.values.len() + 1) * VALUE_OVERHEAD + bytes <= VALUE_BYTES;
        match direction {
            Direction::Forward => {
                self.matched.push_back(row as u32);
                while !kept(self) && !self.values.is_empty() {
                    self.drop_oldest_value();
                }
                self.values.push_back(value);
                self.value_bytes += bytes;
            }
            Direction::Backward => {
                // Only the newest have values, without a gap.
                if self.values.len() == self.matched.len() && kept(self) {
                    self.values.push_front(value);
                    self.value_bytes += bytes;
                }
                self.matched.push_front(row as u32);
            }
        }
    }
}
