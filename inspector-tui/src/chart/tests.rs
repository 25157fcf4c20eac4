use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::facts::{Cause, Event, Item, Slots};
use crate::ring::MIN_BYTES;
use crate::testing::snapshot;

fn push(ring: &mut Ring, millis: u64, topic: &str, payload: &str) {
    ring.push(&Item::Event(Event {
        seq: millis,
        time: millis * 1_000,
        source: "s".into(),
        cause: Cause::None,
        receivers: Slots::default(),
        topic: topic.into(),
        payload: payload.as_bytes().into(),
    }));
}

fn charted(ring: &Ring, spec: &str) -> Chart {
    let mut chart = Chart::new(Spec::parse(spec).unwrap());
    while chart.work(ring, Instant::now()) {}
    chart
}

fn values(chart: &Chart, line: usize) -> Vec<f64> {
    chart.lines[line]
        .points()
        .iter()
        .map(|point| point.last)
        .collect()
}

#[test]
fn each_topic_has_a_line_of_its_numbers_and_its_unit() {
    let mut ring = Ring::new(MIN_BYTES);
    push(
        &mut ring,
        1,
        "sensor.kitchen",
        r#"{"of":{"value":20.5,"unit":"C"}}"#,
    );
    push(&mut ring, 2, "sensor.hall", r#"{"of":{"value":18}}"#);
    push(&mut ring, 3, "sensor.kitchen", r#"{"of":{"value":"hot"}}"#);
    push(&mut ring, 4, "sensor.kitchen", r#"{"of":{"value":true}}"#);
    push(&mut ring, 5, "light.kitchen", r#"{"of":{"value":9}}"#);
    let chart = charted(&ring, "sensor.* of.value");
    let lines: Vec<_> = chart
        .lines
        .iter()
        .map(|line| (&*line.name, &*line.unit))
        .collect();
    assert_eq!(lines, [("sensor.kitchen", "C"), ("sensor.hall", "")]);
    assert_eq!(
        (values(&chart, 0), values(&chart, 1)),
        (vec![20.5, 1.0], vec![18.0])
    );
    assert!(charted(&ring, "sensor.> nothing").lines.is_empty());
    push(&mut ring, 6, "plain", "7");
    assert_eq!(values(&charted(&ring, "plain ."), 0), [7.0]);
}

#[test]
fn what_makes_no_chart_says_why() {
    for (text, said) in [
        ("", "write a topic filter"),
        ("a..b value", "no topic filter"),
        ("a b c", "write a topic filter"),
        ("a b..c", "empty name"),
    ] {
        let why = Spec::parse(text).unwrap_err();
        assert!(why.contains(said), "{text:?}: {why}");
    }
}

#[test]
fn rates_fall_to_zero_where_nothing_comes() {
    let mut ring = Ring::new(MIN_BYTES);
    for millis in [100, 200, 900, 1_500, 5_100] {
        push(&mut ring, millis, "a.b", "1");
    }
    let chart = charted(&ring, "a.*");
    let points: Vec<(u64, f64)> = chart.lines[0]
        .points()
        .iter()
        .map(|point| (point.at / SECOND, point.last))
        .collect();
    assert_eq!(
        points,
        [(0, 0.0), (1, 3.0), (2, 1.0), (3, 0.0), (5, 0.0), (6, 1.0)]
    );
    // The second that goes on is not drawn; one that has gone by without any is zero.
    let seen = |to| {
        let history = History::default();
        let picture = Picture::new(&chart, &history, (0, to * SECOND), None)
            .lines
            .remove(0);
        (picture.last, picture.high)
    };
    assert_eq!(seen(5), (0.0, 3.0));
    assert_eq!(seen(6), (1.0, 3.0));
    assert_eq!(seen(9), (0.0, 3.0));
}

#[test]
fn a_restart_begins_anew_and_old_rows_that_went_are_no_fault() {
    let mut ring = Ring::new(MIN_BYTES);
    push(&mut ring, 9_000, "t", "1");
    ring.push_restart();
    push(&mut ring, 10, "t", "2");
    let mut chart = charted(&ring, "t .");
    assert_eq!(values(&chart, 0), [2.0]);
    for millis in 0..20_000 {
        push(&mut ring, 20 + millis, "t", "3");
    }
    assert!(ring.evicted() > 3);
    while chart.work(&ring, Instant::now()) {}
    assert_eq!(chart.lines[0].points().last().unwrap().at, 20_019_000);
}

#[test]
fn there_is_room_for_so_many_lines_and_the_rest_is_counted() {
    let mut ring = Ring::new(1 << 20);
    for topic in 0..50 {
        push(&mut ring, topic, &format!("t.{topic}"), "1");
        push(&mut ring, topic, &format!("t.{topic}"), "2");
    }
    let chart = charted(&ring, "t.* .");
    assert_eq!((chart.lines.len(), chart.left_out()), (MAX_LINES, 36));
    let history = History::default();
    let picture = Picture::whole(&chart, &history, None);
    assert_eq!((picture.lines.len(), picture.more, picture.left_out), (8, 24, 36));
}

#[test]
fn states_are_charted_though_they_do_not_change() {
    let mut ring = Ring::new(MIN_BYTES);
    let topic = "state.changed.lights.scene";
    push(&mut ring, 1, topic, r#"{"value":{"level":20}}"#);
    let mut chart = Chart::new(Spec::parse("state.changed.> value.level").unwrap());
    let mut home = snapshot(3);
    home.states[0].value = Some(r#"{"level":40}"#.into());
    chart.snapshot(&ring, &home);
    assert!(chart.lines.is_empty(), "the events before it come first");
    while chart.work(&ring, Instant::now()) {}
    chart.snapshot(&ring, &home);
    assert_eq!(
        (&*chart.lines[0].name, values(&chart, 0)),
        (topic, vec![20.0, 40.0])
    );
}

#[test]
fn the_numbers_of_a_payload_are_found_one_after_the_other() {
    let mut ring = Ring::new(MIN_BYTES);
    push(
        &mut ring,
        1,
        "t",
        r#"{"a":1,"b":{"c":[2,"x",3]},"value":4,"s":"5"}"#,
    );
    let paths = numbers(br#"{"a":1,"b":{"c":[2,"x",3]},"value":4,"s":"5"}"#);
    let joined: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
    assert_eq!(joined, ["value", "a", "b.c.0", "b.c.2"]);
    let chart = charted(&ring, "t value");
    assert_eq!(chart.turned(&ring, true), Some(Spec::parse("t a").unwrap()));
    assert_eq!(chart.turned(&ring, false), Some(Spec::parse("t b.c.2").unwrap()));
    assert_eq!(charted(&ring, "t").turned(&ring, true), None);
}

#[test]
fn the_history_has_what_was_used_and_how_long_calls_took() {
    let mut history = History::default();
    history.take(None, &snapshot(1));
    let mut after = snapshot(2);
    after.services[0].latency[3] += 5;
    history.take(Some(&snapshot(1)), &after);
    let log = &history.capacities()[6];
    assert_eq!((&*log.name, log.points().len()), ("log", 2));
    assert!((log.points()[1].last - 99.94).abs() < 0.01, "{log:?}");
    assert_eq!(history.heat()[0].counts, [0, 0, 0, 5, 0, 0, 0, 0]);
}

#[test]
fn a_picture_as_svg_is_xml_whatever_the_names_are() {
    let mut ring = Ring::new(MIN_BYTES);
    for n in 0..20 {
        push(&mut ring, n * 100, "a.<b>&\"\u{1}", &n.to_string());
    }
    let chart = charted(&ring, "a.* .");
    let mut history = History::default();
    history.heard(2 * SECOND);
    let picture = Picture::whole(&chart, &history, None);
    let svg = svg::svg(&picture, |at| format!("{at}"));
    assert!(
        svg.contains("a.&lt;b&gt;&amp;&quot;\u{fffd}: last 19, min 0, max 19, mean 9.5"),
        "{svg}"
    );
    assert!(
        svg.contains("<path d=\"M70.0 ") && svg.trim_end().ends_with("</svg>"),
        "{svg}"
    );
    assert_eq!(svg.matches('<').count(), svg.matches('>').count());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However many samples there are, a line is bounded, in order, and none of its extremes is lost.
    #[test]
    fn a_line_is_bounded_and_keeps_its_extremes(seed in prop::collection::vec(-1e6f64..1e6, 1..50), times in 1usize..400) {
        let mut line = Line::new("t", String::new());
        for (at, value) in (0..times).flat_map(|_| &seed).enumerate() {
            line.push(at as u64, *value);
        }
        let points = line.points();
        prop_assert!(points.len() <= MAX_POINTS);
        prop_assert!(points.windows(2).all(|two| two[0].at < two[1].at));
        prop_assert_eq!(line.samples() as usize, times * seed.len());
        let low = seed.iter().copied().fold(f64::INFINITY, f64::min);
        let high = seed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(points.iter().map(|point| point.low).fold(f64::INFINITY, f64::min), low);
        prop_assert_eq!(points.iter().map(|point| point.high).fold(f64::NEG_INFINITY, f64::max), high);
        prop_assert_eq!(points.last().map(|point| point.last), seed.last().copied());
    }
}
