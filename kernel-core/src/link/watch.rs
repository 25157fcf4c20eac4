//! A session's watch: a tap on the log, a filter, and the credit the client gave.

use core::task::Context;

use heapless::String;

use super::items::Event;
use super::protocol::{LostAt, Reply, ToClient};
use super::raw::Raw;
use super::session::Session;
use crate::bus::{Tap, Tapped};
use crate::error::push_cut;
use crate::subject;

/// How many records are looked at before the other loops get their turn.
const BURST: usize = 256;

pub(crate) struct Watch {
    pub(crate) tap: Tap,
    pub(crate) filter: String<{ subject::MAX_SUBJECT }>,
    pub(crate) credit: u32,
}

impl Session<'_> {
    /// Watches from `since` on, in place of what was watched before, and answers the request.
    pub(super) fn begin_watch(&self, id: u32, filter: &str, since: Option<u64>, credit: u32) {
        if let Err(error) = subject::check_filter(filter) {
            return self.fail(id, "invalid_filter", &error);
        }
        // The place of the watch before goes back first: there may be no other.
        *self.watch.borrow_mut() = None;
        let Some(tap) = Tap::open(self.kernel, since) else {
            return self.fail(
                id,
                "full",
                &"all readers of the log are taken: raise the capacity `taps`",
            );
        };
        let mut text = String::new();
        push_cut(&mut text, filter);
        let from = tap.position();
        *self.watch.borrow_mut() = Some(Watch {
            tap,
            filter: text,
            credit,
        });
        self.reply(id, Reply::Count(from));
    }

    /// Sends what the watch has credit for; true when something was sent or passed over.
    pub(crate) fn poll_watch(&self, cx: &mut Context<'_>) -> bool {
        let mut work = self.work.borrow_mut();
        let mut watch = self.watch.borrow_mut();
        let Some(watch) = watch.as_mut() else { return false };
        let mut moved = 0usize;
        while moved < BURST && watch.credit > 0 && self.ready() {
            let several = watch.tap.poll_several(cx, &mut work);
            if several.is_empty() {
                break;
            }
            for (behind, tapped) in several {
                if watch.credit == 0 || !self.ready() {
                    break;
                }
                watch.tap.go_on_at(behind);
                moved = moved.wrapping_add(1);
                if self.send_tapped(&watch.filter, &tapped) && watch.credit != u32::MAX {
                    // All ones is "without end".
                    watch.credit = watch.credit.saturating_sub(1);
                }
            }
        }
        moved > 0
    }

    /// Sends what was found, unless the filter passes it over; true for an event that needed credit.
    fn send_tapped(&self, filter: &str, tapped: &Tapped<'_>) -> bool {
        let lost = |from, count, at| {
            self.send(&ToClient::Lost { from, count, at });
            false
        };
        match *tapped {
            Tapped::Record(record) => {
                let topic = core::str::from_utf8(record.topic).unwrap_or("");
                if !subject::matches(filter, topic) {
                    return false;
                }
                let event = Event {
                    seq: record.seq,
                    time: record.time,
                    source: record.source_name,
                    cause: record.cause,
                    receivers: record.receivers,
                    topic,
                    payload: Raw(record.payload),
                };
                self.send(&ToClient::Event(event)) || lost(record.seq, 1, LostAt::Link)
            }
            Tapped::Lost { from, count } => lost(from, count, LostAt::Bus),
            Tapped::TooLarge { seq, .. } => lost(seq, 1, LostAt::Link),
        }
    }
}
