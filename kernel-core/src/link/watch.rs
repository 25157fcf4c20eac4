//! A session's watch: a tap on the log, a filter, and the credit the client gave.

use core::task::{Context, Poll};

use heapless::String;

use super::protocol::{Event, LostAt, ToClient};
use super::raw::Raw;
use super::session::Session;
use crate::bus::{Record, Tap, Tapped};
use crate::subject;

/// How many records are looked at before the other loops get their turn.
const BURST: usize = 64;

pub(crate) struct Watch {
    pub(crate) tap: Tap,
    pub(crate) filter: String<{ subject::MAX_SUBJECT }>,
    pub(crate) credit: u32,
}

/// A record as it travels.
pub(crate) fn event<'a>(record: &Record<'a>) -> Event<'a> {
    Event {
        seq: record.seq,
        time: record.time,
        source: record.source_name,
        cause: record.cause,
        receivers: record.receivers,
        topic: core::str::from_utf8(record.topic).unwrap_or(""),
        payload: Raw(record.payload),
    }
}

impl Session<'_> {
    /// Sends what the watch has credit for; true when something was sent or passed over.
    pub(crate) fn poll_watch(&self, cx: &mut Context<'_>) -> bool {
        let mut work = self.work.borrow_mut();
        let mut watch = self.watch.borrow_mut();
        let Some(watch) = watch.as_mut() else { return false };
        let mut moved = false;
        for _ in 0..BURST {
            if watch.credit == 0 || !self.ready() {
                break;
            }
            let Poll::Ready(tapped) = watch.tap.poll_next(cx, &mut work) else {
                break;
            };
            moved = true;
            match tapped {
                Tapped::Record(record) => {
                    let topic = core::str::from_utf8(record.topic).unwrap_or("");
                    if !subject::matches(&watch.filter, topic) {
                        continue;
                    }
                    if self.send(&ToClient::Event(event(&record))) {
                        // All ones is "without end".
                        if watch.credit != u32::MAX {
                            watch.credit = watch.credit.saturating_sub(1);
                        }
                    } else {
                        self.send(&ToClient::Lost {
                            from: record.seq,
                            count: 1,
                            at: LostAt::Link,
                        });
                    }
                }
                Tapped::Lost { from, count } => {
                    self.send(&ToClient::Lost {
                        from,
                        count,
                        at: LostAt::Bus,
                    });
                }
                Tapped::TooLarge { seq, .. } => {
                    self.send(&ToClient::Lost {
                        from: seq,
                        count: 1,
                        at: LostAt::Link,
                    });
                }
            }
        }
        moved
    }
}
