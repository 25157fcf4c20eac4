//! What was seen last of a watch, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;

use kernel_core::Cause;
use kernel_link as link;
use serde::Serialize;
use serde_json::Value;

/// How much a ring holds.
const MAX_BYTES: usize = 1 << 20;
const MAX_ITEMS: usize = 8 * 1024;
/// What an item takes beside its text.
const ITEM: usize = 64;

/// What a watch sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// An event.
    Event {
        /// Its sequence number.
        seq: u64,
        /// Its topic.
        topic: Arc<str>,
        /// The event on one line: `{"seq", "time_ms", "topic", "source", "cause", "payload"}`.
        json: Arc<str>,
    },
    /// Events that are missing here.
    Lost(Lost),
}

/// Events that are missing, whether they would have matched or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The sequence number of the first.
    pub from: u64,
    /// How many.
    #[serde(rename = "lost")]
    pub count: u64,
    /// Where they were lost.
    pub at: LostWhere,
}

/// Where events were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LostWhere {
    /// The runtime's log had moved on.
    Bus,
    /// Larger than a message of the link.
    Link,
    /// This client was too slow for the gateway.
    Gateway,
}

impl Seen {
    pub(crate) fn event(event: link::Event<'_>, epoch: Option<u64>) -> Seen {
        let cause = match event.cause {
            Cause::None => "null".to_owned(),
            Cause::Event(seq) => format!(r#"{{"event":{seq}}}"#),
            Cause::Call(call) => format!(r#"{{"call":{}}}"#, call.to_bits()),
        };
        // In JSON a line ends between values alone.
        let payload = String::from_utf8_lossy(event.payload.0).replace(['\n', '\r'], " ");
        let (topic, source) = (Value::from(event.topic), Value::from(event.source));
        let time = epoch.unwrap_or(0).saturating_add(event.time) / 1000;
        let json = format!(
            r#"{{"seq":{},"time_ms":{time},"topic":{topic},"source":{source},"cause":{cause},"payload":{payload}}}"#,
            event.seq
        );
        Seen::Event {
            seq: event.seq,
            topic: event.topic.into(),
            json: json.into(),
        }
    }

    /// The sequence number behind it.
    pub fn end(&self) -> u64 {
        match self {
            Seen::Event { seq, .. } => seq.saturating_add(1),
            Seen::Lost(lost) => lost.from.saturating_add(lost.count),
        }
    }

    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Seen::Event { json, topic, .. } => json.len() + topic.len() + ITEM,
            Seen::Lost(_) => ITEM,
        }
    }

    /// The part of it from `position` on.
    fn from(&self, position: u64) -> Seen {
        match *self {
            Seen::Lost(lost) if lost.from < position => Seen::Lost(Lost {
                from: position,
                count: self.end().saturating_sub(position),
                at: lost.at,
            }),
            _ => self.clone(),
        }
    }
}

/// What was seen, in order.
pub(crate) struct Ring {
    /// All that matched from here on was seen, and is in the ring.
    begins: u64,
    items: VecDeque<Seen>,
    bytes: usize,
}

impl Ring {
    pub(crate) fn new(begins: u64) -> Ring {
        Ring {
            begins,
            items: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn begins(&self) -> u64 {
        self.begins
    }

    /// The sequence number behind all that was seen.
    pub(crate) fn end(&self) -> u64 {
        self.items.back().map_or(self.begins, Seen::end)
    }

    /// Adds what was seen next; the oldest makes room.
    pub(crate) fn push(&mut self, seen: Seen) {
        self.bytes += seen.bytes();
        self.items.push_back(seen);
        while self.bytes > MAX_BYTES || self.items.len() > MAX_ITEMS {
            let Some(oldest) = self.items.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes();
            self.begins = oldest.end();
        }
    }

    /// What comes first at `position` or behind it; that it is lost where it made room for others.
    pub(crate) fn at(&self, position: u64) -> Option<Seen> {
        if position < self.begins {
            return Some(Seen::Lost(Lost {
                from: position,
                count: self.begins - position,
                at: LostWhere::Gateway,
            }));
        }
        let first = self.items.partition_point(|seen| seen.end() <= position);
        Some(self.items.get(first)?.from(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, bytes: usize) -> Seen {
        Seen::Event {
            seq,
            topic: "a.b".into(),
            json: "x".repeat(bytes).into(),
        }
    }

    #[test]
    fn a_reader_gets_each_once_and_is_told_exactly_what_it_was_too_slow_for() {
        let mut ring = Ring::new(10);
        assert_eq!((ring.at(10), ring.end()), (None, 10));
        for seq in (10..20).step_by(3) {
            ring.push(event(seq, 10));
        }
        assert_eq!(ring.at(10), Some(event(10, 10)));
        assert_eq!(ring.at(11), Some(event(13, 10)));
        assert_eq!(ring.at(20), None);
        // So much that a quarter of it fits.
        for seq in 20..60 {
            ring.push(event(seq, MAX_BYTES / 10));
        }
        let Some(Seen::Lost(lost)) = ring.at(11) else {
            panic!("{:?}", ring.at(11));
        };
        assert_eq!((lost.from, lost.at), (11, LostWhere::Gateway));
        let position = lost.from + lost.count;
        assert_eq!(position, ring.begins());
        assert_eq!(ring.at(position).unwrap().end(), position + 1);
        assert_eq!(ring.end(), 60);
        assert!(ring.bytes <= MAX_BYTES);
    }

    #[test]
    fn of_what_was_lost_a_reader_is_told_its_part() {
        let mut ring = Ring::new(1);
        let lost = |from, count| {
            Seen::Lost(Lost {
                from,
                count,
                at: LostWhere::Bus,
            })
        };
        ring.push(lost(1, 9));
        assert_eq!(ring.at(4), Some(lost(4, 6)));
        assert_eq!(ring.at(1), Some(lost(1, 9)));
        assert_eq!(ring.at(10), None);
    }

    #[test]
    fn an_event_is_one_line() {
        let seen = Seen::event(
            link::Event {
                seq: 7,
                time: 1_500_000,
                source: "lamp",
                cause: Cause::Event(3),
                receivers: Default::default(),
                topic: "a.b",
                payload: link::Raw(b"{\n \"x\": 1.50,\r\n \"y\": \"\\n\" }"),
            },
            Some(1_000_000),
        );
        let Seen::Event { json, .. } = seen else {
            panic!("no event")
        };
        assert!(!json.contains(['\n', '\r']), "{json}");
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["time_ms"], 2500);
        assert_eq!(value["cause"]["event"], 3);
        assert_eq!(value["payload"]["y"], "\n");
    }
}
