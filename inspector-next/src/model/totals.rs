//! How many events were published, received and lost: the numbers add up.

use crate::facts::{Item, LostAt};

/// The events of the present run of the runtime, from the first one that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that came.
    pub received: u64,
    /// Events lost on the bus.
    pub lost_bus: u64,
    /// Events lost on the link.
    pub lost_link: u64,
    /// The sequence number of the first item of the run.
    pub first_seq: Option<u64>,
    /// The sequence number after the last item.
    pub next_seq: u64,
    /// Bytes of payload that came.
    pub bytes: u64,
}

impl Totals {
    /// Events lost there.
    pub fn lost(&self, at: LostAt) -> u64 {
        match at {
            LostAt::Bus => self.lost_bus,
            LostAt::Link => self.lost_link,
        }
    }

    /// Events published by the runtime that the stream has told of, by their sequence numbers:
    /// `received + lost_bus + lost_link`, exactly.
    pub fn told(&self) -> u64 {
        self.first_seq
            .map_or(0, |first| self.next_seq.saturating_sub(first))
    }

    /// True when the events received and lost add up to those the stream has told of.
    pub fn add_up(&self) -> bool {
        self.told() == self.received + self.lost_bus + self.lost_link
    }

    pub(super) fn item(&mut self, item: &Item) {
        let (from, count) = match item {
            Item::Event(event) => {
                self.received += 1;
                self.bytes += event.payload.len() as u64;
                (event.seq, 1)
            }
            Item::Lost { from, count, at } => {
                match at {
                    LostAt::Bus => self.lost_bus += count,
                    LostAt::Link => self.lost_link += count,
                }
                (*from, *count)
            }
        };
        self.first_seq.get_or_insert(from);
        self.next_seq = from + count;
    }

    pub(super) fn restart(&mut self) {
        *self = Totals::default();
    }
}
