//! The bus against a model: whatever is published, read, subscribed or lost, in any order.
mod support;

use std::collections::VecDeque;

use kernel_core::*;
use proptest::prelude::*;
use support::{AtOnce, ByHand, Seen, at_once, counters, json, runtime};

const NAMES: [&str; 3] = ["one", "two", "three"];
const TOPICS: [&str; 4] = ["a", "a.b", "a.c.long.topic.of.many.tokens", "b.x"];
const FILTERS: [&str; 5] = ["a.*", "a.>", ">", "b.x", "a"];
const LOG: usize = 512;
/// A record's words besides its topic and payload.
const OVERHEAD: usize = if cfg!(feature = "large") { 48 } else { 28 };

/// Which of `FILTERS` match which of `TOPICS`, written out by hand.
fn matches(filter: usize, topic: usize) -> bool {
    matches!((filter, topic), (0, 1) | (1, 1 | 2) | (2, _) | (3, 3) | (4, 0))
}

#[derive(Clone, Debug)]
enum Step {
    Publish { source: usize, topic: usize, len: usize },
    Read { plugin: usize },
    Subscribe { plugin: usize, filter: usize },
    Unsubscribe { plugin: usize, filter: usize },
    OpenTap { since: Option<u64> },
    ReadTap,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4usize, 0..4usize, 2..90usize)
            .prop_map(|(source, topic, len)| Step::Publish { source, topic, len }),
        6 => (0..3usize).prop_map(|plugin| Step::Read { plugin }),
        2 => (0..3usize, 0..5usize).prop_map(|(plugin, filter)| Step::Subscribe { plugin, filter }),
        1 => (0..3usize, 0..5usize).prop_map(|(plugin, filter)| Step::Unsubscribe { plugin, filter }),
        1 => prop::option::of(0..80u64).prop_map(|since| Step::OpenTap { since }),
        4 => Just(Step::ReadTap),
    ]
}

#[derive(Clone, Debug)]
struct Record {
    seq: u64,
    topic: &'static str,
    payload: String,
    receivers: Vec<usize>,
    place: usize,
}

impl Record {
    fn size(&self) -> usize {
        OVERHEAD + self.topic.len().next_multiple_of(4) + self.payload.len().next_multiple_of(4)
    }
}

#[derive(Default)]
struct Reader {
    filters: Vec<usize>,
    unread: VecDeque<u64>,
    marked: usize,
    received: usize,
    dropped: usize,
    lost: usize,
    high_water: usize,
}

#[derive(Default)]
struct Model {
    log: VecDeque<Record>,
    head: usize,
    next: u64,
    readers: [Reader; 3],
    blocking: bool,
    published: usize,
    refused: usize,
}

impl Model {
    /// The records that must go before `size` bytes fit in one piece, and where they lie then: bytes that were
    /// ever written, of which the ring has the last.
    fn in_the_way(&self, size: usize) -> (usize, usize) {
        let left = LOG - self.head % LOG;
        let filler = if left < size { left } else { 0 };
        let fits = |oldest: &Record| self.head - oldest.place + filler + size <= LOG;
        let count = self.log.iter().position(fits).unwrap_or(self.log.len());
        (count, self.head + filler)
    }

    fn publish(&mut self, source: usize, topic: usize, payload: &str) -> Result<usize, usize> {
        let mut record = Record {
            seq: self.next,
            topic: TOPICS[topic],
            payload: payload.to_owned(),
            receivers: Vec::new(),
            place: 0,
        };
        let (out, place) = self.in_the_way(record.size());
        record.place = place;
        let end = place + record.size();
        if self.blocking {
            for old in self.log.iter().take(out) {
                for who in 0..3 {
                    if who != source && self.readers[who].unread.contains(&old.seq) {
                        self.refused += 1;
                        return Err(who);
                    }
                }
            }
        }
        self.head = end;
        for _ in 0..out {
            let old = self.log.pop_front().unwrap();
            for reader in &mut self.readers {
                if reader.unread.front() == Some(&old.seq) {
                    reader.unread.pop_front();
                    reader.dropped += 1;
                    reader.lost += 1;
                }
            }
        }
        for (who, reader) in self.readers.iter_mut().enumerate() {
            if reader.filters.iter().any(|filter| matches(*filter, topic)) {
                reader.unread.push_back(record.seq);
                reader.marked += 1;
                reader.high_water = reader.high_water.max(reader.unread.len());
                record.receivers.push(who);
            }
        }
        let count = record.receivers.len();
        self.log.push_back(record);
        self.next += 1;
        self.published += 1;
        Ok(count)
    }

    fn read(&mut self, plugin: usize) -> Option<Seen> {
        let reader = &mut self.readers[plugin];
        let seq = reader.unread.pop_front()?;
        reader.received += 1;
        let record = self.log.iter().find(|record| record.seq == seq).unwrap();
        Some(Seen::Event {
            seq,
            lost: std::mem::take(&mut reader.lost) as u32,
            topic: record.topic.to_owned(),
            payload: record.payload.clone(),
        })
    }
}

