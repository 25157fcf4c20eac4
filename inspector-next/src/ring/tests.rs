use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn event(seq: u64, topic: &str, payload: &[u8]) -> Event {
    Event {
        seq,
        time: seq * 10,
        source: "thermo".into(),
        cause: match seq % 3 {
            0 => Cause::None,
            1 => Cause::Event(seq - 1),
            _ => Cause::Call(seq as u32),
        },
        receivers: serde_json::from_str(if seq.is_multiple_of(2) {
            "[5,0,0,1]"
        } else {
            "[0,0,0,0]"
        })
        .unwrap(),
        topic: topic.into(),
        payload: payload.into(),
    }
}

fn same(row: Row<'_>, item: Option<&Item>) -> bool {
    match (row, item) {
        (Row::Restarted, None) => true,
        (Row::Lost { from, count, at }, Some(item)) => *item == Item::Lost { from, count, at },
        (Row::Event(row), Some(Item::Event(event))) => {
            (
                row.seq,
                row.time,
                row.source,
                row.topic,
                row.cause,
                row.receivers,
                row.payload,
                row.cut_from,
            ) == (
                event.seq,
                event.time,
                &*event.source,
                &*event.topic,
                event.cause,
                event.receivers,
                &*event.payload,
                None,
            )
        }
        _ => false,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Event {
        topic: u16,
        len: usize,
    },
    Lost(u64),
    Restart,
    /// Many of the same, to go around the ring.
    Many(u16, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u16..50, 0usize..2000).prop_map(|(topic, len)| Step::Event { topic, len }),
        1 => (1u64..9).prop_map(Step::Lost),
        1 => Just(Step::Restart),
        4 => (1u16..400, 0usize..900).prop_map(|(count, len)| Step::Many(count, len)),
    ]
}

/// What the ring should hold at least: rows by number, `None` for a restart.
struct Model {
    rows: VecDeque<Option<Item>>,
    end: u64,
}

impl Model {
    fn push(&mut self, row: Option<Item>) {
        self.rows.push_back(row);
        self.end += 1;
    }

    fn check(&mut self, ring: &Ring) -> Result<(), TestCaseError> {
        prop_assert_eq!(ring.end(), self.end);
        while (self.rows.len() as u64) > self.end - ring.first() {
            self.rows.pop_front();
        }
        prop_assert!(ring.get(ring.end()).is_none());
        prop_assert!(ring.first() == 0 || ring.get(ring.first() - 1).is_none());
        prop_assert_eq!(ring.evicted(), ring.first());
        prop_assert!(ring.used() <= ring.bytes(), "{} of {}", ring.used(), ring.bytes());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn holds_the_newest_rows_and_takes_what_it_was_given(steps in prop::collection::vec(step(), 1..60)) {
        let mut ring = Ring::new(MIN_BYTES);
        let mut model = Model { rows: VecDeque::new(), end: 0 };
        let mut seq = 1;
        for step in steps {
            let (topic, count, len) = match step {
                Step::Event { topic, len } => (topic, 1, len),
                Step::Many(count, len) => (7, count, len),
                Step::Lost(count) => {
                    let item = Item::Lost { from: seq, count, at: if count % 2 == 0 { LostAt::Bus } else { LostAt::Link } };
                    seq += count;
                    ring.push(&item);
                    model.push(Some(item));
                    continue;
                }
                Step::Restart => {
                    seq = 1;
                    ring.push_restart();
                    model.push(None);
                    continue;
                }
            };
            for _ in 0..count {
                let item = Item::Event(event(seq, &format!("device.{topic}"), &vec![b'0' + (seq % 10) as u8; len]));
                seq += 1;
                ring.push(&item);
                model.push(Some(item));
            }
            model.check(&ring)?;
            prop_assert!(ring.bytes() <= MIN_BYTES + MIN_BYTES / 8, "{}", ring.bytes());
        }
        model.check(&ring)?;
        // Full, a ring holds what fits: no row too few.
        let held: usize = model.rows.iter().map(|row| HEAD + 4 + match row { Some(Item::Event(event)) => event.payload.len(), _ => 0 }).sum();
        if ring.evicted() > 0 {
            prop_assert!(held > MIN_BYTES / 2, "{held}");
        }
        for (place, expected) in model.rows.iter().enumerate() {
            let row = ring.first() + place as u64;
            let found = ring.get(row).unwrap();
            prop_assert!(same(found, expected.as_ref()), "row {row}: {found:?}, not {expected:?}");
        }
        // Each is found by its sequence number in its own run, and what was lost in its gap.
        let mut run = ring.first();
        for (place, expected) in model.rows.iter().enumerate() {
            let row = ring.first() + place as u64;
            match expected {
                None => run = row,
                Some(Item::Event(event)) => prop_assert_eq!(ring.find(row, event.seq), Some(row)),
                Some(Item::Lost { from, count, .. }) => {
                    prop_assert_eq!(ring.find(row, *from), Some(row));
                    prop_assert_eq!(ring.find(row, from + count - 1), Some(row));
                }
            }
            prop_assert_eq!(ring.run_of(row).0, run);
        }
        prop_assert_eq!(ring.find(ring.end() - 1, seq), None);
    }
}

#[test]
fn names_go_with_their_last_row() {
    let mut ring = Ring::new(MIN_BYTES);
    let push = |ring: &mut Ring, topic: &str, seq| ring.push(&Item::Event(event(seq, topic, &[b'1'; 4000])));
    let old = push(&mut ring, "old", 1);
    let before = match ring.get(old).unwrap() {
        Row::Event(row) => row.names.topic,
        _ => unreachable!(),
    };
    let mut seq = 2;
    while ring.get(old).is_some() {
        push(&mut ring, "common", seq);
        seq += 1;
    }
    assert_eq!(ring.topics(), 2, "`common` and the source");
    let new = push(&mut ring, "new", seq);
    let Some(Row::Event(row)) = ring.get(new) else {
        unreachable!()
    };
    assert_eq!(row.topic, "new");
    // The number is used again, and told apart.
    assert_eq!(row.names.topic.0, before.0);
    assert_ne!(row.names.topic.1, before.1);
}

#[test]
fn a_topic_for_each_event_does_not_make_it_grow() {
    let mut ring = Ring::new(MIN_BYTES);
    for seq in 0..20_000 {
        ring.push(&Item::Event(event(
            seq,
            &format!("{}.{seq}", "a".repeat(100)),
            b"1",
        )));
        assert!(
            ring.bytes() <= MIN_BYTES + 1024,
            "{} bytes at {seq}",
            ring.bytes()
        );
    }
    assert!(ring.len() > 50, "{}", ring.len());
}

#[test]
fn a_payload_too_long_for_the_ring_is_cut_and_says_so() {
    let mut ring = Ring::new(MIN_BYTES);
    let payload = vec![b'x'; MIN_BYTES];
    let row = ring.push(&Item::Event(event(1, "long", &payload)));
    let Some(Row::Event(found)) = ring.get(row) else {
        unreachable!()
    };
    assert_eq!(found.cut_from, Some(MIN_BYTES as u64));
    assert!(found.payload.len() < MIN_BYTES && payload.starts_with(found.payload));
}

#[test]
fn nothing_is_kept_of_a_name_that_was_given() {
    let mut ring = Ring::new(MIN_BYTES);
    let topic: Arc<str> = "device".into();
    let mut given = event(1, "x", b"1");
    given.topic = topic.clone();
    ring.push(&Item::Event(given));
    assert_eq!(Arc::strong_count(&topic), 1);
}
