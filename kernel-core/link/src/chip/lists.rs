//! The list in flight: one row a message, whenever there is room, and the place of the next one is all that is kept.

use heapless::String;
use kernel_core::{CallId, CoreRuntime, EntryInfo, Fault, Kernel, Phase};

use super::outbox::END;
use super::put::Put;
use super::requests::Why;
use super::session::State;
use crate::Refusal;

/// Bytes of the prefix of state entries' keys.
const PREFIX: usize = 24;

pub(super) struct Listing {
    pub(super) id: u32,
    /// The request's number.
    kind: u8,
    cursor: usize,
    prefix: String<PREFIX>,
}

impl State<'_> {
    #[inline(never)]
    pub(super) fn begin_list(&mut self, id: u32, kind: u8, prefix: &str) -> Result<(), Why> {
        if self.list.is_some() {
            return Err(Why::Link(Refusal::InFlight(1)));
        }
        let prefix = String::try_from(prefix).map_err(|_| Fault::TooLarge { max: PREFIX as u32 })?;
        self.list = Some(Listing {
            id,
            kind,
            cursor: 0,
            prefix,
        });
        Ok(())
    }

    /// Sends the next row, when there is room.
    pub(super) fn poll_list(&mut self) {
        if self.list.is_some() && self.out.ready() {
            self.moved = true;
            self.send_row();
        }
    }

    #[inline(never)]
    fn send_row(&mut self) {
        let Some(mut list) = self.list.take() else { return };
        let id = list.id;
        let more = match list.kind.wrapping_sub(PLUGINS) {
            number @ 0..4 => {
                let mut put = self.out.reply(id, list.kind);
                let more = put.row(self.kernel, number, &mut list.cursor, self.work);
                if more.is_some() {
                    let len = put.end();
                    self.out.replied(id, len);
                }
                more.is_some()
            }
            _ => {
                let mut info = EntryInfo {
                    cursor: list.cursor as u32,
                    ..EntryInfo::START
                };
                let sent = self.entry(id, &list.prefix, &mut info);
                list.cursor = info.cursor as usize;
                // A key that has no room is passed over.
                matches!(sent, Ok(()) | Err(Fault::Buffer { .. }))
            }
        };
        if more {
            self.list = Some(list);
        } else {
            self.out.done(id, END);
        }
    }
}

/// The request that lists the plugins, and its answer's kind; the other lists follow in both.
pub(super) const PLUGINS: u8 = 5;

impl Put<'_> {
    /// The next row of a list; `None` when there is no more.
    fn row(&mut self, kernel: Kernel, list: u8, cursor: &mut usize, work: &mut [u8]) -> Option<()> {
        let runtime = CoreRuntime::new(kernel);
        match list {
            0 => {
                let row = &runtime.next_plugin(cursor, work);
                let Some(row) = row else { return None };
                self.word(row.index as u32);
                self.texts(&[row.name, row.version, row.description, row.author]);
                self.slots(row.providers.into());
                self.texts(&[row.placement]);
                self.byte(row.state as u8);
                self.texts(&[row.hook]);
                self.error(row.error_code, row.error);
                let counts = &row.counters;
                self.words(&[
                    counts.events,
                    counts.calls,
                    counts.published,
                    counts.dropped,
                    counts.lag,
                    counts.lag_high_water,
                    counts.errors,
                    counts.failures,
                    counts.handled,
                ]);
                self.long(counts.busy_micros);
                self.words(&[counts.worst_micros, counts.slow]);
            }
            1 => {
                let row = &runtime.next_service(cursor, work);
                let Some(row) = row else { return None };
                self.texts(&[row.name, row.owner, row.description, row.version]);
                self.byte(row.deprecated as u8);
                self.words(&[row.counters.calls, row.counters.errors]);
                self.long(row.counters.busy_micros);
                self.word(row.counters.worst_micros);
                self.words(&row.latency);
            }
            2 => {
                let row = &runtime.next_subscription(cursor, work);
                let Some(row) = row else { return None };
                self.texts(&[row.plugin, row.filter]);
            }
            _ => {
                let row = &runtime.next_call(cursor, work);
                let Some(row) = row else { return None };
                self.word(row.id.to_bits());
                self.texts(&[row.service, row.caller, row.callee]);
                self.byte((row.phase == Phase::Running) as u8);
                self.word(kernel.now().millis_since(row.since));
                self.option(row.parent.map(CallId::to_bits));
            }
        }
        Some(())
    }
}