fn check(steps: &[Step], overflow: Overflow) {
    let runtime = runtime(&Capacities {
        log_bytes: LOG,
        names: 32,
        plugins: 3,
        taps: 1,
        ..Capacities::DEFAULT
    });
    let mut plugins = NAMES.map(|name| {
        ByHand::started(
            &runtime,
            PluginMetadata {
                overflow,
                ..PluginMetadata::new(name, "1.0.0")
            },
        )
    });
    let before = runtime.metrics();
    let mut model = Model {
        next: before.next_seq,
        blocking: overflow == Overflow::Block,
        ..Model::default()
    };
    // Start with nothing in the log that the model does not know.
    while runtime.metrics().log_bytes.used > 0 && model.log.is_empty() {
        let payload = format!("\"{}\"", "x".repeat(LOG - OVERHEAD - 4 - 2));
        runtime.bus().try_publish("z", json(&payload)).unwrap();
        model.log.push_back(Record {
            seq: model.next,
            topic: "z",
            payload,
            receivers: Vec::new(),
            place: 0,
        });
        model.head = LOG;
        model.next += 1;
        model.published += 1;
    }
    let mut tap: Option<(Tap, u64)> = None;
    let mut buf = [0; 1024];
    for step in steps {
        match *step {
            Step::Publish { source, topic, len } => {
                let payload = format!("\"{}\"", "x".repeat(len - 2));
                let bus = match plugins.get(source) {
                    Some(plugin) => plugin.cx().bus(),
                    None => runtime.bus(),
                };
                let got = bus.try_publish(TOPICS[topic], json(&payload));
                match model.publish(source, topic, &payload) {
                    Ok(count) => assert_eq!(got, Ok(count as u32)),
                    Err(who) => assert_eq!(
                        got,
                        Err(Fault::Busy {
                            subscriber: plugins[who].cx().id()
                        })
                    ),
                }
            }
            Step::Read { plugin } => assert_eq!(plugins[plugin].next(), model.read(plugin)),
            Step::Subscribe { plugin, filter } => {
                plugins[plugin].cx().subscribe(FILTERS[filter]).unwrap();
                if !model.readers[plugin].filters.contains(&filter) {
                    model.readers[plugin].filters.push(filter);
                }
            }
            Step::Unsubscribe { plugin, filter } => {
                let there = model.readers[plugin].filters.contains(&filter);
                assert_eq!(
                    at_once(plugins[plugin].cx().unsubscribe(FILTERS[filter])),
                    Ok(there)
                );
                model.readers[plugin].filters.retain(|kept| *kept != filter);
            }
            Step::OpenTap { since } => {
                drop(tap.take());
                let opened = Tap::open(runtime.kernel(), since).unwrap();
                let from = since.map_or(model.next, |seq| seq.clamp(1, model.next));
                assert_eq!(opened.position(), from);
                tap = Some((opened, from));
            }
            Step::ReadTap => {
                let Some((tap, expected)) = &mut tap else { continue };
                let oldest = model.log.front().map_or(model.next, |record| record.seq);
                match tap.try_next(&mut buf) {
                    None => assert_eq!(*expected, model.next),
                    Some(Tapped::Lost { from, count }) => {
                        assert_eq!((from, from + count), (*expected, oldest));
                        *expected = oldest;
                    }
                    Some(Tapped::Record(got)) => {
                        let record = model.log.iter().find(|r| r.seq == *expected).unwrap();
                        assert_eq!(
                            (got.seq, got.topic, got.payload),
                            (record.seq, record.topic, record.payload.as_bytes())
                        );
                        assert_eq!(got.receivers.iter().collect::<Vec<_>>(), record.receivers);
                        *expected += 1;
                    }
                    Some(other) => panic!("{other:?}"),
                }
            }
        }
        for (name, reader) in NAMES.iter().zip(&model.readers) {
            let counted = counters(&runtime, name);
            assert_eq!(
                (
                    counted.events,
                    counted.dropped,
                    counted.lag,
                    counted.lag_high_water
                ),
                (
                    reader.received as u32,
                    reader.dropped as u32,
                    reader.unread.len() as u32,
                    reader.high_water as u32
                )
            );
            assert_eq!(
                reader.marked as u32,
                counted.events + counted.dropped + counted.lag
            );
        }
    }
    let after = runtime.metrics();
    assert_eq!(after.next_seq - before.next_seq, model.published as u64);
    assert_eq!(after.refused - before.refused, model.refused as u32);
    assert_eq!(after.next_seq, model.next);
    for (at, plugin) in plugins.iter_mut().enumerate() {
        while let Some(event) = model.read(at) {
            assert_eq!(plugin.next(), Some(event));
        }
        assert_eq!(plugin.next(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 96 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slow_subscribers_lose_their_oldest_events_and_know_how_many(steps in prop::collection::vec(step(), 1..160)) {
        check(&steps, Overflow::DropOldest);
    }

    #[test]
    fn publishers_are_refused_while_others_have_unread_events_in_the_way(steps in prop::collection::vec(step(), 1..160)) {
        check(&steps, Overflow::Block);
    }
}
