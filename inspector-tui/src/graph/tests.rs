use std::time::Instant;

use super::export::{Format, json, text};
use super::tree::{Kind, Line, Mark, Whole, lines};
use super::*;
use crate::chain::KnownCall;
use crate::facts::{Event, Item};
use crate::ring::MIN_BYTES;
use crate::testing::snapshot;

/// Events that were sent: sequence number, source, topic, what led to it, and the slots of who got it.
fn sent(events: &[(u64, &str, &str, u64, &[u32])]) -> Ring {
    let mut ring = Ring::new(MIN_BYTES);
    for (seq, source, topic, cause, slots) in events {
        let bits: u32 = slots.iter().map(|slot| 1 << slot).sum();
        ring.push(&Item::Event(Event {
            seq: *seq,
            time: *seq * 1_000_000,
            source: (*source).into(),
            cause: if *cause == 0 {
                Cause::None
            } else {
                Cause::Event(*cause)
            },
            receivers: serde_json::from_value(serde_json::json!([bits, 0, 0, 0])).unwrap(),
            topic: (*topic).into(),
            payload: b"1".to_vec().into(),
        }));
    }
    ring
}

fn graph(ring: &Ring) -> Graph {
    let mut graph = Graph::default();
    while graph.work(ring, Instant::now()) {}
    graph
}

/// A thermostat that answers a sensor, lights and a door that answer one another, and an alarm that nobody hears.
fn home() -> Ring {
    sent(&[
        (1, "thermometer", "sensor.kitchen", 0, &[1, 4]),
        (2, "thermostat", "heating", 1, &[4]),
        (3, "thermometer", "sensor.kitchen", 0, &[1, 4]),
        (4, "thermostat", "heating", 3, &[4]),
        (5, "lights", "light.on", 0, &[3]),
        (6, "door", "door.lit", 5, &[2]),
        (7, "lights", "light.on", 6, &[3]),
        (8, "radio", "alarm", 0, &[]),
        (11, "radio", "self", 8, &[5]),
        (12, "radio", "self", 11, &[5]),
    ])
}

fn shown(lines: &[Line]) -> Vec<(usize, Kind, &str, u64, Mark)> {
    lines
        .iter()
        .map(|line| (line.depth, line.kind, &*line.name, line.count, line.mark))
        .collect()
}

#[test]
fn the_tree_goes_from_who_sends_to_who_hears_and_what_comes_of_it() {
    let graph = graph(&home());
    let home = snapshot(1);
    let calls = [KnownCall {
        service: "door.open".into(),
        caller: "lights".into(),
        callee: "door".into(),
        parent: None,
    }];
    let whole = Whole {
        graph: &graph,
        snapshot: Some(&home),
        calls: &calls,
    };
    let closed = lines(whole, |_| false);
    assert!(
        closed
            .iter()
            .all(|line| line.depth == 0 && line.kind == Kind::Source),
        "{closed:?}"
    );
    let open = lines(whole, |id| id.starts_with("thermometer"));
    assert_eq!(
        shown(&open)[..5],
        [
            (0, Kind::Source, "thermometer", 2, Mark::None),
            (1, Kind::Sends, "sensor.kitchen", 2, Mark::None),
            (2, Kind::To, "thermostat", 0, Mark::None),
            (3, Kind::Sends, "heating", 2, Mark::None),
            (4, Kind::To, "recorder", 0, Mark::None),
        ]
    );
    let open = lines(whole, |id| matches!(id, "lights" | "radio" | "thermostat"));
    let all = shown(&open);
    assert!(
        all.contains(&(1, Kind::Sends, "light.on", 2, Mark::Loop)),
        "{all:?}"
    );
    assert!(
        all.contains(&(1, Kind::Sends, "alarm", 1, Mark::Nobody)),
        "{all:?}"
    );
    assert!(all.contains(&(1, Kind::Sends, "self", 2, Mark::Loop)), "{all:?}");
    assert!(
        all.contains(&(1, Kind::Calls, "door.open", 1, Mark::None)),
        "{all:?}"
    );
    assert!(
        all.contains(&(1, Kind::Hears, "sensor.*.temperature", 0, Mark::None)),
        "{all:?}"
    );
    assert!(
        all.contains(&(1, Kind::Answers, "thermostat.target", 414, Mark::None)),
        "{all:?}"
    );
    // A loop has no end, and the tree has one.
    let endless = lines(whole, |_| true);
    assert!(endless.iter().any(|line| line.depth == tree::MAX_DEPTH) && endless.len() < 200);
}

