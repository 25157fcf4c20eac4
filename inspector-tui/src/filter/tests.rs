use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::facts::{Cause, Event, Item, LostAt};
use crate::ring::{MIN_BYTES, Ring, Row, RowId};

fn event(seq: u64, source: &str, topic: &str, payload: &str) -> Item {
    Item::Event(Event {
        seq,
        time: seq,
        source: source.into(),
        cause: Cause::None,
        receivers: serde_json::from_str(if seq.is_multiple_of(2) {
            "[1,0,0,0]"
        } else {
            "[0,0,0,0]"
        })
        .unwrap(),
        topic: topic.into(),
        payload: payload.as_bytes().into(),
    })
}

fn matcher(text: &str) -> Matcher {
    let plugins: [(u8, Arc<str>); 2] = [(0, "light".into()), (1, "scene".into())];
    Matcher::new(
        &parse(text).unwrap_or_else(|error| panic!("{text}: {error}")),
        &plugins,
    )
}

fn passes(filter: &str, item: &Item) -> bool {
    let mut ring = Ring::new(MIN_BYTES);
    let row = ring.push(item);
    matcher(filter).passes(&ring.get(row).unwrap())
}

#[test]
fn each_term_says_what_the_table_says() {
    let payload = r#"{"state":"on","value":25.5,"n":7,"ok":true,"nothing":null,"a":{"b":[1,{"c":"deep"}]},"note":"Retry later","twice":1,"twice":2,"num":"25"}"#;
    let item = event(2, "thermo_1", "device.kitchen.state", payload);
    for (filter, expected) in [
        ("", true),
        ("topic:device.>", true),
        ("topic:device.*", false),
        ("topic:device.*.state", true),
        ("!topic:light.>", true),
        ("src:thermo", true),
        ("src:THERMO", true),
        ("src:\"thermo_1\"", true),
        ("!src:thermo", false),
        ("recv:light", true),
        ("recv:scene", false),
        ("!recv:scene", true),
        ("state=\"on\"", true),
        ("state=on", true),
        ("state==on", true),
        ("state=ON", false),
        ("state!=off", true),
        ("state!=on", false),
        ("missing!=1", false),
        ("!missing=1", true),
        ("value>25", true),
        ("value>25.5", false),
        ("value>=25.5", true),
        ("value<26", true),
        ("value<=2.55e1", true),
        ("n=7", true),
        ("n=7.0", true),
        ("n<7", false),
        ("n>-8", true),
        ("num=25", true),
        ("num>20", false),
        ("ok=true", true),
        ("ok!=true", false),
        ("ok=false", false),
        ("nothing=null", true),
        ("nothing!=null", false),
        ("a.b.0=1", true),
        ("a.b.1.c=deep", true),
        (".a.b.1.c=\"deep\"", true),
        ("a.b.2=1", false),
        ("a=1", false),
        ("a!=1", true),
        ("state>\"om\"", true),
        ("state<\"om\"", false),
        ("twice=2", true),
        ("twice=1", false),
        ("retry", true),
        ("RETRY", true),
        ("\"retry later\"", true),
        ("\"retry  later\"", false),
        ("!retry", false),
        ("!!retry", true),
        ("kitchen", true),
        ("kitchen retry value>20 state=on", true),
        ("kitchen retry value>20 state=off", false),
        ("lost:any", false),
        ("!lost:any", true),
    ] {
        assert_eq!(passes(filter, &item), expected, "{filter}");
    }
    let scalar = event(1, "thermo", "t", "25");
    assert!(passes(".=25", &scalar) && passes(".>24", &scalar) && !passes("value=25", &scalar));
    // The same name written with an escape.
    assert!(passes("value=1", &event(1, "s", "t", r#"{"\u0076alue":1}"#)));
    assert!(!passes("value=1", &event(1, "s", "t", r#"{"value":1"#)));
}

#[test]
fn gaps_pass_but_for_those_not_asked_for() {
    let bus = Item::Lost {
        from: 1,
        count: 2,
        at: LostAt::Bus,
    };
    for (filter, expected) in [
        ("topic:x retry value>1", true),
        ("lost:bus", true),
        ("lost:any", true),
        ("lost:link", false),
        ("!lost:link", true),
        ("!lost:any", false),
    ] {
        assert_eq!(passes(filter, &bus), expected, "{filter}");
    }
}

#[test]
fn a_fault_has_its_place_and_reason() {
    for (text, span, reason) in [
        ("topic:", 0..6, "nothing after `topic:`"),
        ("topic:a..b", 6..10, "empty token"),
        ("x topic:a.>.b", 8..13, "are whole tokens"),
        ("value>", 0..6, "no value after `>`"),
        ("value> 25", 0..6, "no value after `>`"),
        ("=5", 0..1, "no field before"),
        ("a..b=5", 0..4, "an empty name"),
        ("\"open", 0..5, "not closed"),
        ("x=\"open", 2..7, "not closed"),
        ("\"bad \\q\"", 0..8, "not a text as JSON"),
        ("!", 0..1, "stands alone"),
        ("a ! b", 2..3, "stands alone"),
        ("lost:nowhere", 0..12, "lost:bus"),
        ("12:30", 0..3, "not known"),
        ("foo\"bar\"", 3..4, "white space"),
        ("value<true", 6..10, "needs a number"),
        ("src:", 0..4, "nothing after `src:`"),
    ] {
        let error = parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error.span, span, "{text}: {error}");
        assert!(error.reason.contains(reason), "{text}: {error}");
    }
    let many = "x ".repeat(MAX_TERMS + 1);
    assert!(parse(&many).map(|_| ()).unwrap_err().reason.contains("32 terms"));
}

#[test]
fn jq_is_all_after_the_bar() {
    let filter = parse("a \"x|y\" b=1 | .value | select(. > 2) ").unwrap();
    assert_eq!(filter.terms.len(), 3);
    assert_eq!(filter.jq, Some((".value | select(. > 2)".into(), 14)));
    assert_eq!(parse("a |  ").unwrap().jq, None);
    assert_eq!(parse("| .").unwrap().jq, Some((".".into(), 2)));
}

/// The value at a path, found the plain way.
fn plain<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(payload, |value, name| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-4i64..4).prop_map(Value::from),
        (-4i32..4).prop_map(|half| Value::from(f64::from(half) / 2.0)),
        "[ab\\\\\"]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fields_are_found_as_in_a_whole_value(payload in json(), path in "[ab](\\.[ab0]){0,2}", number in -4i32..4) {
        let item = event(1, "s", "t", &payload.to_string());
        let found = plain(&payload, &path);
        let half = f64::from(number) / 2.0;
        let float = found.and_then(Value::as_f64);
        for (operator, expected) in [
            ("=", float == Some(half)),
            ("!=", found.is_some() && float != Some(half)),
            ("<", float.is_some_and(|is| is < half)),
            (">", float.is_some_and(|is| is > half)),
            ("<=", float.is_some_and(|is| is <= half)),
            (">=", float.is_some_and(|is| is >= half)),
        ] {
            let filter = format!("{path}{operator}{half:?}");
            prop_assert_eq!(passes(&filter, &item), expected, "{} on {}", filter, payload);
        }
        let filter = format!("{path}=\"a\"");
        prop_assert_eq!(passes(&filter, &item), found == Some(&Value::from("a")), "{} on {}", filter, payload);
    }

    #[test]
    fn any_text_is_taken_or_refused_with_its_place(text in "[a>=!<|\":. \\\\ж0-9]{0,24}") {
        match parse(&text) {
            Ok(filter) => {
                prop_assert!(filter.terms.len() <= MAX_TERMS);
                if let Some((code, at)) = filter.jq {
                    prop_assert!(text[at..].starts_with(&code));
                }
            }
            Err(error) => {
                prop_assert!(error.span.end <= text.len() && error.span.start <= error.span.end, "{:?}", error);
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?} splits a character", error);
                prop_assert!(!error.reason.is_empty());
            }
        }
    }
}

/// The rows a view shows.
fn shown(view: &View) -> Vec<RowId> {
    (0..view.len()).map(|place| view.row(place).unwrap()).collect()
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[derive(Clone, Debug)]
enum Do {
    Push(u16),
    Gap,
    Filter(usize),
    /// Work for one slice only, or to the end.
    Slice,
    All,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes between: in the end the view shows the rows that pass, in order.
    #[test]
    fn a_view_shows_what_passes(steps in prop::collection::vec(prop_oneof![
        6 => (1u16..700).prop_map(Do::Push),
        1 => Just(Do::Gap),
        3 => (0usize..5).prop_map(Do::Filter),
        4 => Just(Do::Slice),
        1 => Just(Do::All),
    ], 1..40)) {
        const FILTERS: [&str; 5] = ["", "even", "topic:n.even value>3", "!lost:any odd", "recv:light value<2"];
        let mut ring = Ring::new(MIN_BYTES);
        let mut view = View::default();
        view.show_all(&ring);
        let mut filter = FILTERS[0];
        let mut seq = 0;
        for step in steps {
            match step {
                Do::Push(count) => {
                    for _ in 0..count {
                        let topic = if seq % 2 == 0 { "n.even" } else { "n.odd" };
                        ring.push(&event(seq, "s", topic, &format!("{{\"value\":{}}}", seq % 10)));
                        seq += 1;
                    }
                    view.follow(&ring);
                }
                Do::Gap => {
                    ring.push(&Item::Lost { from: seq, count: 1, at: LostAt::Bus });
                    seq += 1;
                    view.follow(&ring);
                }
                Do::Filter(which) => {
                    filter = FILTERS[which];
                    if filter.is_empty() {
                        view.show_all(&ring);
                    } else {
                        view.show(&ring, matcher(filter), None);
                    }
                }
                Do::Slice => {
                    let before = view.len();
                    let more = view.work(&ring, Instant::now());
                    prop_assert!(view.len() <= before + 64, "a slice is a slice");
                    prop_assert_eq!(more, view.is_behind());
                }
                Do::All => prop_assert!(!view.work(&ring, far())),
            }
            let rows = shown(&view);
            prop_assert!(rows.windows(2).all(|two| two[0] < two[1]), "in order");
            prop_assert!(rows.iter().all(|row| ring.get(*row).is_some()), "all are here");
            for (place, row) in rows.iter().enumerate().step_by(97) {
                prop_assert_eq!(view.place(*row), place);
            }
        }
        view.work(&ring, far());
        let mut asked = matcher(filter);
        let expected: Vec<RowId> = (ring.first()..ring.end()).filter(|row| asked.passes(&ring.get(*row).unwrap())).collect();
        let rows = shown(&view);
        if view.skipped() == 0 {
            prop_assert_eq!(rows, expected);
        } else {
            prop_assert!(rows.iter().all(|row| expected.contains(row)));
        }
    }
}

#[test]
fn the_newest_rows_are_found_first() {
    let mut ring = Ring::new(MIN_BYTES);
    for seq in 0..2000 {
        ring.push(&event(seq, "s", "t", &seq.to_string()));
    }
    let mut view = View::default();
    view.show(&ring, matcher(".>=0"), None);
    assert!(view.work(&ring, Instant::now()), "there is more to do");
    assert_eq!(shown(&view).last(), Some(&1999));
    assert!(view.len() < 2000 && view.is_behind());
    while view.work(&ring, Instant::now()) {}
    assert_eq!(view.len(), 2000);
    assert!(!view.is_behind());
}

#[test]
fn a_name_that_took_the_number_of_another_is_looked_at_anew() {
    let mut ring = Ring::new(MIN_BYTES);
    let mut asked = matcher("topic:wanted.>");
    let mut wanted = 0;
    for seq in 0..5000u64 {
        let topic = format!("{}.{seq}", if seq % 7 == 0 { "wanted" } else { "other" });
        let row = ring.push(&event(seq, "s", &topic, &"1".repeat(200)));
        let passes = asked.passes(&ring.get(row).unwrap());
        assert_eq!(passes, seq % 7 == 0, "{topic}");
        wanted += u32::from(passes);
    }
    assert_eq!(wanted, 715);
    assert!(ring.evicted() > 0);
    assert!(matches!(ring.get(ring.first()), Some(Row::Event(_))));
}
