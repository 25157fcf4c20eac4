//! The list in flight: one row a message, whenever there is room, and the place of the next one is all that is kept.

use heapless::String;
use kernel_core::{CoreRuntime, EntryInfo, Fault, List, Row};

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
        let more = match LISTS.get(list.kind.wrapping_sub(PLUGINS) as usize) {
            Some((rows, pattern)) => {
                let mut row = Row::new(self.work);
                let more = CoreRuntime::new(self.kernel).next_row(*rows, &mut list.cursor, &mut row);
                if more {
                    let mut put = self.out.reply(id, list.kind);
                    put.row(&row, pattern);
                    let len = put.end();
                    self.out.replied(id, len);
                }
                more
            }
            None => {
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

/// The lists of rows, and how a row becomes an answer: `n` and `t` are its next number and text, `*` the numbers that
/// are left, and a digit is itself, for what a chip does not have: 0 is nothing, no text and no plugin.
const LISTS: [(List, &[u8]); 4] = [
    (List::Plugins, b"ntttt00000nt1tt*000"),
    (List::Services, b"tt000nn0000000000"),
    (List::Subscriptions, b"tt"),
    (List::Calls, b"ntttnn*"),
];

impl Put<'_> {
    fn row(&mut self, row: &Row<'_>, pattern: &[u8]) {
        let (mut numbers, mut text) = (row.numbers().iter(), 0usize);
        for field in pattern {
            match field {
                b'n' => self.word(numbers.next().copied().unwrap_or(0)),
                b'*' => self.words(numbers.as_slice()),
                b't' => {
                    self.texts(&[row.text(text)]);
                    text = text.wrapping_add(1);
                }
                digit => self.byte(digit.wrapping_sub(b'0')),
            }
        }
    }
}
