//! A session's watch: a tap on the log, a filter, and the credit that the client gave.

use core::task::Context;

use heapless::String;
use kernel_core::{Fault, Tap, Tapped, subject};

use crate::items::Event;
use crate::session::{Outbox, State, TEXT};
use crate::{LostAt, Raw, Reply, ToClient};

/// How often the log is read in one turn, many records at a time.
const BURST: u32 = 8;

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

    /// The sequence number of the next record that the watch looks at.
    pub(crate) fn watch_position(&self) -> Option<u64> {
        self.watch.as_ref().map(|watch| watch.tap.position())
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
        let State {
            watch: Some(watch),
            work,
            out,
            ..
        } = self
        else {
            return;
        };
        let Watch { tap, filter, credit } = watch;
        let (mut moved, mut spoke) = (false, false);
        for _ in 0..BURST {
            if *credit == 0 || !out.ready() {
                break;
            }
            let read = tap.poll_many(cx, work, |tapped| {
                if *credit == 0 || !out.ready() {
                    return false;
                }
                spoke |= send(out, filter, credit, tapped);
                true
            });
            if read.is_pending() {
                break;
            }
            moved = true;
        }
        self.moved |= moved;
        if spoke {
            self.said();
        }
    }
}

/// Sends what the tap found; false for what the filter does not match.
fn send(out: &mut Outbox<'_>, filter: &str, credit: &mut u32, tapped: Tapped<'_>) -> bool {
    let lost = |from, count, at| ToClient::Lost { from, count, at };
    match tapped {
        Tapped::Record(record) => {
            if !subject::matches(filter, record.topic) {
                return false;
            }
            let event = ToClient::Event(Event {
                seq: record.seq,
                time: record.time.as_micros(),
                source: record.source_name,
                cause: record.cause,
                receivers: record.receivers.into(),
                topic: record.topic,
                payload: Raw(record.payload),
            });
            if !out.send(&event) {
                out.send(&lost(record.seq, 1, LostAt::Link));
            } else if *credit != u32::MAX {
                *credit = credit.saturating_sub(1);
            }
        }
        Tapped::Lost { from, count } => drop(out.send(&lost(from, count, LostAt::Bus))),
        Tapped::TooLarge { seq, .. } => drop(out.send(&lost(seq, 1, LostAt::Link))),
        _ => return false,
    }
    true
}
