//! The lists as rows of numbers and texts, all by one way: for a chip, where a type and a function of its own for
//! each list would be most of what listing costs.

use super::runtime::CoreRuntime;
use crate::call::Phase;
use crate::error::{Error, cut};
use crate::id::CallId;
use crate::kernel::Core;

/// What is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// Numbers: slot, state, events, calls, published, dropped, lag, high-water mark of it, errors, failures, handled.
    /// Texts: name, version, description, author, hook, code and message of the last error.
    Plugins,
    /// Numbers: calls, errors. Texts: name, owner.
    Services,
    /// Texts: plugin, filter.
    Subscriptions,
    /// Numbers: call, 1 when it is running, milliseconds since it began, and 1 with the call that it belongs to, or 0.
    /// Texts: service, caller, callee.
    Calls,
}

const NUMBERS: usize = 11;
const TEXTS: usize = 7;

/// A row: its numbers, and its texts in the caller's buffer, cut where they do not fit.
pub struct Row<'b> {
    buf: &'b mut [u8],
    numbers: [u32; NUMBERS],
    count: usize,
    /// Where each text ends.
    ends: [u16; TEXTS],
    texts: usize,
}

impl<'b> Row<'b> {
    /// An empty row.
    pub fn new(buf: &'b mut [u8]) -> Self {
        Row {
            buf,
            numbers: [0; NUMBERS],
            count: 0,
            ends: [0; TEXTS],
            texts: 0,
        }
    }

    /// Its numbers.
    pub fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.count).unwrap_or(&[])
    }

    /// A text of it.
    pub fn text(&self, number: usize) -> &str {
        let end_of = |number: usize| self.ends.get(number).copied().unwrap_or(0) as usize;
        let start = number.checked_sub(1).map_or(0, end_of);
        let text = self.buf.get(start..end_of(number)).unwrap_or(&[]);
        core::str::from_utf8(text).unwrap_or("")
    }

    #[inline(never)]
    fn number(&mut self, number: u32) {
        if let Some(place) = self.numbers.get_mut(self.count) {
            *place = number;
            self.count = self.count.wrapping_add(1);
        }
    }

    #[inline(never)]
    fn add(&mut self, text: &str) {
        let start = self.texts.checked_sub(1).and_then(|last| self.ends.get(last));
        let start = start.copied().unwrap_or(0) as usize;
        let rest = self.buf.get_mut(start..).unwrap_or_default();
        let text = cut(text, rest.len());
        if let Some(to) = rest.get_mut(..text.len()) {
            to.copy_from_slice(text.as_bytes());
        }
        if let Some(end) = self.ends.get_mut(self.texts) {
            *end = start.wrapping_add(text.len()) as u16;
            self.texts = self.texts.wrapping_add(1);
        }
    }
}

impl CoreRuntime {
    /// The next row of a list; false at its end. Start with a cursor of 0, and an empty row each time; what comes or
    /// goes meanwhile may be missed.
    pub fn next_row(&self, list: List, cursor: &mut usize, row: &mut Row<'_>) -> bool {
        let found = self.kernel().with(|core| {
            loop {
                let index = *cursor;
                *cursor = index.wrapping_add(1);
                match core.row(list, index, row) {
                    Some(false) => {}
                    Some(true) => return true,
                    None => return false,
                }
            }
        });
        found.unwrap_or(false)
    }
}

impl Core {
    /// Fills in the row in this place: false when nothing is there; `None` behind the last place.
    fn row(&self, list: List, index: usize, row: &mut Row<'_>) -> Option<bool> {
        let filled = match list {
            List::Plugins => {
                (index < self.lives.usage().capacity as usize).then(|| self.plugin_row(index, row))
            }
            List::Services => (index < self.calls.services.extent()).then(|| self.service_row(index, row)),
            List::Subscriptions => {
                (index < self.bus.filters().extent()).then(|| self.subscription_row(index, row))
            }
            List::Calls => (index < self.calls.extent()).then(|| self.call_row(index, row)),
        };
        filled.map(|filled| filled.is_some())
    }

    fn plugin_row(&self, index: usize, row: &mut Row<'_>) -> Option<()> {
        let slot = self.lives.at(index)?;
        let (metadata, counts) = (slot.metadata(), self.bus.counts(index));
        let error = slot.error.as_ref();
        for number in [
            index as u32,
            slot.state() as u32,
            counts.events,
            slot.calls,
            slot.published,
            counts.dropped,
            counts.lag,
            counts.lag_high_water,
            slot.errors,
            slot.failures(),
            slot.handled(),
        ] {
            row.number(number);
        }
        for text in [
            slot.name(&self.names),
            metadata.version,
            metadata.description,
            metadata.author,
            slot.hook().name(),
            error.map_or("", Error::code),
            error.map_or("", Error::message),
        ] {
            row.add(text);
        }
        Some(())
    }

    fn service_row(&self, index: usize, row: &mut Row<'_>) -> Option<()> {
        let service = self.calls.services.at(index)?;
        let counters = service.counters();
        row.number(counters.calls);
        row.number(counters.errors);
        row.add(self.names.get(service.name));
        row.add(self.name_of(service.owner));
        Some(())
    }

    fn subscription_row(&self, index: usize, row: &mut Row<'_>) -> Option<()> {
        let (who, filter) = self.bus.filters().at(index, &self.names)?;
        row.add(self.name_of(who));
        row.add(filter);
        Some(())
    }

    fn call_row(&self, index: usize, row: &mut Row<'_>) -> Option<()> {
        let call = self.calls.at(index)?;
        row.number(call.id.to_bits());
        row.number((call.phase == Phase::Running) as u32);
        row.number(self.now().millis_since(call.since));
        row.number((call.parent != CallId::NONE) as u32);
        if call.parent != CallId::NONE {
            row.number(call.parent.to_bits());
        }
        let service = self.calls.services.at(call.service as usize);
        row.add(service.map_or("", |service| self.names.get(service.name)));
        row.add(self.name_of(call.caller));
        row.add(self.name_of(call.callee));
        Some(())
    }
}
