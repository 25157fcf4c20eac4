use super::export::{Of, chrome, otlp};
use super::*;
use crate::facts::{Event, Item, LostAt, Slots};
use crate::ring::MIN_BYTES;

fn push(ring: &mut Ring, seq: u64, time: u64, source: &str, cause: Cause) -> RowId {
    ring.push(&Item::Event(Event {
        seq,
        time,
        source: source.into(),
        cause,
        receivers: Slots::default(),
        topic: format!("t.{seq}").into(),
        payload: b"1".to_vec().into(),
    }))
}

fn shown(ring: &Ring, trace: &Trace) -> Vec<(usize, String, u64, u64)> {
    let spans = trace.spans.iter();
    spans
        .map(|span| (span.depth, names(ring, span).0, span.start, span.end))
        .collect()
}

fn none(_: u32) -> Option<KnownCall> {
    None
}

#[test]
fn a_trace_goes_back_and_forward_from_any_of_its_events() {
    let mut ring = Ring::new(MIN_BYTES);
    push(&mut ring, 1, 100, "sensor", Cause::None);
    push(&mut ring, 2, 150, "other", Cause::None);
    let second = push(&mut ring, 3, 200, "rule", Cause::Event(1));
    push(&mut ring, 4, 300, "lamp", Cause::Event(3));
    push(&mut ring, 5, 350, "log", Cause::Event(1));
    let last = push(&mut ring, 6, 900, "door", Cause::Event(4));
    push(&mut ring, 7, 950, "other", Cause::Event(2));
    let expected = [
        (0, "t.1".to_owned(), 100, 900),
        (1, "t.3".to_owned(), 200, 900),
        (2, "t.4".to_owned(), 300, 900),
        (3, "t.6".to_owned(), 900, 900),
        (1, "t.5".to_owned(), 350, 350),
    ];
    for (row, here) in [(second, 1), (last, 3)] {
        let trace = trace(&ring, row, none).unwrap();
        assert_eq!(shown(&ring, &trace), expected);
        assert_eq!((trace.here, trace.time(), trace.cut), (here, (100, 900), false));
        assert_eq!(trace.spans[3].parent, Some(2));
    }
}

#[test]
fn a_call_is_a_span_of_what_was_published_while_it_was_answered() {
    let mut ring = Ring::new(MIN_BYTES);
    push(&mut ring, 1, 100, "lights", Cause::Call(7));
    let row = push(&mut ring, 2, 200, "lights", Cause::Call(7));
    push(&mut ring, 3, 300, "store", Cause::Call(8));
    push(&mut ring, 4, 400, "far", Cause::Event(2));
    let known = |service: &str, parent| KnownCall {
        service: service.into(),
        caller: "scene".into(),
        callee: "lights".into(),
        parent,
    };
    let trace = trace(&ring, row, |call| match call {
        7 => Some(known("light.set", None)),
        8 => Some(known("", Some(7))),
        _ => None,
    })
    .unwrap();
    let expected = [
        (0, "call of light.set".to_owned(), 100, 400),
        (1, "t.1".to_owned(), 100, 100),
        (1, "t.2".to_owned(), 200, 400),
        (2, "t.4".to_owned(), 400, 400),
        (1, "a storage request".to_owned(), 300, 300),
        (2, "t.3".to_owned(), 300, 300),
    ];
    assert_eq!(shown(&ring, &trace), expected);
    assert_eq!(trace.here, 2);
}

#[test]
fn what_is_missing_is_said_and_what_is_long_is_cut() {
    let mut ring = Ring::new(1 << 20);
    ring.push(&Item::Lost {
        from: 1,
        count: 3,
        at: LostAt::Bus,
    });
    let row = push(&mut ring, 4, 100, "s", Cause::Event(2));
    for seq in 5..800 {
        push(&mut ring, seq, seq * 100, "s", Cause::Event(seq - 1));
    }
    let found = trace(&ring, row, none).unwrap();
    assert_eq!(found.spans[0].what, What::Missing { seq: 2, lost: true });
    assert_eq!((found.spans.len(), found.cut), (MAX_SPANS, true));
    assert!(trace(&ring, 0, none).is_none(), "a gap has no trace");
    assert!(trace(&ring, 9_999, none).is_none());
}

#[test]
fn traces_are_written_for_programs_that_show_them() {
    let mut ring = Ring::new(MIN_BYTES);
    push(&mut ring, 1, 100, "sensor", Cause::None);
    let row = push(&mut ring, 2, 250, "rule", Cause::Event(1));
    let trace = trace(&ring, row, none).unwrap();
    let of = Of {
        ring: &ring,
        epoch: Some(1_000_000),
        runtime: "home",
    };
    let json = otlp(&trace, of);
    let resources = json["resourceSpans"].as_array().unwrap();
    let names: Vec<_> = resources
        .iter()
        .map(|one| &one["resource"]["attributes"][0]["value"]["stringValue"])
        .collect();
    assert_eq!(names, ["rule", "sensor"]);
    let rule = &resources[0]["scopeSpans"][0]["spans"][0];
    assert_eq!(rule["startTimeUnixNano"], "1000250000");
    assert_eq!(
        (&rule["spanId"], &rule["parentSpanId"]),
        (&"0000000000000002".into(), &"0000000000000001".into())
    );
    assert_eq!(rule["traceId"].as_str().unwrap().len(), 32);
    let sensor = &resources[1]["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&sensor["endTimeUnixNano"], sensor.get("parentSpanId")),
        (&"1000250000".into(), None)
    );
    let json = chrome(&trace, of);
    let first = &json["traceEvents"][0];
    assert_eq!(
        (&first["name"], &first["ts"], &first["dur"], &first["tid"]),
        (&"t.1".into(), &100.into(), &150.into(), &0.into())
    );
    assert!(
        json["traceEvents"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["args"]["name"] == "rule")
    );
}
