//! Who gets the topics that were published lately: the receivers of their last records, which are right as long as
//! neither a subscription nor a plugin's being started has changed.

use super::log::{Log, Position};

/// How many topics are remembered.
const PLACES: usize = if cfg!(feature = "large") { 256 } else { 4 };

/// No record is remembered at this position.
const NOWHERE: Position = Position::MAX;

pub(super) struct Routes {
    /// The position of a topic's last record, in the topic's place.
    last: [Position; PLACES],
    any: bool,
    /// The position of the first one that was remembered.
    since: Position,
}

impl Routes {
    pub(super) const fn new() -> Self {
        Routes {
            last: [NOWHERE; PLACES],
            any: false,
            since: 0,
        }
    }

    /// The position of the last record with this topic, if it is remembered and still in the log.
    pub(super) fn find(&self, topic: &[&[u8]; 2], log: &Log) -> Option<Position> {
        let at = self.last.get(place(topic)).copied()?;
        (at != NOWHERE && log.holds(at) && log.has_topic(at, topic)).then_some(at)
    }

    pub(super) fn remember(&mut self, topic: &[&[u8]; 2], at: Position) {
        // A position comes again after 2^32 words: by then nothing may be left of what was remembered.
        if at.wrapping_sub(self.since) > Position::MAX / 2 {
            self.forget();
        }
        if !self.any {
            self.since = at;
        }
        if let Some(last) = self.last.get_mut(place(topic)) {
            *last = at;
            self.any = true;
        }
    }

    #[inline(never)]
    pub(super) fn forget(&mut self) {
        if core::mem::take(&mut self.any) {
            self.last = [NOWHERE; PLACES];
        }
    }
}

/// Where a topic is remembered. Topics that share a place take turns.
fn place(topic: &[&[u8]; 2]) -> usize {
    let [first, second] = *topic;
    let text = if second.is_empty() { first } else { second };
    let middle = text.get(text.len() / 2).copied().unwrap_or(0) as usize;
    let last = text.last().copied().unwrap_or(0) as usize;
    let mix = text
        .len()
        .wrapping_add(middle.wrapping_mul(7))
        .wrapping_add(last.wrapping_mul(31));
    mix % PLACES
}
