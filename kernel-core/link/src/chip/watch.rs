//! The watch: a tap on the log, a filter, and the credit that the client gave.

use core::task::{Context, Poll};

use heapless::String;
use kernel_core::{Cause, Fault, Tap, Tapped, subject};

use super::session::State;
use crate::LostAt;
use crate::items::Slots;

/// Bytes of the filter.
const FILTER: usize = 24;

pub(super) struct Watch {
    tap: Tap,
    filter: String<FILTER>,
    credit: u32,
}

impl State<'_> {
    /// Watches from `since` on, in place of what was watched before; the number of the first record looked at.
    #[inline(never)]
    pub(super) fn begin_watch(
        &mut self,
        filter: &str,
        since: Option<u64>,
        credit: u32,
    ) -> Result<u64, Fault> {
        // The place of the watch before goes back first: there may be no other.
        self.watch = None;
        subject::check_filter(filter)?;
        let filter = String::try_from(filter).map_err(|_| Fault::TooLarge { max: FILTER as u32 })?;
        let tap = Tap::open(self.kernel, since)?;
        let from = tap.position();
        self.watch = Some(Watch { tap, filter, credit });
        Ok(from)
    }

    pub(super) fn add_credit(&mut self, more: u32) {
        if let Some(watch) = &mut self.watch {
            watch.credit = watch.credit.saturating_add(more);
        }
    }

    /// Sends the next event that there is credit and room for.
    #[inline(never)]
    pub(super) fn poll_watch(&mut self, cx: &mut Context<'_>) {
        let (Some(watch), out) = (&mut self.watch, &mut self.out) else {
            return;
        };
        if watch.credit == 0 || !out.ready() {
            return;
        }
        let Poll::Ready(tapped) = watch.tap.poll_next(cx, self.work) else {
            return;
        };
        self.moved = true;
        let (from, count, at) = match tapped {
            Tapped::Record(record) => {
                if !subject::matches(&watch.filter, record.topic) {
                    return;
                }
                let mut put = out.message(3);
                put.long(record.seq);
                put.long(record.time.as_micros());
                put.texts(&[record.source_name]);
                match record.cause {
                    Cause::None => put.byte(0),
                    Cause::Event(seq) => {
                        put.byte(1);
                        put.long(seq);
                    }
                    Cause::Call(id) => {
                        put.byte(2);
                        put.word(id.to_bits());
                    }
                }
                put.slots(Slots::from(record.receivers));
                put.texts(&[record.topic]);
                put.bytes(record.payload);
                let len = put.end();
                if out.sent(len) {
                    if watch.credit != u32::MAX {
                        watch.credit = watch.credit.saturating_sub(1);
                    }
                    return;
                }
                (record.seq, 1, LostAt::Link)
            }
            Tapped::Lost { from, count } => (from, count, LostAt::Bus),
            Tapped::TooLarge { seq, .. } => (seq, 1, LostAt::Link),
            _ => return,
        };
        let mut put = out.message(4);
        put.long(from);
        put.long(count);
        put.byte(at as u8);
        let len = put.end();
        out.sent(len);
    }
}
