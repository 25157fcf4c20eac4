//! A session's watch: a tap on the log, a filter, and the credit that the client gave.

use core::task::{Context, Poll};

use heapless::String;
use kernel_core::{Fault, Tap, Tapped, subject};

use crate::items::Event;
use crate::session::{State, TEXT};
use crate::{LostAt, Raw, Reply, ToClient};

/// How many records are looked at in one turn.
const BURST: u32 = 64;

pub(crate) struct Watch {
    tap: Tap,
    filter: String<TEXT>,
    pub(crate) credit: u32,
}

impl State<'_> {
    /// Watches from `since` on, in place of what was watched before, and answers the request.
    #[inline(never)]
    pub(crate) fn begin_watch(&mut self, id: u32, filter: &str, since: Option<u64>, credit: u32) {
        // The place of the watch before goes back first: there may be no other.
        self.watch = None;
        let outcome = self.open_watch(filter, since, credit);
        self.outcome(id, outcome.map(Reply::Count));
    }

    #[inline(never)]
    fn open_watch(&mut self, filter: &str, since: Option<u64>, credit: u32) -> Result<u64, Fault> {
        subject::check_filter(filter)?;
        let text = String::try_from(filter).map_err(|_| Fault::TooLarge { max: TEXT as u32 })?;
        let tap = Tap::open(self.kernel, since)?;
        let from = tap.position();
        self.watch = Some(Watch {
            tap,
            filter: text,
            credit,
        });
        Ok(from)
    }

    /// Sends what the watch has credit for.
    #[inline(never)]
    pub(crate) fn poll_watch(&mut self, cx: &mut Context<'_>) {
        for _ in 0..BURST {
            let State {
                watch: Some(watch),
                work,
                out,
                ..
            } = self
            else {
                return;
            };
            if watch.credit == 0 || !out.ready() {
                return;
            }
            let Poll::Ready(tapped) = watch.tap.poll_next(cx, work) else {
                return;
            };
            self.moved = true;
            let lost = |from, count, at| ToClient::Lost { from, count, at };
            let (seq, message) = match tapped {
                Tapped::Record(record) => {
                    if !subject::matches(&watch.filter, record.topic) {
                        continue;
                    }
                    let event = Event {
                        seq: record.seq,
                        time: record.time.as_micros(),
                        source: record.source_name,
                        cause: record.cause,
                        receivers: record.receivers.into(),
                        topic: record.topic,
                        payload: Raw(record.payload),
                    };
                    (record.seq, ToClient::Event(event))
                }
                Tapped::Lost { from, count } => (from, lost(from, count, LostAt::Bus)),
                Tapped::TooLarge { seq, .. } => (seq, lost(seq, 1, LostAt::Link)),
                _ => continue,
            };
            let event = matches!(message, ToClient::Event(_));
            if !out.send(&message) {
                out.send(&lost(seq, 1, LostAt::Link));
            } else if event && watch.credit != u32::MAX {
                watch.credit = watch.credit.saturating_sub(1);
            }
            self.said();
        }
    }
}