#[test]
fn loops_are_what_leads_to_itself_and_nothing_else() {
    let of = |graph: &Graph, topic: &str| {
        graph
            .flows
            .iter()
            .find(|flow| &*flow.topic == topic)
            .unwrap()
            .in_loop
    };
    let found = graph(&home());
    assert!(of(&found, "light.on").is_some());
    assert_eq!(of(&found, "light.on"), of(&found, "door.lit"));
    assert_ne!(of(&found, "self"), of(&found, "door.lit"));
    assert_eq!(
        (
            of(&found, "sensor.kitchen"),
            of(&found, "heating"),
            of(&found, "alarm")
        ),
        (None, None, None)
    );
    assert_eq!(found.seconds(), 11.0);
    let heating = found.flows.iter().find(|flow| &*flow.topic == "heating").unwrap();
    assert!((found.rate(heating) - 2.0 / 11.0).abs() < 1e-9);
}

#[test]
fn flows_are_bounded_and_a_restart_begins_anew() {
    let mut ring = Ring::new(1 << 24);
    let topics: Vec<String> = (0..MAX_FLOWS + 10).map(|n| format!("t.{n}")).collect();
    for (seq, topic) in topics.iter().enumerate() {
        ring.push(&Item::Event(Event {
            seq: seq as u64,
            time: 0,
            source: "s".into(),
            cause: Cause::None,
            receivers: Slots::default(),
            topic: topic.as_str().into(),
            payload: b"1".to_vec().into(),
        }));
    }
    let mut found = graph(&ring);
    assert_eq!((found.flows.len(), found.others()), (MAX_FLOWS, 10));
    ring.push_restart();
    while found.work(&ring, Instant::now()) {}
    assert!(found.flows().is_empty());
}

#[test]
fn the_graph_is_written_for_programs_that_draw() {
    let mut events = home();
    events.push(&Item::Event(Event {
        seq: 13,
        time: 12_000_000,
        source: "a\"b\\".into(),
        cause: Cause::None,
        receivers: Slots::default(),
        topic: "x]\n\"".into(),
        payload: b"1".to_vec().into(),
    }));
    let graph = graph(&events);
    let home = snapshot(1);
    let whole = Whole {
        graph: &graph,
        snapshot: Some(&home),
        calls: &[],
    };
    let dot = text(&whole, Format::Dot);
    assert!(
        dot.starts_with("digraph runtime {") && dot.ends_with("}\n"),
        "{dot}"
    );
    assert!(
        dot.contains(r#"[shape=ellipse, label="sensor.kitchen"]"#),
        "{dot}"
    );
    assert!(
        dot.contains(r#"label="2 (0.2/s)", color=red, penwidth=2"#),
        "{dot}"
    );
    assert!(
        dot.contains(r#"label="1 (0.1/s)", color=orange, style=dashed"#),
        "{dot}"
    );
    assert!(
        dot.contains(r#"label="a\"b\\""#) && dot.contains("label=\"x]\u{fffd}\\\"\""),
        "{dot}"
    );
    let mermaid = text(&whole, Format::Mermaid);
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains("stroke:red"),
        "{mermaid}"
    );
    assert!(mermaid.contains(r#"(["x#93;#10;#34;"])"#), "{mermaid}");
    let json = json(&whole);
    assert_eq!(
        json["flows"][0]["receivers"],
        serde_json::json!(["thermostat", "recorder"])
    );
    assert_eq!(json["flows"][0]["led_to"][0]["topic"], "heating");
}
