//! The list in flight: one row a message, whenever there is room, and the place of the next one is all that is kept.

use heapless::String;
use kernel_next::{CallId, CoreRuntime, EntryInfo, Fault, Phase};

use super::outbox::{CALL, END, PLUGIN, SERVICE, SUBSCRIPTION};
use super::requests::Why;
use super::session::State;
use crate::Refusal;
use crate::items::Slots;

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
        let (id, cursor) = (list.id, &mut list.cursor);
        let (runtime, out) = (CoreRuntime::new(self.kernel), &mut self.out);
        let len = match list.kind {
            5 => runtime.next_plugin(cursor, self.work).map(|row| {
                let mut put = out.reply(id, PLUGIN);
                put.byte(row.index as u8);
                put.texts(&[row.name, row.version, row.description, row.author]);
                // A chip's plugins are started in the order of its program, and there is no room to say so.
                put.slots(Slots::default());
                put.texts(&[row.placement]);
                put.byte(row.state as u8);
                put.texts(&[row.hook]);
                put.error(row.error_code, row.error);
                let c = &row.counters;
                put.words(&[
                    c.events,
                    c.calls,
                    c.published,
                    c.dropped,
                    c.lag,
                    c.lag_high_water,
                    c.errors,
                    c.failures,
                    c.handled,
                ]);
                put.long(c.busy_micros);
                put.words(&[c.worst_micros, c.slow]);
                put.end()
            }),
            6 => runtime.next_service(cursor, self.work).map(|row| {
                let mut put = out.reply(id, SERVICE);
                put.texts(&[row.name, row.owner, row.description, row.version]);
                put.byte(row.deprecated as u8);
                let c = &row.counters;
                put.words(&[c.calls, c.errors]);
                put.long(c.busy_micros);
                put.word(c.worst_micros);
                put.words(&row.latency);
                put.end()
            }),
            7 => runtime.next_subscription(cursor, self.work).map(|row| {
                let mut put = out.reply(id, SUBSCRIPTION);
                put.texts(&[row.plugin, row.filter]);
                put.end()
            }),
            8 => runtime.next_call(cursor, self.work).map(|row| {
                let mut put = out.reply(id, CALL);
                put.word(row.id.to_bits());
                put.texts(&[row.service, row.caller, row.callee]);
                put.byte((row.phase == Phase::Running) as u8);
                put.word(self.kernel.now().millis_since(row.since));
                put.option(row.parent.map(CallId::to_bits));
                put.end()
            }),
            _ => {
                let mut info = EntryInfo {
                    cursor: *cursor as u32,
                    ..EntryInfo::START
                };
                let sent = self.entry(id, &list.prefix, &mut info);
                list.cursor = info.cursor as usize;
                // A key that has no room is passed over.
                match sent {
                    Ok(()) | Err(Fault::Buffer { .. }) => self.list = Some(list),
                    Err(_) => self.out.done(id, END),
                }
                return;
            }
        };
        match len {
            Some(len) => {
                out.replied(id, len);
                self.list = Some(list);
            }
            None => out.done(id, END),
        }
    }
}
